"""What a gate's row says of a measurement that is due and not there yet. It counts for nothing."""

from collections.abc import Mapping
from typing import Final

from lockstep.api.changes import changed
from lockstep.api.gate_status import GateStatus
from lockstep.core.gates.evidence import clipped
from lockstep.core.gates.gate import Gate, asker
from lockstep.core.gates.judge import finished
from lockstep.core.gates.question import Question, Unasked
from lockstep.core.gates.trial import Trial

_LATE: Final = "; not measured since "


def told(gate: Gate, trial: Trial, row: GateStatus, late: Mapping[Question, Unasked]) -> GateStatus:
    """``row``, saying once since when an answer is awaited, and of whom."""
    if finished(row, gate) or _LATE in row.message:
        return row
    if not late:
        return row
    arms = (trial.candidate, trial.stable)
    own = [asker(gate, trial, arm) for arm in arms if arm]
    due = [it for it in late if any(one in it.askers for one in own)]
    if not due:
        return row
    first = min(due, key=lambda it: it.at)
    message = f"{row.message}{_LATE}{first.at:%H:%M:%SZ}: {late[first].message}"
    return changed(row, message=clipped(message))
