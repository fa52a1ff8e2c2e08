"""What criteria are worth by themselves, before any stage has tried them.

Valid: every metric can be asked, with its own arguments and limits; the first that cannot is named.
Whether they fit a stage is not known here (`mistakes` knows), and what they have found is told by
``verdicts``, the newest of each user.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from lockstep.api.base import cut
from lockstep.api.condition import Truth
from lockstep.api.exit_criteria_status import MOST_USERS, ExitCriteriaStatus, LastVerdict
from lockstep.api.strategy import CriteriaRef
from lockstep.core.facts import Criteria, Unreadable
from lockstep.core.gates.gate import gates_of
from lockstep.core.gates.mistakes import in_gate

_EXCERPT: Final = 160
_SOME_SOAK: Final = timedelta(seconds=1)
"""What a stage adds is not known here: only what no stage can heal counts."""


def mistake(ref: CriteriaRef, found: Criteria | Unreadable) -> str | None:
    """The first reason why no stage can use these criteria, with the query that it is about."""
    if isinstance(found, Unreadable):
        return f"it is invalid: {found.message}"
    for gate in gates_of(((ref, found),)):
        why = next(in_gate(gate, _SOME_SOAK), None)
        if why:
            query = cut(" ".join(gate.source.query.split()), _EXCERPT)
            return f"metric {gate.name} {why}; its query is {query}"
    return None


def standing(
    generation: int, wrong: str | None, users: Sequence[str], verdicts: tuple[LastVerdict, ...] = ()
) -> ExitCriteriaStatus:
    """The status of criteria that ``users`` refer to."""
    return ExitCriteriaStatus(
        observed_generation=generation,
        valid=Truth.FALSE if wrong else Truth.TRUE,
        message=wrong,
        used_by=len(users),
        users=tuple(sorted(users)[:MOST_USERS]),
        verdicts=verdicts or None,
    )
