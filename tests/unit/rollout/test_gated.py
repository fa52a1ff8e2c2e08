"""A stage with criteria: what each outcome of its gates does to callers."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockstep.api.exit_criteria import ExitCriteriaSpec
from lockstep.api.gate_status import Verdict
from lockstep.api.model_deployment_status import Phase, StageStatus
from lockstep.api.strategy import CriteriaRef
from lockstep.core.facts import Criteria
from lockstep.core.gates.question import Answer, Broken, Question, Reply, Series
from lockstep.core.rollout.observed import Answers, Observed
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.planner import needs, plan
from tests.unit.rollout.conftest import Says
from tests.unit.rollout.test_planner import did, reason
from tests.unit.rollout.worlds import NOW, V1, V2, trial

REF = CriteriaRef(name="serving")
STAGE = {"name": "half", "weight": 50, "soak": "1m", "exitCriteria": [{"name": "serving"}]}
SPEC = {"strategy": {"canary": {"stages": [STAGE]}}}
QUERY = 'errors{revision="{{revision}}"}'


def criteria(**metric: Any) -> Criteria:
    raw = {
        "name": "errors",
        "prometheus": {"query": QUERY},
        "interval": "10s",
        "successWhen": {"max": 0.01},
    }
    return Criteria(ExitCriteriaSpec.model_validate({"metrics": [raw | metric]}), generation=1)


def begun(found: Criteria, entered: timedelta = timedelta(seconds=30), **spec: Any) -> Observed:
    stage = StageStatus(
        name="half",
        index=0,
        entered_at=NOW - entered,
        soak_until=NOW - entered + timedelta(minutes=1),
        deadline=NOW - entered + timedelta(minutes=61),
    )
    return trial(stage=stage, spec=SPEC | spec, rest={"criteria": {REF: found}}).observed()


def told(seen: Observed, candidate: Answer, stable: Answer) -> Plan:
    """Passes with these answers, until no more questions follow at once."""
    for _ in range(3):
        asked = needs(seen, NOW).questions
        answers = {one: stable if V1 in one.query else candidate for one in asked}
        decided = plan(replace(seen, answers=Answers(metrics=answers)), NOW)
        seen = replace(seen, status=decided.status)
        if not needs(seen, NOW).questions:
            break
    return decided


def value(number: float) -> Reply:
    return Reply((Series(number),))


GOOD, BAD, DOWN = value(0.001), value(0.3), Broken("prometheus did not answer within 10 s")

OUTCOMES: dict[str, tuple[Criteria, dict[str, Any], Answer, Answer, str, str]] = {
    "a good look is not the end of a soak": (criteria(), {}, GOOD, GOOD, "Measuring", ""),
    "a failed gate sends every caller back": (
        criteria(),
        {},
        BAD,
        GOOD,
        "RolledBack",
        "callers 1, v2=1, v1=4",
    ),
    "a failed gate that shall pause leaves callers where they are": (
        criteria(onFailure="Pause"),
        {},
        BAD,
        GOOD,
        "GateFailed",
        "",
    ),
    "a deployment may ask for a pause by default": (
        criteria(),
        {"rollback": {"onFailure": "Pause"}},
        BAD,
        GOOD,
        "GateFailed",
        "",
    ),
    "stable fails too: nobody is moved": (criteria(), {}, BAD, BAD, "StableFailsToo", ""),
    "a stable that cannot be asked excuses nobody": (
        criteria(),
        {},
        BAD,
        DOWN,
        "RolledBack",
        "callers 1, v2=1, v1=4",
    ),
    "a Prometheus that is down rolls nothing back": (criteria(), {}, DOWN, DOWN, "Measuring", ""),
    "a query that cannot be read makes the spec invalid and moves nobody": (
        criteria(),
        {},
        Broken("http://prom refused the query (HTTP 400): parse error", invalid=True),
        GOOD,
        "CriteriaInvalid",
        "",
    ),
    "a value between the limits pauses": (
        criteria(failWhen={"min": 0.2}),
        {},
        value(0.1),
        GOOD,
        "Inconclusive",
        "",
    ),
    "a dry run decides nothing": (criteria(dryRun=True), {}, BAD, GOOD, "Measuring", ""),
}


@pytest.mark.parametrize(
    ("found", "spec", "candidate", "stable", "why", "actions"), OUTCOMES.values(), ids=OUTCOMES
)
def test_outcome(
    found: Criteria,
    spec: dict[str, Any],
    candidate: Answer,
    stable: Answer,
    why: str,
    actions: str,
    says: Says,
) -> None:
    decided = told(begun(found, **spec), candidate, stable)
    assert (reason(decided), did(decided)) == (why, actions), decided.status.message
    says(decided)


def test_a_soak_that_is_over_with_good_looks_is_a_passed_stage() -> None:
    decided = told(begun(criteria(), entered=timedelta(minutes=2)), GOOD, GOOD)
    stage = decided.status.stage
    assert stage is not None
    assert (stage.name, did(decided)) == ("promotion", "v2=3")


def test_a_soak_that_is_over_without_a_look_is_not() -> None:
    seen = begun(criteria(), entered=timedelta(minutes=2))
    assert reason(plan(seen, NOW)) == "Measuring"


def test_an_undecided_stage_pauses_at_its_deadline() -> None:
    decided = plan(begun(criteria(), entered=timedelta(hours=2)), NOW)
    assert (decided.status.phase, reason(decided)) == (Phase.PAUSED, "DeadlineExceeded")


def test_past_its_deadline_a_candidate_that_has_callers_is_still_taken_back() -> None:
    decided = told(begun(criteria(), entered=timedelta(hours=2)), BAD, GOOD)
    assert reason(decided) == "RolledBack"


def test_past_its_deadline_a_stage_goes_on_when_its_gates_pass() -> None:
    decided = told(begun(criteria(), entered=timedelta(hours=2)), GOOD, GOOD)
    assert did(decided) == "v2=3"


def test_a_new_retry_value_measures_a_paused_stage_again() -> None:
    paused = told(begun(criteria(onFailure="Pause")), BAD, GOOD)
    assert paused.status.gates[0].verdict is Verdict.FAIL
    again = begun(criteria(onFailure="Pause"), retry="again")
    decided = plan(replace(again, status=paused.status), NOW)
    assert (reason(decided), decided.status.gates[0].verdict) == ("Measuring", Verdict.MEASURING)


def test_criteria_that_vanish_hold_the_stage_and_are_named() -> None:
    seen = replace(begun(criteria()), criteria={})
    decided = plan(seen, NOW)
    assert (reason(decided), did(decided)) == ("CriteriaMissing", "")
    assert "ExitCriteria serving" in decided.status.message


def test_equal_questions_of_two_deployments_are_equal() -> None:
    shared = criteria(prometheus={"query": "errors", "perRevisionLabel": "revision"})
    one, other = begun(shared), begun(shared)
    other = replace(other, key=other.key._replace(name="another"))
    assert needs(one, NOW).questions == needs(other, NOW).questions


def test_each_takes_its_own_series_of_a_shared_answer() -> None:
    shared = criteria(prometheus={"query": "errors", "perRevisionLabel": "revision"})
    both = Reply((Series(0.3, {"revision": V2}), Series(0.0, {"revision": V1})))
    asked: Question = needs(begun(shared), NOW).questions[0]
    decided = plan(replace(begun(shared), answers=Answers(metrics={asked: both})), NOW)
    assert reason(decided) == "RolledBack"
