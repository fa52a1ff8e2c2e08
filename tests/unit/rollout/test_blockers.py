"""Who holds a step up is named: the revision, the pod, since when, and what to do about it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockstep.api.model_deployment_status import StageStatus
from lockstep.core.pods import Going
from lockstep.core.rollout.observed import Arm
from lockstep.core.rollout.planner import plan
from lockstep.core.rollout.routing import Everyone, Only
from tests.unit.rollout.conftest import Says
from tests.unit.rollout.test_planner import NO_SURGE, SOAK, did
from tests.unit.rollout.worlds import NOW, V1, V2, V3, World, arm, trial

SECONDS = timedelta(seconds=1)
HOMELESS: dict[str, Any] = {
    "unschedulable": "Insufficient gpu", "unschedulable_since": NOW - 20 * SECONDS,
}  # fmt: skip


def going(of: Arm, seconds: float, grace: int = 150, **rest: Any) -> Arm:
    """Its pods were told to go; ``seconds`` of their time are left."""
    told = Going(NOW + seconds * SECONDS, grace * SECONDS, **rest)
    pods = (replace(pod, terminating=True, going=told) for pod in of.pods)
    return replace(of, replica_set=None, pods=tuple(pods))


def late(*arms: Arm, **rest: Any) -> World:
    """Everything but pods has been waited for, for longer than the deadline."""
    stage = StageStatus(name="half", index=0, progress_at=NOW - 700 * SECONDS)
    return trial(arms=arms, **{"stage": stage, "stored": (V1, V2, V3), **rest})


LEAVING = going(arm(V3, 1), 90)
STUCK = going(arm(V3, 1), -60, node="gpu-7")
HELD = going(arm(V3, 1), -60, finalizers=("a.example.com/x", "b.example.com/y"))


@pytest.mark.parametrize(
    ("third", "routing", "done"),
    [
        (LEAVING, Only(V1), "callers both"),
        (LEAVING, Everyone(), ""),
        (arm(V3, 1), Only(V1), "remove 3"),
    ],
    ids=[
        "pods on their way out keep nobody from the stage",
        "nor from staying in it",
        "those that stand do",
    ],
)
def test_whom_a_third_revision_keeps(third: Arm, routing: Any, done: str) -> None:
    arms = arm(V1, 2), arm(V2, 2), third
    seen = trial(arms=arms, routing=routing, stored=(V1, V2, V3), spec=SOAK)
    assert did(plan(seen.observed(), NOW)) == done


def test_pods_on_their_way_out_are_in_the_way_where_nobody_else_is_ready() -> None:
    """With nobody ready a Service sends callers to whoever still answers."""
    arms = arm(V1, 0, 2), arm(V2, 0, 2), LEAVING
    seen = trial(arms=arms, routing=Everyone(), stored=(V1, V2, V3))
    assert "callers 1" in did(plan(seen.observed(), NOW))


CASES: dict[str, tuple[World, str, str]] = {
    "stable has not its pods": (
        late(arm(V1, 1, 3), arm(V2, 2)), "WeightNotReached", "stable has 1 of 2 pods ready"),
    "a third revision stands": (
        late(arm(V1, 2), arm(V2, 2), arm(V3, 1), routing=Only(V1)), "WeightNotReached",
        f"1 pods of version 3.0.0 (revision {V3}) must be removed first"),
    "a pod takes the only place": (
        trial(0, 1, stable=3, spec=NO_SURGE, arms=(arm(V1, 3), arm(V2, 0, 0), LEAVING),
              stored=(V1, V2, V3), routing=Only(V1)), "Moving",
        (f"pod fraud-{V3}-0 of version 3.0.0 (revision {V3}) is still terminating: deleted at "
         "11:59:00Z, grace period 2m30s until 12:01:30Z")),
    "a place that a pod without a node may wait for": (
        trial(arms=(arm(V1, 3), arm(V2, 1, 2, **HOMELESS), LEAVING), stored=(V1, V2, V3)),
        "Moving", "the scheduler says: Insufficient gpu; pod fraud-"),
    "a node that does not say that a pod has ended": (
        trial(arms=(arm(V1, 3), arm(V2, 1, 2, **HOMELESS), STUCK), stored=(V1, V2, V3)),
        "Moving",
        ("is still there after its grace period (11:59:00Z): node gpu-7 has not confirmed that it "
         f"stopped; if the node is certainly down, run kubectl delete pod fraud-{V3}-0 --force")),
    "a pod that finalizers keep": (
        trial(arms=(arm(V1, 3), arm(V2, 1, 2, **HOMELESS), HELD), stored=(V1, V2, V3)),
        "Moving",
        ("finalizers block its deletion (a.example.com/x, b.example.com/y); their owner must "
         "remove them")),
}  # fmt: skip


@pytest.mark.parametrize(("case", "reason", "said"), CASES.values(), ids=CASES)
def test_the_sentence_names_who_holds_it_up(
    case: World, reason: str, said: str, says: Says
) -> None:
    decided = plan(case.observed(), NOW)
    ready = next(it for it in decided.status.conditions if it.type == "Ready")
    assert ready.reason == reason
    assert said in decided.status.message
    says(decided)


def test_whoever_only_goes_is_not_talked_about() -> None:
    seen = trial(arms=(arm(V1, 3), arm(V2, 1, 2), LEAVING), stored=(V1, V2, V3))
    assert "still terminating" not in plan(seen.observed(), NOW).status.message


def test_a_pass_comes_when_a_pod_should_have_been_gone() -> None:
    seen = trial(arms=(arm(V1, 3), arm(V2, 1, 2, **HOMELESS), LEAVING), stored=(V1, V2, V3))
    wait = plan(seen.observed(), NOW).look_again
    assert wait == timedelta(seconds=90 + 30 + 1)
    assert "after its grace period" in plan(seen.observed(), NOW + wait).status.message
