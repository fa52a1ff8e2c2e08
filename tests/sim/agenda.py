"""Simulated time: what happens when, in its order. Nothing here waits for a real clock."""

import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

BEGINNING: Final = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Agenda:
    """Seconds since the beginning, and what is still to come."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.watchers: list[Callable[[], None]] = []
        self._numbers = itertools.count()
        self._coming: list[tuple[float, int, Callable[[], None]]] = []

    def now(self) -> datetime:
        return BEGINNING + timedelta(seconds=self.seconds)

    def after(self, delay: float, happening: Callable[[], None]) -> None:
        self.at(self.seconds + delay, happening)

    def at(self, moment: float, happening: Callable[[], None]) -> None:
        heapq.heappush(self._coming, (moment, next(self._numbers), happening))

    def following(self) -> float | None:
        """When the next thing happens; None when nothing is to come."""
        return self._coming[0][0] if self._coming else None

    def run_until(self, moment: float) -> None:
        """Let everything happen that is due until ``moment``, and watch after each."""
        while self._coming and self._coming[0][0] <= moment:
            due, _, happening = heapq.heappop(self._coming)
            self.seconds = max(self.seconds, due)
            happening()
            for watch in self.watchers:
                watch()
        self.seconds = max(self.seconds, moment)
