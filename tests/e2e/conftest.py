"""The cluster with the operator in it, once a session, and a namespace for each scenario.

Scenarios run side by side (`pytest -n 4`) but for those marked ``alone``, which disturb the others.
"""

import json
import re
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import cluster
from tests.cluster import Cluster
from tests.e2e import deploy, manifests
from tests.e2e.kube import Api, Kubectl
from tests.e2e.lab import OPERATOR, Images, Lab, World
from tests.e2e.turns import Turns

APP = Path(__file__).parent / "app"
ARTIFACT = "FROM scratch\nADD answer.json /\n"
ANSWERS = ("0.83", "0.87")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "alone: disturbs every other scenario")
    config.addinivalue_line("markers", "last: looks back at all other scenarios")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Scenarios that need the cluster for themselves come after all others."""
    items.sort(key=lambda item: [item.get_closest_marker(name) is not None for name in _LATE])


_LATE = ("last", "alone")


@pytest.fixture(scope="session")
def turns(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Turns:
    base = tmp_path_factory.getbasetemp()
    return Turns(base.parent if hasattr(request.config, "workerinput") else base)


@pytest.fixture(scope="session")
def world(turns: Turns) -> Iterator[World]:
    """Cluster, images and operator: the first worker prepares them, the others wait for it."""
    with turns.preparing() as prepared:
        if not prepared.exists():
            prepared.write_text(json.dumps(_prepare(cluster.up())))
    told, found = json.loads(prepared.read_text()), cluster.load()
    api = Api(found.kubeconfig)
    yield World(found, _kubectl(found), api, Images(**told["images"]), told["began"])
    api.close()


def _kubectl(found: Cluster) -> Kubectl:
    return Kubectl(cluster.ensure(["kubectl"])["kubectl"], found.kubeconfig)


def _prepare(found: Cluster) -> dict[str, Any]:
    images = _built(found)
    began = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    remove = ("--namespace", OPERATOR, "delete", "--ignore-not-found")
    for kind in ("deployment", "lease"):  # a fresh operator, which has to make its own Lease
        _kubectl(found)(*remove, kind, "lockstep-operator")
    deploy.deploy_operator(found)
    shared = yaml.safe_dump(manifests.cluster_criteria())
    for act in (("delete", "--ignore-not-found"), ("create",)):  # what nobody has looked at yet
        _kubectl(found)(*act, "--filename", "-", stdin=shared)
    return {"images": asdict(images), "began": began}


def _built(found: Cluster) -> Images:
    app = cluster.build_image(found, "e2e/app", APP, args={"BASE_IMAGE": cluster.base_image(found)})
    return Images(app, {answer: _artifact(found, answer) for answer in ANSWERS})


def _artifact(found: Cluster, answer: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "Dockerfile").write_text(ARTIFACT)
        Path(folder, "answer.json").write_text(json.dumps({"answer": float(answer)}))
        return cluster.build_image(found, "e2e/model", Path(folder))


@pytest.fixture
def lab(world: World, turns: Turns, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A namespace of its own, once it is this scenario's turn."""
    node = request.node
    with turns.alone() if node.get_closest_marker("alone") else turns.together():
        told = re.sub(r"[^a-z0-9]+", "-", node.name.removeprefix("test_"))[:40]
        namespace = f"e2e-{told.strip('-')}-{secrets.token_hex(2)}"
        created = yaml.safe_dump(manifests.namespace(namespace))
        world.kubectl("apply", "--filename", "-", stdin=created)
        account = ("wait", "--for=create", "serviceaccount/default", "--timeout=60s")
        world.kubectl("--namespace", namespace, *account)
        yield Lab(world, namespace, lambda what, value: node.user_properties.append((what, value)))
        world.kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.fixture(autouse=True)
def _counted(turns: Turns, request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    turns.over(request.node.nodeid)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was measured, whether it passed or not."""
    done = [it for key in ("passed", "failed") for it in terminalreporter.stats.get(key, ())]
    told = [it for it in done if getattr(it, "user_properties", ()) and it.when == "call"]
    if told:
        terminalreporter.section("measured")
    for report in told:
        terminalreporter.line(f"{report.location[2]}  ({report.duration:.0f} s)")
        for what, value in report.user_properties:
            terminalreporter.line(f"    {what}: {value}")
