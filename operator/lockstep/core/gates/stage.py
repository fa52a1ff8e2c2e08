"""The gates of the stage under way: what to ask now, and what the answers so far amount to.

Pure. Nothing here knows how a question travels, or what the rollout does about an outcome.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from lockstep.api.exit_criteria import Metric
from lockstep.api.gate_status import GateStatus, Verdict
from lockstep.api.model_deployment import FailureAction
from lockstep.core.gates import late
from lockstep.core.gates.gate import Gate, evidence, gates_of, grid_of
from lockstep.core.gates.judge import due, finished, is_shared, judged, since
from lockstep.core.gates.mistakes import MOST_GATES, mistakes
from lockstep.core.gates.question import Answer, Question, Unasked
from lockstep.core.gates.trial import (
    Failed,
    Inconclusive,
    Invalid,
    Judged,
    Measuring,
    NamedCriteria,
    Outcome,
    Passed,
    Shared,
    Soaked,
    Trial,
)

__all__ = [
    "Failed",
    "Inconclusive",
    "Invalid",
    "Judged",
    "Measuring",
    "NamedCriteria",
    "Outcome",
    "Passed",
    "Shared",
    "Soaked",
    "Trial",
    "judge",
    "problems",
    "questions",
    "soak",
]

Row = tuple[Gate, GateStatus]


def questions(trial: Trial, now: datetime) -> tuple[Question, ...]:
    """What is due at ``now``, each once: measurements of the candidate, and doubts about stable."""
    found: dict[Question, Question] = {}
    for gate in _gates(trial):
        for one in due(gate, trial, evidence(gate, trial), now):
            same = found.get(one)
            found[one] = replace(one, askers=same.askers + one.askers) if same else one
    return tuple(found.values())


def judge(trial: Trial, answers: Mapping[Question, Answer | Unasked], now: datetime) -> Judged:
    """What the evidence amounts to with ``answers``; the same answers again change nothing."""
    heard = {it: said for it, said in answers.items() if not isinstance(said, Unasked)}
    missing = {it: said for it, said in answers.items() if isinstance(said, Unasked)}
    measured = [(gate, judged(gate, trial, heard, now)) for gate in _gates(trial)]
    rows = [(gate, late.told(gate, trial, row, missing)) for gate, row in measured]
    waits = [wait for gate, row in rows if (wait := _wait(gate, trial, row, now)) is not None]
    return Judged(
        gates=tuple(row for _, row in rows),
        outcome=_outcome(trial, [(gate, row) for gate, row in rows if not gate.dry_run]),
        look_again=min(waits, default=None),
    )


def problems(stage: Soaked, criteria: tuple[NamedCriteria, ...]) -> str | None:
    """Why these criteria cannot be measured in this stage; None when they can."""
    return next(mistakes(stage, criteria, soak(stage, criteria)), None)


def soak(stage: Soaked, criteria: tuple[NamedCriteria, ...]) -> timedelta:
    """The stage's minimum: its own or that of any of its criteria, whichever is larger."""
    return max([stage.soak, *(found.spec.minimum_soak for _, found in criteria)])


def _gates(trial: Trial) -> tuple[Gate, ...]:
    """No more than status holds; ``problems`` says when there are more."""
    return gates_of(trial.criteria)[:MOST_GATES]


def _wait(gate: Gate, trial: Trial, row: GateStatus, now: datetime) -> timedelta | None:
    """Until the gate's next question. What nobody answered waits its turn: no pass spins on it."""
    if finished(row, gate):
        return None
    if row.suspect:
        newly = evidence(gate, trial).measured_at != row.measured_at
        return timedelta(0) if newly else gate.interval
    return grid_of(gate, trial).after(max(now, since(gate, trial, row))) - now


def _outcome(trial: Trial, rows: Sequence[Row]) -> Outcome:
    """The worst verdict decides. ``rows`` has no dry run."""
    failed = [(gate, row) for gate, row in rows if row.verdict is Verdict.FAIL]
    if failed:
        return _failure(trial, failed)
    shared = [row for _, row in rows if is_shared(row)]
    if shared:
        return Shared(_told(shared))
    refused = [row for _, row in rows if row.refused]
    if refused:
        return Invalid(_mend(refused[0]))
    unclear = [(gate, row) for gate, row in rows if row.verdict is Verdict.INCONCLUSIVE]
    if unclear:
        heals = not any(finished(row, gate) for gate, row in unclear)
        return Inconclusive(_told([row for _, row in unclear]), heals=heals)
    open_ = [row for _, row in rows if row.verdict is Verdict.MEASURING]
    if open_:
        passed = len(rows) - len(open_)
        return Measuring(f"{passed} of {len(rows)} gates have passed; {_sentence(open_[0])}")
    return Passed()


def _failure(trial: Trial, failed: Sequence[Row]) -> Failed:
    """Rollback is stricter than Pause; its gate is told first."""
    strict = [row for gate, row in failed if _action(trial, gate) is FailureAction.ROLLBACK]
    mild = [row for gate, row in failed if _action(trial, gate) is not FailureAction.ROLLBACK]
    action = FailureAction.ROLLBACK if strict else FailureAction.PAUSE
    return Failed(action, _told([*strict, *mild]))


def _action(trial: Trial, gate: Gate) -> FailureAction:
    own = gate.rule.on_failure if isinstance(gate.rule, Metric) else None
    return own or trial.default_action


def _told(rows: Sequence[GateStatus]) -> str:
    first, *others = rows
    more = f"; the same for {', '.join(row.name for row in others[:3])}" if others else ""
    return _sentence(first) + more


def _mend(row: GateStatus) -> str:
    return f"metric {row.name} of {row.criteria} {row.message}; fix its query"


def _sentence(row: GateStatus) -> str:
    return f"gate {row.name} {row.message}"
