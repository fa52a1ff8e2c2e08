"""Budget, ownership and conflicts: what is planned and said, and what is left alone."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockstep.api.condition import Condition
from lockstep.api.model_deployment_status import Phase
from lockstep.core.facts import ChildRef, Foreign, Hand
from lockstep.core.rollout.actions import SetOwnership
from lockstep.core.rollout.observed import Autoscaler, Budget
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.planner import plan
from tests.unit.rollout.conftest import Says
from tests.unit.rollout.test_planner import SOAK, did, reason
from tests.unit.rollout.worlds import NOW, V1, World, arm, trial, world


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
def test_the_budget(seen: World, why: str, done: str, says: Says) -> None:
    decided = plan(seen.observed(), NOW)
    assert (reason(decided), did(decided)) == (why, done)
    says(decided)


def test_a_taken_budget_is_told_and_looked_at_again() -> None:
    decided = plan(stable(rest={"budget": None, "foreign": (TAKEN,)}).observed(), NOW)
    said = condition(decided, "Conflict")
    assert said is not None
    assert (said.reason, decided.status.phase) == ("NameTaken", Phase.HEALTHY)
    assert "PodDisruptionBudget fraud" in said.message
    assert decided.look_again == timedelta(seconds=15)


def test_a_budget_that_was_put_back_is_told_and_one_that_was_made_is_not() -> None:
    budget = Budget(uid="b", drifted=True, hand=Hand("spec.maxUnavailable", "kubectl-edit"))
    [told] = plan(stable(rest={"budget": budget}).observed(), NOW).events
    assert told.reason == "ChildRestored"
    assert told.message == (
        "PodDisruptionBudget fraud was edited manually (spec.maxUnavailable, by kubectl-edit) "
        "and is restored; change the ModelDeployment instead"
    )
    assert not plan(stable(rest={"budget": None}).observed(), NOW).events


# Ownership

LEFT = (ChildRef("ReplicaSet", f"fraud-{V1}"), ChildRef("Service", "fraud"))
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

ON_CHILD = {"autoscalers": (Autoscaler("fraud-cpu", LEFT[0]),)}
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
    for word in ("fraud-cpu", f"ReplicaSet fraud-{V1}", "scaleTargetRef", "ModelDeployment fraud"):
        assert word in said.message
    assert (reason(decided), decided.actions) == (why, quiet.actions)
    assert condition(quiet, "Conflict") is None


def test_two_things_in_the_way_are_both_named() -> None:
    both = {"foreign": (TAKEN,), "budget": None, **ON_CHILD}
    said = condition(plan(stable(rest=both).observed(), NOW), "Conflict")
    assert said is not None
    assert "fraud-cpu" in said.message
    assert "PodDisruptionBudget" in said.message
