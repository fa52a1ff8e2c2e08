"""Why a gate has never had data: that no series has the name its query asks for is worth a word.

Looked up once missing data is no accident any more, and seldom again: a name may have many series.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from lockstep.api.changes import changed
from lockstep.api.gate_status import GateStatus
from lockstep.core.gates.evidence import clipped
from lockstep.core.gates.gate import Gate
from lockstep.core.gates.names import lookup, named
from lockstep.core.gates.question import Answer, Question, Reply

EVERY: Final = 20
"""Measurements from one look-up to the next."""
FIRST: Final = 3
"""The first is beside this measurement."""

_SAID: Final = "; no series is called "
_NAME: Final = "__name__"


def asked(gate: Gate, row: GateStatus, at: datetime) -> Question | None:
    """The look-up that goes with the measurement after ``row``; None when it is not its turn."""
    if row.samples or (row.no_data + 1) % EVERY != FIRST:
        return None
    query = lookup(gate.source.query)
    return Question(gate.address, query, at) if query else None


def hinted(
    row: GateStatus, before: GateStatus, gate: Gate, answers: Mapping[Question, Answer]
) -> GateStatus:
    """``row`` with what the look-up has found, or what an earlier one had."""
    if row.samples or not row.no_data or row.measured_at is None:
        return row
    question = asked(gate, before, row.measured_at)
    answer = answers.get(question) if question else None
    if isinstance(answer, Reply):
        there = {one.labels.get(_NAME) for one in answer.series}
        missing = ", ".join(name for name in named(gate.source.query) if name not in there)
    else:
        missing = before.message.partition(_SAID)[2]
    said = f"{row.message}{_SAID}{missing}" if missing else row.message
    return changed(row, message=clipped(said))
