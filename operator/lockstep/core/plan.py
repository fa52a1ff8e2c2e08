"""What one pass decides: the status to store, the actions, what is told. Nothing here acts."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from lockstep.api.conditions import ConditionReason
from lockstep.api.events import EventReason, EventType
from lockstep.api.gate_status import Verdict
from lockstep.core.gates.last import Concluded

Status = TypeVar("Status")
Action = TypeVar("Action")


@dataclass(frozen=True, slots=True)
class Event:
    """Said once, when a stage or a verdict changed; the reason of a phase is always a warning."""

    reason: EventReason | ConditionReason
    message: str

    @property
    def type(self) -> EventType:
        return self.reason.type if isinstance(self.reason, EventReason) else EventType.WARNING


@dataclass(frozen=True, kw_only=True)  # Python 3.11 calls no alias of a frozen class with slots
class Plan(Generic[Status, Action]):
    """``verdicts`` are those that gates have come to in this pass.

    ``concluded``: the gates of their stage that have one, where there are any.
    ``look_again`` is how long the key may sleep; None until it is enqueued.
    """

    status: Status
    actions: tuple[Action, ...] = ()
    events: tuple[Event, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    concluded: Concluded | None = None
    look_again: timedelta | None = None
