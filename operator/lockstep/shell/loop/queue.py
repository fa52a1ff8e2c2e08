"""The work queue between watches and workers: it hands out each key to one worker at a time.

One key wakes one worker. Waking all that are idle, to let them find out who is quickest, took a
tenth of the operator's CPU.
"""

import asyncio
from collections import deque
from datetime import timedelta

from lockstep.core.key import Key
from lockstep.shell.loop.schedule import (
    WORKERS_FOR,
    Rank,
    Schedule,
)

_Idle = asyncio.Future[Key]


class Queue:
    """Belongs to one event loop; keys from elsewhere come through ``call_soon_threadsafe``.

    ``most`` is how many workers of one sort a namespace may have at a time.
    """

    def __init__(self, most: int | None = None) -> None:
        self._schedule = Schedule() if most is None else Schedule(most)
        self._idle: dict[Rank, deque[_Idle]] = {last: deque() for last in WORKERS_FOR}
        self._alarm: asyncio.TimerHandle | None = None

    def depth(self) -> int:
        """How many keys are due and wait for a worker."""
        return self._schedule.waiting(asyncio.get_running_loop().time())

    def add(self, key: Key, rank: Rank, after: timedelta = timedelta(0)) -> None:
        due = asyncio.get_running_loop().time() + after.total_seconds()
        self._schedule.add(key, rank, due)
        self._hand_out()

    async def take(self, last: Rank = Rank.REST) -> Key:
        """Wait for the next key that is due and ranks no later than ``last``."""
        idle: _Idle = asyncio.get_running_loop().create_future()
        self._idle[last].append(idle)
        self._hand_out()
        try:
            return await idle
        except asyncio.CancelledError:
            if idle.done() and not idle.cancelled():  # it was handed over, and nobody is there
                self._schedule.add(idle.result(), last, 0.0)
                self.done(idle.result())
            raise

    def done(self, key: Key) -> None:
        """Let the next worker have ``key``, if it was enqueued meanwhile."""
        self._schedule.done(key)
        self._hand_out()

    def _hand_out(self) -> None:
        """Workers that see to few ranks come first, so that the others are left for the rest."""
        now = asyncio.get_running_loop().time()
        for last, waiting in self._idle.items():
            while idle := _next(waiting):
                key = self._schedule.take(now, last)
                if key is None:
                    break
                idle.set_result(key)
        if any(self._idle.values()):
            self._set_alarm(self._schedule.next_due())

    def _set_alarm(self, due: float | None) -> None:
        if due is None or (self._alarm and self._alarm.when() <= due):
            return
        if self._alarm:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_at(due, self._enqueue)

    def _enqueue(self) -> None:
        self._alarm = None
        self._hand_out()


def _next(waiting: deque[_Idle]) -> _Idle | None:
    """The worker that waits longest; those that were given a key or went away are forgotten."""
    while waiting and waiting[0].done():
        waiting.popleft()
    return waiting[0] if waiting else None
