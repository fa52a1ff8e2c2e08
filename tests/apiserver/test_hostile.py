"""Hostile objects on a real API server, as many as it lets in: the one beside them is rolled out.

tests/sim/test_hostile.py has the thousands; these have been through the server's own validation,
with the client's switched off, and their statuses are written by somebody else.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lockstep.api import crds
from lockstep.shell.telemetry import logs
from tests.apiserver.api import GROUP, MERGE, Manifest, Refused
from tests.apiserver.conftest import Kubectl
from tests.apiserver.lab import DEADLINE, Lab, lab
from tests.cluster.probe import free_ports
from tests.sim import hostile

pytestmark = pytest.mark.apiserver

FEW, MANY = 40, 600
"""Of each sort: specs that fit the schema, good ones with fields replaced, broken ones."""
DEPTHS = (100, 990, 3000)


@pytest.fixture
async def world(
    api_server: Path, namespace: str, kubectl: Kubectl, tmp_path: Path
) -> AsyncIterator[Lab]:
    neighbour = f"{namespace}-hostile"
    kubectl("create", "namespace", neighbour)
    async with lab(api_server, namespace, tmp_path) as made:
        account = {"metadata": {"name": "default"}}
        await made.api("POST", f"/api/v1/namespaces/{neighbour}/serviceaccounts", account)
        made.neighbours, (made.probe_port,) = (neighbour,), free_ports(1)
        made.start()
        yield made


def made(values: st.SearchStrategy[Any], count: int) -> list[Any]:
    """The same values in every run."""
    found: list[Any] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(values)
    def keep(value: Any) -> None:
        found.append(value)

    keep()
    return found


def deep(levels: int) -> Manifest:
    """A good manifest in whose template something nests; the API server lets in 10,000 levels."""
    raw: Manifest = json.loads(json.dumps(hostile.GOOD["ModelDeployment"][0]))
    raw["spec"]["template"]["spec"]["deep"] = hostile.nested(levels)
    return raw


class Enemy:
    """Somebody with every right in a namespace; ``let_in`` are the names the server took."""

    def __init__(self, world: Lab) -> None:
        self._world = world
        self.namespace = world.neighbours[0]
        self.let_in: dict[str, list[str]] = {kind.plural: [] for kind in crds.KINDS}
        self.refused = 0

    async def put(self, raw: Any, number: int) -> None:
        """Create it, and write its status over what the operator says."""
        kind = next((it for it in crds.KINDS if it.kind == _kind(raw)), None)
        if kind is None or kind.scope != "Namespaced":
            return
        name = f"h{number}"
        metadata = {"name": name, "namespace": self.namespace}
        status = raw.pop("status", None)
        path = f"{GROUP}/namespaces/{self.namespace}/{kind.plural}"
        try:
            await self._send("POST", path, {**raw, "metadata": metadata})
            self.let_in[kind.plural].append(name)
            if status:
                await self._send("PATCH", f"{path}/{name}/status", {"status": status})
        except Refused:
            self.refused += 1

    async def _send(self, method: str, path: str, body: Manifest) -> None:
        content = MERGE if method == "PATCH" else "application/json"
        await self._world.api(method, path, body, content, fieldValidation="Ignore")

    async def unanswered(self) -> list[str]:
        """ModelDeployments of which the operator has said nothing yet."""
        path = f"{GROUP}/namespaces/{self.namespace}/modeldeployments"
        found = await self._world.api.items(path)
        return [it["metadata"]["name"] for it in found if not _answered(it)]


def _kind(raw: Any) -> object:
    return raw.get("kind") if isinstance(raw, dict) else None


def _answered(raw: Manifest) -> bool:
    status = raw.get("status") or {}
    current = status.get("observedGeneration") == raw["metadata"]["generation"]
    return bool(current and status.get("phase"))


Sorts = list[list[Any]]


@pytest.fixture
def few() -> Sorts:
    """Made before the operator runs, which would stand still meanwhile."""
    return every_sort(FEW)


@pytest.fixture
def many() -> Sorts:
    return every_sort(MANY)


def every_sort(count: int) -> Sorts:
    kinds = [kind.kind for kind in crds.KINDS]
    good = {kind for kind in kinds if hostile.GOOD.get(kind)}
    return [
        made(hostile.valid("ModelDeployment"), count),
        made(hostile.lying("ModelDeployment"), count),
        made(st.sampled_from(kinds).flatmap(hostile.valid), count),
        made(st.sampled_from(sorted(good)).flatmap(hostile.broken), count),
        [deep(levels) for levels in DEPTHS],
    ]


async def besiege(world: Lab, sorts: Sorts, caplog: pytest.LogCaptureFixture) -> None:
    enemy, versions = Enemy(world), iter(range(1, 100))
    number = 0
    for sort in sorts:
        for raw in sort:
            number += 1
            await enemy.put(raw, number)
        version = f"{next(versions)}.0.0"
        await world.apply(version)
        await world.healthy(version)
    counts = {plural: len(names) for plural, names in enemy.let_in.items()}
    print(f"\nlet in {counts}, refused {enemy.refused} of {number}, {await world.passes()}")
    assert counts["modeldeployments"] > len(sorts[0]), "too few were let in to tell anything"
    async with asyncio.timeout(DEADLINE):
        while not set(await enemy.unanswered()) <= _untouched(caplog):
            world.check()
            await asyncio.sleep(0.2)
    assert "crashed" not in await world.passes()
    assert "the pass crashed" not in caplog.text
    assert "Exception in callback" not in caplog.text


def _untouched(caplog: pytest.LogCaptureFixture) -> set[str]:
    """Those whose status somebody else has made unreadable or impossible, which is logged."""
    told = [it for it in caplog.records if it.getMessage().startswith("changing nothing")]
    return {str(getattr(it, "object", "")).rpartition("/")[2] for it in told}


async def test_hostile_objects_stop_nothing(
    few: Sorts, world: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    caplog.handler.addFilter(logs._Key())
    await besiege(world, few, caplog)


@pytest.mark.soak
async def test_many_hostile_objects_stop_nothing(
    many: Sorts, world: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    caplog.handler.addFilter(logs._Key())
    await besiege(world, many, caplog)
