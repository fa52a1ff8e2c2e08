"""Blue-green on a real API server: the preview Service, the switch, what is kept and what goes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.api import MERGE
from tests.apiserver.lab import DEADLINE, Lab, lab

pytestmark = pytest.mark.apiserver

REVISION = "lockstep.dev/revision"


def blue_green(**fields: Any) -> dict[str, Any]:
    return {"strategy": {"blueGreen": {"previewReplicas": 1, **fields}}}


@pytest.fixture
async def world(api_server: Path, namespace: str, tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(api_server, namespace, tmp_path) as made:
        made.start()
        yield made


async def test_the_preview_service_lives_as_long_as_the_preview(world: Lab) -> None:
    await world.apply("1.0.0", **blue_green())
    await world.healthy("1.0.0")
    assert "fraud-candidate" not in await world.services()
    await world.apply("2.0.0", **blue_green(autoPromote=False))
    held = await world.reason("PromotionNeeded")
    assert (await world.selector("fraud-candidate"))[REVISION] == world.id_of("2.0.0")
    await world.callers_on("1.0.0")
    assert held["weights"] == {"desired": 0, "actual": 0, "method": "ReplicaRatio"}

    path = f"{world.core('services')}/fraud-candidate"
    elsewhere = {"spec": {"selector": {REVISION: world.id_of("1.0.0")}}}
    await world.api("PATCH", path, elsewhere, MERGE)
    async with asyncio.timeout(DEADLINE):
        while (await world.selector("fraud-candidate"))[REVISION] != world.id_of("2.0.0"):
            await asyncio.sleep(0.05)

    await world.apply("2.0.0", **blue_green())
    status = await world.healthy("2.0.0")
    assert status["kept"]["version"] == "1.0.0"
    await world.callers_on("2.0.0")
    await world.no_preview()


async def test_what_was_stable_goes_when_keep_old_is_over(world: Lab) -> None:
    await world.apply("1.0.0", **blue_green())
    await world.healthy("1.0.0")
    await world.apply("2.0.0", **blue_green(keepOld="2s"))
    await world.healthy("2.0.0")
    await world.only("2.0.0")
    status = await world.until("kept no longer", lambda it: "kept" not in it)
    assert status["phase"] == "Healthy"


async def test_an_operator_that_is_killed_after_the_switch_keeps_what_is_kept(world: Lab) -> None:
    await world.apply("1.0.0", **blue_green())
    await world.healthy("1.0.0")
    await world.apply("2.0.0", **blue_green())
    before = await world.healthy("2.0.0")
    pods = await world.pods()
    await world.die()
    world.start()
    await world.apply("2.0.0", **blue_green(), replicas=3)
    after = await world.until("three answer", lambda it: it.get("readyReplicas") == 3)
    assert after["kept"] == before["kept"]
    async with asyncio.timeout(DEADLINE):
        while len(await world.pods()) < 6:  # the kept ones grow, too
            await asyncio.sleep(0.1)
    assert pods.keys() <= (await world.pods()).keys()
