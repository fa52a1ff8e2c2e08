"""Clocks that do not agree: a stage counts the time that passed, not what a clock was set to.

Times in status are by the clock of whoever wrote them. How far that clock and this one are apart is
told by the shell, as far as it can know; what still lies in the future then, cannot be true.

Two corrections, in this order. ``moved``: all times of a stage by as much as the clock was set, so
that their differences stay. ``healed``: a beginning that is later than now is now; ends are left
alone, they lie in the future as they should.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from lockstep.api.changes import changed
from lockstep.api.durations import format_duration
from lockstep.api.events import EventReason
from lockstep.api.gate_status import GateStatus
from lockstep.api.model_deployment_status import ModelDeploymentStatus, StageStatus
from lockstep.core.plan import Event

TOLERATED: Final = timedelta(seconds=5)
"""Clocks of two nodes, or of one before and after a correction, may differ by so much."""

_FIRST, _LAST = 2002, 2997
"""Far enough inside the years of a status for any step, see ``LONGEST``."""
LONGEST: Final = timedelta(days=365)
"""No clock was set by more; whatever says so knows nothing."""

Change = Callable[[datetime], datetime]


def moved(status: ModelDeploymentStatus, by: timedelta) -> ModelDeploymentStatus:
    """The same status by a clock that is ahead ``by`` so much: no stage gets older or younger.

    A time from outside what a status may hold is nobody's of ours: it is left to others.
    """

    def ahead(at: datetime) -> datetime:
        return at + by if _FIRST <= at.year <= _LAST else at

    return _told_anew(status, ahead, ahead)


def healed(status: ModelDeploymentStatus, now: datetime) -> ModelDeploymentStatus:
    """Nothing of a stage lies in the future: what does is taken to be now, and measured anew."""
    return _told_anew(status, lambda at: now if at > now + TOLERATED else at, _as_it_is)


def _as_it_is(at: datetime) -> datetime:
    return at


def _told_anew(status: ModelDeploymentStatus, past: Change, end: Change) -> ModelDeploymentStatus:
    """Without a stage nothing counts the time; an equal status is the same one."""
    if status.stage is None:
        return status
    stage = _stage(status.stage, past, end)
    gates = tuple(_gate(row, past) for row in status.gates)
    if (stage, gates) == (status.stage, status.gates):
        return status
    return changed(status, stage=stage, gates=gates)


def _stage(stage: StageStatus, past: Change, end: Change) -> StageStatus:
    return changed(
        stage,
        entered_at=_at(stage.entered_at, past),
        soak_until=_at(stage.soak_until, end),
        deadline=_at(stage.deadline, end),
        progress_at=_at(stage.progress_at, past),
        approval_asked_at=_at(stage.approval_asked_at, past),
        standing_since=_at(stage.standing_since, past),
        unsteady_at=_at(stage.unsteady_at, past),
    )


def _at(at: datetime | None, change: Change) -> datetime | None:
    return at and change(at)


def _gate(row: GateStatus, change: Change) -> GateStatus:
    if row.measured_at is None:
        return row
    return changed(row, measured_at=change(row.measured_at))


def told(stepped: timedelta) -> tuple[Event, ...]:
    """Said once, in the pass that counts on by the new clock."""
    if not stepped:
        return ()
    ahead = "ahead of" if stepped > timedelta(0) else "behind"
    message = (
        f"the operator's clock is {format_duration(abs(stepped))} {ahead} the clock that timed "
        "this stage: it was set, or no operator ran for that long; soak, deadline and gates "
        "continue from where they were"
    )
    return (Event(EventReason.CLOCK_STEPPED, message),)
