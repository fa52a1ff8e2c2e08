"""A real API server that knows the custom resources, one for the whole session; no nodes."""

import itertools
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import cluster

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl as people run it."""

    program: Path
    kubeconfig: Path

    def try_(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run it; the caller looks at how it ended."""
        command = [str(self.program), "--kubeconfig", str(self.kubeconfig), *arguments]
        return subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=120, check=False
        )

    def __call__(self, *arguments: str, stdin: str = "") -> str:
        """Run it, expecting that it works; gives what it prints."""
        ended = self.try_(*arguments, stdin=stdin)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


@pytest.fixture(scope="session")
def api_server() -> Iterator[Path]:
    """The kubeconfig of an administrator; the CRDs are applied and served."""
    with cluster.api_server() as kubeconfig:
        told = Kubectl(_kubectl(), kubeconfig)
        told("apply", "--server-side", "-f", "crds")
        told("wait", "--for=condition=Established", "-f", "crds", "--timeout=110s")
        yield kubeconfig


@pytest.fixture(scope="session")
def kubectl(api_server: Path) -> Kubectl:
    return Kubectl(_kubectl(), api_server)


@pytest.fixture
def namespace(kubectl: Kubectl) -> str:
    """A fresh one; it goes with the API server."""
    name = f"test-{next(_numbers)}"
    kubectl("create", "namespace", name)
    return name


def _kubectl() -> Path:
    return cluster.ensure(["kubectl"])["kubectl"]
