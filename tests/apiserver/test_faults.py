"""An API server that misbehaves, an operator that dies at every write: rollouts still end well."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.apiserver.lab import DEADLINE, Lab, lab
from tests.apiserver.proxy import Asked, Cut, Fault, Hang, Rule, Say

pytestmark = pytest.mark.apiserver


@pytest.fixture
async def world(api_server: Path, namespace: str, tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(api_server, namespace, tmp_path) as made:
        made.api_timeout = 2.0
        made.start()
        yield made


def some(fault: Fault, share: float = 0.12) -> Rule:
    """A seeded share of writes and dry runs meets the fault."""
    dice = random.Random(7)

    def rule(asked: Asked) -> Fault | None:
        meets = (asked.write or asked.dry_run) and dice.random() < share
        return fault if meets else None

    return rule


def every_other_watch(fault: Fault) -> Rule:
    watches = itertools.count()

    def rule(asked: Asked) -> Fault | None:
        return fault if asked.watch and next(watches) % 2 else None

    return rule


FAULTS: dict[str, Rule] = {
    "conflicts": some(Say(409)),
    "too many requests": some(Say(429, {"Retry-After": "1"})),
    "internal errors": some(Say(500)),
    "unavailable": some(Say(503)),
    "writes that never answer": some(Hang(), 0.1),
    "connections that are cut before the write": some(Cut()),
    "connections that are cut after the write": some(Cut(after=True)),
    "watches that are too old": every_other_watch(Say(410)),
    "watches that are cut": every_other_watch(Cut()),
}


@pytest.mark.parametrize("rule", FAULTS.values(), ids=FAULTS)
async def test_a_rollout_ends_well(world: Lab, rule: Rule) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    stable = await world.pods()
    world.proxy.rule = rule
    await world.apply("2.0.0")
    await world.healthy("2.0.0")
    world.proxy.heal()
    pods = await world.only("2.0.0")
    assert not stable.keys() & pods.keys()
    await world.callers_on("2.0.0")


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # the dead close nothing
@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the write"])
async def test_an_operator_that_dies_at_every_write_loses_and_repeats_nothing(
    world: Lab,
    after: bool,  # noqa: FBT001 (a row)
) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    await world.stop()
    await world.apply("2.0.0")
    deaths = 0
    while True:
        died = _dies_at_the_second_write(world, after=after)
        world.start()
        if await _first(world, died):
            break
        deaths += 1
        assert deaths < 60, "no progress from death to death"
        await world.die()
    assert deaths > 3
    world.proxy.heal()
    await world.only("2.0.0")
    status = await world.status()
    assert [it["outcome"] for it in status["history"]] == ["Promoted", "Promoted"]
    events = await world.events()
    assert events.count("RolloutStarted") <= 2
    assert events.count("Promoted") <= 2


def _dies_at_the_second_write(world: Lab, *, after: bool) -> asyncio.Event:
    """Each life gets one write done; the second, and everything after it, ends the connection."""
    died, count = asyncio.Event(), 0

    def rule(asked: Asked) -> Fault | None:
        nonlocal count
        if died.is_set():
            return Cut()
        if not asked.write:
            return None
        count += 1
        if count == 1:
            return None
        died.set()
        return Cut(after=after)

    world.proxy.rule = rule
    return died


async def _first(world: Lab, died: asyncio.Event) -> bool:
    """Whether the rollout ended before the operator died."""
    done = asyncio.create_task(world.healthy("2.0.0"))
    dead = asyncio.create_task(died.wait())
    await asyncio.wait({done, dead}, return_when=asyncio.FIRST_COMPLETED)
    ended = done.done() and not died.is_set()
    for task in (done, dead):
        task.cancel()
    await asyncio.gather(done, dead, return_exceptions=True)
    return ended


async def test_of_two_operators_one_works(world: Lab) -> None:
    async with asyncio.timeout(3 * DEADLINE):
        await world.apply("1.0.0")
        await world.healthy("1.0.0")
        second = Lab(world.api, world.namespace, world.proxy, world.prometheus)
        second.kubeconfig = world.kubeconfig
        second.start()
        await world.apply("2.0.0")
        await world.healthy("2.0.0")
        await world.stop()
        await second.apply("3.0.0")
        await second.healthy("3.0.0")
        await second.stop()
