"""A cluster that refuses: whose fault it is, and what goes on meanwhile."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockstep.api.condition import Condition
from lockstep.api.failures import FailureReason
from lockstep.api.model_deployment_status import Phase, StageStatus
from lockstep.core.facts import ChildRef, Refused, Trouble, Verb, Write
from lockstep.core.refusals import Cause
from lockstep.core.rollout.observed import Answers, Arm, Budget, DryRunResult
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.planner import plan
from lockstep.core.rollout.routing import Everyone, Only
from tests.unit.rollout.conftest import Says
from tests.unit.rollout.test_planner import NO_SURGE, did, reason
from tests.unit.rollout.worlds import NOW, V1, V2, World, arm, but, first, trial, world

MINUTES = timedelta(minutes=1)
WEBHOOK = 'Internal error occurred: failed calling webhook "inject"'
FULL = "Pod: exceeded quota: two, requested: pods=1, used: pods=4, limited: pods=4"


def away(whole: Arm, wanted: int) -> Arm:
    """The cluster makes no more pods of it."""
    assert whole.replica_set is not None
    trouble = Trouble(FailureReason.CLUSTER_UNAVAILABLE, WEBHOOK)
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
def test_plan(seen: World, why: str, actions: str, says: Says) -> None:
    decided = plan(seen.observed(), NOW)
    said = decided.status.rejected.reason if decided.status.rejected else reason(decided)
    assert (said, did(decided)) == (why, actions), decided.status.message
    says(decided)


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
    assert "the cluster cannot create pods now" in later.message


def test_callers_of_stable_stay_while_the_cluster_is_unwell() -> None:
    seen = world(answers=tried(WEBHOOK, Cause.PLATFORM), routing=Only(V1)).observed()
    assert plan(seen, NOW).actions == ()


# Writes of ours that are refused.

POLICY = "services is forbidden: denied request: every Service needs a label team"
SERVICE = Write(Verb.CREATED, "Service", "fraud")
CALLERS = Write(Verb.CHANGED, "Service", "fraud")
PREVIEW = Write(Verb.CREATED, "Service", "fraud-candidate")
BUDGET = Write(Verb.CREATED, "PodDisruptionBudget", "fraud")
CHILD = Write(Verb.CREATED, "ReplicaSet", f"fraud-{V2}")
SIZE = Write(Verb.CHANGED, "ReplicaSet", f"fraud-{V2}")
STORED = Write(Verb.CREATED, "ControllerRevision", f"fraud-{V2}")
COPY = Write(Verb.CREATED, "ConfigMap", f"fraud-{V2}-settings")


def no(write: Write, cause: Cause = Cause.SPEC, said: str = POLICY) -> dict[str, Any]:
    return {"refused": (Refused(write, cause, said),)}


def unmade(since: timedelta = timedelta(0), **changes: Any) -> World:
    """A trial whose ReplicaSet nobody could make so far."""
    clock = StageStatus(name="half", index=0, progress_at=NOW - since)
    facts: dict[str, Any] = {"stage": clock, "arms": (arm(V1, 4),), "routing": Only(V1)}
    return trial(**(facts | changes))


def unmade_first(since: timedelta = timedelta(0), **changes: Any) -> World:
    clock = StageStatus(name="first", index=0, progress_at=NOW - since)
    facts: dict[str, Any] = {"stage": clock, "arms": (), "stored": ()}
    return first(**(facts | changes))


WRITES: dict[str, tuple[World, str, str]] = {
    "a refused Service on a first rollout is said at once, and the pods come up": (
        first(0, routing=None, rest=no(SERVICE)),
        "WriteRefused",
        "callers nowhere",
    ),
    "a cluster that is unwell keeps a first rollout moving": (
        first(0, routing=None, rest=no(SERVICE, Cause.PLATFORM, WEBHOOK)),
        "ClusterUnavailable",
        "callers nowhere",
    ),
    "a first revision that cannot be stored is said at once": (
        unmade_first(rest=no(STORED)),
        "WriteRefused",
        "store 2, v2=4",
    ),
    "a first revision without a ReplicaSet waits for the cluster": (
        unmade_first(9 * MINUTES, rest=no(CHILD, Cause.PLATFORM, WEBHOOK)),
        "ClusterUnavailable",
        "store 2, v2=4",
    ),
    "a Service that may not be changed leaves callers where they are, and says so": (
        trial(4, stable=1, stage=StageStatus(name="full", index=1), rest=no(CALLERS)),
        "WriteRefused",
        "callers 2",
    ),
    "a Service that is deleted and may not come back is not Healthy": (
        world(version="1.0.0", routing=None, rest=no(SERVICE)),
        "WriteRefused",
        "callers 1",
    ),
    "a refused budget stops nothing": (
        world(version="1.0.0", rest={"budget": None, **no(BUDGET)}),
        "Completed",
        "PutBudget",
    ),
    "a candidate whose ReplicaSet nobody may make is taken back": (
        unmade(rest=no(CHILD)),
        "rejected WriteRefused",
        "",
    ),
    "so is one whose ConfigMap nobody may copy": (
        unmade(rest=no(COPY)),
        "rejected WriteRefused",
        "",
    ),
    "a cluster that is unwell makes no ReplicaSet for a while": (
        unmade(9 * MINUTES, rest=no(CHILD, Cause.PLATFORM, WEBHOOK)),
        "ClusterUnavailable",
        "v2=1",
    ),
    "and for too long": (
        unmade(10 * MINUTES, rest=no(CHILD, Cause.PLATFORM, WEBHOOK)),
        "rejected ClusterUnavailable",
        "",
    ),
    "a quota of ReplicaSets is waited for like one of pods": (
        unmade(MINUTES, rest=no(CHILD, Cause.ROOM, FULL)),
        "QuotaExceeded",
        "v2=1",
    ),
    "a size that may not be changed is the rule's fault first": (
        trial(1, stable=3, rest=no(SIZE)),
        "WriteRefused",
        "v2=2",
    ),
    "what was refused and is not wanted any more is forgotten": (
        world(version="1.0.0", rest=no(SERVICE)),
        "Completed",
        "",
    ),
    "a pod that may not go disturbs nobody": (
        world(version="1.0.0", rest=no(Write(Verb.DELETED, "Pod", "x"))),
        "Completed",
        "",
    ),
}


@pytest.mark.parametrize(("seen", "why", "actions"), WRITES.values(), ids=WRITES)
def test_refused_writes(seen: World, why: str, actions: str, says: Says) -> None:
    decided = plan(seen.observed(), NOW)
    rejected = decided.status.rejected
    said = f"rejected {rejected.reason}" if rejected else reason(decided)
    assert (said, did(decided)) == (why, actions), decided.status.message
    says(decided)


def test_the_sentence_names_the_object_the_server_and_what_to_do() -> None:
    status = plan(first(0, routing=None, rest=no(SERVICE)).observed(), NOW).status
    assert status.phase is Phase.DEGRADED
    assert status.message.startswith(f"Service fraud could not be created: {POLICY}; change the")
    assert "version 2.0.0 has 0 of 4 pods ready" in status.message


def refusal(decided: Plan) -> Condition | None:
    return next((it for it in decided.status.conditions if it.type == "Refused"), None)


def test_what_stops_nothing_is_a_condition_and_one_event() -> None:
    seen = world(version="1.0.0", rest={"budget": None, **no(BUDGET)}).observed()
    once = plan(seen, NOW)
    condition = refusal(once)
    assert condition is not None
    assert condition.message.startswith("PodDisruptionBudget fraud could not be created: ")
    assert [it.reason for it in once.events if it.reason == "WriteRefused"] == ["WriteRefused"]
    again = plan(replace(seen, status=once.status), NOW)
    assert again.events == ()
    healed = plan(replace(seen, status=once.status, refused=(), budget=Budget(uid="b")), NOW)
    assert refusal(healed) is None


def test_what_the_phase_tells_is_not_told_twice() -> None:
    decided = plan(first(0, routing=None, rest=no(SERVICE)).observed(), NOW)
    assert [str(it.reason) for it in decided.events].count("WriteRefused") == 1


def test_who_is_answered_is_counted_by_where_callers_are() -> None:
    deleted = world(version="1.0.0", routing=None, rest=no(SERVICE)).observed()
    assert plan(deleted, NOW).status.ready_replicas == 0


def test_a_service_without_its_owner_still_moves_callers() -> None:
    owned = no(Write(Verb.OWNED, "Service", "fraud"))
    seen = trial(4, stable=1, stage=StageStatus(name="full", index=1), rest=owned).observed()
    assert plan(seen, NOW).status.ready_replicas == 4


def test_many_refusals_fit_into_one_condition() -> None:
    many = tuple(
        Refused(Write(Verb.OWNED, "Service", f"s{n}"), Cause.SPEC, "x" * 5000) for n in range(20)
    )
    owned = tuple(ChildRef("Service", f"s{n}") for n in range(20))
    seen = world(version="1.0.0", rest={"refused": many, "misowned": owned}).observed()
    condition = refusal(plan(seen, NOW))
    assert condition is not None
    assert len(condition.message) <= 1024


def test_a_cluster_that_is_unwell_for_long_asks_for_somebody() -> None:
    away = no(SERVICE, Cause.PLATFORM, WEBHOOK)
    seen = world(version="1.0.0", routing=None, rest=away).observed()
    begun = plan(seen, NOW).status
    later = plan(replace(seen, status=begun), NOW + 10 * MINUTES).status
    assert (begun.phase, later.phase) == (Phase.PROGRESSING, Phase.DEGRADED)
