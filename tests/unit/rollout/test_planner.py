"""The planner as a table: each key is the sentence, each row is the difference."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockstep.adapters.kubernetes.model_deployments import read_status, write_status
from lockstep.api.failures import FailureReason
from lockstep.api.model_deployment_status import Phase, StageStatus
from lockstep.api.service import Service
from lockstep.api.strategy import CriteriaRef
from lockstep.core.facts import Foreign, Trouble, Unreadable
from lockstep.core.refusals import Cause
from lockstep.core.rollout.actions import (
    Action,
    AnswerDecision,
    NotePorts,
    PruneConfig,
    PruneRevision,
    PutArmService,
    PutBudget,
    PutReplicaSet,
    RemoveArmService,
    RemoveBudget,
    RemovePod,
    RemovePreview,
    RemoveReplicaSet,
    SetOwnership,
    SetPreview,
    SetTraffic,
    StoreConfig,
    StoreRevision,
)
from lockstep.core.rollout.observed import Answers, Arm, ChildReplicaSet, DryRunResult, SmokeResult
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.planner import needs, plan
from lockstep.core.rollout.proving import judged_by
from lockstep.core.rollout.routing import Everyone, Nobody, Only, Routing, Shares
from tests.unit.rollout.conftest import Says
from tests.unit.rollout.worlds import (
    NOW,
    V1,
    V2,
    V3,
    VERSIONS,
    World,
    arm,
    first,
    named,
    rejection,
    spec_of,
    trial,
    world,
)

SMOKE = {"smokeTest": {"path": "/infer"}}
CANARY = {"stages": [{"name": "half", "weight": 50}, {"name": "full", "weight": 100}]}
NO_SURGE = {"strategy": {"canary": {**CANARY, "maxSurge": 0}}}
KEEP = {"strategy": {"canary": {**CANARY, "stableScale": "Keep"}}}
SOAK = {"strategy": {"canary": {"stages": [{"name": "half", "weight": 50, "soak": "10m"}]}}}
PACED = {"rollback": {"speed": "Paced"}}
GATED = {
    "strategy": {
        "canary": {
            "stages": [
                {"name": "half", "weight": 50, "soak": "1m", "exitCriteria": [{"name": "serving"}]}
            ]
        }
    }
}
BY_SMOKE = {"reason": "SmokeTestFailed", "judgedBy": judged_by(spec_of("2.0.0", **SMOKE))}
UNPROVEN = named(V2, smoke_tested=False)
MINUTES = timedelta(minutes=1)


_VERBS: dict[type[Action], str] = {
    AnswerDecision: "answer",
    PruneRevision: "forget",
    NotePorts: "note ports of",
    PutArmService: "Service",
    RemoveArmService: "no Service",
}


def say(action: Action) -> str:
    match action:
        case StoreRevision(revision=name):
            return f"store {VERSIONS[name][0]}"
        case PutReplicaSet(revision=name, replicas=count):
            return f"v{VERSIONS[name][0]}={count}"
        case RemoveReplicaSet(name) | RemovePod(revision=name):
            what = "a pod of " if isinstance(action, RemovePod) else ""
            return f"remove {what}{VERSIONS[name][0]}"
        case SetTraffic(routing=routing):
            return f"callers {_callers(routing)}"
        case SetPreview(revision=name):
            return f"preview {VERSIONS[name][0]}"
        case RemovePreview():
            return "no preview"
        case PutArmService(revision=name) | RemoveArmService(name):
            return f"{_VERBS[type(action)]} {VERSIONS[name][0]}"
        case PutBudget() | RemoveBudget() | SetOwnership() | StoreConfig() | PruneConfig():
            return type(action).__name__
        case AnswerDecision(name=name) | PruneRevision(name) | NotePorts(name):
            return f"{_VERBS[type(action)]} {name}"


def _callers(routing: Routing) -> str:
    match routing:
        case Nobody():
            return "nowhere"
        case Everyone():
            return "both"
        case Only(name):
            return VERSIONS[name][0]
        case Shares(percent):
            return " ".join(f"{VERSIONS[name][0]}:{share}%" for name, share in percent)


def did(decided: Plan) -> str:
    return ", ".join(map(say, decided.actions))


def reason(decided: Plan) -> str:
    return next(it.reason for it in decided.status.conditions if it.type == "Ready")


CRASHES = FailureReason.CRASH_LOOP


def trouble(
    name: str, ready: int, wanted: int, why: FailureReason = FailureReason.CRASH_LOOP
) -> Arm:
    return arm(name, ready, wanted, trouble=Trouble(why, "exit code 1"))


def refused(name: str, why: FailureReason) -> Arm:
    child = ChildReplicaSet(
        name=f"fraud-{name}",
        uid="d",
        revision=name,
        replicas=1,
        create_failure=Trouble(why, "pods is forbidden"),
    )
    return Arm(revision=name, replica_set=child)


def drifted(whole: Arm) -> Arm:
    assert whole.replica_set is not None
    return replace(whole, replica_set=replace(whole.replica_set, drifted=True))


def smoke(problem: str | None) -> Answers:
    return Answers(smoke=SmokeResult(V2, problem))


CASES: dict[str, tuple[World, str, str]] = {
    # The first revision.
    "a first revision starts with every pod and no caller": (
        world(stable=None, arms=(), routing=None, stored=()),
        "Moving",
        "store 2, callers nowhere, v2=4",
    ),
    "a first revision without a smoke test gets callers with its first ready pod": (
        first(1),
        "Moving",
        "callers 2",
    ),
    "a first revision is not called before its smoke test": (first(4, spec=SMOKE), "Moving", ""),
    "a first revision that answered rightly gets its callers": (
        first(4, spec=SMOKE, answers=smoke(None)),
        "Moving",
        "callers 2",
    ),
    "a first revision that answered wrongly never gets a caller": (
        first(4, spec=SMOKE, answers=smoke("status 500, expected 200")),
        "RolledBack",
        "",
    ),
    "a first revision is complete when all its pods serve": (
        first(4, candidate=named(V2), routing=Only(V2)),
        "Completed",
        "",
    ),
    "a first revision in trouble stays to get well, there is nothing to return to": (
        first(arms=(trouble(V2, 0, 4),)),
        "CrashLoop",
        "",
    ),
    "a superseded first revision that has callers becomes what the next one has to beat": (
        first(2, version="3.0.0", routing=Only(V2), candidate=named(V2)),
        "Checking",
        "",
    ),
    "a superseded first revision without callers goes": (
        first(2, version="3.0.0", spec=SMOKE),
        "Checking",
        "remove 2",
    ),
    # Nothing on trial.
    "a settled deployment is left alone": (world(version="1.0.0"), "Completed", ""),
    "a settled deployment follows replicas": (
        world(version="1.0.0", spec={"replicas": 6}),
        "Scaling",
        "v1=6",
    ),
    "a stable Deployment deleted by hand is made again": (
        world(version="1.0.0", arms=()),
        "Scaling",
        "v1=4",
    ),
    "a Service deleted by hand is made again": (
        world(version="1.0.0", routing=None),
        "Completed",
        "callers 1",
    ),
    "an old Deployment that nobody reaches goes": (
        world(version="1.0.0", arms=(arm(V1, 4), arm(V3, 1))),
        "Completed",
        "remove 3",
    ),
    "a stable pod that crashes is said and does not move anything": (
        world(version="1.0.0", arms=(trouble(V1, 3, 4),)),
        "CrashLoop",
        "",
    ),
    "a status of which there is no trace is rebuilt as a lost one": (
        world(status={"stable": named(V3), "phase": Phase.HEALTHY}),
        "Moving",
        "v2=1",
    ),
    "a lost status is rebuilt from whom all callers reach": (
        world(version="1.0.0", stable=None),
        "Completed",
        "",
    ),
    # Beginning.
    "a new revision begins beside stable": (world(), "Moving", "v2=1"),
    "a new revision is stored before its Deployment is made": (
        world(stored=(V1,)),
        "Moving",
        "store 2, v2=1",
    ),
    "without room above replicas a stable pod is freed first": (
        world(spec=NO_SURGE),
        "Moving",
        "v1=3",
    ),
    "a new revision that the API server would refuse is not started": (
        world(answers=Answers(dry_run=DryRunResult(V2, "unknown field spec.containers[0].imag"))),
        "SpecRefused",
        "",
    ),
    "quota is waited for": (
        world(answers=Answers(dry_run=DryRunResult(V2, "exceeded quota: pods", Cause.ROOM))),
        "QuotaExceeded",
        "",
    ),
    "a new revision waits while paused": (world(spec={"paused": True}), "Paused", ""),
    "a new revision waits for replicas": (
        world(spec={"replicas": 0}, arms=(arm(V1, 0),)),
        "NoReplicas",
        "",
    ),
    "a port that no container has is named before anything starts": (
        world(spec={"service": {"targetPort": "htpp"}}),
        "TargetPortMissing",
        "",
    ),
    "a port's name that goes in the middle of a trial moves no caller more": (
        trial(2, spec={"service": {"targetPort": "htpp"}}),
        "TargetPortMissing",
        "",
    ),
    "a proven candidate that a readiness gate holds is selected: the gate may wait for that": (
        trial(0, 2, stable=4, routing=Only(V1), arms=(arm(V1, 4), arm(V2, 0, 1, held=True))),
        "Moving",
        "callers both",
    ),
    "an unproven one is not": (
        trial(
            routing=Only(V1),
            spec=SMOKE,
            candidate=UNPROVEN,
            arms=(arm(V1, 4), arm(V2, 0, 1, held=True)),
        ),
        "Moving",
        "",
    ),
    "without a smoke test it is proven as it is": (
        trial(routing=Only(V1), candidate=UNPROVEN, arms=(arm(V1, 4), arm(V2, 0, 1, held=True))),
        "Moving",
        "callers both",
    ),
    "a first revision is selected once a gate is all that holds it": (
        first(arms=(arm(V2, 0, 4, held=True),)),
        "Moving",
        "callers 2",
    ),
    "missing criteria are named before anything starts": (world(spec=GATED), "CriteriaMissing", ""),
    "criteria that cannot be read are named": (
        world(
            spec=GATED,
            rest={"criteria": {CriteriaRef(name="serving"): Unreadable("metrics[0].interval")}},
        ),
        "CriteriaInvalid",
        "",
    ),
    "one replica without surge has no place for a candidate": (
        world(spec={"replicas": 1, **NO_SURGE}, arms=(arm(V1, 1),)),
        "NoRoomForCandidate",
        "",
    ),
    "a stage that could never pass is refused": (
        world(
            spec={
                "strategy": {
                    "canary": {
                        "stages": [{"name": "a", "weight": 50, "soak": "1h", "deadline": "5m"}]
                    }
                }
            }
        ),
        "DeadlineTooShort",
        "",
    ),
    "a name that is taken is left alone and said": (
        world(rest={"foreign": (Foreign("ReplicaSet", f"fraud-{V2}"),)}),
        "Conflict",
        "",
    ),
    "a foreign object of an unrelated name disturbs nobody": (
        world(version="1.0.0", rest={"foreign": (Foreign("Service", "other"),)}),
        "Completed",
        "",
    ),
    "a lost template of stable stops everything new": (
        world(stored=(V2,), arms=()),
        "RevisionLost",
        "",
    ),
    # Moving.
    "an unproven candidate gets no caller however ready it is": (
        trial(2, stable=4, spec=SMOKE, candidate=UNPROVEN, routing=Only(V1)),
        "Moving",
        "",
    ),
    "a right answer opens the Service": (
        trial(1, stable=4, spec=SMOKE, candidate=UNPROVEN, routing=Only(V1), answers=smoke(None)),
        "Moving",
        "callers both",
    ),
    "a wrong answer takes the candidate back before any caller": (
        trial(
            1,
            stable=4,
            spec=SMOKE,
            candidate=UNPROVEN,
            routing=Only(V1),
            answers=smoke("0.2, expected at least 0.8"),
        ),
        "RolledBack",
        "",
    ),
    "the Service stays closed while a third revision could still be reached": (
        trial(1, arms=(arm(V1, 4), arm(V2, 1), arm(V3, 1)), routing=Only(V1)),
        "Moving",
        "remove 3",
    ),
    "stable shrinks only as the candidate is called": (
        trial(1, stable=4, routing=Only(V1)),
        "Moving",
        "callers both",
    ),
    "stable shrinks by what the candidate carries": (trial(1, stable=4), "Moving", "v1=3"),
    "the candidate grows into the places that stable left": (
        trial(1, stable=3),
        "Moving",
        "v2=2",
    ),
    "stable keeps its size when asked to": (
        trial(1, stable=4, spec=KEEP),
        "Moving",
        "v2=4",
    ),
    "a candidate without a ready pod is not opened to": (
        trial(0, 1, stable=4, routing=Only(V1)),
        "Moving",
        "",
    ),
    "a dead stable does not keep a fix from its callers": (
        trial(1, arms=(arm(V1, 0, 4), arm(V2, 1)), routing=Only(V1)),
        "Moving",
        "callers both",
    ),
    "a dead stable and a third revision: callers go to the fix alone": (
        trial(1, arms=(arm(V1, 0, 4), arm(V2, 1), arm(V3, 1)), routing=Only(V1)),
        "Moving",
        "callers 2, remove 3",
    ),
    "scaling in during a stage takes from both": (
        trial(2, stable=2, spec={"replicas": 2}),
        "Moving",
        "v1=1, v2=1",
    ),
    "replicas 0 holds the trial": (
        trial(0, stable=0, spec={"replicas": 0}),
        "NoReplicas",
        "",
    ),
    # Holding and moving on.
    "a stage without soak is over once its weight is reached": (
        trial(2, stable=2),
        "Moving",
        "v2=3",
    ),
    "a soak is waited for": (trial(2, stable=2, spec=SOAK), "Measuring", ""),
    "a soak that is over lets the next stage begin": (
        trial(
            2,
            stable=2,
            spec=SOAK,
            stage=StageStatus(name="half", index=0, entered_at=NOW - 11 * MINUTES),
        ),
        "Moving",
        "v2=3",
    ),
    "the last stage needs every pod before callers leave stable": (
        trial(3, stable=2, stage=StageStatus(name="full", index=1)),
        "Moving",
        "v1=1",
    ),
    "at 100 percent callers leave stable": (
        trial(4, stable=1, stage=StageStatus(name="full", index=1)),
        "Moving",
        "callers 2",
    ),
    "the end: the candidate is stable, and the old Deployment goes": (
        trial(4, stable=1, stage=StageStatus(name="full", index=1), routing=Only(V2)),
        "Completed",
        "remove 1",
    ),
    "a passed stage is held while paused": (
        trial(2, stable=2, spec={"paused": True}),
        "Paused",
        "",
    ),
    "stages that changed under a trial begin anew": (
        trial(2, stable=2, spec=SOAK, stage=StageStatus(name="gone", index=5)),
        "Moving",
        "v2=3",
    ),
    # Going back.
    "a crash loop takes everybody back at once": (
        trial(arms=(arm(V1, 2), trouble(V2, 1, 2))),
        "RolledBack",
        "callers 1, v2=1, v1=4",
    ),
    "a failure pauses where the spec says so": (
        trial(arms=(arm(V1, 2), trouble(V2, 1, 2)), spec={"rollback": {"onFailure": "Pause"}}),
        "CrashLoop",
        "",
    ),
    "nobody is taken from the only pods that answer": (
        trial(arms=(arm(V1, 0, 2), trouble(V2, 1, 2))),
        "RolledBack",
        "callers 2, v1=3",
    ),
    "a paced return waits for stable's pods": (
        trial(candidate=None, stage=None, spec=PACED, rejected=rejection(V2)),
        "RolledBack",
        "v1=3",
    ),
    "a paced return takes the failed pods away as stable's come": (
        trial(candidate=None, stage=None, stable=3, ready=2, spec=PACED, rejected=rejection(V2)),
        "RolledBack",
        "v2=1",
    ),
    "a paced return ends when stable is whole": (
        trial(
            candidate=None,
            stage=None,
            arms=(arm(V1, 4), arm(V2, 1)),
            spec=PACED,
            rejected=rejection(V2),
        ),
        "RolledBack",
        "callers 1",
    ),
    "a failed revision is kept for a look, out of reach": (
        world(arms=(arm(V1, 4), arm(V2, 1)), rejected=rejection(V2, keep_until=NOW + MINUTES)),
        "RolledBack",
        "",
    ),
    "a failed revision goes when nobody looked": (
        world(
            arms=(arm(V1, 4), arm(V2, 1)),
            rejected=rejection(V2, at=NOW - 2 * MINUTES, keep_until=NOW - MINUTES),
        ),
        "RolledBack",
        "remove 2",
    ),
    "a rejected revision is not tried again by a re-sync": (
        world(rejected=rejection(V2)),
        "RolledBack",
        "",
    ),
    "a new retry value tries it again": (
        world(rejected=rejection(V2), spec={"retry": "1"}),
        "Moving",
        "v2=1",
    ),
    "a smoke test that was mended is tried": (
        world(rejected=rejection(V2, **BY_SMOKE), spec={"smokeTest": {"path": "/predict"}}),
        "Moving",
        "v2=1",
    ),
    "a smoke test that is the same is not": (
        world(rejected=rejection(V2, **BY_SMOKE), spec={**SMOKE, "replicas": 5}),
        "RolledBack",
        "v1=5",
    ),
    "the port that a smoke test asks at was mended": (
        world(
            rejected=rejection(V2, **BY_SMOKE),
            spec={**SMOKE, "service": {"targetPort": 9000}, "strategy": {"blueGreen": {}}},
        ),
        "Moving",
        f"note ports of fraud-{V2}, preview 2, v2=4",
    ),
    "a smoke test that was taken away is none to fail": (
        world(rejected=rejection(V2, **BY_SMOKE)),
        "Moving",
        "v2=1",
    ),
    "what a gate took back is not tried for another smoke test": (
        world(rejected=rejection(V2), spec=SMOKE),
        "RolledBack",
        "",
    ),
    "what an earlier operator took back stays so": (
        world(rejected=rejection(V2, reason="SmokeTestFailed"), spec=SMOKE),
        "RolledBack",
        "",
    ),
    "another digest is tried": (
        world(
            version="3.0.0", rejected=rejection(V2), answers=Answers(dry_run=DryRunResult(V3, None))
        ),
        "Moving",
        "store 3, v3=1",
    ),
    "back to stable's content ends the trial at once": (
        trial(version="1.0.0"),
        "Returning",
        "v1=3",
    ),
    "a newer spec ends the trial and stable takes its callers back": (
        trial(version="3.0.0"),
        "Returning",
        "v1=3",
    ),
    "superseded while its failure is kept: the kept pods go": (
        world(
            version="3.0.0",
            arms=(arm(V1, 4), arm(V2, 1)),
            rejected=rejection(V2, keep_until=NOW + MINUTES),
        ),
        "Checking",
        "remove 2",
    ),
    # Why pods are missing.
    "a pod that finds no node is waited for": (
        trial(
            arms=(
                arm(V1, 4),
                arm(V2, 0, 1, unschedulable="0/1 nodes", unschedulable_since=NOW - MINUTES),
            ),
            routing=Only(V1),
        ),
        "Moving",
        "",
    ),
    "a pod that found no node in its grace fails the candidate": (
        trial(
            arms=(
                arm(V1, 4),
                arm(V2, 0, 1, unschedulable="0/1 nodes", unschedulable_since=NOW - MINUTES),
            ),
            routing=Only(V1),
            spec={"unschedulableGrace": "30s"},
        ),
        "RolledBack",
        "",
    ),
    "no progress within the deadline fails the candidate": (
        trial(
            0,
            1,
            stable=4,
            routing=Only(V1),
            stage=StageStatus(
                name="half", index=0, progress_at=NOW - 11 * MINUTES, progress_ready=0
            ),
        ),
        "RolledBack",
        "",
    ),
    "progress starts the deadline again": (
        trial(
            1,
            2,
            stable=3,
            stage=StageStatus(
                name="half", index=0, progress_at=NOW - 11 * MINUTES, progress_ready=0
            ),
        ),
        "Moving",
        "",
    ),
    "the progress clock stands still while paused": (
        trial(
            0,
            1,
            stable=4,
            routing=Only(V1),
            spec={"paused": True},
            stage=StageStatus(
                name="half", index=0, progress_at=NOW - 11 * MINUTES, progress_ready=0
            ),
        ),
        "Moving",
        "",
    ),
    "a refused pod fails the candidate with the cluster's reason": (
        trial(arms=(arm(V1, 4), refused(V2, FailureReason.POD_SECURITY)), routing=Only(V1)),
        "RolledBack",
        "",
    ),
    "quota is waited for: pods that drain still count": (
        trial(arms=(arm(V1, 4), refused(V2, FailureReason.QUOTA_EXCEEDED)), routing=Only(V1)),
        "Moving",
        "",
    ),
    "quota that never comes free fails the candidate": (
        trial(
            arms=(arm(V1, 4), refused(V2, FailureReason.QUOTA_EXCEEDED)),
            routing=Only(V1),
            spec={"unschedulableGrace": "30s"},
            stage=StageStatus(name="half", index=0, progress_at=NOW - MINUTES, progress_ready=0),
        ),
        "RolledBack",
        "",
    ),
    "a child edited by hand is put back": (
        world(version="1.0.0", arms=(drifted(arm(V1, 4)),)),
        "Completed",
        "v1=4",
    ),
}


@pytest.mark.parametrize(("seen", "why", "actions"), CASES.values(), ids=CASES)
def test_plan(seen: World, why: str, actions: str, says: Says) -> None:
    decided = plan(seen.observed(), NOW)
    assert (reason(decided), did(decided)) == (why, actions), decided.status.message
    says(decided)


@pytest.mark.parametrize("seen", [case[0] for case in CASES.values()], ids=CASES)
def test_a_repeated_pass_says_and_remembers_the_same(seen: World) -> None:
    once = plan(seen.observed(), NOW)
    again = plan(replace(seen.observed(), status=once.status), NOW)
    assert again.status.model_dump_json() == once.status.model_dump_json()
    assert [e for e in again.events if e.reason != "ChildRestored"] == []


def test_what_cannot_be_read_is_said_and_touches_nothing() -> None:
    seen = replace(trial().observed(), spec=Unreadable("spec.replicas: 'many' is not a number"))
    decided = plan(seen, NOW)
    assert (decided.status.phase, decided.actions) == (Phase.DEGRADED, ())
    assert "spec.replicas" in decided.status.message


NEEDS: dict[str, tuple[World, str]] = {
    "a new revision is tried on the API server": (world(), "dry run"),
    "a Deployment that stands there needs no trial": (
        world(arms=(arm(V1, 4), arm(V2, 1)), rejected=rejection(V2), spec={"retry": "1"}),
        "",
    ),
    "a ready unproven candidate is smoke-tested": (
        trial(1, spec=SMOKE, candidate=UNPROVEN, routing=Only(V1)),
        "smoke",
    ),
    "so is one that waits for a readiness gate": (
        trial(
            spec=SMOKE,
            candidate=UNPROVEN,
            routing=Only(V1),
            arms=(arm(V1, 4), arm(V2, 0, 1, held=True)),
        ),
        "smoke",
    ),
    "a candidate without a ready pod cannot be asked": (
        trial(0, 1, spec=SMOKE, candidate=UNPROVEN, routing=Only(V1)),
        "",
    ),
    "a proven candidate is not asked again": (trial(spec=SMOKE), ""),
    "a settled deployment needs nothing": (world(version="1.0.0"), ""),
    "a paused new revision needs nothing": (world(spec={"paused": True}), ""),
}


@pytest.mark.parametrize(("seen", "asked"), NEEDS.values(), ids=NEEDS)
def test_needs(seen: World, asked: str) -> None:
    wanted = needs(seen.observed(), NOW)
    said = ["dry run"] if wanted.dry_run else []
    said += ["smoke"] if wanted.smoke else []
    assert ", ".join(said) == asked


def test_a_named_port_is_found_in_the_template() -> None:
    raw: dict[str, Any] = {"service": {"port": 80, "targetPort": "http"}, **SMOKE}
    seen = trial(1, spec=raw, candidate=UNPROVEN, routing=Only(V1)).observed()
    ports = [{"name": "http", "containerPort": 9000}]
    known = tuple(
        replace(
            it,
            template={"spec": {"containers": [{"name": "server", "ports": ports}]}},
            ports=Service(target_port="http").served(),
        )
        for it in seen.stored
    )
    smoke_test = needs(replace(seen, stored=known), NOW).smoke
    assert smoke_test is not None
    assert smoke_test.url == "http://10.0.0.1:9000/infer"


def test_a_port_that_no_container_has_is_said_with_those_that_there_are() -> None:
    seen = world(spec={"service": {"targetPort": "htpp"}}).observed()
    seen.template["spec"]["containers"][0]["ports"] = [{"name": "http", "containerPort": 8080}]
    status = plan(seen, NOW).status
    assert "spec.service.targetPort is htpp" in status.message
    assert "named ports: http (8080)" in status.message
    assert next(it.status for it in status.conditions if it.type == "SpecValid") == "False"


def test_a_smoke_test_asks_no_port_that_is_a_guess() -> None:
    raw: dict[str, Any] = {"service": {"port": 80, "targetPort": "htpp"}, **SMOKE}
    seen = trial(1, spec=raw, candidate=UNPROVEN, routing=Only(V1)).observed()
    noted = Service(target_port="htpp").served()
    stored = tuple(replace(it, ports=noted) for it in seen.stored)
    assert needs(replace(seen, stored=stored), NOW).smoke is None


def test_old_revisions_beyond_the_limit_are_forgotten() -> None:
    seen = world(version="1.0.0", stored=(V2, V3, V1), spec={"revisionHistoryLimit": 1})
    assert did(plan(seen.observed(), NOW)) == f"forget fraud-{V2}"


def test_a_new_retry_value_starts_the_stage_anew() -> None:
    long_ago = StageStatus(name="half", index=0, entered_at=NOW - 11 * MINUTES)
    seen = trial(2, stable=2, stage=long_ago, spec=SOAK | {"retry": "again"})
    stage = plan(seen.observed(), NOW).status.stage
    assert stage is not None
    assert stage.entered_at == NOW


def test_a_first_sentence_of_a_rollback_stands() -> None:
    seen = trial(arms=(arm(V1, 2), trouble(V2, 1, 2))).observed()
    once = plan(seen, NOW).status
    later = plan(replace(seen, status=once), NOW + MINUTES).status
    assert later.message == once.message
    assert "is rejected: to try it again" in once.message


def test_a_wrong_answer_remembers_what_it_was_asked_by_and_says_what_to_mend() -> None:
    seen = trial(
        1, stable=4, spec=SMOKE, candidate=UNPROVEN, routing=Only(V1), answers=smoke("404")
    )
    status = plan(seen.observed(), NOW).status
    assert status.rejected is not None
    assert status.rejected.judged_by == BY_SMOKE["judgedBy"]
    assert "fix spec.smokeTest or spec.service" in status.message
    stored = read_status(write_status(status))
    for asked, phase in (
        (SMOKE, Phase.DEGRADED),
        ({"smokeTest": {"path": "/x"}}, Phase.PROGRESSING),
    ):
        later = replace(seen.observed(), status=stored, spec=spec_of("2.0.0", **asked))
        assert plan(replace(later, answers=Answers()), NOW).status.phase is phase
