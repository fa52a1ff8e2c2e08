"""Budget, restart, ownership and conflicts: what is planned and said, and what is left alone."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lockstep.api.status import Condition, Kept, Phase
from lockstep.core.observed import (
    Arm,
    Autoscaler,
    Budget,
    ChildRef,
    Foreign,
    Pod,
    Trouble,
)
from lockstep.core.plan import Plan, PutDeployment, SetOwnership
from lockstep.core.rollout.planner import plan
from tests.unit.rollout.test_planner import SOAK, did, reason
from tests.unit.rollout.worlds import NOW, V1, V2, World, arm, first, rejection, trial, world

HOUR = timedelta(hours=1)
AGO, LONG_AGO, SOON = NOW - HOUR, NOW - 2 * HOUR, NOW + HOUR


def stable(**changes: Any) -> World:
    return world(version="1.0.0", **changes)


def condition(decided: Plan, kind: str) -> Condition | None:
    return next((it for it in decided.status.conditions if it.type == kind), None)


TAKEN = Foreign("PodDisruptionBudget", "fraud")
ONE = {"replicas": 1}

BUDGETS: dict[str, tuple[World, str, str]] = {
    "it stands and is left alone": (stable(), "Completed", ""),
    "it is missing": (stable(rest={"budget": None}), "Completed", "PutBudget"),
    "somebody edited it": (
        stable(rest={"budget": Budget(uid="b", drifted=True)}), "Completed", "PutBudget"),
    "one pod needs none": (
        stable(spec=ONE, arms=(arm(V1, 1),), rest={"budget": None}), "Completed", ""),
    "it goes with the second pod": (
        stable(spec=ONE, arms=(arm(V1, 1),), rest={"budget": Budget(uid="b")}),
        "Completed", "RemoveBudget"),
    "nothing is there to guard yet": (
        world(stable=None, arms=(), routing=None, stored=(), rest={"budget": None},
              answers=replace(World().answers, dry_run=None)), "Checking", ""),
    "the name is somebody else's: nothing stops for that": (
        stable(rest={"budget": None, "foreign": (TAKEN,)}), "Completed", ""),
    "the name is somebody else's during a trial": (
        trial(spec=SOAK, rest={"budget": None, "foreign": (TAKEN,)}), "Measuring", ""),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "why", "done"), BUDGETS.values(), ids=BUDGETS)
def test_the_budget(seen: World, why: str, done: str) -> None:
    decided = plan(seen.observed(), NOW)
    assert (reason(decided), did(decided)) == (why, done)


def test_a_taken_budget_is_told_and_looked_at_again() -> None:
    decided = plan(stable(rest={"budget": None, "foreign": (TAKEN,)}).observed(), NOW)
    said = condition(decided, "Conflict")
    assert said is not None
    assert (said.reason, decided.status.phase) == ("NameTaken", Phase.HEALTHY)
    assert "PodDisruptionBudget fraud" in said.message
    assert decided.look_again == timedelta(seconds=15)


def test_a_budget_that_was_put_back_is_told_and_one_that_was_made_is_not() -> None:
    edited = plan(stable(rest={"budget": Budget(uid="b", drifted=True)}).observed(), NOW)
    assert [it.reason for it in edited.events] == ["ChildRestored"]
    assert not plan(stable(rest={"budget": None}).observed(), NOW).events


# Restart


def aged(it: Arm, created: datetime = LONG_AGO, **facts: Any) -> Arm:
    assert it.deployment is not None
    return replace(it, deployment=replace(it.deployment, created=created, **facts))


def restarts(decided: Plan) -> dict[str, datetime | None]:
    puts = (it for it in decided.actions if isinstance(it, PutDeployment))
    return {it.revision: it.restarted_at for it in puts}


def asked(at: datetime | None, **changes: Any) -> dict[str, Any]:
    return {"spec": {"restartAt": at, **changes}}


KEPT = Kept(revision=V2, version="2.0.0", until=SOON)
RESTARTS: dict[str, tuple[World, dict[str, datetime]]] = {
    "stable's pods are replaced": (stable(arms=(aged(arm(V1, 4)),), **asked(AGO)), {V1: AGO}),
    "nobody asks": (stable(arms=(aged(arm(V1, 4)),)), {}),
    "one that is younger stays": (stable(arms=(aged(arm(V1, 4), NOW),), **asked(AGO)), {}),
    "the same time twice is nothing": (
        stable(arms=(aged(arm(V1, 4), restarted_at=AGO),), **asked(AGO)), {}),
    "an earlier time is nothing": (
        stable(arms=(aged(arm(V1, 4), restarted_at=AGO),), **asked(AGO - timedelta(minutes=1))),
        {}),
    "a later time is another restart": (
        stable(arms=(aged(arm(V1, 4), restarted_at=LONG_AGO),), **asked(AGO)), {V1: AGO}),
    "a time that was taken away restarts nothing": (
        stable(arms=(aged(arm(V1, 4), restarted_at=AGO),)), {}),
    "what is scaled keeps its restart": (
        stable(arms=(aged(arm(V1, 4), restarted_at=AGO),), **asked(AGO, replicas=5)), {V1: AGO}),
    "a time to come is waited for": (stable(arms=(aged(arm(V1, 4)),), **asked(SOON)), {}),
    "both arms of a trial": (
        trial(arms=(aged(arm(V1, 2)), aged(arm(V2, 2))), **asked(AGO)), {V1: AGO, V2: AGO}),
    "a trial's younger arm stays": (
        trial(arms=(aged(arm(V1, 2)), aged(arm(V2, 2), NOW)), **asked(AGO, **SOAK)), {V1: AGO}),
    "what is kept for a return": (
        stable(status={"kept": KEPT}, arms=(aged(arm(V1, 4)), aged(arm(V2, 4))),
               **asked(AGO, strategy={"blueGreen": {}})),
        {V1: AGO, V2: AGO}),
    "what is kept of a failure stays as it failed": (
        world(rejected=rejection(V2, keep_until=SOON),
              arms=(aged(arm(V1, 4)), aged(arm(V2, 1))), **asked(AGO)), {V1: AGO}),
    "a first revision": (first(ready=2, arms=(aged(arm(V2, 2, 4)),), **asked(AGO)), {V2: AGO}),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "wanted"), RESTARTS.values(), ids=RESTARTS)
def test_restart(seen: World, wanted: dict[str, datetime]) -> None:
    assert restarts(plan(seen.observed(), NOW)) == wanted


def test_a_time_to_come_is_waited_for_as_long_as_it_takes() -> None:
    decided = plan(stable(arms=(aged(arm(V1, 4)),), **asked(SOON)).observed(), NOW)
    assert (decided.look_again, decided.actions) == (HOUR, ())


def test_a_restart_is_told_once() -> None:
    decided = plan(stable(arms=(aged(arm(V1, 4)),), **asked(AGO)).observed(), NOW)
    assert [it.reason for it in decided.events] == ["Restarting"]
    again = stable(arms=(aged(arm(V1, 3, 4), restarted_at=AGO, drifted=True),), **asked(AGO))
    decided = plan(again.observed(), NOW)
    assert restarts(decided) == {V1: AGO}
    assert "Restarting" not in [it.reason for it in decided.events]


def more(it: Arm, pods: int, **facts: Any) -> Arm:
    """Pods that a restart made beside those that were asked for; they are not ready yet."""
    fresh = (Pod(name=f"new-{n}", uid=f"n-{n}", revision=it.revision, **facts) for n in range(pods))
    return replace(it, pods=(*it.pods, *fresh))


def restarting(it: Arm, pods: int = 1, **facts: Any) -> Arm:
    return more(aged(it, restarted_at=AGO, outdated=it.wanted), pods, **facts)


HOMELESS: dict[str, Any] = {"unschedulable": "0/3 nodes", "unschedulable_since": LONG_AGO}
CRASH = Trouble("CrashLoop", "exit code 1")
DURING: dict[str, tuple[World, str, str]] = {
    "stable is not called healthy": (
        stable(arms=(restarting(arm(V1, 4)),), **asked(AGO)), "Restarting", ""),
    "a restart that is stuck says so": (
        stable(arms=(restarting(arm(V1, 4), trouble=CRASH),), **asked(AGO)), "CrashLoop", ""),
    "the last pods have come": (
        stable(arms=(aged(arm(V1, 4), restarted_at=AGO),), **asked(AGO)), "Completed", ""),
    "a stage is not reached before the extra pods are gone": (
        trial(arms=(restarting(arm(V1, 2)), aged(arm(V2, 2), NOW)), **asked(AGO)), "Moving", ""),
    "a candidate does not take the places of a restart": (
        trial(ready=1, wanted=1, arms=(restarting(arm(V1, 4)), aged(arm(V2, 1), NOW)),
              **asked(AGO)), "Moving", "v1=3"),
    "stable shrinks no further than the candidate's ready pods allow": (
        trial(arms=(aged(arm(V1, 4), NOW), restarting(arm(V2, 1, 1))), **asked(AGO)),
        "Moving", "v1=3"),
    "no node for the extra pod of a restart is not the candidate's fault": (
        trial(arms=(aged(arm(V1, 2), NOW), restarting(arm(V2, 2), **HOMELESS)), **asked(AGO)),
        "Moving", ""),
    "a candidate's new pods are not callers' yet": (
        trial(arms=(aged(arm(V1, 2), NOW), restarting(arm(V2, 2), 2)), **asked(AGO)),
        "Moving", ""),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "why", "done"), DURING.values(), ids=DURING)
def test_during_a_restart(seen: World, why: str, done: str) -> None:
    decided = plan(seen.observed(), NOW)
    assert (reason(decided), did(decided)) == (why, done)


# Ownership

LEFT = (ChildRef("Deployment", f"fraud-{V1}"), ChildRef("Service", "fraud"))
ORPHAN = {"deletionPolicy": "Orphan"}


def test_children_change_their_owner_as_the_policy_says() -> None:
    for spec, orphan in ((ORPHAN, True), ({}, False)):
        decided = plan(stable(spec=spec, rest={"misowned": LEFT}).observed(), NOW)
        assert decided.actions == tuple(SetOwnership(it, orphan=orphan) for it in LEFT)


OWNED: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[str, str] | None]] = {
    "they go with it: nothing is said": ({}, {}, None),
    "they stay": (ORPHAN, {}, ("True", "ChildrenStay")),
    "a deletion would still take them": (ORPHAN, {"misowned": LEFT}, ("False", "StillOwned")),
    "a deletion would still leave them": ({}, {"misowned": LEFT}, ("False", "BeingOwned")),
}


@pytest.mark.parametrize(("spec", "rest", "said"), OWNED.values(), ids=OWNED)
def test_whether_a_deletion_leaves_the_children(
    spec: dict[str, Any], rest: dict[str, Any], said: tuple[str, str] | None
) -> None:
    told = condition(plan(stable(spec=spec, rest=rest).observed(), NOW), "Orphaned")
    assert (told and (told.status.value, told.reason)) == said


# Autoscalers

ON_CHILD = {"autoscalers": (Autoscaler("fraud-cpu", f"fraud-{V1}"),)}
SCALED: dict[str, tuple[World, str]] = {
    "while stable serves": (stable(rest=ON_CHILD), "Completed"),
    "during a trial": (trial(spec=SOAK, rest=ON_CHILD), "Measuring"),
}


@pytest.mark.parametrize(("seen", "why"), SCALED.values(), ids=SCALED)
def test_an_autoscaler_on_a_child_is_told_and_stops_nothing(seen: World, why: str) -> None:
    quiet, decided = (plan(it.observed(), NOW) for it in (replace(seen, rest={}), seen))
    said = condition(decided, "Conflict")
    assert said is not None
    assert (said.status.value, said.reason) == ("True", "AutoscalerOnChild")
    for word in ("fraud-cpu", f"fraud-{V1}", "scaleTargetRef", "ModelDeployment fraud"):
        assert word in said.message
    assert (reason(decided), decided.actions) == (why, quiet.actions)
    assert condition(quiet, "Conflict") is None


def test_two_things_in_the_way_are_both_named() -> None:
    both = {"foreign": (TAKEN,), "budget": None, **ON_CHILD}
    said = condition(plan(stable(rest=both).observed(), NOW), "Conflict")
    assert said is not None
    assert "fraud-cpu" in said.message
    assert "PodDisruptionBudget" in said.message
