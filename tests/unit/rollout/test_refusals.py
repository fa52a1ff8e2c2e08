"""A cluster that refuses: whose fault it is, and what goes on meanwhile."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockstep.api.status import Phase, StageStatus
from lockstep.core.observed import Answers, Arm, DryRunResult, Everyone, Only, Trouble
from lockstep.core.refusals import Cause
from lockstep.core.rollout.planner import plan
from tests.unit.rollout.test_planner import NO_SURGE, did, reason
from tests.unit.rollout.worlds import NOW, V1, V2, World, arm, but, first, trial, world

MINUTES = timedelta(minutes=1)
WEBHOOK = 'Internal error occurred: failed calling webhook "inject"'
FULL = "Pod: exceeded quota: two, requested: pods=1, used: pods=4, limited: pods=4"


def away(whole: Arm, wanted: int) -> Arm:
    """The cluster makes no more pods of it."""
    assert whole.replica_set is not None
    trouble = Trouble("ClusterUnavailable", WEBHOOK)
    child = replace(whole.replica_set, replicas=wanted, create_failure=trouble)
    return replace(whole, replica_set=child)


def at_last_stage(since: timedelta = timedelta(0), **changes: Any) -> World:
    """Half of the callers are on the candidate, and its third pod cannot be made."""
    clock = StageStatus(name="full", index=1, progress_at=NOW - since, progress_ready=2)
    facts: dict[str, Any] = {"stage": clock, "arms": (arm(V1, 2), away(arm(V2, 2), 3))}
    return trial(**(facts | changes))


def tried(problem: str, cause: Cause, kind: str = "Pod") -> Answers:
    return Answers(dry_run=DryRunResult(V2, problem, cause, kind))


GAP = NO_SURGE
KEPT = {"strategy": {"canary": {**NO_SURGE["strategy"]["canary"], "stableScale": "Keep"}}}

CASES: dict[str, tuple[World, str, str]] = {
    # A cluster that is unwell.
    "a webhook that is away for a moment is not the candidate's fault": (
        at_last_stage(9 * MINUTES),
        "Moving",
        "",
    ),
    "a cluster that makes no pods for longer than progressDeadline ends the trial": (
        at_last_stage(10 * MINUTES),
        "ClusterUnavailable",
        "callers 1, v2=1, v1=4",
    ),
    "unschedulableGrace is for nodes and quota": (
        at_last_stage(9 * MINUTES, spec={"unschedulableGrace": "0s"}),
        "Moving",
        "",
    ),
    "a first revision waits for the cluster too": (
        first(0, arms=(away(arm(V2, 0), 4),)),
        "Moving",
        "",
    ),
    "a cluster that cannot answer the dry run is waited for": (
        world(answers=tried(WEBHOOK, Cause.PLATFORM)),
        "ClusterUnavailable",
        "",
    ),
    # Room that a rollout makes itself.
    "without a surge a full quota is no reason to wait: stable frees a place": (
        world(spec=GAP, answers=tried(FULL, Cause.ROOM)),
        "Moving",
        "v1=3",
    ),
    "with a surge a full quota is waited for": (
        world(answers=tried(FULL, Cause.ROOM)),
        "QuotaExceeded",
        "",
    ),
    "stable that keeps its size frees no place": (
        world(spec=KEPT, answers=tried(FULL, Cause.ROOM)),
        "QuotaExceeded",
        "",
    ),
    "no pod of stable makes place for a ReplicaSet": (
        world(spec=GAP, answers=tried(FULL, Cause.ROOM, "ReplicaSet")),
        "QuotaExceeded",
        "",
    ),
    "a pod of stable that is ill makes the place, the last one that answers stays": (
        world(
            spec={**GAP, "replicas": 2},
            arms=(arm(V1, 1, 2),),
            answers=tried(FULL, Cause.ROOM),
        ),
        "Moving",
        "v1=1",
    ),
    "a stable without a pod to spare waits": (
        world(
            spec={**GAP, "replicas": 2},
            arms=(arm(V1, 1),),
            answers=tried(FULL, Cause.ROOM),
        ),
        "QuotaExceeded",
        "v1=2",
    ),
}


@pytest.mark.parametrize(("seen", "why", "actions"), CASES.values(), ids=CASES)
def test_plan(seen: World, why: str, actions: str) -> None:
    decided = plan(seen.observed(), NOW)
    said = decided.status.rejected.reason if decided.status.rejected else reason(decided)
    assert (said, did(decided)) == (why, actions), decided.status.message


def test_who_waits_for_the_cluster_says_so_and_looks_again_in_time() -> None:
    decided = plan(at_last_stage(9 * MINUTES).observed(), NOW)
    assert decided.status.phase is Phase.PROGRESSING
    assert WEBHOOK in decided.status.message
    assert decided.look_again == MINUTES


def test_the_rollout_goes_on_when_the_cluster_is_well_again() -> None:
    waiting = at_last_stage(9 * MINUTES, routing=Everyone())
    well = but(waiting, arms=(arm(V1, 2), arm(V2, 3)))
    assert did(plan(well.observed(), NOW)) == "v1=1"


def test_a_wait_for_the_cluster_that_lasts_asks_for_a_person() -> None:
    seen = world(answers=tried(WEBHOOK, Cause.PLATFORM)).observed()
    begun = plan(seen, NOW).status
    later = plan(replace(seen, status=begun), NOW + 10 * MINUTES).status
    assert (begun.phase, later.phase) == (Phase.PROGRESSING, Phase.PAUSED)
    assert "waits for the cluster" in later.message


def test_callers_of_stable_stay_while_the_cluster_is_unwell() -> None:
    seen = world(answers=tried(WEBHOOK, Cause.PLATFORM), routing=Only(V1)).observed()
    assert plan(seen, NOW).actions == ()
