"""What a stage concludes from a row of answers: the key is the sentence, the row is the story."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lockstep.api.gate_status import GateStatus, Verdict
from lockstep.api.model_deployment import FailureAction
from lockstep.api.scalars import LINE
from lockstep.core.gates.question import Answer, Broken, Question, Reply, Series, Unasked
from lockstep.core.gates.stage import (
    Failed,
    Inconclusive,
    Measuring,
    Outcome,
    Passed,
    Shared,
    Trial,
    judge,
    questions,
)
from tests.unit.gates.stages import (
    CANDIDATE,
    DOWN,
    ENTERED,
    NAN,
    NO_DATA,
    OF_REVISION,
    PLAIN,
    SOAK,
    STABLE,
    cluster_criteria,
    criteria,
    metric,
    play,
    step,
    trial,
    value,
)

GOOD, BAD, BETWEEN = value(0.2), value(0.812), value(0.6)
EVERY_30_S = 20  # measurements in a soak of ten minutes
BY_LABEL = {"query": PLAIN, "source": {"perRevisionLabel": "revision"}}
TWO_LIMITS = {"failWhen": {"min": 0.7}}
NEITHER = (
    "was 0.6, neither at most 0.5 nor at least 0.7, at 25% of traffic (1 inconclusive, 0 tolerated)"
)


def both(candidate: float, stable: float) -> Reply:
    """One answer that tells of every revision."""
    return Reply(
        (
            Series(candidate, {"revision": CANDIDATE}),
            Series(stable, {"revision": STABLE}),
            Series(9.0, {"revision": "somebody-else"}),
        )
    )


Story = tuple[dict[str, Any], Sequence[Answer], Verdict, type[Outcome], str]

STORIES: dict[str, Story] = {
    "waits for its first measurement": (
        {}, [], Verdict.MEASURING, Measuring, "waits for its first measurement"),
    "good measurements do not end the soak early": (
        {}, [GOOD] * 3, Verdict.MEASURING, Measuring,
        "was 0.2, allowed at most 0.5; 3 measurements"),
    "fewer samples than wanted are named": (
        {"minSamples": 5}, [GOOD], Verdict.MEASURING, Measuring,
        "was 0.2, allowed at most 0.5; 1 measurement, at least 5 required"),
    "passes when the soak was good to its end": (
        {}, [GOOD] * (EVERY_30_S + 1), Verdict.PASS, Passed, "21 measurements"),
    "does not pass on old evidence when Prometheus is down as the soak ends": (
        {}, [*[GOOD] * 17, *[DOWN] * 4], Verdict.MEASURING, Measuring, "could not be measured"),
    "does not pass when the last look saw no data": (
        {"inconclusiveLimit": 9, "onNoData": "Pause"}, [*[GOOD] * 18, *[NO_DATA] * 3],
        Verdict.MEASURING, Measuring,
        "had no data in 3 measurements, 9 tolerated"),
    "does not pass with fewer than minSamples": (
        {"minSamples": 30}, [GOOD] * 25, Verdict.MEASURING, Measuring, "at least 30 required"),
    "count reached": (
        {"count": 3}, [GOOD] * 3, Verdict.PASS, Passed,
        "was 0.2, allowed at most 0.5; 3 of 3 measurements"),
    "one short of count": (
        {"count": 3}, [GOOD] * 2, Verdict.MEASURING, Measuring, "2 of 3 measurements"),
    "errors and missing data do not count": (
        {"count": 3, "inconclusiveLimit": 1}, [GOOD, DOWN, NO_DATA, GOOD],
        Verdict.MEASURING, Measuring, "2 of 3 measurements"),
    "nothing is asked after count, whatever comes": (
        {"count": 2}, [GOOD, GOOD, BAD], Verdict.PASS, Passed, "2 of 2 measurements"),
    "one failure too many": (
        {}, [GOOD, BAD], Verdict.FAIL, Failed,
        "was 0.812, allowed at most 0.5, at 25% of traffic"),
    "a tolerated failure": (
        {"failureLimit": 1}, [GOOD, BAD], Verdict.MEASURING, Measuring,
        "was 0.812, allowed at most 0.5, at 25% of traffic (1 failed measurement, 1 tolerated)"),
    "tolerated failures do not prevent a pass": (
        {"failureLimit": 1, "count": 3}, [GOOD, BAD, GOOD], Verdict.PASS, Passed, "3 of 3"),
    "failures need not be in a row": (
        {"failureLimit": 1}, [BAD, GOOD, BAD], Verdict.FAIL, Failed,
        "(2 failed measurements, 1 tolerated)"),
    "an infinite latency exceeds its limit": (
        {}, [value(float("inf"))], Verdict.FAIL, Failed, "was +Inf, allowed at most 0.5"),
    "failWhen is looked at first": (
        {"successWhen": {"max": 2}, "failWhen": {"min": 0.8}}, [BAD], Verdict.FAIL, Failed,
        "was 0.812, allowed below 0.8"),
    "with failWhen alone the rest is success": (
        {"successWhen": None, "failWhen": {"min": 0.8}, "count": 1}, [value(0.79)],
        Verdict.PASS, Passed, "was 0.79, allowed below 0.8; 1 of 1 measurement"),
    "between the limits is inconclusive": (
        TWO_LIMITS, [BETWEEN], Verdict.INCONCLUSIVE, Inconclusive,
        NEITHER),
    "a tolerated inconclusive measurement": (
        {**TWO_LIMITS, "inconclusiveLimit": 1}, [BETWEEN, GOOD], Verdict.MEASURING, Measuring, ""),
    "inconclusive measurements add up": (
        {**TWO_LIMITS, "inconclusiveLimit": 1}, [BETWEEN, GOOD, BETWEEN],
        Verdict.INCONCLUSIVE, Inconclusive, "(2 inconclusive, 1 tolerated)"),
    "a count without one success is no pass": (
        {**TWO_LIMITS, "count": 2, "inconclusiveLimit": 5}, [BETWEEN] * 2,
        Verdict.INCONCLUSIVE, Inconclusive, "neither"),
    "a soak without one success is no pass": (
        {"failureLimit": 99}, [BAD] * (EVERY_30_S + 1), Verdict.MEASURING, Measuring,
        "(21 failed measurements, 99 tolerated)"),
    "the last of count fails": (
        {"count": 2}, [GOOD, BAD], Verdict.FAIL, Failed, f"; stable {STABLE} was 0.2"),
    "no data ends a row of errors": (
        {"consecutiveErrorLimit": 1}, [DOWN, NO_DATA, DOWN], Verdict.MEASURING, Measuring,
        "could not be measured (1 time in a row, 1 tolerated)"),
    "no sample yet is patience while the soak lasts, where it is told to wait": (
        {"onNoData": "Pause"}, [NO_DATA] * 9, Verdict.MEASURING, Measuring,
        "waits for its first sample: no data in 9 measurements"),
    "no sample yet is patience for a moment": (
        {}, [NO_DATA] * 2, Verdict.MEASURING, Measuring,
        "waits for its first sample: no data in 2 measurements"),
    "no sample at all while stable has some": (
        {}, [NO_DATA] * 3, Verdict.FAIL, Failed,
        f"in 3 measurements while stable has data (stable {STABLE} was 0.2), at 25% of traffic; "),
    "data that went away and stays away while stable has some": (
        {}, [GOOD, *[NO_DATA] * 3], Verdict.FAIL, Failed,
        "had no data for the candidate in 3 measurements while stable has data"),
    "silence within the limit of failures": (
        {"failureLimit": 1}, [NO_DATA] * 3, Verdict.MEASURING, Measuring,
        "(1 failed measurement, 1 tolerated)"),
    "silence beyond the limit of failures": (
        {"failureLimit": 1}, [NO_DATA] * 4, Verdict.FAIL, Failed,
        "in 4 measurements while stable has data"),
    "everybody's answer again and again without the own series": (
        BY_LABEL, [value(0.2, revision=STABLE)] * 3, Verdict.FAIL, Failed,
        f"in 3 measurements while stable has data (stable {STABLE} was 0.2)"),
    "a young stage has no data yet, whatever missing data means later": (
        {"query": f"rate({OF_REVISION}[10m])", "onNoData": "Fail"}, [NO_DATA],
        Verdict.MEASURING, Measuring, "waits for its first sample: no data in 1 measurement"),
    "a young stage has no data while stable has some": (
        {"query": f"rate({OF_REVISION}[10m])", "onNoData": "Fail"}, [NO_DATA] * 2,
        Verdict.FAIL, Failed, "in 2 measurements while stable has data"),
    "NaN is no data, of a candidate that nobody has called yet": (
        {}, [NAN] * 9, Verdict.MEASURING, Measuring, "waits for its first sample"),
    "no sample in the whole soak": (
        {"onNoData": "Pause"}, [NO_DATA] * (EVERY_30_S + 1), Verdict.INCONCLUSIVE, Inconclusive,
        "waits for its first sample: no data in 21 measurements"),
    "data that went away": (
        {}, [GOOD, NO_DATA], Verdict.INCONCLUSIVE, Inconclusive,
        "had no data in 1 measurement, 0 tolerated"),
    "data that went away for a moment that is tolerated": (
        {"inconclusiveLimit": 1}, [GOOD, NO_DATA], Verdict.MEASURING, Measuring,
        "had no data in 1 measurement, 1 tolerated"),
    "data that came back": (
        {}, [GOOD, NO_DATA, GOOD], Verdict.MEASURING, Measuring, "2 measurements"),
    "no data fails where it is told to": (
        {"onNoData": "Fail"}, [NO_DATA], Verdict.FAIL, Failed,
        "had no data, which counts as failure (onNoData: Fail), at 25% of traffic"),
    "no data fails within the same limit": (
        {"onNoData": "Fail", "failureLimit": 1}, [NO_DATA, BAD], Verdict.FAIL, Failed,
        "(2 failed measurements, 1 tolerated)"),
    "a Prometheus that is down for a moment": (
        {}, [GOOD, *[DOWN] * 4], Verdict.MEASURING, Measuring,
        f"could not be measured (4 times in a row, 4 tolerated): {DOWN.message}"),
    "a Prometheus that stays down": (
        {}, [GOOD, *[DOWN] * 5], Verdict.INCONCLUSIVE, Inconclusive,
        f"could not be measured (5 times in a row, 4 tolerated): {DOWN.message}"),
    "a Prometheus that came back": (
        {}, [*[DOWN] * 6, GOOD], Verdict.MEASURING, Measuring, "1 measurement"),
    "errors that are not in a row": (
        {"consecutiveErrorLimit": 1}, [DOWN, GOOD, DOWN], Verdict.MEASURING, Measuring,
        "could not be measured (1 time in a row, 1 tolerated)"),
    "several series are broken, never a pick": (
        {"consecutiveErrorLimit": 0},
        [Reply((Series(0.1, {"pod": "a"}), Series(9.0, {"pod": "b"})))],
        Verdict.INCONCLUSIVE, Inconclusive,
        'the query yields 2 series ({pod="a"}, {pod="b"}); aggregate it to one or set reduce'),
    "several series reduced to the worst": (
        {"source": {"reduce": "Max"}},
        [Reply((Series(0.1, {"pod": "a"}), Series(9.0, {"pod": "b"})))],
        Verdict.FAIL, Failed, "was 9, allowed at most 0.5"),
    "of everybody's answer only the own series counts": (
        {**BY_LABEL, "count": 1}, [both(0.2, 0.9)], Verdict.PASS, Passed, "was 0.2"),
    "everybody's answer without the own series is no data": (
        {**BY_LABEL, "count": 1}, [value(0.2, revision="somebody-else")],
        Verdict.MEASURING, Measuring, "waits for its first sample"),
    "everybody's answer tells at once that stable is well": (
        BY_LABEL, [both(0.9, 0.2)], Verdict.FAIL, Failed, f"; stable {STABLE} was 0.2"),
    "everybody's answer tells at once that stable fails too": (
        BY_LABEL, [both(0.9, 0.8)], Verdict.INCONCLUSIVE, Shared,
        f"; stable {STABLE} was 0.8 and fails the same limit, so the candidate is not the cause"),
    "a question that names no revision is not asked about stable": (
        {"query": PLAIN}, [BAD], Verdict.FAIL, Failed,
        "was 0.812, allowed at most 0.5, at 25% of traffic"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "answers", "verdict", "outcome", "says"), STORIES.values(), ids=STORIES
)
def test_a_gate(
    changes: dict[str, Any],
    answers: Sequence[Answer],
    verdict: Verdict,
    outcome: type[Outcome],
    says: str,
) -> None:
    changed = {name: item for name, item in {**metric(**changes)}.items() if item is not None}
    _, judged, _ = play(trial(criteria(changed)), answers, stable=GOOD)
    (row,) = judged.gates
    assert (row.verdict, type(judged.outcome)) == (verdict, outcome), row
    assert says in row.message
    if not isinstance(judged.outcome, Passed):
        assert f"gate errors {row.message}" in judged.outcome.message


UNHEARD: dict[str, tuple[dict[str, Any], Answer]] = {
    "stable has none either": ({}, NO_DATA),
    "nobody calls stable": ({}, NAN),
    "stable exceeds the limit": ({}, BAD),
    "stable cannot be asked": ({}, DOWN),
    "the candidate is in preview": ({"weight": 0}, GOOD),
    "there is no stable": ({"stable": None}, GOOD),
    "the question is not about one revision": (
        {"criteria": (criteria(metric(query=PLAIN)),)}, GOOD),
    "the metric is a dry run": ({"criteria": (criteria(metric(dryRun=True)),)}, GOOD),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "stable"), UNHEARD.values(), ids=UNHEARD)
def test_missing_data_is_not_held_against_the_candidate_while(
    changes: dict[str, Any], stable: Answer
) -> None:
    _, judged, _ = play(trial(**changes), [NO_DATA] * 9, stable)
    (row,) = judged.gates
    assert (row.failures, row.verdict) == (0, Verdict.MEASURING)
    assert row.no_data == 9


def test_stable_is_asked_only_once_data_is_missing() -> None:
    stage, now = first(trial(), NO_DATA)
    asked = questions(stage, now + timedelta(seconds=30))
    assert [one.at for one in asked] == [asked[0].at] * 2
    assert [STABLE in one.query for one in asked] == [False, True]
    well, now = first(trial(), GOOD)
    assert len(questions(well, now + timedelta(seconds=30))) == 1


STABLE_SAYS: dict[str, tuple[Answer, Verdict, type[Outcome], str]] = {
    "is well: the candidate is at fault": (
        GOOD, Verdict.FAIL, Failed, f"; stable {STABLE} was 0.2"),
    "is neither well nor failing: that excuses nobody": (
        BETWEEN, Verdict.FAIL, Failed, f"; stable {STABLE} was 0.6"),
    "fails too: nobody is rolled back": (
        value(0.79), Verdict.INCONCLUSIVE, Shared,
        f"was 0.812, allowed below 0.7, at 25% of traffic; stable {STABLE} was 0.79 and fails"),
    "has no data: that excuses nobody": (
        NO_DATA, Verdict.FAIL, Failed, f"; stable {STABLE} has no data to compare with"),
    "cannot be asked: that excuses nobody": (
        DOWN, Verdict.FAIL, Failed, f"; stable {STABLE} could not be measured: http://prometheus"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("said", "verdict", "outcome", "says"), STABLE_SAYS.values(), ids=STABLE_SAYS
)
def test_a_candidate_about_to_fail_while_stable(
    said: Answer, verdict: Verdict, outcome: type[Outcome], says: str
) -> None:
    _, judged, _ = play(trial(criteria(metric(**TWO_LIMITS))), [GOOD, BAD], stable=said)
    (row,) = judged.gates
    assert (row.verdict, type(judged.outcome)) == (verdict, outcome)
    assert says in row.message
    assert row.suspect is (outcome is Shared)
    assert judged.look_again is None, "a verdict that stands asks nothing more"


def first(stage: Trial, answer: Answer) -> tuple[Trial, datetime]:
    """The stage after its first measurement, and when that was."""
    _, before = step(stage, {}, ENTERED)
    assert before.look_again is not None
    now = ENTERED + before.look_again
    (asked,) = questions(stage, now)
    after, _ = step(stage, {asked: answer}, now)
    return after, now


def test_a_suspicion_is_remembered_and_settled_by_the_next_pass() -> None:
    suspected, now = first(trial(), BAD)
    (row,) = suspected.gates
    assert (row.suspect, row.verdict) == (True, Verdict.MEASURING)
    assert judge(trial(), {questions(trial(), now)[0]: BAD}, now).look_again == timedelta(0)
    (about_stable,) = questions(suspected, now + timedelta(seconds=1))
    assert about_stable.query == OF_REVISION.replace("{{revision}}", STABLE)
    assert about_stable.at == row.measured_at, "both arms are compared at the same instant"


def test_an_unanswered_suspicion_does_not_spin() -> None:
    suspected, now = first(trial(), BAD)
    _, judged = step(suspected, {}, now + timedelta(seconds=1))
    assert isinstance(judged.outcome, Measuring)
    assert judged.look_again == timedelta(seconds=30)


@pytest.mark.parametrize(
    "changes", [{"stable": None}, {"criteria": (criteria(metric(dryRun=True)),)}]
)
def test_stable_is_not_asked_where_there_is_none_or_nothing_to_decide(
    changes: dict[str, Any],
) -> None:
    failed, now = first(trial(**changes), BAD)
    assert failed.gates[0].verdict is Verdict.FAIL
    assert questions(failed, now + timedelta(minutes=1)) == ()


def test_a_query_about_one_revision_with_a_label_is_asked_again_for_stable() -> None:
    named = metric(source={"perRevisionLabel": "revision"})
    answer, of_stable = value(0.9, revision=CANDIDATE), value(0.8, revision=STABLE)
    _, judged, _ = play(trial(criteria(named)), [answer], stable=of_stable)
    assert isinstance(judged.outcome, Shared)


def test_after_its_end_a_gate_counts_nothing() -> None:
    done, now = first(trial(criteria(metric(count=1))), GOOD)
    later = now + timedelta(minutes=1)
    (asked,) = questions(trial(criteria(metric(count=2)), gates=done.gates), later)
    _, judged = step(done, {asked: BAD}, later)
    assert (judged.gates[0].samples, judged.outcome) == (1, Passed())


def test_a_soak_has_to_be_measured_to_its_end() -> None:
    stage, _, _ = play(trial(), [GOOD] * (EVERY_30_S - 1))
    end = stage.soak_until
    assert isinstance(judge(stage, {}, end + timedelta(hours=1)).outcome, Measuring)
    (last,) = questions(stage, end)
    complete, judged = step(stage, {last: GOOD}, end - timedelta(microseconds=1))
    assert isinstance(judged.outcome, Measuring), "a moment too early"
    assert judge(complete, {}, end).outcome == Passed()


def test_the_first_look_waits_for_the_initial_delay() -> None:
    wait = judge(trial(criteria(metric(initialDelay="10m"))), {}, ENTERED).look_again
    assert wait is not None
    assert timedelta(minutes=10) < wait <= timedelta(minutes=10, seconds=30)


ACTIONS: dict[str, tuple[str, tuple[str | None, ...], FailureAction, str]] = {
    "the default": ("Pause", (None,), FailureAction.PAUSE, "gate m0 "),
    "the metric's own": ("Pause", ("Rollback",), FailureAction.ROLLBACK, "gate m0 "),
    "a milder one of its own": ("Rollback", ("Pause",), FailureAction.PAUSE, "gate m0 "),
    "the strictest of several, told first": (
        "Pause", ("Pause", "Rollback"), FailureAction.ROLLBACK, "gate m1 "),
}  # fmt: skip


@pytest.mark.parametrize(("default", "own", "action", "begins"), ACTIONS.values(), ids=ACTIONS)
def test_the_action_of_failed_gates_is(
    default: str, own: Sequence[str | None], action: FailureAction, begins: str
) -> None:
    named = [
        metric(name=f"m{number}", query=PLAIN) | ({"onFailure": one} if one else {})
        for number, one in enumerate(own)
    ]
    stage = trial(criteria(*named), default_action=FailureAction(default))
    _, judged, _ = play(stage, [BAD])
    assert isinstance(judged.outcome, Failed)
    assert judged.outcome.action is action
    assert judged.outcome.message.startswith(begins)
    assert all(f"m{number}" in judged.outcome.message for number in range(len(own)))


Row = tuple[str, Verdict, dict[str, Any]]


def rows(*verdicts: Row) -> tuple[GateStatus, ...]:
    return tuple(
        GateStatus(
            name=name,
            criteria="ExitCriteria/quality",
            verdict=verdict,
            generation=1,
            message=f"({name})",
            **more,
        )
        for name, verdict, more in verdicts
    )


FAIL: Row = ("fail", Verdict.FAIL, {})
SHARED: Row = ("shared", Verdict.INCONCLUSIVE, {"suspect": True})
STUCK: Row = ("stuck", Verdict.INCONCLUSIVE, {"inconclusive": 1})
DARK: Row = ("dark", Verdict.INCONCLUSIVE, {"errors": 5})
BUSY: Row = ("busy", Verdict.MEASURING, {})
DONE: Row = ("done", Verdict.PASS, {"samples": 1})

WORST: dict[str, tuple[tuple[Row, ...], Outcome]] = {
    "a failure beats everything": (
        (DONE, BUSY, DARK, STUCK, SHARED, FAIL),
        Failed(FailureAction.ROLLBACK, "gate fail (fail)")),
    "a shared failure beats what is unclear": (
        (DONE, BUSY, DARK, STUCK, SHARED), Shared("gate shared (shared)")),
    "one that does not heal keeps all from healing": (
        (BUSY, DARK, STUCK), Inconclusive("gate dark (dark); the same for stuck", heals=False)),
    "what only lacks answers heals": (
        (DONE, BUSY, DARK), Inconclusive("gate dark (dark)", heals=True)),
    "one that measures holds all": (
        (DONE, BUSY), Measuring("1 of 2 gates have passed; gate busy (busy)")),
    "all have to pass": ((DONE,), Passed()),
}  # fmt: skip


@pytest.mark.parametrize(("given", "outcome"), WORST.values(), ids=WORST)
def test_the_worst_verdict_decides(given: Sequence[Row], outcome: Outcome) -> None:
    named = [metric(name=name, count=1) for name, _, _ in given]
    stage = trial(criteria(*named), gates=rows(*given))
    assert judge(stage, {}, ENTERED).outcome == outcome
    dry = [metric(name="dry", count=1, dryRun=True), *named]
    beside = trial(criteria(*dry), gates=rows(("dry", Verdict.FAIL, {}), *given))
    assert judge(beside, {}, ENTERED).outcome == outcome, "a dry run never decides"


def test_a_dry_run_is_measured_and_shown() -> None:
    dry = metric(name="dry", dryRun=True, onNoData="Ignore", query="dry")
    _, judged, _ = play(trial(criteria(dry)), [NO_DATA])
    (row,) = judged.gates
    assert (row.dry_run, row.message) == (True, "is not measured: no data")
    assert judged.outcome == Passed()


def test_a_stage_without_criteria_has_nothing_to_measure() -> None:
    assert judge(trial(criteria=()), {}, ENTERED).outcome == Passed()


REQUESTS: dict[str, Any] = {
    "minimumRequests": {"count": 2000, "query": "requests[{{stageElapsed}}]"}
}


@pytest.mark.parametrize(
    ("answer", "verdict", "message"),
    [
        (value(1200.9), Verdict.MEASURING, "counted 1,200 of 2,000 requests"),
        (value(1999.9999999), Verdict.MEASURING, "counted 1,999 of 2,000 requests"),
        (value(2000), Verdict.PASS, "counted 2,000 of 2,000 requests"),
        (NO_DATA, Verdict.MEASURING, "counted none of 2,000 requests: no data"),
        (NAN, Verdict.MEASURING, "counted none of 2,000 requests: no data"),
        (value(float("inf")), Verdict.MEASURING, "counted none of 2,000 requests: no data"),
        (DOWN, Verdict.MEASURING, "could not be measured (1 time in a row, 4 tolerated): http"),
    ],
)
def test_minimum_requests(answer: Answer, verdict: Verdict, message: str) -> None:
    one = metric(dryRun=True, interval="1h", query="unused")
    eager = metric(name="eager", dryRun=True, interval="10s", query="unused")
    stage = trial(criteria(one, eager, **REQUESTS))
    now = ENTERED + timedelta(seconds=10)
    (asked,) = [due for due in questions(stage, now) if due.query.startswith("requests")]
    elapsed = max(int((asked.at - ENTERED).total_seconds()), 1)
    assert asked.query == f"requests[{elapsed}s]"
    _, judged = step(stage, {asked: answer}, now)
    row = judged.gates[0]
    assert (row.name, row.verdict, row.limit) == ("minimum-requests", verdict, "at least 2000")
    assert row.message.startswith(message)
    assert isinstance(judged.outcome, Passed if verdict is Verdict.PASS else Measuring)


def test_minimum_requests_end_with_enough_and_give_up_on_silence() -> None:
    stage = trial(criteria(metric(dryRun=True, count=1, initialDelay="24h"), **REQUESTS))
    after, judged, _ = play(stage, [value(10), value(5000), value(0)])
    assert after.gates[0].value == "5000", "enough is enough: nothing is asked any more"
    assert judged.outcome == Passed()
    _, silent, _ = play(stage, [DOWN] * 5)
    assert isinstance(silent.outcome, Inconclusive)
    assert silent.outcome.heals
    assert isinstance(play(stage, [DOWN] * 4)[1].outcome, Measuring)


def test_edited_criteria_start_the_evidence_anew() -> None:
    failed, _, now = play(trial(), [BAD], stable=GOOD)
    assert failed.gates[0].verdict is Verdict.FAIL
    edited = replace(failed, criteria=(criteria(generation=2),))
    judged = judge(edited, {}, now)
    assert (judged.gates[0].samples, judged.gates[0].generation) == (0, 2)
    assert isinstance(judged.outcome, Measuring)


def test_the_evidence_of_another_stage_or_criteria_is_dropped() -> None:
    measured, now = first(trial(), GOOD)
    following = replace(measured, entered_at=now, soak_until=now + SOAK)
    assert judge(following, {}, now).gates[0].samples == 0
    elsewhere = replace(measured, criteria=(cluster_criteria(),))
    assert [row.criteria for row in judge(elsewhere, {}, now).gates] == [
        "ClusterExitCriteria/serving"
    ]
    assert judge(elsewhere, {}, now).gates[0].samples == 0


def test_an_answer_that_took_a_while_still_counts() -> None:
    stage = trial()
    now = ENTERED + timedelta(seconds=30)
    (asked,) = questions(stage, now)
    _, judged = step(stage, {asked: GOOD}, now + timedelta(seconds=31))
    assert (judged.gates[0].samples, judged.gates[0].measured_at) == (1, asked.at)


OTHERS: dict[str, Trial] = {
    "another model": trial(name="churn"),
    "another namespace": trial(namespace="search"),
    "another candidate": trial(candidate="00c0ffee"),
    "another stable": trial(stable=None),
    "another weight": trial(weight=50),
    "a stage that began at another time": trial(entered_at=ENTERED - timedelta(minutes=1)),
    "another query": trial(criteria(metric(query="something_else"))),
    "another interval": trial(criteria(metric(interval="31s"))),
    "other arguments": trial(criteria(args=[{"name": "limit", "value": 2}])),
    "another address": trial(
        cluster_criteria(metric(source={"address": "http://elsewhere:9090"}))),
}  # fmt: skip


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_what_others_asked_is_no_evidence(other: Trial) -> None:
    now = ENTERED + timedelta(minutes=5)
    (asked,) = questions(other, now)
    _, judged = step(trial(), {asked: GOOD}, now)
    assert judged.gates[0].samples == 0


@pytest.mark.parametrize("at", [ENTERED - timedelta(hours=1), ENTERED + timedelta(minutes=6)])
def test_what_was_before_the_stage_or_is_yet_to_come_is_no_evidence(at: datetime) -> None:
    now = ENTERED + timedelta(minutes=5)
    (asked,) = questions(trial(), now)
    _, judged = step(trial(), {replace(asked, at=at): GOOD}, now)
    assert judged.gates[0].samples == 0


def test_identical_gates_ask_once_and_each_counts_the_answer() -> None:
    stage = trial(cluster_criteria(name="one"), cluster_criteria(name="two"))
    now = ENTERED + timedelta(minutes=1)
    (asked,) = questions(stage, now)
    _, judged = step(stage, {asked: GOOD}, now)
    assert [row.samples for row in judged.gates] == [1, 1]


def test_gates_that_differ_in_what_their_query_does_not_say_ask_once_too() -> None:
    spare = cluster_criteria(name="two", args=[{"name": "spare", "value": 2}])
    stage, now = trial(cluster_criteria(name="one"), spare), ENTERED + timedelta(minutes=1)
    (asked,) = questions(stage, now)
    _, judged = step(stage, {asked: GOOD}, now)
    assert [row.samples for row in judged.gates] == [1, 1]


def test_only_the_cluster_kind_asks_elsewhere() -> None:
    aimed = metric(source={"address": "http://other:9090"})
    now = ENTERED + timedelta(minutes=1)
    (asked,) = questions(trial(cluster_criteria(aimed)), now)
    assert asked.address == "http://other:9090"
    with pytest.raises(ValueError, match="address"):
        criteria(aimed)


def test_no_more_rows_than_status_holds() -> None:
    many = [metric(name=f"m{number}") for number in range(8)]
    four = [cluster_criteria(*many, name=f"c{number}", **REQUESTS) for number in range(4)]
    assert len(judge(trial(*four), {}, ENTERED).gates) == 32


def test_messages_fit_into_status() -> None:
    endless = Broken("x" * 5000)
    _, judged, _ = play(trial(), [endless] * 6)
    assert isinstance(judged.outcome, Inconclusive)
    assert len(judged.gates[0].message) == LINE
    labels = {f"label_{number}": "v" * 100 for number in range(50)}
    _, judged, _ = play(trial(), [Reply((Series(1, labels),) * 9)] * 5)
    assert isinstance(judged.outcome, Inconclusive)
    assert len(judged.outcome.message) <= 1024


def test_questions_are_only_those_that_are_due() -> None:
    stage, now = first(trial(), GOOD)
    assert questions(stage, now) == ()
    assert questions(stage, now + timedelta(seconds=29)) == ()
    (asked,) = questions(stage, now + timedelta(seconds=30))
    assert asked == Question(
        "", f'error_ratio{{revision="{CANDIDATE}"}}', now + timedelta(seconds=30)
    )


AWAY = Unasked("http://prometheus:9090 has not answered yet")


def test_a_question_without_an_answer_counts_for_nothing_and_is_told_once() -> None:
    stage, now = first(trial(), GOOD)
    rows = []
    for _ in range(9):
        now += timedelta(seconds=30)
        (asked,) = questions(stage, now)
        stage, judged = step(stage, {asked: AWAY}, now)
        rows.append(judged.gates[0])
    assert rows == [rows[0]] * 9, "nothing new is written"
    assert (rows[0].verdict, rows[0].errors, rows[0].samples) == (Verdict.MEASURING, 0, 1)
    assert isinstance(judged.outcome, Measuring)
    assert "; not measured since 12:0" in judged.outcome.message
    assert judged.outcome.message.endswith("Z: http://prometheus:9090 has not answered yet")


def test_what_comes_late_is_measured_at_the_instant_that_was_asked_about() -> None:
    stage, now = first(trial(), GOOD)
    (asked,) = questions(stage, now + timedelta(seconds=30))
    stage, _ = step(stage, {asked: AWAY}, now + timedelta(seconds=30))
    (due,) = questions(stage, now + timedelta(seconds=60))
    stage, judged = step(stage, {asked: GOOD, due: AWAY}, now + timedelta(seconds=61))
    row = judged.gates[0]
    assert (row.samples, row.measured_at) == (2, asked.at)
    assert "; not measured since " in row.message, "the next one is due too"


def test_stable_is_waited_for_as_well() -> None:
    stage, now = first(trial(), GOOD)
    (asked,) = questions(stage, now + timedelta(seconds=30))
    stage, _ = step(stage, {asked: BAD}, now + timedelta(seconds=30))
    (doubt,) = questions(stage, now + timedelta(seconds=30))
    stage, judged = step(stage, {doubt: AWAY}, now + timedelta(seconds=31))
    assert (judged.gates[0].verdict, judged.gates[0].suspect) == (Verdict.MEASURING, True)
    assert AWAY.message in judged.gates[0].message


def test_a_gate_that_needs_no_answer_any_more_says_nothing_of_it() -> None:
    stage, now = first(trial(criteria(metric(count=1))), GOOD)
    asked = Question("", f'error_ratio{{revision="{CANDIDATE}"}}', now + timedelta(seconds=30))
    _, judged = step(stage, {asked: AWAY}, now + timedelta(seconds=30))
    assert AWAY.message not in judged.gates[0].message
