"""Workers: each takes a key, runs its pass and sorts how it ended; one object stops no other."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from lockstep.core.backoff import backoff
from lockstep.core.key import Key
from lockstep.errors import (
    ForeignObjectError,
    InvariantError,
    LostRaceError,
    OverdueError,
    RefusedError,
    TransientError,
)
from lockstep.shell.loop.controller import Controller
from lockstep.shell.loop.queue import Queue
from lockstep.shell.loop.reconcile import (
    Waits,
    Whereabouts,
    reconcile,
)
from lockstep.shell.loop.schedule import (
    WORKERS_FOR,
    Rank,
)
from lockstep.shell.telemetry import logs
from lockstep.shell.telemetry.metrics import Metrics

_LOG: Final = logging.getLogger(__name__)

RESYNC: Final = timedelta(minutes=5)
"""A pass at least this often, whatever rang or did not: it costs no request while all is well."""

TOGETHER: Final = timedelta(milliseconds=100)
"""What changes together is one pass: it waits so long for the rest of it."""

APART: Final = timedelta(milliseconds=500)
"""From one pass to the next that was only enqueued: pods come up in a dozen small changes."""

_SHORTEST: Final = timedelta(milliseconds=50)
_RACE: Final = timedelta(milliseconds=100)
_RACE_CAP: Final = timedelta(seconds=5)
LONGEST_PASS: Final = timedelta(minutes=2)
"""Longer than all time-outs of a pass together. What takes longer is ended, and tried again."""


class WorkerPool:
    """A fixed number of workers on one queue, half of which only see to what trials waited for.

    Many bad candidates at once are not to wait for everything that merely changed. What a pass is
    to each kind, its controller says.
    """

    def __init__(
        self,
        queue: Queue,
        controllers: Iterable[Controller[Any, Any, Any, Any]],
        metrics: Metrics,
        clock: Callable[[], datetime],
        longest: timedelta = LONGEST_PASS,
    ) -> None:
        self._queue = queue
        self._controllers = {it.kind: it for it in controllers}
        self._metrics = metrics
        self._clock = clock
        self._longest = longest
        self._overdue: dict[Key, str] = {}
        self._failures: dict[Key, int] = {}
        self._ended: dict[Key, float] = {}
        self._busy: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._last_pass: float | None = None

    def start(self, workers: int) -> None:
        """Begin to work on what is enqueued: ``workers`` for everything, as many for trials."""
        self._last_pass = asyncio.get_running_loop().time()
        self._tasks = {
            asyncio.create_task(self._work(it)) for it in WORKERS_FOR for _ in range(workers)
        }

    async def ended(self) -> None:
        """Return only when a worker has ended by itself, which no object should bring about."""
        await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        if self._stopping:
            await asyncio.Event().wait()

    async def stop(self, grace: timedelta) -> None:
        """Take no new key; passes under way get ``grace`` to end by themselves."""
        self._stopping = True
        under_way = set(self._busy)
        for task in self._tasks - under_way:
            task.cancel()
        if under_way and grace > timedelta(0):
            await asyncio.wait(under_way, timeout=grace.total_seconds())
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._last_pass = None

    def last_pass_age(self) -> float:
        """Seconds since a pass ended; 0 while there is nothing to do, or another operator works."""
        objects = sum(len(it.objects) for it in self._controllers.values())
        if self._last_pass is None or not objects:
            return 0.0
        return asyncio.get_running_loop().time() - self._last_pass

    def enqueue(self, key: Key) -> None:
        """Something about ``key`` has changed."""
        after = TOGETHER
        if key in self._ended:
            since = asyncio.get_running_loop().time() - self._ended[key]
            after = max(after, APART - timedelta(seconds=since))
        self._queue.add(key, Rank.REST, after)

    async def _work(self, last: Rank) -> None:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None  # noqa: S101 (a coroutine that runs is in a task)
        while not self._stopping:
            key = await self._queue.take(last)
            self._busy.add(task)
            try:
                await self._pass(key)
            finally:
                self._busy.discard(task)
                self._queue.done(key)
            self._last_pass = loop.time()

    async def _pass(self, key: Key) -> None:
        with logs.about(key), self._metrics.timed():
            outcome, waits = await self._outcome(key)
        self._metrics.passed(outcome)
        controller = self._controllers[key.kind]
        record = controller.objects.get(key.named)
        if waits == Waits() and record is None:
            for known in (self._ended, self._failures, self._overdue):
                known.pop(key, None)
            return
        self._ended[key] = asyncio.get_running_loop().time()
        self._queue.add(key, Rank.REST, _bounded(waits.written))
        if waits.planned is not None:
            rank = controller.rank(record.wire if record else {})
            self._queue.add(key, rank, _bounded(waits.planned))

    async def _outcome(self, key: Key) -> tuple[str, Waits]:
        """Run the pass; how it ended, and how long the key may sleep."""
        try:
            waits = await self._walk(key)
        except LostRaceError as error:
            _LOG.debug("the object changed during the pass: %s", error)
            return "lost_race", Waits(backoff(self._failed(key), base=_RACE, cap=_RACE_CAP))
        except TransientError as error:
            wait = max(backoff(self._failed(key)), error.retry_after)
            _LOG.warning("%s; retrying in %.3g s", error, wait.total_seconds())
            return await self._unanswered(key, error), Waits(wait)
        except ForeignObjectError as error:
            _LOG.warning("%s", error)
            return "foreign", Waits(_SHORTEST)
        except InvariantError as error:
            _LOG.error("changing nothing, an invariant is broken: %s", error)
            return "invariant", Waits(RESYNC)
        except Exception:  # noqa: BLE001 (the one place: no object may stop the others)
            _LOG.exception("the pass crashed")
            return "crashed", Waits(backoff(self._failed(key)))
        self._failures.pop(key, None)
        self._overdue.pop(key, None)
        return "done", waits

    async def _unanswered(self, key: Key, error: TransientError) -> str:
        """How a pass ended; that it had to be ended is told once, until one ends by itself."""
        if not isinstance(error, OverdueError):
            return "refused" if isinstance(error, RefusedError) else "transient"
        if self._overdue.get(key) != error.waited_for:
            self._overdue[key] = error.waited_for
            about = self._controllers[key.kind].tell
            await about.pass_ended(key, error.waited_for, self._longest)
        return "overdue"

    async def _walk(self, key: Key) -> Waits:
        """The pass, ended when it takes too long: it is this object's trouble and nobody else's.

        Raises:
            OverdueError: It was ended.
        """
        at = Whereabouts()
        try:
            async with asyncio.timeout(self._longest.total_seconds()) as limit:
                return await reconcile(key, self._controllers[key.kind], self._clock, at)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise OverdueError(self._longest, at.waits_for) from error

    def _failed(self, key: Key) -> int:
        self._failures[key] = self._failures.get(key, 0) + 1
        return self._failures[key]


def _bounded(wait: timedelta | None) -> timedelta:
    return RESYNC if wait is None else min(max(wait, _SHORTEST), RESYNC)
