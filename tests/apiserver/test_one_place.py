"""Where only one pod fits, on a real API server: the refusal names the way, and the way works."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.apiserver.api import Manifest
from tests.apiserver.kubelet import CRASHING, STARTING
from tests.apiserver.lab import Lab, lab, reason_of
from tests.apiserver.witness import Witness

pytestmark = pytest.mark.apiserver

CANARY: dict[str, Any] = {
    "replicas": 1,
    "strategy": {"canary": {"maxSurge": 0, "stages": [{"name": "all", "weight": 100}]}},
}


@pytest.fixture
async def world(api_server: Path, namespace: str, tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(api_server, namespace, tmp_path) as made:
        made.start()
        yield made


async def named(world: Lab) -> Manifest:
    """The strategy that the refusal of a canary gives word for word."""
    await world.apply("1.0.0", **CANARY)
    await world.healthy("1.0.0")
    await world.apply("2.0.0", **CANARY)
    message = (await world.reason("NoRoomForCandidate"))["message"]
    return {"replicas": 1, **yaml.safe_load(message.partition("`")[2].partition("`")[0])}


async def test_the_strategy_that_a_refused_canary_names_lets_the_old_one_go_first(
    world: Lab,
) -> None:
    spec = await named(world)
    pods = await world.pods()
    world.kubelet.health["2.0.0"] = STARTING
    async with Witness(world.api, world.namespace).watching() as witness:
        await world.apply("2.0.0", **spec)
        gone = "the last pod of stable was removed first"
        costs = await world.until(gone, lambda it: gone in it.get("message", ""))
        available = next(it for it in costs["conditions"] if it["type"] == "Available")
        assert available["status"] == "False"
        world.kubelet.health.clear()
        await world.healthy("2.0.0")
        await witness.heard_all()
    assert max(len(it.pods) for it in witness.moments()) == 1, "there is one place"
    assert set((await world.only("2.0.0")).values()) == {"2.0.0"}
    assert not pods.keys() & (await world.pods()).keys()


async def test_a_new_one_that_fails_gives_the_place_back_by_itself(world: Lab) -> None:
    spec = await named(world)
    world.kubelet.health["2.0.0"] = CRASHING
    await world.apply("2.0.0", **spec)
    await world.until(
        "the old one serves again",
        lambda it: reason_of(it) == "RolledBack" and it["readyReplicas"] == 1,
    )
    await world.callers_on("1.0.0")
    assert set((await world.only("1.0.0")).values()) == {"1.0.0"}
