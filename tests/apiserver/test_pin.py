"""`lockstep pin` against a real registry, and what it writes on a real API server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lockstep.api.base import HOW_TO_PIN
from tests.apiserver.conftest import Kubectl
from tests.apiserver.registry import Registry, registry
from tests.unit.api.manifests import WHOLE, change

pytestmark = pytest.mark.apiserver


@pytest.fixture(scope="module", name="registry")
def _registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registry(tmp_path_factory.mktemp("registry")) as made:
        yield made


def _lockstep(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lockstep.cli.main", *arguments],
        env={**os.environ, "PYTHONPATH": "operator", "DOCKER_CONFIG": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _file(folder: Path, image: str, artifact: str) -> Path:
    manifest = change(
        WHOLE["ModelDeployment"],
        {
            "spec.template.spec.containers[0].image": image,
            "spec.model.artifact": artifact,
            "metadata.annotations": {"example.com/note": "kept"},
        },
    )
    path = folder / "fraud.yaml"
    path.write_text(f"# of team fraud\n{yaml.safe_dump(manifest, sort_keys=False)}# the end\n")
    return path


def test_tags_of_a_real_registry_become_what_the_api_server_takes(
    registry: Registry, kubectl: Kubectl, tmp_path: Path
) -> None:
    image, model = registry.push("ml/server", "1.2", "a"), registry.push("ml/fraud", "latest", "b")
    file = _file(tmp_path, f"{registry.host}/ml/server:1.2", f"{registry.host}/ml/fraud")
    before = file.read_text()
    refused = kubectl.try_("apply", "--dry-run=server", "-f", str(file))
    assert refused.stderr.count(HOW_TO_PIN) == 2, refused.stderr

    ended = _lockstep("pin", str(file))
    assert ended.returncode == 0, ended.stderr
    assert file.read_text() == before.replace(
        f"{registry.host}/ml/server:1.2", f"{registry.host}/ml/server:1.2@{image}"
    ).replace(f"{registry.host}/ml/fraud", f"{registry.host}/ml/fraud@{model}")
    kubectl("apply", "--dry-run=server", "-f", str(file))
    assert _lockstep("pin", "--check", str(file)).returncode == 0


def test_a_tag_that_moved_stays_pinned_to_what_it_was(registry: Registry, tmp_path: Path) -> None:
    first = registry.push("ml/moving", "1", "a")
    name = f"{registry.host}/ml/moving:1"
    file = _file(tmp_path, name, name)
    assert _lockstep("pin", str(file)).returncode == 0
    assert registry.push("ml/moving", "1", "b") != first
    assert _lockstep("pin", str(file)).returncode == 0
    assert file.read_text().count(f"{name}@{first}") == 2


def test_a_tag_that_is_not_there_is_named(registry: Registry, tmp_path: Path) -> None:
    registry.push("ml/server", "1.2", "a")
    host = registry.host
    file = _file(tmp_path, f"{host}/ml/server:1.2", f"{host}/ml/server:9")
    before = file.read_text()
    line = 1 + before[: before.index("server:9")].count("\n")
    ended = _lockstep("pin", str(file))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"{file}:{line}: {host}/ml/server:9: {host} has no ml/server:9 (HTTP 404); "
        "push it, or correct its name\n"
    )
    assert file.read_text() == before
