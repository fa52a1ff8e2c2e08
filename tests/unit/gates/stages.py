"""A stage to measure, and a way to play answers to it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lockstep.api.exit_criteria import ClusterExitCriteriaSpec, ExitCriteriaSpec
from lockstep.api.gate_status import GateStatus
from lockstep.api.model_deployment import FailureAction
from lockstep.api.strategy import CriteriaRef
from lockstep.core.facts import Criteria
from lockstep.core.gates.question import Answer, Broken, Question, Reply, Series, Unasked
from lockstep.core.gates.stage import Judged, NamedCriteria, Trial, judge, questions

ENTERED = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)
SOAK = timedelta(minutes=10)
CANDIDATE, STABLE = "7f9c2b1e", "3c11aa05"
PLAIN = "error_ratio"
OF_REVISION = 'error_ratio{revision="{{revision}}"}'


def metric(**changes: Any) -> dict[str, Any]:
    """A metric that asks about one revision every 30 s and wants at most 0.5."""
    return {
        "name": "errors",
        "prometheus": {"query": changes.pop("query", OF_REVISION), **changes.pop("source", {})},
        "successWhen": {"max": 0.5},
        **changes,
    }


def criteria(*metrics: dict[str, Any], generation: int = 1, **spec: Any) -> NamedCriteria:
    found = ExitCriteriaSpec.model_validate({"metrics": metrics or (metric(),), **spec})
    return CriteriaRef(name="quality"), Criteria(found, generation)


def cluster_criteria(*metrics: dict[str, Any], name: str = "serving", **spec: Any) -> NamedCriteria:
    found = ClusterExitCriteriaSpec.model_validate({"metrics": metrics or (metric(),), **spec})
    ref = CriteriaRef.model_validate({"kind": "ClusterExitCriteria", "name": name})
    return ref, Criteria(found, 1)


def trial(*named: NamedCriteria, **changes: Any) -> Trial:
    usual = Trial(
        namespace="payments",
        name="fraud",
        candidate=CANDIDATE,
        stable=STABLE,
        weight=25,
        entered_at=ENTERED,
        soak_until=ENTERED + SOAK,
        default_action=FailureAction.ROLLBACK,
        criteria=named or (criteria(),),
        gates=(),
    )
    return replace(usual, **changes)


def value(number: float, **labels: str) -> Reply:
    return Reply((Series(number, labels),))


NO_DATA = Reply(())
NAN = value(float("nan"))
DOWN = Broken("http://prometheus:9090 did not answer within 10 s")


def kept(judged: Judged) -> tuple[GateStatus, ...]:
    """The rows as the API server would give them back: nothing may be lost on the way."""
    rows = tuple(
        GateStatus.model_validate(row.model_dump(mode="json", by_alias=True))
        for row in judged.gates
    )
    assert rows == judged.gates
    return rows


def step(
    stage: Trial, answers: Mapping[Question, Answer | Unasked], now: datetime
) -> tuple[Trial, Judged]:
    """One pass, and the same once more, which must change nothing."""
    judged = judge(stage, answers, now)
    after = replace(stage, gates=kept(judged))
    again = judge(after, answers, now)
    assert (again.gates, again.outcome) == (judged.gates, judged.outcome)
    return after, judged


def play(
    stage: Trial,
    candidate: Sequence[Answer],
    stable: Answer = NO_DATA,
    known: Answer = DOWN,
) -> tuple[Trial, Judged, datetime]:
    """Pass after pass, each when the last one asked for it, until ``candidate`` is used up.

    ``known`` answers whether any series has the names that a query asks for.
    """
    left: Iterator[Answer] = iter(candidate)
    now = stage.entered_at
    stage, judged = step(stage, {}, now)
    while judged.look_again is not None:
        due = now + judged.look_again
        answers: dict[Question, Answer] = {}
        for question in questions(stage, due):
            if "__name__" in question.query:
                answers[question] = known
                continue
            said = stable if STABLE in question.query else next(left, None)
            if said is None:
                return stage, judged, now
            answers[question] = said
        now = due
        stage, judged = step(stage, answers, now)
    return stage, judged, now
