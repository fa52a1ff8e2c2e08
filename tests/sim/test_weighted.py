"""Stories of a router that splits requests by weight, which only tests have."""

import random
from dataclasses import replace

import pytest

from lockstep.core.rollout import planner
from lockstep.core.rollout.actions import (
    Action,
    PutReplicaSet,
    RemoveArmService,
    RemoveReplicaSet,
    SetTraffic,
)
from lockstep.core.rollout.observed import Arm
from lockstep.core.rollout.routing import Only, Routing, reaches, split
from lockstep.core.rollout.view import Assessment, View
from tests.sim import weights
from tests.sim.ends import play_to_the_end
from tests.sim.people import BUSY_SECONDS, People, setting
from tests.sim.promises import BrokenPromiseError, spec_of
from tests.sim.story import Setting, Story
from tests.sim.test_stories import crashes_of
from tests.sim.transcript import VERSIONS
from tests.sim.written import Nature, Way, of_version, revision_of, spec
from tests.unit.rollout.worlds import NOW, PORTS, V1, V2, V3, trial
from tests.weighted import weighted

ONE, TWO = VERSIONS[:2]
SEEDS = 3
LONG_SEEDS = 60


def told(way: Way, nature: Nature = Nature.GOOD, *, gates: bool = False) -> Story:
    """Version 1, and version 2 beside it a minute and a half later."""
    first = weighted(spec(way, ONE))
    story = Story(Setting(spec=first, natures={TWO: nature}, gates=gates))
    story.agenda.at(90.0, lambda: story.apply("applies version 2", of_version(first, TWO)))
    story.run_until(900.0)
    return story


@pytest.mark.parametrize("gates", [False, True], ids=["", "readiness gates"])
@pytest.mark.parametrize("way", Way, ids=lambda way: way.name.lower())
def test_a_good_revision_is_promoted(way: Way, *, gates: bool) -> None:
    story = told(way, gates=gates)
    stable, two = story.status.stable, revision_of(TWO)
    assert stable is not None, story.transcript.text()
    assert stable.revision == two, story.transcript.text()
    assert story.cluster.routing() == Only(two)
    assert story.arm_services() == {two}
    assert story.unanswered == 0 or way is Way.ONE_PLACE


@pytest.mark.parametrize("way", [Way.SHRINK, Way.KEEP, Way.NO_SURGE, Way.PACED, Way.BAKED])
def test_after_a_rollback_the_candidate_has_no_weight(way: Way) -> None:
    story = told(way, Nature.FAILS_UNDER_LOAD)
    assert story.status.rejected is not None, story.transcript.text()
    assert story.cluster.routing() == Only(revision_of(ONE)), story.transcript.text()
    assert story.arm_services() == {revision_of(ONE)}
    assert set(story.arms()) == {revision_of(ONE)}
    assert story.unanswered == 0


@pytest.mark.parametrize("crashing", [False, True], ids=["", "an operator that keeps dying"])
@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("way", Way, ids=lambda way: way.name.lower())
def test_every_story_keeps_the_promises_and_ends(way: Way, seed: int, *, crashing: bool) -> None:
    play(way, seed, crashes_of(seed) if crashing else frozenset())


# ── Mistakes that the promises find ──────────────────────────────────────────────────────────────


def _at_once(_: View, assessment: Assessment) -> Assessment:
    return assessment


def _never(_: View, __: Assessment) -> tuple[Action, ...]:
    return ()


def _early(view: View, assessment: Assessment) -> tuple[Action, ...]:
    """Services of all that the assessment does not lead to, whatever the data plane has heard."""
    wanted = assessment.desired.routing or view.routing
    there = (it.revision for it in view.observed.arm_services)
    return tuple(RemoveArmService(it) for it in there if not reaches(wanted, it))


def _whole(view: View, stable: Arm, candidate: Arm, weight: int) -> Routing:
    """All of a stage's share as soon as the first pod is ready."""
    del view
    if not candidate.available:
        return Only(stable.revision)
    return split({stable.revision: 100 - weight, candidate.revision: weight})


MISTAKES: dict[str, tuple[str, object, str]] = {
    "pods go before the data plane has heard": (
        "rerouting.held", _at_once, "an arm keeps the pods that its share takes"),
    "a route without a Service": ("rerouting.opened", _never, "a route leads to a Service"),
    "a Service that goes before its callers": (
        "rerouting.closed", _early, "no Service goes that requests are sent to"),
    "all of the share to the first pod": (
        "steering._by_weight", _whole, "a share goes only to pods that carry it"),
    "pods by their ratio": (
        "steering.keepers", lambda *_: 0, "capacity in reach stays at replicas"),
}  # fmt: skip


@pytest.mark.parametrize(("place", "wrong", "promise"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_breaks_a_promise(
    monkeypatch: pytest.MonkeyPatch, place: str, wrong: object, promise: str
) -> None:
    monkeypatch.setattr(f"lockstep.core.rollout.{place}", wrong)
    with pytest.raises(BrokenPromiseError, match=promise):
        told(Way.SHRINK, Nature.FAILS_UNDER_LOAD)


TOO_FAR: dict[str, tuple[Action, str]] = {
    "requests to a revision without a ready pod": (
        SetTraffic(routing=split({V1: 50, V3: 50}), ports=PORTS, exists=True),
        "no traffic goes to an arm without ready pods"),
    "two pods for three quarters": (
        PutReplicaSet(revision=V1, replicas=2, template={}, min_ready_seconds=0, exists=True),
        "an arm keeps the pods that its share takes"),
    "no pods for a quarter": (
        RemoveReplicaSet(V2), "an arm keeps the pods that its share takes"),
}  # fmt: skip


@pytest.mark.parametrize(("action", "promise"), TOO_FAR.values(), ids=TOO_FAR)
def test_an_action_breaks_a_promise(action: Action, promise: str) -> None:
    seen = trial(1, stable=4, routing=split({V1: 75, V2: 25})).observed()
    before = replace(seen, spec=weighted(spec_of(seen)))
    with pytest.raises(BrokenPromiseError, match=promise):
        weights.of_actions(before, planner.plan(before, NOW), action)


@pytest.mark.soak(most=300)
@pytest.mark.parametrize("seed", range(SEEDS, LONG_SEEDS))
@pytest.mark.parametrize("way", Way, ids=lambda way: way.name.lower())
def test_many_more_stories(way: Way, seed: int) -> None:
    play(way, seed, crashes_of(seed) if seed % 2 else frozenset())


def play(way: Way, seed: int, crashes: frozenset[int]) -> None:
    drawn = setting(way, seed)
    story = Story(replace(drawn, spec=weighted(drawn.spec)))
    story.hands.crashes = crashes
    People(story, way, random.Random(seed)).plan_their_day()
    story.run_until(BUSY_SECONDS)
    play_to_the_end(story)
