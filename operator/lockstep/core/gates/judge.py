"""One gate: when it asks, what its evidence amounts to, and whose fault a failure is.

A verdict follows from the row's counters every time anew; only Fail, and the finding that stable
fails too, are kept once reached. Nothing here compares gates with one another.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import assert_never

from lockstep.api.changes import changed
from lockstep.api.exit_criteria import Metric, MinimumRequests, OnNoData
from lockstep.api.gate_status import GateStatus, Verdict
from lockstep.core.gates import hint, mute
from lockstep.core.gates.evidence import TOLERATED_ERRORS, clipped, counted
from lockstep.core.gates.gate import Gate, asker, evidence, first_look, grid_of, question
from lockstep.core.gates.question import Answer, Broken, Question
from lockstep.core.gates.reading import Mute, NoData, Value, read
from lockstep.core.gates.thresholds import Measured, limits
from lockstep.core.gates.trial import Trial


def due(gate: Gate, trial: Trial, row: GateStatus, now: datetime) -> Iterator[Question]:
    """What the gate has to ask at ``now``."""
    if finished(row, gate):
        return
    if _awaits_stable(row):
        yield from _about_stable(gate, trial, row)
        return
    at = grid_of(gate, trial).latest(now)
    if at > since(gate, trial, row):
        yield question(gate, trial, trial.candidate, at)
        names = hint.asked(gate, row, at)
        if names:
            yield names
        if row.no_data and mute.is_asked(gate, trial) and trial.stable:
            yield question(gate, trial, trial.stable, at)


def since(gate: Gate, trial: Trial, row: GateStatus) -> datetime:
    """Nothing up to here is asked about any more."""
    begins = trial.entered_at + first_look(gate, trial)
    return max(begins, row.measured_at) if row.measured_at else begins


def finished(row: GateStatus, gate: Gate) -> bool:
    """Whether no further answer can change the verdict."""
    if row.verdict is Verdict.FAIL or is_shared(row):
        return True
    match gate.rule:
        case MinimumRequests():
            return row.verdict is Verdict.PASS
        case Metric(count=count, inconclusive_limit=tolerated):
            reached = count is not None and row.samples >= count and not row.suspect
            return reached or row.inconclusive > tolerated
        case other:
            assert_never(other)


def is_shared(row: GateStatus) -> bool:
    """Stable was found to exceed the limit too."""
    return row.suspect and row.verdict is Verdict.INCONCLUSIVE


def judged(
    gate: Gate, trial: Trial, answers: Mapping[Question, Answer], now: datetime
) -> GateStatus:
    """The gate's row after whatever of ``answers`` is new to it."""
    row = evidence(gate, trial)
    if row.verdict is Verdict.FAIL or is_shared(row):
        return row
    if _awaits_stable(row):
        return _settled_by_stable(gate, trial, row, answers)
    news = None if finished(row, gate) else _newest(gate, trial, row, answers, now)
    if news is not None:
        reading = mute.heard(gate, trial, answers, news)
        before = row
        row = mute.counted_early(row, gate, trial, reading, news.at) or counted(
            row, gate, reading, news.at, trial.weight
        )
        row = hint.hinted(row, before, gate, answers)
        if isinstance(gate.rule, Metric) and row.failures > gate.rule.failure_limit:
            if isinstance(reading, Mute):
                return _failed(row)
            return _exceeded(gate, trial, row, answers, news)
    return changed(row, verdict=_verdict(gate, trial, row, now))


def _newest(
    gate: Gate,
    trial: Trial,
    row: GateStatus,
    answers: Mapping[Question, Answer],
    now: datetime,
) -> Question | None:
    """The latest answered question of this gate: the clock may have moved while it was asked."""
    if not answers:
        return None
    own, after = asker(gate, trial, trial.candidate), since(gate, trial, row)
    ours = (it for it in answers if own in it.askers and after < it.at <= now)
    return max(ours, key=lambda asked: asked.at, default=None)


def _verdict(gate: Gate, trial: Trial, row: GateStatus, now: datetime) -> Verdict:
    match gate.rule:
        case MinimumRequests(count=wanted):
            if row.errors > TOLERATED_ERRORS:
                return Verdict.INCONCLUSIVE
            enough = row.value is not None and float(row.value) >= wanted
            return Verdict.PASS if enough else Verdict.MEASURING
        case Metric(count=count) as metric:
            if _undecidable(metric, trial, row, now):
                return Verdict.INCONCLUSIVE
            if count is None:
                return _by_soak(gate, metric, trial, row, now)
            if row.samples < count:
                return Verdict.MEASURING
            return Verdict.PASS if _successes(row) else Verdict.INCONCLUSIVE
        case other:
            assert_never(other)


def _undecidable(metric: Metric, trial: Trial, row: GateStatus, now: datetime) -> bool:
    """A limit on not knowing is exceeded; no sample yet is patience until the soak is over."""
    waits = metric.on_no_data in {None, OnNoData.PAUSE}
    starved = waits and row.no_data > metric.inconclusive_limit
    return (
        row.inconclusive > metric.inconclusive_limit
        or row.errors > metric.consecutive_error_limit
        or (starved and (row.samples > 0 or now >= (trial.patient_until or trial.soak_until)))
    )


def _by_soak(gate: Gate, metric: Metric, trial: Trial, row: GateStatus, now: datetime) -> Verdict:
    """Pass once the soak is over and was looked at to its end, and the last look saw something."""
    last = grid_of(gate, trial).latest(trial.soak_until)
    seen = (
        now >= trial.soak_until
        and row.measured_at is not None
        and row.measured_at >= last
        and not (row.errors or row.no_data)
    )
    enough = row.samples >= metric.min_samples and _successes(row)
    return Verdict.PASS if seen and enough else Verdict.MEASURING


def _successes(row: GateStatus) -> int:
    """Valid measurements that were good. Failures may count missing data, which is no sample."""
    return max(row.samples - row.failures - row.inconclusive, 0)


def _awaits_stable(row: GateStatus) -> bool:
    return row.suspect and row.verdict is Verdict.MEASURING


def _about_stable(gate: Gate, trial: Trial, row: GateStatus) -> tuple[Question, ...]:
    """The same question about the other arm, for the very instant at which the candidate failed."""
    if trial.stable is None or row.measured_at is None:
        return ()
    return (question(gate, trial, trial.stable, row.measured_at),)


def _exceeded(
    gate: Gate, trial: Trial, row: GateStatus, answers: Mapping[Question, Answer], news: Question
) -> GateStatus:
    """The limit is exceeded: Fail, unless stable has to be heard first."""
    if gate.dry_run or trial.stable is None:
        return _failed(row)
    if gate.about_both_arms:
        return _against_stable(gate, trial, trial.stable, row, answers[news])
    if gate.about_one_arm:
        suspect = changed(row, verdict=Verdict.MEASURING, suspect=True)
        return _settled_by_stable(gate, trial, suspect, answers)
    return _failed(row)


def _settled_by_stable(
    gate: Gate, trial: Trial, row: GateStatus, answers: Mapping[Question, Answer]
) -> GateStatus:
    asked = next(iter(_about_stable(gate, trial, row)), None)
    if asked is None or trial.stable is None:
        return _failed(row)
    if asked not in answers:
        return row
    return _against_stable(gate, trial, trial.stable, row, answers[asked])


def _against_stable(
    gate: Gate, trial: Trial, stable: str, row: GateStatus, answer: Answer
) -> GateStatus:
    reading = read(answer, gate.source, trial.named, stable)
    match reading:
        case Broken(why):
            return _failed(row, f"; stable {stable} could not be measured: {why}")
        case NoData():
            return _failed(row, f"; stable {stable} has no data to compare with")
        case Value(number):
            return _compared(gate, stable, row, number)
        case other:
            assert_never(other)


def _compared(gate: Gate, stable: str, row: GateStatus, number: float) -> GateStatus:
    if not isinstance(gate.rule, Metric):
        return row
    bounds = limits(gate.rule, gate.args)
    was = f"; stable {stable} was {bounds.shown(number)}"
    if bounds.measure(number) is not Measured.FAILURE:
        return _failed(row, was)
    message = clipped(
        f"{row.message}{was} and fails the same limit, so the candidate is not the cause"
    )
    return changed(row, verdict=Verdict.INCONCLUSIVE, suspect=True, message=message)


def _failed(row: GateStatus, why: str = "") -> GateStatus:
    message = clipped(row.message + why)
    return changed(row, verdict=Verdict.FAIL, suspect=False, message=message)
