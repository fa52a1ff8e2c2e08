"""A candidate of which nothing is heard, while stable is heard: too busy or broken to be scraped.

To wait for its data would leave it in the way of callers for as long as it is silent.
"""

from collections.abc import Mapping
from datetime import datetime

from lockstep.api.exit_criteria import Metric, OnNoData
from lockstep.api.gate_status import GateStatus
from lockstep.core.gates.evidence import waiting
from lockstep.core.gates.gate import Gate, is_short, question
from lockstep.core.gates.question import Answer, Question
from lockstep.core.gates.reading import Mute, NoData, Reading, Value, read
from lockstep.core.gates.thresholds import Measured, limits
from lockstep.core.gates.trial import Trial


def is_asked(gate: Gate, trial: Trial) -> bool:
    """Whether stable needs a question of its own to tell a mute candidate from missing data."""
    return _matters(gate, trial) and gate.about_one_arm


def heard(
    gate: Gate, trial: Trial, answers: Mapping[Question, Answer], asked: Question
) -> Reading | Mute:
    """What the answer to ``asked`` says, with what stable says beside it."""
    reading = read(answers[asked], gate.source, trial.named, trial.candidate)
    if reading != NoData() or trial.stable is None or not _matters(gate, trial):
        return reading
    match _of_stable(gate, trial, trial.stable, answers, asked):
        case Value(number) if not _fails(gate, number):
            return Mute(trial.stable, number)
        case _:
            return reading


def counted_early(
    row: GateStatus, gate: Gate, trial: Trial, reading: Reading | Mute, at: datetime
) -> GateStatus | None:
    """The row where missing data is no failure yet, because the stage has only begun."""
    rule = gate.rule
    if not isinstance(rule, Metric) or rule.on_no_data is not OnNoData.FAIL:
        return None
    early = isinstance(reading, NoData) and is_short(gate, trial, at)
    return waiting(row, rule, at) if early else None


def _matters(gate: Gate, trial: Trial) -> bool:
    """Pause was asked for in so many words, and in a preview there is nobody to protect."""
    rule = gate.rule
    if not isinstance(rule, Metric) or rule.dry_run or rule.on_no_data is OnNoData.PAUSE:
        return False
    return trial.weight > 0 and trial.stable is not None


def _fails(gate: Gate, number: float) -> bool:
    """Whether stable exceeds the limit itself: then it is no witness against anybody."""
    rule = gate.rule
    return isinstance(rule, Metric) and limits(rule, gate.args).measure(number) is Measured.FAILURE


def _of_stable(
    gate: Gate, trial: Trial, stable: str, answers: Mapping[Question, Answer], asked: Question
) -> Reading | None:
    if gate.about_both_arms:
        return read(answers[asked], gate.source, trial.named, stable)
    answer = answers.get(question(gate, trial, stable, asked.at)) if gate.about_one_arm else None
    return read(answer, gate.source, trial.named, stable) if answer else None
