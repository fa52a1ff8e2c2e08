"""What time it is, how far the wall clock was set meanwhile, and when nobody answered.

A process knows its own steps exactly. What happened before it began is told by the Lease: its last
renewal was written by the operator before, by that one's clock.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from lockstep.core.facts import Outage
from lockstep.core.rollout.clocks import LONGEST

UNSEEN: Final = timedelta(minutes=5)
"""Time in which no operator looked counts for so much: as long as one may sleep between passes."""


def _wall() -> datetime:
    return datetime.now(UTC)


def _steady() -> timedelta:
    return timedelta(seconds=time.monotonic())


class Clock:
    """Calling it gives aware UTC time."""

    def __init__(
        self,
        wall: Callable[[], datetime] = _wall,
        steady: Callable[[], timedelta] = _steady,
    ) -> None:
        self._wall, self._steady = wall, steady
        self._began = wall() - steady()
        self._before = timedelta(0)
        self._outage: tuple[Outage, timedelta] | None = None

    def __call__(self) -> datetime:
        return self._wall()

    @property
    def stepped(self) -> timedelta:
        """How far it was set since the process began, in all; whole seconds."""
        steps = self._wall() - self._steady() - self._began
        return timedelta(seconds=round(steps.total_seconds()))

    @property
    def before(self) -> timedelta:
        """How far it is ahead of what an operator before this one counted by."""
        return self._before

    @property
    def outage(self) -> Outage | None:
        """When the API server was last away, by the clock as it is set now."""
        if self._outage is None:
            return None
        outage, set_to = self._outage
        return replace(outage, over=outage.over + (self.stepped - set_to))

    def answers_again(self, after: timedelta) -> None:
        """The API server was away for so long, and is no more."""
        self._outage = Outage(after, self._wall()), self.stepped

    def follow(self, last: datetime | None) -> None:
        """Take over from an operator that was last heard of at ``last``, by its own clock."""
        gap = self._wall() - last if last else timedelta(0)
        if abs(gap) > LONGEST:
            return
        if gap > UNSEEN:
            self._before = gap - UNSEEN
        elif gap < timedelta(0):
            self._before = gap
