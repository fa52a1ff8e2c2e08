"""A cluster that refuses for a while: callers find somebody, nobody is blamed for it, it ends."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from lockstep.api.model_deployment_status import Phase
from lockstep.core.key import Key
from lockstep.core.refusals import Cause
from lockstep.core.rollout import writes
from lockstep.core.rollout.actions import (
    Action,
    PutBudget,
    PutReplicaSet,
    SetPreview,
    SetTraffic,
    StoreRevision,
)
from lockstep.core.rollout.routing import Only, Routing
from lockstep.errors import RefusedError
from lockstep.shell.loop.reconcile import Waits, reconcile
from lockstep.shell.rollout.controller import RolloutController
from tests.sim.cluster import Weather
from tests.sim.promises import BrokenPromiseError
from tests.sim.scripted import STAGES
from tests.sim.story import Setting, Story
from tests.sim.written import Way, of_version, revision_of, spec

BEGINS = 30.0
MOST_SECONDS = 1200.0
SHORT, LONG = 60.0, 200.0
"""Shorter and longer than progressDeadline, which is two minutes here."""
MOMENTS = range(0, 150, 10)
"""From before the first revision is up to after the promotion."""
WAYS = [Way.SHRINK, Way.KEEP, Way.NO_SURGE, Way.BLUE_GREEN, Way.ROLLING]
KINDS: dict[str, type[Action]] = {
    "Service": SetTraffic,
    "preview Service": SetPreview,
    "ReplicaSet": PutReplicaSet,
    "ControllerRevision": StoreRevision,
    "budget": PutBudget,
}


def story(way: Way, seed: int, walk: Callable[..., object] = reconcile) -> Story:
    """Version 2.0.0 is rolled out from 30 s on."""
    setting = Setting(
        spec=spec(way, "1.0.0", STAGES, minReadySeconds=2),
        weather=Weather(lag=(0.1, 1.0), controller=(0.1, 1.5), start=(3.0, 9.0)),
        seed=seed,
    )
    told = Story(setting, walk=walk)  # type: ignore[arg-type]  # the one pass or a wrong one
    told.agenda.at(BEGINS, lambda: told.apply("applies 2.0.0", of_version(told.spec, "2.0.0")))
    return told


def promoted(told: Story) -> bool:
    status = told.status
    done = status.stable is not None and status.stable.version == "2.0.0"
    return done and status.phase is Phase.HEALTHY


def unblamed(told: Story) -> bool:
    """Whether it is promoted; at no moment may it have been rejected."""
    assert told.status.rejected is None, told.transcript.text()
    return promoted(told)


def away(told: Story, at: float, seconds: float) -> None:
    def begin() -> None:
        told.transcript.note(f"a webhook is away for {seconds:.0f} s: nobody gets a pod")
        told.cluster.away_until = at + seconds

    told.agenda.at(at, begin)


def forbid(told: Story, kind: type[Action], at: float, seconds: float, by: Cause) -> None:
    """Writes of one kind are refused for a while."""
    error = RefusedError("x", "denied request: not now", by)

    def refusing(action: Action) -> RefusedError | None:
        now = told.agenda.seconds
        return error if isinstance(action, kind) and at <= now < at + seconds else None

    told.hands.refusing = refusing


@pytest.mark.parametrize("at", MOMENTS)
@pytest.mark.parametrize("way", WAYS)
def test_no_trial_is_rejected_for_an_outage_shorter_than_its_deadline(way: Way, at: int) -> None:
    told = story(way, seed=at)
    away(told, at, SHORT)
    assert told.run_to(MOST_SECONDS, unblamed), told.transcript.text()
    assert told.unanswered == 0, told.transcript.text()


@pytest.mark.parametrize("at", range(0, 150, 30))
@pytest.mark.parametrize("way", WAYS)
def test_a_longer_one_ends_too_and_callers_stay(way: Way, at: int) -> None:
    told = story(way, seed=at)
    away(told, at, LONG)
    told.run_for(MOST_SECONDS)
    assert told.unanswered == 0, told.transcript.text()
    rejected = told.status.rejected
    assert promoted(told) or (rejected and rejected.reason == "ClusterUnavailable")


@pytest.mark.parametrize("seed", range(4))
def test_without_a_surge_a_full_quota_is_enough(seed: int) -> None:
    told = story(Way.NO_SURGE, seed)
    told.cluster.quota = told.spec.replicas
    assert told.run_to(MOST_SECONDS, unblamed), told.transcript.text()
    assert told.cluster.most <= told.spec.replicas
    assert told.unanswered == 0, told.transcript.text()


@pytest.mark.parametrize("seed", range(4))
def test_with_a_surge_a_full_quota_is_waited_for(seed: int) -> None:
    told = story(Way.SHRINK, seed)
    told.cluster.quota = told.spec.replicas
    told.run_for(300)
    assert "exceeded quota" in told.status.message
    told.cluster.quota = None
    assert told.run_to(MOST_SECONDS, unblamed), told.transcript.text()
    assert told.unanswered == 0, told.transcript.text()


@pytest.mark.parametrize("at", range(0, 150, 15))
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_writes_that_an_unwell_cluster_refuses_are_made_up_for(
    kind: str, way: Way, at: int
) -> None:
    told = story(way, seed=at)
    forbid(told, KINDS[kind], at, SHORT, Cause.PLATFORM)
    assert told.run_to(MOST_SECONDS, unblamed), told.transcript.text()
    assert told.unanswered == 0, told.transcript.text()


@pytest.mark.parametrize("at", [0, 28, 40, 60, 90, 120])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_policy_is_said_and_costs_no_caller(kind: str, way: Way, at: int) -> None:
    told = story(way, seed=at)
    forbid(told, KINDS[kind], at, LONG, Cause.SPEC)
    told.run_until(at + LONG)
    told.run_for(MOST_SECONDS)
    assert told.unanswered == 0, told.transcript.text()
    rejected = told.status.rejected
    assert promoted(told) or (rejected and rejected.reason == "WriteRefused"), (
        told.transcript.text()
    )


@pytest.mark.parametrize("by", [Cause.SPEC, Cause.PLATFORM])
def test_a_budget_that_is_never_had_stops_no_restart(by: Cause) -> None:
    told = story(Way.ROLLING, seed=1)
    forbid(told, PutBudget, 0, MOST_SECONDS, by)
    assert told.run_to(MOST_SECONDS / 2, promoted)
    at = told.agenda.now()
    told.edit("asks for a restart", restart_at=at)
    told.run_for(300)
    second = at.replace(microsecond=0)
    assert all(pod.created and pod.created >= second for pod in told.cluster.pods())
    (condition,) = [it for it in told.status.conditions if it.type == "Refused"]
    assert "PodDisruptionBudget fraud" in condition.message
    assert told.unanswered == 0, told.transcript.text()


async def everything(key: Key, of: RolloutController, clock: Callable[[], datetime]) -> Waits:
    """The pass that goes on after a refusal without a thought of what rests on it."""
    return await reconcile(key, replace(of, writes=Careless()), clock)


class Careless:
    write = staticmethod(writes.write)

    @staticmethod
    def rests_on(*_: object) -> bool:
        return False


def returned(seed: int, walk: Callable[..., object] = reconcile) -> Story:
    """All callers are on 2.0.0, somebody puts 1.0.0 back, and the Service may not follow."""
    told = story(Way.BLUE_GREEN, seed, walk)
    switched = Only(revision_of("2.0.0"))
    told.run_to(MOST_SECONDS, lambda now: _routing(now) == switched, step=0.5)
    now = told.agenda.seconds
    forbid(told, SetTraffic, now, LONG, Cause.SPEC)
    told.apply("puts 1.0.0 back", of_version(told.spec, "1.0.0"))
    told.run_for(MOST_SECONDS)
    return told


def _routing(told: Story) -> Routing | None:
    service = told.cluster.service()
    return service.routing if service else None


@pytest.mark.parametrize("seed", range(4))
def test_pods_that_callers_are_sent_to_stay_until_the_service_follows(seed: int) -> None:
    told = returned(seed)
    assert told.unanswered == 0, told.transcript.text()
    assert told.status.stable is not None
    assert (told.status.phase, told.status.stable.version) == (Phase.HEALTHY, "1.0.0")


@pytest.mark.parametrize("seed", range(4))
def test_going_on_without_a_thought_leaves_callers_alone(seed: int) -> None:
    """What the story above is worth: the mistake that it is about is found."""
    with pytest.raises(BrokenPromiseError, match="callers"):
        returned(seed, walk=everything)
