"""spec.restartAt: which pods are replaced, how many at a time, and what is said meanwhile."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lockstep.api.failures import FailureReason
from lockstep.api.model_deployment_status import Kept, StageStatus
from lockstep.core.facts import Trouble
from lockstep.core.pods import Pod
from lockstep.core.rollout.actions import PutReplicaSet, RemovePod
from lockstep.core.rollout.observed import Arm
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.planner import plan
from tests.sim.obey import obey
from tests.unit.rollout.conftest import Says
from tests.unit.rollout.test_planner import SOAK, did, reason
from tests.unit.rollout.worlds import NOW, V1, V2, World, arm, first, rejection, trial, world

HOUR = timedelta(hours=1)
AGO, LONG_AGO, SOON = NOW - HOUR, NOW - 2 * HOUR, NOW + HOUR
KEPT = Kept(revision=V2, version="2.0.0", until=SOON)
NO_SURGE = {"strategy": {"canary": {"maxSurge": 0, "stages": [{"name": "full", "weight": 100}]}}}


def stable(**changes: Any) -> World:
    return world(version="1.0.0", **changes)


def aged(it: Arm, created: datetime = LONG_AGO, old: int | None = None) -> Arm:
    """Pods of this age, but for those after the first ``old``, which are of this moment."""
    many = len(it.pods) if old is None else old
    ages = (created if number < many else NOW for number in range(len(it.pods)))
    return replace(
        it, pods=tuple(replace(pod, created=at) for pod, at in zip(it.pods, ages, strict=True))
    )


def above(it: Arm, surplus: int = 1, **facts: Any) -> Arm:
    """An arm whose size is that many pods less, the last of which are surplus."""
    assert it.replica_set is not None
    size = it.replica_set.replicas - surplus
    return replace(it, replica_set=replace(it.replica_set, replicas=size, surplus=surplus, **facts))


def of_others(it: Arm, **facts: Any) -> Arm:
    assert it.replica_set is not None
    pods = tuple(replace(pod, owner_uid="another") for pod in it.pods)
    return replace(it, pods=pods, replica_set=replace(it.replica_set, **facts))


def asked(at: datetime | None, **changes: Any) -> dict[str, Any]:
    return {"spec": {"restartAt": at, **changes}}


def restarts(decided: Plan) -> dict[str, tuple[int, int]]:
    """Of each revision the pods above its size, and how many are removed."""
    puts = {it.revision: it.surplus for it in decided.actions if isinstance(it, PutReplicaSet)}
    gone = [it.revision for it in decided.actions if isinstance(it, RemovePod)]
    return {it: (puts.get(it, 0), gone.count(it)) for it in {*puts, *gone}}


SOAKING = {
    **asked(AGO, **SOAK),
    "stage": StageStatus(name="half", index=0, entered_at=AGO, soak_until=SOON, deadline=SOON),
}
BEGINS: dict[str, tuple[World, dict[str, tuple[int, int]]]] = {
    "stable gets a pod more": (stable(arms=(aged(arm(V1, 4)),), **asked(AGO)), {V1: (1, 0)}),
    "nobody asks": (stable(arms=(aged(arm(V1, 4)),)), {}),
    "pods that are younger stay": (stable(arms=(aged(arm(V1, 4), NOW),), **asked(AGO)), {}),
    "one of the very second stays": (
        stable(arms=(aged(arm(V1, 4), AGO),), **asked(AGO + timedelta(milliseconds=900))), {}),
    "one that is a second older goes": (
        stable(arms=(aged(arm(V1, 4), AGO - timedelta(seconds=1)),), **asked(AGO)), {V1: (1, 0)}),
    "a single old one is enough": (
        stable(arms=(aged(arm(V1, 4), old=1),), **asked(AGO)), {V1: (1, 0)}),
    "a time to come is waited for": (stable(arms=(aged(arm(V1, 4)),), **asked(SOON)), {}),
    "both arms of a trial while its stage soaks": (
        trial(arms=(aged(arm(V1, 2)), aged(arm(V2, 2))), **SOAKING), {V1: (1, 0), V2: (1, 0)}),
    "only the candidate while a stage is on its way": (
        trial(arms=(aged(arm(V1, 2)), aged(arm(V2, 2))), **asked(AGO)), {V2: (1, 0)}),
    "stable gives up its surplus for a stage": (
        trial(arms=(above(aged(arm(V1, 3, 3))), aged(arm(V2, 2), NOW)), **asked(AGO)),
        {V1: (0, 0)}),
    "what is kept for a return": (
        stable(status={"kept": KEPT}, arms=(aged(arm(V1, 4)), aged(arm(V2, 4))),
               **asked(AGO, strategy={"blueGreen": {}})),
        {V1: (1, 0), V2: (1, 0)}),
    "what is kept of a failure stays as it failed": (
        world(rejected=rejection(V2, keep_until=SOON),
              arms=(aged(arm(V1, 4)), aged(arm(V2, 1))), **asked(AGO)), {V1: (1, 0)}),
    "a first revision": (first(ready=2, arms=(aged(arm(V2, 2, 4)),), **asked(AGO)), {V2: (1, 0)}),
    "a quarter, where the surge allows it": (
        stable(arms=(aged(arm(V1, 9)),),
               **asked(AGO, replicas=9, strategy={"blueGreen": {}})), {V1: (3, 0)}),
    "no more than the surge": (
        stable(arms=(aged(arm(V1, 9)),), **asked(AGO, replicas=9)), {V1: (1, 0)}),
    "without a surge a place is freed first": (
        stable(arms=(aged(arm(V1, 4)),), **asked(AGO, **NO_SURGE)), {V1: (0, 1)}),
    "but never the last one": (
        stable(arms=(aged(arm(V1, 1)),), **asked(AGO, replicas=1, **NO_SURGE)), {V1: (1, 0)}),
    "a pod of somebody else's with our labels stays": (
        stable(arms=(of_others(aged(arm(V1, 4))),), **asked(AGO)), {}),
    "nothing is restarted that has no pods": (
        stable(arms=(arm(V1, 0),), **asked(AGO, replicas=0)), {}),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "wanted"), BEGINS.values(), ids=BEGINS)
def test_who_is_restarted(seen: World, wanted: dict[str, tuple[int, int]], says: Says) -> None:
    decided = plan(seen.observed(), NOW)
    assert restarts(decided) == wanted
    says(decided)


FULL = Trouble(FailureReason.QUOTA_EXCEEDED, "exceeded quota")
CRASH = Trouble(FailureReason.CRASH_LOOP, "exit code 1")
HOMELESS: dict[str, Any] = {"unschedulable": "0/3 nodes", "unschedulable_since": LONG_AGO}
GOES_ON: dict[str, tuple[Arm, dict[str, tuple[int, int]]]] = {
    "the surplus is awaited": (above(aged(arm(V1, 4, 5), old=4)), {}),
    "it answers, so an old one goes": (above(aged(arm(V1, 5), old=4)), {V1: (0, 1)}),
    "one that is on its way out is not counted": (
        above(replace(aged(arm(V1, 5), old=4), pods=(
            *aged(arm(V1, 4)).pods[:3],
            replace(aged(arm(V1, 4)).pods[3], terminating=True),
            *aged(arm(V1, 5), NOW).pods[4:]))), {}),
    "one of those that answer nobody goes first": (
        above(aged(arm(V1, 3, 5, trouble=CRASH), old=5)), {V1: (0, 1)}),
    "but none before the one in its place has come": (
        above(aged(arm(V1, 3, 5, trouble=CRASH), old=4)), {}),
    "one that waits for its place is not awaited": (
        above(aged(arm(V1, 0, 5, **HOMELESS), old=4)), {V1: (0, 1)}),
    "none goes while its template is another one": (
        above(aged(arm(V1, 5), old=4), edit=AGO), {}),
    "what is ready and not yet available is awaited": (
        above(aged(arm(V1, 5), old=4), available=4), {}),
    "the last old one goes": (above(aged(arm(V1, 5), old=1)), {V1: (0, 1)}),
    "none is left, so the surplus goes": (above(aged(arm(V1, 5), NOW)), {V1: (0, 0)}),
    "somebody scaled it by hand: its size comes first": (
        above(aged(arm(V1, 6), old=5), drifted=True), {V1: (1, 0)}),
}  # fmt: skip


@pytest.mark.parametrize(("it", "wanted"), GOES_ON.values(), ids=GOES_ON)
def test_how_a_restart_goes_on(it: Arm, wanted: dict[str, tuple[int, int]], says: Says) -> None:
    decided = plan(stable(arms=(it,), **asked(AGO)).observed(), NOW)
    assert restarts(decided) == wanted
    says(decided)


MINUTE = timedelta(minutes=1)
SPAN = (AGO, AGO + MINUTE)


def edited(it: Arm, **facts: Any) -> Arm:
    assert it.replica_set is not None
    return replace(it, replica_set=replace(it.replica_set, **facts))


def test_an_edited_template_is_put_back_and_it_is_written_down_when_it_was_edited() -> None:
    seen = stable(arms=(edited(aged(arm(V1, 4)), edit=AGO, drifted=True),))
    (put,) = plan(seen.observed(), NOW).actions
    assert isinstance(put, PutReplicaSet)
    assert (put.replicas, put.surplus, put.edited) == (4, 0, (AGO, NOW))


EARLIER = (LONG_AGO, LONG_AGO + MINUTE)
SECOND: dict[str, tuple[Arm, tuple[datetime, datetime]]] = {
    "pods of the first one still stand": (aged(arm(V1, 4), LONG_AGO, 1), (LONG_AGO, NOW)),
    "none is left of it": (aged(arm(V1, 4), LONG_AGO + 2 * MINUTE), (AGO, NOW)),
}


@pytest.mark.parametrize(("it", "span"), SECOND.values(), ids=SECOND)
def test_a_second_edit(it: Arm, span: tuple[datetime, datetime]) -> None:
    seen = stable(arms=(edited(it, edit=AGO, edited=EARLIER, drifted=True),)).observed()
    (put,) = (it for it in plan(seen, NOW).actions if isinstance(it, PutReplicaSet))
    assert put.edited == span


def test_an_edit_of_a_clock_ahead_of_ours_ends_no_earlier_than_it_begins() -> None:
    seen = stable(arms=(edited(arm(V1, 4), edit=SOON, drifted=True),)).observed()
    (put,) = (it for it in plan(seen, NOW).actions if isinstance(it, PutReplicaSet))
    assert put.edited == (SOON, SOON)


OF_AN_EDIT: dict[str, tuple[Arm, dict[str, tuple[int, int]]]] = {
    "a pod that was made meanwhile is replaced": (aged(arm(V1, 4), AGO + MINUTE, 1), {V1: (1, 0)}),
    "one of the second of the edit too": (aged(arm(V1, 4), AGO, 1), {V1: (1, 0)}),
    "one from before stays": (aged(arm(V1, 4), AGO - MINUTE), {}),
    "one from after stays": (aged(arm(V1, 4), AGO + 2 * MINUTE), {}),
    "it goes once another one answers": (above(aged(arm(V1, 5), AGO, 1)), {V1: (0, 1)}),
}


@pytest.mark.parametrize(("it", "wanted"), OF_AN_EDIT.values(), ids=OF_AN_EDIT)
def test_pods_that_an_edit_has_made(
    it: Arm, wanted: dict[str, tuple[int, int]], says: Says
) -> None:
    decided = plan(stable(arms=(edited(it, edited=SPAN),)).observed(), NOW)
    assert restarts(decided) == wanted
    if wanted:
        left = "1 pod created from a manually edited template remains to be replaced"
        assert left in decided.status.message
    says(decided)


def test_what_an_edit_has_made_is_no_restart_that_somebody_asked_for() -> None:
    it = edited(aged(arm(V1, 4), AGO, 1), edited=SPAN)
    decided = plan(stable(arms=(it,), **asked(LONG_AGO)).observed(), NOW)
    assert restarts(decided) == {V1: (1, 0)}
    assert decided.events == ()


def test_what_is_known_of_an_edit_is_not_forgotten_with_the_next_change() -> None:
    seen = stable(arms=(edited(aged(arm(V1, 4)), edited=SPAN),), spec={"replicas": 5})
    (put,) = (it for it in plan(seen.observed(), NOW).actions if isinstance(it, PutReplicaSet))
    assert put.edited == SPAN


def test_without_a_surge_the_next_one_waits_for_the_one_before() -> None:
    before = aged(arm(V1, 3, 4), old=3)
    assert restarts(plan(stable(arms=(before,), **asked(AGO, **NO_SURGE)).observed(), NOW)) == {}
    ready = aged(arm(V1, 4), old=3)
    seen = stable(arms=(ready,), **asked(AGO, **NO_SURGE)).observed()
    assert restarts(plan(seen, NOW)) == {V1: (0, 1)}
    after = obey(seen, plan(seen, NOW))
    assert restarts(plan(after, NOW)) == {}


def test_a_time_to_come_is_waited_for_as_long_as_it_takes() -> None:
    decided = plan(stable(arms=(aged(arm(V1, 4)),), **asked(SOON)).observed(), NOW)
    assert (decided.look_again, decided.actions) == (HOUR, ())


TOLD: dict[str, tuple[Arm, dict[str, Any], list[str]]] = {
    "when the surplus is asked for": (aged(arm(V1, 4)), {}, ["Restarting"]),
    "not again while it comes": (above(aged(arm(V1, 4, 5), old=4)), {}, []),
    "not with every pod": (above(aged(arm(V1, 5), old=3)), {}, []),
    "not at its end": (above(aged(arm(V1, 5), NOW)), {}, []),
    "without a surge when the first one goes": (aged(arm(V1, 4)), NO_SURGE, ["Restarting"]),
    "and not with the second": (aged(arm(V1, 4), old=3), NO_SURGE, []),
}


@pytest.mark.parametrize(("it", "spec", "told"), TOLD.values(), ids=TOLD)
def test_a_restart_is_told_once(it: Arm, spec: dict[str, Any], told: list[str]) -> None:
    decided = plan(stable(arms=(it,), **asked(AGO, **spec)).observed(), NOW)
    assert [event.reason for event in decided.events if event.reason == "Restarting"] == told


def fresh(it: Arm, pods: int = 1, **facts: Any) -> Arm:
    """Pods that a restart made beside those that were asked for; they are not ready yet."""
    new = (Pod(name=f"new-{n}", uid=f"n-{n}", revision=it.revision, **facts) for n in range(pods))
    assert it.replica_set is not None
    return replace(
        aged(it), pods=(*aged(it).pods, *new), replica_set=replace(it.replica_set, surplus=1)
    )


def stumbling(it: Arm) -> Arm:
    """The first pod is not ready for a moment."""
    pods = (replace(it.pods[0], ready=False), *it.pods[1:])
    return replace(edited(it, available=1), pods=pods)


DURING: dict[str, tuple[World, str, str]] = {
    "stable is not called healthy": (
        stable(arms=(fresh(arm(V1, 4)),), **asked(AGO)), "Restarting", ""),
    "a restart that is stuck says so": (
        stable(arms=(fresh(arm(V1, 4), trouble=CRASH),), **asked(AGO)), "CrashLoop", ""),
    "the last pods have come": (
        stable(arms=(aged(arm(V1, 4), NOW),), **asked(AGO)), "Completed", ""),
    "a stage is not reached before the extra pods are gone": (
        trial(arms=(aged(arm(V1, 2), NOW), fresh(arm(V2, 2))), **asked(AGO)), "Moving", ""),
    "a candidate does not take the places of a restart": (
        trial(ready=1, wanted=1, arms=(fresh(arm(V1, 4)), aged(arm(V2, 1), NOW)),
              **asked(AGO)), "Moving", "v1=3"),
    "stable shrinks no further than the candidate's ready pods allow": (
        trial(arms=(aged(arm(V1, 4), NOW), fresh(arm(V2, 1, 1))), **asked(AGO)),
        "Moving", "v1=3"),
    "surplus pods of a candidate are none that stable could shrink for": (
        trial(arms=(aged(arm(V1, 2), NOW), above(aged(arm(V2, 3), old=2))), **asked(AGO)),
        "Moving", "remove a pod of 2"),
    "no node for the extra pod of a restart is not the candidate's fault": (
        trial(arms=(aged(arm(V1, 2), NOW), fresh(arm(V2, 2), **HOMELESS)), **asked(AGO)),
        "Moving", ""),
    "nor when one of its own pods stumbles meanwhile": (
        trial(arms=(aged(arm(V1, 2), NOW), stumbling(fresh(arm(V2, 2), **HOMELESS))), **asked(AGO)),
        "Moving", ""),
    "a candidate's new pods are not callers' yet": (
        trial(arms=(aged(arm(V1, 2), NOW), fresh(arm(V2, 2), 2)), **asked(AGO)),
        "Moving", ""),
}  # fmt: skip


NO_ROOM: dict[str, tuple[Arm, str]] = {
    "the scheduler says it": (fresh(arm(V1, 4), **HOMELESS), "no room for an extra pod: 0/3 nodes"),
    "a quota says it": (
        edited(fresh(arm(V1, 4), 0), create_failure=FULL),
        "the API server refuses an extra pod: exceeded quota"),
    "nobody says it": (fresh(arm(V1, 4)), "older than spec.restartAt remain"),
}  # fmt: skip


@pytest.mark.parametrize(("it", "said"), NO_ROOM.values(), ids=NO_ROOM)
def test_a_restart_says_what_it_waits_for(it: Arm, said: str, says: Says) -> None:
    decided = plan(stable(arms=(it,), **asked(AGO)).observed(), NOW)
    assert (reason(decided), said in decided.status.message) == ("Restarting", True)
    says(decided)


@pytest.mark.parametrize(("seen", "why", "done"), DURING.values(), ids=DURING)
def test_during_a_restart(seen: World, why: str, done: str, says: Says) -> None:
    decided = plan(seen.observed(), NOW)
    assert (reason(decided), did(decided)) == (why, done)
    says(decided)
