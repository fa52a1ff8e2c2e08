"""What the operator says to criteria, on a real API server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.api import GROUP, Manifest
from tests.apiserver.lab import Lab, lab

pytestmark = pytest.mark.apiserver

STAGE = {"name": "half", "weight": 50, "soak": "1h", "exitCriteria": [{"name": "serving"}]}
GATED: dict[str, Any] = {"strategy": {"canary": {"stages": [STAGE]}}}
SECONDS = 90


@pytest.fixture
async def world(api_server: Path, namespace: str, tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(api_server, namespace, tmp_path) as made:
        yield made


async def told(world: Lab, enough: Callable[[Manifest], bool]) -> Manifest:
    path = f"{GROUP}/namespaces/{world.namespace}/exitcriteria/serving"
    async with asyncio.timeout(SECONDS):
        while True:
            world.check()
            status = dict((await world.api("GET", path)).get("status") or {})
            if enough(status):
                return status
            await asyncio.sleep(0.2)


async def test_criteria_are_told_whether_they_can_be_asked_and_who_uses_them(world: Lab) -> None:
    world.start()
    await world.criteria(prometheus={"query": 'errors{revision="{{revison}}"}'})
    await world.apply("1.0.0", **GATED)
    status = await told(world, lambda it: it.get("usedBy") == 1)
    assert status["valid"] == "False"
    assert status["message"].startswith("metric errors has an invalid query: {{revison}} is not")
    assert status["users"] == [f"{world.namespace}/fraud"]
    await world.criteria()
    status = await told(world, lambda it: it.get("valid") == "True")
    assert "message" not in status
    assert status["observedGeneration"] == 2


@asynccontextmanager
async def shared(world: Lab) -> AsyncIterator[str]:
    """Criteria of the platform, for as long as the block lasts; gives their path."""
    name = f"serving-{world.namespace}"
    metric = {
        "name": "ratio",
        "interval": "1s",
        "prometheus": {"query": 'ratio{revision="{{revision}}"}'},
        "successWhen": {"max": 0.01},
        "count": 2,
    }
    body = {
        "apiVersion": "lockstep.dev/v1alpha1",
        "kind": "ClusterExitCriteria",
        "metadata": {"name": name},
        "spec": {"metrics": [metric]},
    }
    path = f"{GROUP}/clusterexitcriteria"
    await world.api("POST", path, body)
    try:
        yield f"{path}/{name}"
    finally:
        await world.api("DELETE", f"{path}/{name}")


async def verdicts(world: Lab, path: str) -> dict[str, tuple[str, str]]:
    status = (await world.api("GET", path)).get("status") or {}
    found = status.get("verdicts", ())
    return {it["revision"]: (it["verdict"], it.get("value", "none")) for it in found}


async def test_criteria_are_told_what_came_of_them_and_no_numbers_where_everybody_reads(
    world: Lab,
) -> None:
    world.start()
    ours = f"{GROUP}/namespaces/{world.namespace}/exitcriteria/serving"
    await world.criteria(count=2)
    async with shared(world) as theirs:
        own, platform = (
            {"name": "serving"},
            {"kind": "ClusterExitCriteria", "name": theirs.rpartition("/")[2]},
        )
        await world.apply("1.0.0", **asking(own, platform))
        await world.healthy("1.0.0")
        await world.apply("2.0.0", **asking(own, platform))
        await world.healthy("2.0.0")
        good = world.id_of("2.0.0")
        await world.reached(lambda: verdicts(world, ours), {good: ("Pass", "0.001")})
        await world.reached(lambda: verdicts(world, theirs), {good: ("Pass", "none")})

        bad, worse = world.id_of("3.0.0"), world.id_of("4.0.0")
        world.prometheus.sick |= {bad, worse}
        await world.apply("3.0.0", **asking(own))
        await world.reached(lambda: verdicts(world, ours), {bad: ("Fail", "0.3")})
        await world.reached(lambda: verdicts(world, theirs), {})
        await world.apply("4.0.0", **asking(platform))
        await world.reached(lambda: verdicts(world, theirs), {worse: ("Fail", "none")})
        asked = sum(it.write and "exitcriteria" in it.path for it in world.proxy.seen)
        assert asked <= MOST_WRITES


MOST_WRITES = 8
"""Of each: a user, a verdict, then another verdict or none, and a user that comes or goes."""


def asking(*criteria: Manifest) -> Manifest:
    stage = {"name": "half", "weight": 50, "exitCriteria": list(criteria)}
    return {"strategy": {"canary": {"stages": [stage]}}}
