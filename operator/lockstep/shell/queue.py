"""The waiting line between bells and workers: it hands out each key to one worker at a time."""

import asyncio
from datetime import timedelta

from lockstep.core.key import Key
from lockstep.shell.schedule import Rank, Schedule


class Queue:
    """Belongs to one event loop; bells from elsewhere come through ``call_soon_threadsafe``."""

    def __init__(self) -> None:
        self._schedule = Schedule()
        self._rung = asyncio.Event()

    def depth(self) -> int:
        """How many keys are due and wait for a worker."""
        return self._schedule.waiting(asyncio.get_running_loop().time())

    def add(self, key: Key, rank: Rank, after: timedelta = timedelta(0)) -> None:
        due = asyncio.get_running_loop().time() + after.total_seconds()
        self._schedule.add(key, rank, due)
        self._rung.set()

    async def take(self, last: Rank = Rank.REST) -> Key:
        """Wait for the next key that is due and ranks no later than ``last``."""
        loop = asyncio.get_running_loop()
        while True:
            key = self._schedule.take(loop.time(), last)
            if key is not None:
                return key
            self._rung.clear()
            due = self._schedule.next_due()
            try:
                async with asyncio.timeout_at(due):
                    await self._rung.wait()
            except TimeoutError:
                pass

    def done(self, key: Key) -> None:
        """Let the next worker have ``key``, if it has rung meanwhile."""
        self._schedule.done(key)
        self._rung.set()
