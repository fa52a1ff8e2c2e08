"""The throw-away API server: it answers, ends with its block, and outlives no killed owner."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cluster import api_server, ensure
from tests.cluster.api_server import _root, clear_abandoned
from tests.cluster.processes import Book, alive

pytestmark = pytest.mark.cluster

OWNER = """\
import time
from tests.cluster import api_server
with api_server() as kubeconfig:
    print(kubeconfig, flush=True)
    time.sleep(60)
"""


def ask(kubeconfig: Path, *words: str) -> str:
    kubectl = ensure(["kubectl"])["kubectl"]
    asked = [str(kubectl), "--kubeconfig", str(kubeconfig), *words]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout


def test_it_answers_and_is_gone_afterwards() -> None:
    began = time.monotonic()
    with api_server() as kubeconfig:
        print(f"an API server: {time.monotonic() - began:.1f} s")
        book = Book(kubeconfig.parent)
        running = [book.process(name) for name in ("etcd", "kube-apiserver")]
        assert "namespace/default" in ask(kubeconfig, "get", "namespaces", "--output", "name")
        assert '"userAgent":"kubectl' in (kubeconfig.parent / "log" / "audit.log").read_text()
    assert [known for known in running if known is None or alive(known)] == []
    assert not kubeconfig.parent.exists()


def test_named_controllers_run_and_others_do_not() -> None:
    with api_server(controllers=("serviceaccount-controller",)) as kubeconfig:
        until = time.monotonic() + 30
        while not ask(kubeconfig, "get", "serviceaccounts", "--output", "name"):
            assert time.monotonic() < until, "no ServiceAccount was made"
            time.sleep(0.2)
        ask(kubeconfig, "create", "deployment", "web", "--image=web")
        assert ask(kubeconfig, "get", "replicasets", "--output", "name") == ""


def test_a_server_whose_owner_was_killed_is_cleared_away() -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    with owner:
        home = Path(owner.stdout.readline().strip()).parent
        known = Book(home).process("etcd")
        owner.send_signal(signal.SIGKILL)
    assert known is not None
    assert home.parent == _root()
    clear_abandoned()
    assert not alive(known)
    assert not home.exists()
