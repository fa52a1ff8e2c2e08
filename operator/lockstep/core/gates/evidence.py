"""What one more measurement adds to a gate's row: counters, value and a sentence. No verdicts here.

A row is all that is remembered of a stage's measurements, whoever asks next, after any crash.
``samples`` counts numbers, ``failures`` and ``inconclusive`` those that were bad or neither; these
only grow. ``errors`` and ``no_data`` are counted in a row: an answer ends the first, a number
both. Missing data is a failure where the criteria say so, or where stable has data all the while:
``failures`` may be more than ``samples``. Each instant counts once: what is not after
``measured_at`` is no news. Verdicts follow from the counters, in `judge`.

The sentences go after the gate's name: "gate p99-latency" + "was 0.812, allowed at most 0.5".
"""

import math
from datetime import datetime
from typing import Final, assert_never

from lockstep.api.base import cut
from lockstep.api.changes import changed
from lockstep.api.exit_criteria import Metric, MinimumRequests, OnNoData
from lockstep.api.gate_status import GateStatus
from lockstep.api.scalars import LINE
from lockstep.core.gates.gate import Gate
from lockstep.core.gates.numbers import rounded
from lockstep.core.gates.question import Broken
from lockstep.core.gates.reading import Mute, NoData, Reading, Value
from lockstep.core.gates.thresholds import Limits, Measured, limits

TOLERATED_ERRORS: Final = 4
"""For traffic, which has no limits of its own; a metric's default is the same."""
MUTE_AFTER: Final = 3
"""Measurements in a row without data before it is held against the candidate that stable has some:
a counter may not be there before its first call."""


def clipped(sentence: str) -> str:
    return cut(sentence, LINE)


def counted(
    row: GateStatus, gate: Gate, reading: Reading | Mute, at: datetime, weight: int
) -> GateStatus:
    """``row`` with what was measured at ``at``, at ``weight`` percent of traffic."""
    if isinstance(gate.rule, MinimumRequests):
        after = _requests(row, gate.rule, reading)
    else:
        after = _metric(row, gate.rule, limits(gate.rule, gate.args), reading, weight)
    refused = True if isinstance(reading, Broken) and reading.invalid else None
    return changed(after, measured_at=at, refused=refused, message=clipped(after.message))


def tolerance(row: GateStatus, metric: Metric) -> str:
    """How the failures stand to their limit; nothing where none is tolerated."""
    if not metric.failure_limit:
        return ""
    return f" ({_plural(row.failures, 'failed measurement')}, {metric.failure_limit} tolerated)"


def _metric(
    row: GateStatus, metric: Metric, bounds: Limits, reading: Reading | Mute, weight: int
) -> GateStatus:
    match reading:
        case Broken():
            return _broken(row, metric.consecutive_error_limit, reading)
        case Mute(stable, number):
            return _mute(row, metric, f"stable {stable} was {bounds.shown(number)}", weight)
        case NoData():
            return _no_data(row, metric, weight)
        case Value(number):
            return _valued(row, metric, bounds, number, weight)
        case other:
            assert_never(other)


def _broken(row: GateStatus, tolerated: int, broken: Broken) -> GateStatus:
    errors = row.errors + 1
    times = f"{_plural(errors, 'time')} in a row, {tolerated} tolerated"
    why = "has an invalid query" if broken.invalid else f"could not be measured ({times})"
    message = f"{why}: {broken.message}"
    return changed(row, errors=errors, value=None, message=message)


def _without_data(row: GateStatus) -> GateStatus:
    return changed(row, errors=0, no_data=row.no_data + 1, value=None)


def _no_data(row: GateStatus, metric: Metric, weight: int) -> GateStatus:
    after = _without_data(row)
    match metric.on_no_data:
        case OnNoData.IGNORE:
            return changed(after, message="is not measured: no data")
        case OnNoData.FAIL:
            failed = changed(after, failures=row.failures + 1)
            why = "had no data, which counts as failure (onNoData: Fail)"
            message = f"{why}, at {weight}% of traffic{tolerance(failed, metric)}"
            return changed(failed, message=message)
        case OnNoData.PAUSE | None:
            return changed(after, message=_waits(after, metric))
        case other:
            assert_never(other)


def _waits(row: GateStatus, metric: Metric) -> str:
    times = _plural(row.no_data, "measurement")
    if row.samples:
        return f"had no data in {times}, {metric.inconclusive_limit} tolerated"
    return f"waits for its first sample: no data in {times}"


def _mute(row: GateStatus, metric: Metric, stable: str, weight: int) -> GateStatus:
    after = _without_data(row)
    if metric.on_no_data is None and after.no_data < MUTE_AFTER:
        return changed(after, message=_waits(after, metric))
    failed = changed(after, failures=row.failures + 1)
    message = (
        f"had no data for the candidate in {_plural(after.no_data, 'measurement')} while stable "
        f"has data ({stable}), at {weight}% of traffic{tolerance(failed, metric)}; "
        "if traffic is low, set onNoData: Pause"
    )
    return changed(failed, message=message)


def waiting(row: GateStatus, metric: Metric, at: datetime) -> GateStatus:
    """``row`` when missing data is no failure yet: the stage is younger than what is looked at."""
    after = _without_data(row)
    message = clipped(_waits(after, metric))
    return changed(after, measured_at=at, refused=None, message=message)


def _valued(
    row: GateStatus, metric: Metric, bounds: Limits, number: float, weight: int
) -> GateStatus:
    measured = bounds.measure(number)
    after = changed(
        row,
        errors=0,
        no_data=0,
        value=rounded(number),
        samples=row.samples + 1,
        failures=row.failures + (measured is Measured.FAILURE),
        inconclusive=row.inconclusive + (measured is Measured.NEITHER),
    )
    return changed(after, message=_found(after, metric, bounds, measured, number, weight))


def _found(
    row: GateStatus,
    metric: Metric,
    bounds: Limits,
    measured: Measured,
    number: float,
    weight: int,
) -> str:
    shown = bounds.shown(number)
    was = f"was {shown}, allowed {bounds.allowed(number)}"
    match measured:
        case Measured.SUCCESS:
            return f"{was}; {_progress(row, metric)}"
        case Measured.FAILURE:
            return f"{was}, at {weight}% of traffic{tolerance(row, metric)}"
        case Measured.NEITHER:
            counts = f"{row.inconclusive} inconclusive, {metric.inconclusive_limit} tolerated"
            return f"was {shown}, {bounds.between()}, at {weight}% of traffic ({counts})"
        case other:
            assert_never(other)


def _progress(row: GateStatus, metric: Metric) -> str:
    if metric.count is not None:
        return f"{row.samples} of {_plural(metric.count, 'measurement')}"
    wanted = f", at least {metric.min_samples} required" if row.samples < metric.min_samples else ""
    return _plural(row.samples, "measurement") + wanted


def _requests(row: GateStatus, wanted: MinimumRequests, reading: Reading | Mute) -> GateStatus:
    match reading:
        case Broken():
            return _broken(row, TOLERATED_ERRORS, reading)
        case Value(number) if math.isfinite(number):
            return changed(
                row,
                errors=0,
                no_data=0,
                value=rounded(math.floor(number)),
                samples=row.samples + 1,
                message=f"counted {math.floor(number):,} of {wanted.count:,} requests",
            )
        case _:
            message = f"counted none of {wanted.count:,} requests: no data"
            return changed(row, errors=0, no_data=row.no_data + 1, value=None, message=message)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
