"""Smoke tests under way: a pod that does not answer holds no worker.

Its pass ends, and the answer enqueues another one.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final, Protocol

from lockstep.core.key import Key
from lockstep.core.rollout.needs import Smoke
from lockstep.core.rollout.observed import SmokeResult
from lockstep.shell.watch.references import Notifier

AT_ONCE: Final = 64
AT_ONCE_OF_ONE_NAMESPACE: Final = 8
"""Requests under way; further ones wait their turn, each behind those of its own namespace."""
QUICK: Final = timedelta(milliseconds=200)
"""A pass waits so long, once, for a test that it has begun: most models answer before that."""


class Prober(Protocol):
    """Asks a pod."""

    async def ask(self, test: Smoke) -> SmokeResult: ...


@dataclass(frozen=True, slots=True)
class _UnderWay:
    test: Smoke
    task: asyncio.Task[SmokeResult]


class SmokeTests:
    """``notifier`` enqueues a ModelDeployment whose test was answered meanwhile."""

    def __init__(self, prober: Prober, notifier: Notifier, quick: timedelta = QUICK) -> None:
        self._prober = prober
        self._notifier = notifier
        self._quick = quick
        self._known: dict[Key, _UnderWay] = {}
        self._room = asyncio.Semaphore(AT_ONCE)
        self._rooms: dict[str, asyncio.Semaphore] = {}
        self._tests: Counter[str] = Counter()

    async def result(self, key: Key, test: Smoke | None) -> SmokeResult | None:
        """The answer to ``test``, once; None while there is none. Another test ends this one."""
        known = self._known.get(key)
        if known is not None and known.test != test:
            self.forget(key)
            known = None
        if test is None:
            return None
        if known is None:
            known = self._begin(key, test)
            try:
                await asyncio.wait({known.task}, timeout=self._quick.total_seconds())
            finally:
                known.task.add_done_callback(partial(self._answered, key))
        if not known.task.done():
            return None
        self._known.pop(key, None)
        return known.task.result()

    def _answered(self, key: Key, task: asyncio.Task[SmokeResult]) -> None:
        known = self._known.get(key)
        if known is not None and known.task is task:
            self._notifier.enqueue(key)

    def forget(self, key: Key) -> None:
        """Nobody wants to know any more."""
        known = self._known.pop(key, None)
        if known is not None:
            known.task.cancel()

    async def stop(self) -> None:
        """End all of them, and wait until they have."""
        tasks = [known.task for known in self._known.values()]
        for key in tuple(self._known):
            self.forget(key)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, key: Key, test: Smoke) -> _UnderWay:
        task = asyncio.create_task(self._ask(key.namespace, test))
        self._known[key] = _UnderWay(test, task)
        return self._known[key]

    async def _ask(self, namespace: str, test: Smoke) -> SmokeResult:
        self._tests[namespace] += 1
        own = self._rooms.setdefault(namespace, asyncio.Semaphore(AT_ONCE_OF_ONE_NAMESPACE))
        try:
            async with own, self._room:
                return await self._prober.ask(test)
        finally:
            self._tests[namespace] -= 1
            if not self._tests[namespace]:
                del self._tests[namespace], self._rooms[namespace]
