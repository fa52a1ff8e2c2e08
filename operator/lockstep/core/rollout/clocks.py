"""Clocks that do not agree: a stage counts the time that passed, not what a clock was set to.

Times in status are by the clock of whoever wrote them. How far that clock and this one are apart is
told by the shell, as far as it can know; what still lies in the future then, cannot be true.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from lockstep.api.base import format_duration
from lockstep.api.events import EventReason
from lockstep.api.model_deployment_status import (
    GateStatus,
    ModelDeploymentStatus,
    StageStatus,
)
from lockstep.core.plan import Event

TOLERATED: Final = timedelta(seconds=5)
"""Clocks of two nodes, or of one before and after a correction, may differ by so much."""

_STAGE: Final = (
    "entered_at",
    "soak_until",
    "deadline",
    "standing_since",
    "unsteady_at",
    "progress_at",
    "approval_asked_at",
)
_PAST: Final = tuple(name for name in _STAGE if name not in {"soak_until", "deadline"})

_FIRST, _LAST = 2002, 2997
"""Far enough inside the years of a status for any step, see ``LONGEST``."""
LONGEST: Final = timedelta(days=365)
"""No clock was set by more; whatever says so knows nothing."""

Change = Callable[[datetime], datetime]


def moved(status: ModelDeploymentStatus, by: timedelta) -> ModelDeploymentStatus:
    """The same status by a clock that is ahead ``by`` so much: no stage gets older or younger."""
    return _changed(status, _STAGE, lambda at: _reckonable(at, by))


def _reckonable(at: datetime, by: timedelta) -> datetime:
    """A time from outside what a status may hold is nobody's of ours: it is left to others."""
    return at + by if _FIRST <= at.year <= _LAST else at


def healed(status: ModelDeploymentStatus, now: datetime) -> ModelDeploymentStatus:
    """Nothing of a stage lies in the future: what does is taken to be now, and measured anew."""
    return _changed(status, _PAST, lambda at: now if at > now + TOLERATED else at)


def _changed(
    status: ModelDeploymentStatus, names: tuple[str, ...], change: Change
) -> ModelDeploymentStatus:
    """Without a stage nothing counts the time; an equal status is the same one."""
    if status.stage is None:
        return status
    stage = _stage(status.stage, names, change)
    gates = tuple(_gate(row, change) for row in status.gates)
    if (stage, gates) == (status.stage, status.gates):
        return status
    return status.model_copy(update={"stage": stage, "gates": gates})


def _stage(stage: StageStatus, names: tuple[str, ...], change: Change) -> StageStatus:
    times = {name: getattr(stage, name) for name in names}
    return stage.model_copy(update={name: change(at) for name, at in times.items() if at})


def _gate(row: GateStatus, change: Change) -> GateStatus:
    if row.measured_at is None:
        return row
    return row.model_copy(update={"measured_at": change(row.measured_at)})


def told(stepped: timedelta) -> tuple[Event, ...]:
    """Said once, in the pass that counts on by the new clock."""
    if not stepped:
        return ()
    ahead = "ahead of" if stepped > timedelta(0) else "behind"
    message = (
        f"the operator's clock is {format_duration(abs(stepped))} {ahead} what this stage was "
        "counted by: it was set, or no operator looked for so long; soak, deadline and gates go on "
        "from where they were"
    )
    return (Event(EventReason.CLOCK_STEPPED, message),)
