"""Ten thousand malformed and hostile objects: no pass crashes, and each of them is answered.

`make test` looks at some, `make soak` at 10,000; both make the same ones again on every run. To
repeat a failure: `pytest tests/sim/test_hostile.py --hypothesis-seed=0`, which prints the example.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockstep.adapters.kubernetes import model_deployments
from lockstep.api import crds
from lockstep.api.base import Manifest
from lockstep.api.resources import BY_KIND
from lockstep.core.facts import Unreadable
from lockstep.core.rollout.revision import resolve
from lockstep.errors import InvariantError, LockstepError
from lockstep.wiring import DEEPEST_JSON
from tests.sim import hostile
from tests.sim.hostile_world import ANSWERS, FRAUD, Answering, World, pods

PASSES = 4
MOST_BYTES = 100 * 1024
KINDS = [kind.kind for kind in crds.KINDS]
answerings = st.builds(
    Answering,
    st.lists(st.sampled_from(ANSWERS), max_size=3).map(tuple),
    st.sampled_from([None, "HTTP 500", "x" * 5000]),
)


@pytest.fixture(autouse=True)
def _deep() -> Iterator[None]:
    """As an operator that runs has it."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(DEEPEST_JSON)
    yield
    sys.setrecursionlimit(before)


def some(examples: int) -> Callable[[Any], Any]:
    """The same examples in every run; ten thousand in all with ``soak``."""
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def surrounded(raw: Manifest, answering: Answering) -> World:
    """``raw`` in a world in which two revisions stand, one of which its spec may ask for."""
    world = World(answering)
    spec = model_deployments.prune(raw).spec
    wanted = "00000002"
    if not isinstance(spec, Unreadable):
        wanted = resolve(FRAUD, raw["spec"]["template"], spec.model, ()).revision
    named = hostile.everywhere(raw, lambda it: wanted if it == hostile.WANTED else it)
    world.stand(named, *pods(wanted), *pods("00000001"))
    return world


async def live(world: World) -> list[LockstepError]:
    """Some passes; gives what went wrong in them as it should."""
    told: list[LockstepError] = []
    for _ in range(PASSES):
        try:
            await world.turn()
        except LockstepError as error:
            told.append(error)
    return told


def answered(raw: Manifest, answering: Answering) -> None:
    """Every pass ends, and somebody who looks at the object learns what became of it."""
    world = surrounded(raw, answering)
    told = asyncio.run(live(world))
    status = world.status()
    if any(isinstance(error, InvariantError) for error in told):
        assert all(str(error).startswith("status") for error in told), told
        return
    assert not told
    assert status["phase"]
    assert status["message"] or "status" in raw, "a status that lies may have no sentence to repeat"
    assert len(json.dumps(status)) < MOST_BYTES
    model_deployments.read_status(status)
    record = world.caches.model_deployments.get(FRAUD.named)
    assert record
    if isinstance(record.spec, Unreadable):
        valid = next(it for it in status["conditions"] if it["type"] == "SpecValid")
        assert (valid["status"], valid["reason"]) == ("False", "SpecInvalid")
        assert valid["message"].startswith("spec")


def taken_in(kind: str, raw: Any) -> None:
    """Whatever it is, it does not keep the object beside it from being seen."""
    world = World(Answering((), None))
    plural = BY_KIND[kind].plural
    (watch,) = BY_KIND[kind].watches
    good = {**hostile.GOOD[kind][0]}
    good["metadata"] = {**hostile.METADATA, "name": "beside", "uid": "u", "resourceVersion": "3"}
    world.caches.read(plural, raw, "ADDED")
    found = [seen for it in (raw, good) if (seen := world.caches.seen(watch, it))]
    world.caches.on_list(watch, "", found, 11)
    world.caches.read(plural, raw, "DELETED")
    names = {record.meta.name for record in world.caches._informers[watch].cache}
    assert "beside" in names


def checks(examples: int) -> dict[str, Callable[[], None]]:
    """Four properties over so many objects in all."""
    share = settings_of(examples)

    @share(4)
    @given(hostile.valid("ModelDeployment"), answerings)
    def valid(raw: Manifest, answering: Answering) -> None:
        answered(raw, answering)

    @share(4)
    @given(hostile.lying("ModelDeployment"), answerings)
    def lying(raw: Manifest, answering: Answering) -> None:
        answered(raw, answering)

    @share(4)
    @given(st.sampled_from(KINDS).flatmap(lambda k: st.tuples(st.just(k), hostile.valid(k))))
    def others(made: tuple[str, Manifest]) -> None:
        taken_in(*made)

    @share(4)
    @given(st.sampled_from(KINDS).flatmap(lambda k: st.tuples(st.just(k), hostile.broken(k))))
    def broken(made: tuple[str, Manifest]) -> None:
        taken_in(*made)

    return {
        "a spec that the schema lets in is answered, whatever it says": valid,
        "a status that lies crashes nothing": lying,
        "objects of every kind are taken in": others,
        "what no API server sends is passed over": broken,
    }


def settings_of(examples: int) -> Callable[[int], Callable[[Any], Any]]:
    return lambda parts: some(examples // parts)


FEW, MANY = checks(800), checks(10_000)


@pytest.mark.parametrize("check", FEW.values(), ids=FEW)
def test_hostile_objects(check: Callable[[], None]) -> None:
    check()


@pytest.mark.soak
@pytest.mark.parametrize("check", MANY.values(), ids=MANY)
def test_ten_thousand_hostile_objects(check: Callable[[], None]) -> None:
    check()
