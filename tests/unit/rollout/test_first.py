"""A first revision with `initialRollout: Gate`: nobody calls it before every gate has passed."""

from datetime import timedelta
from typing import Any

import pytest

from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.model_deployment_status import StageStatus
from lockstep.api.strategy import CriteriaKind, CriteriaRef
from lockstep.core.facts import Foreign
from lockstep.core.gates.question import Answer
from lockstep.core.rollout.observed import Answers, CallerService, Observed, SmokeResult
from lockstep.core.rollout.planner import needs, plan
from lockstep.core.rollout.routing import Only
from lockstep.core.rollout.stages import Step, walk
from lockstep.core.rollout.updating import view_of
from tests.unit.rollout.conftest import Says
from tests.unit.rollout.test_gated import BAD, DOWN, GOOD, REF, criteria, told, value
from tests.unit.rollout.test_planner import did, reason, trouble
from tests.unit.rollout.worlds import NOW, PORTS, V2, World, arm, first, named, world

MINUTE = timedelta(minutes=1)
SERVING = [{"name": "serving"}]
QUALITY = CriteriaRef(kind=CriteriaKind.CLUSTER, name="quality")
STAGES = [
    {"name": "few", "weight": 5, "soak": "1m", "exitCriteria": SERVING, "approval": {}},
    {"name": "half", "weight": 50, "soak": "3m", "exitCriteria": SERVING, "deadline": "2h"},
    {"name": "full", "weight": 100, "soak": "9m"},
]
BAKE = {"duration": "24h", "exitCriteria": [*SERVING, {"kind": QUALITY.kind, "name": QUALITY.name}]}
GATE: dict[str, Any] = {
    "initialRollout": "Gate",
    "strategy": {"canary": {"stages": STAGES[:2]}},
}
HIDDEN = CallerService(uid="p", routing=Only(V2), ports=PORTS)


def gated(ready: int = 4, since: timedelta | None = None, **changes: Any) -> World:
    """Version 2 in preview at full size, measured since then."""
    stage = StageStatus(name="initial", index=0)
    if since is not None:
        soak, limit = NOW - since + 3 * MINUTE, NOW - since + 63 * MINUTE
        stage = StageStatus(
            name="initial", index=0, entered_at=NOW - since, soak_until=soak, deadline=limit
        )
    facts: dict[str, Any] = {
        "spec": GATE,
        "stage": stage,
        "candidate": named(V2),
        "arms": (arm(V2, ready, 4),),
        "rest": {"preview": HIDDEN, "criteria": {REF: criteria()}},
    }
    return first(**(facts | changes))


def spec(**changes: Any) -> dict[str, Any]:
    return {**GATE, **changes}


CASES: dict[str, tuple[World, str, str]] = {
    "it starts with every pod, a preview and no caller": (
        world(
            stable=None,
            arms=(),
            routing=None,
            stored=(),
            spec=GATE,
            rest={"criteria": {REF: criteria()}},
        ),
        "Moving",
        "store 2, callers nowhere, preview 2, v2=4",
    ),
    "its criteria have to exist before anything starts": (
        world(stable=None, arms=(), routing=None, stored=(), spec=GATE),
        "CriteriaMissing",
        "",
    ),
    "its ready pods get no caller": (gated(3), "Moving", ""),
    "whole and proven it is measured, and gets no caller": (gated(), "Measuring", ""),
    "it is measured after its smoke test only": (
        gated(candidate=named(V2, smoke_tested=False), spec=spec(smokeTest={"path": "/"})),
        "Moving",
        "",
    ),
    "a wrong answer in the smoke test ends it": (
        gated(
            candidate=named(V2, smoke_tested=False),
            spec=spec(smokeTest={"path": "/"}),
            answers=Answers(smoke=SmokeResult(V2, "HTTP 500, expected 200")),
        ),
        "RolledBack",
        "no preview",
    ),
    "a soak that is over without a look is no success": (gated(since=5 * MINUTE), "Measuring", ""),
    "undecided at its deadline it pauses": (gated(since=64 * MINUTE), "DeadlineExceeded", ""),
    "in trouble it stays to get well": (
        gated(arms=(trouble(V2, 3, 4),)),
        "CrashLoop",
        "",
    ),
    "criteria that vanish are named": (
        gated(since=MINUTE, rest={"preview": HIDDEN}),
        "CriteriaMissing",
        "",
    ),
    "without replicas nothing is proven": (
        gated(spec=spec(replicas=0)),
        "NoReplicas",
        "v2=0",
    ),
    "a Service edited by hand is put back to nobody": (
        gated(routing=Only(V2)),
        "Moving",
        "callers nowhere",
    ),
    "nothing is measured before the preview Service is there": (
        gated(rest={"criteria": {REF: criteria()}}),
        "Moving",
        "preview 2",
    ),
    "a direct rollout that has callers keeps them when it is to be gated": (
        gated(3, stage=StageStatus(name="first", index=0), routing=Only(V2)),
        "Moving",
        "no preview",
    ),
    "a direct rollout without callers is gated from then on": (
        gated(3, stage=StageStatus(name="first", index=0)),
        "Moving",
        "",
    ),
    "direct from now on it gets its callers": (
        gated(3, spec=spec(initialRollout="Direct")),
        "Moving",
        "callers 2, no preview",
    ),
    "whom somebody promoted in full is not held by gates": (
        gated(candidate=named(V2, ungated="PromotedFull")),
        "Moving",
        "callers 2, no preview",
    ),
    "a superseded one leaves nothing behind": (
        gated(version="3.0.0"),
        "Checking",
        "no preview, remove 2",
    ),
}


@pytest.mark.parametrize(("seen", "why", "actions"), CASES.values(), ids=CASES)
def test_first(seen: World, why: str, actions: str, says: Says) -> None:
    decided = plan(seen.observed(), NOW)
    assert (reason(decided), did(decided)) == (why, actions), decided.status.message
    says(decided)


def measured(since: timedelta = 2 * MINUTE, metric: dict[str, Any] | None = None) -> Observed:
    found = {REF: criteria(**(metric or {}))}
    return gated(since=since, rest={"preview": HIDDEN, "criteria": found}).observed()


OUTCOMES: dict[str, tuple[Observed, Answer, str, str]] = {
    "good looks do not shorten the longest soak": (measured(), GOOD, "Measuring", ""),
    "when soak and gates are content callers come": (
        measured(4 * MINUTE),
        GOOD,
        "Completed",
        "callers 2, no preview",
    ),
    "a failed gate rejects what never had a caller": (measured(), BAD, "RolledBack", "no preview"),
    "a failed gate that shall pause waits for a person": (
        measured(metric={"onFailure": "Pause"}),
        BAD,
        "GateFailed",
        "",
    ),
    "a value between the limits waits for a person": (
        measured(metric={"failWhen": {"min": 0.2}}),
        value(0.1),
        "Inconclusive",
        "",
    ),
    "no answer is no success": (measured(4 * MINUTE), DOWN, "Measuring", ""),
}


@pytest.mark.parametrize(("seen", "said", "why", "actions"), OUTCOMES.values(), ids=OUTCOMES)
def test_outcome(seen: Observed, said: Answer, why: str, actions: str, says: Says) -> None:
    decided = told(seen, said, said)
    assert (reason(decided), did(decided)) == (why, actions), decided.status.message
    says(decided)


def test_what_failed_says_that_nobody_called_it() -> None:
    decided = told(measured(), BAD, BAD)
    assert "never received traffic" in decided.status.message
    assert decided.status.history[-1].outcome == "RolledBack"


def test_paused_it_is_measured_and_gets_no_caller() -> None:
    seen = gated(since=4 * MINUTE, spec=spec(paused=True)).observed()
    decided = told(seen, GOOD, GOOD)
    assert (reason(decided), did(decided)) == ("Paused", "")
    assert "passed at preview" in decided.status.message


def test_nothing_but_the_candidate_is_asked_about_and_weight_is_0() -> None:
    asked = needs(measured(), NOW).questions
    assert [V2 in one.query for one in asked] == [True]
    weights = plan(measured(), NOW).status.weights
    assert weights is not None
    assert (weights.desired, weights.actual) == (0, 0)


def test_a_direct_first_rollout_is_not_measured() -> None:
    direct = gated(3, spec=spec(initialRollout="Direct"), stage=StageStatus(name="first", index=0))
    assert needs(direct.observed(), NOW).questions == ()


def test_a_name_that_the_preview_needs_is_a_conflict() -> None:
    taken = {"foreign": (Foreign("Service", "fraud-candidate"),)}
    seen = gated(rest={"criteria": {REF: criteria()}, **taken})
    assert reason(plan(seen.observed(), NOW)) == "Conflict"


def initial(strategy: dict[str, Any]) -> Step:
    """The one step of a gated first rollout with this strategy."""
    seen = gated(spec=spec(strategy=strategy)).observed()
    assert isinstance(seen.spec, ModelDeploymentSpec)
    return walk(view_of(seen, seen.spec, NOW))[0]


STEPS: dict[str, tuple[dict[str, Any], timedelta, timedelta | None, tuple[CriteriaRef, ...]]] = {
    "the longest soak of the stages that have criteria": (
        {"canary": {"stages": STAGES}},
        3 * MINUTE,
        None,
        (REF,),
    ),
    "a bake's criteria without its duration": (
        {"canary": {"stages": STAGES, "bake": BAKE}},
        3 * MINUTE,
        None,
        (REF, QUALITY),
    ),
    "the longest deadline, where every one of them has one": (
        {"canary": {"stages": STAGES[1:]}},
        3 * MINUTE,
        120 * MINUTE,
        (REF,),
    ),
    "blue-green's before and after": (
        {
            "blueGreen": {
                "prePromotion": {"soak": "2m", "exitCriteria": SERVING, "approval": {}},
                "postPromotion": BAKE,
                "autoPromote": False,
            }
        },
        2 * MINUTE,
        None,
        (REF, QUALITY),
    ),
}


@pytest.mark.parametrize(("strategy", "soak", "limit", "refs"), STEPS.values(), ids=STEPS)
def test_what_is_measured(
    strategy: dict[str, Any],
    soak: timedelta,
    limit: timedelta | None,
    refs: tuple[CriteriaRef, ...],
) -> None:
    step = initial(strategy)
    assert (step.soak, step.deadline, step.exit_criteria) == (soak, limit, refs)
    assert (step.weight, step.approval, step.manual, step.live) == (0, None, False, False)
