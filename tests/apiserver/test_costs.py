"""What a rollout, a measurement and doing nothing cost the API server, counted on its way."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest

from lockstep.shell.rollout.store import EVIDENCE_WITHIN, SIGHT_WITHIN
from tests.apiserver.lab import DEADLINE, Lab, lab
from tests.apiserver.proxy import Asked

pytestmark = pytest.mark.apiserver

STAGES = [
    {"name": "first", "weight": 20},
    {"name": "half", "weight": 50},
    {"name": "full", "weight": 100},
]
BOUND = 6 + 4 * len(STAGES)
PLAIN: dict[str, Any] = {"strategy": {"canary": {"stages": STAGES}}}
MEASURED: dict[str, Any] = {
    "strategy": {
        "canary": {
            "stages": [
                {"name": "half", "weight": 50, "soak": "1h", "exitCriteria": [{"name": "serving"}]}
            ]
        }
    }
}


@pytest.fixture
async def world(api_server: Path, namespace: str, tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(api_server, namespace, tmp_path) as made:
        made.start()
        yield made


async def quiet(world: Lab, version: str) -> None:
    """Until ``version`` is promoted and what was seen since then is stored."""
    await world.healthy(version)
    await world.until("only its own pods", lambda status: status["replicas"] == 2)
    await world.only(version)
    await silence(world)


async def silence(world: Lab) -> None:
    """Wait until nothing is under way and nothing was asked for 2 s: Events come last."""
    before = -1
    async with asyncio.timeout(DEADLINE):
        while before != (now := costs(world.proxy.seen).total()) or costs(world.proxy.open):
            before = now
            await asyncio.sleep(2)


def costs(asked: Iterable[Asked]) -> Counter[str]:
    """Requests by verb and resource; watches, the lease and what is said of criteria cost nothing.

    Criteria are told who uses them beside the passes, once for each change, however many use them.
    """
    return Counter(
        f"{it.method} {it.path.split('/')[-1 if it.method == 'POST' else -2]}"
        for it in asked
        if not (it.watch or it.lease or "exitcriteria/" in it.path)
    )


async def test_a_rollout_costs_six_requests_and_four_for_each_stage(world: Lab) -> None:
    await world.apply("1.0.0", **PLAIN)
    await quiet(world, "1.0.0")
    before, began = len(world.proxy.seen), time.monotonic()
    await world.apply("2.0.0", **PLAIN)
    await quiet(world, "2.0.0")
    counted = costs(world.proxy.seen[before:])
    waits = (time.monotonic() - began) // SIGHT_WITHIN.total_seconds()
    assert counted.total() <= BOUND + max(0, waits - 1), counted


async def test_who_wrote_a_status_is_kept_in_one_line_however_full_it_is(world: Lab) -> None:
    await world.apply("1.0.0", **PLAIN)
    await world.healthy("1.0.0")
    written = await world.api("GET", world.path())
    managers = written["metadata"]["managedFields"]
    of_status = [it["fieldsV1"] for it in managers if it.get("subresource") == "status"]
    assert of_status == [{"f:status": {}}]


async def test_measurements_are_not_written_one_by_one(world: Lab) -> None:
    await world.criteria()
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    await world.apply("2.0.0", **MEASURED)
    await world.until("entered", lambda status: (status.get("stage") or {}).get("enteredAt"))
    await silence(world)
    asked, before, began = world.prometheus.asked, len(world.proxy.seen), time.monotonic()
    while world.prometheus.asked < asked + 12:
        world.check()
        await asyncio.sleep(0.05)
    counted = costs(world.proxy.seen[before:])
    due = 1 + (time.monotonic() - began) // EVIDENCE_WITHIN.total_seconds()
    assert counted.total() <= due, counted


async def test_an_operator_with_nothing_to_do_asks_for_nothing(world: Lab) -> None:
    await world.apply("1.0.0", **PLAIN)
    await quiet(world, "1.0.0")
    before = len(world.proxy.seen)
    await world.apply("1.0.0", **PLAIN, revisionHistoryLimit=9)  # it has to look, and finds nothing
    await world.until("looked at", lambda status: status["observedGeneration"] == 2)
    assert costs(world.proxy.seen[before:]) == Counter({"PUT fraud": 1}), "what it has looked at"
