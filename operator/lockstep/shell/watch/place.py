"""What is known of the ConfigMaps or the Secrets of one namespace that somebody reads.

One watch tells which may have changed; each of those that are read is then looked at, one after the
other, so that a namespace with thousands takes nobody else's turn.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Protocol

from lockstep.adapters.kubernetes.config_maps import Sighting, sighting
from lockstep.api.base import Manifest
from lockstep.clients.jitter import jittered
from lockstep.clients.kubernetes.named_watches import Place as Told
from lockstep.core.backoff import backoff
from lockstep.core.config import Kind, Source
from lockstep.core.key import Key
from lockstep.errors import TransientError

_LOG: Final = logging.getLogger(__name__)
_TOGETHER: Final = timedelta(milliseconds=200)
"""From one look at what has changed to the next: who writes all the time is read now and then."""
_PAUSE: Final = timedelta(seconds=1)
_LONGEST_PAUSE: Final = timedelta(seconds=15)


class Watches(Protocol):
    """Tells which objects of a namespace may have changed, for ever; reads single ones."""

    async def follow(self, namespace: str, kind: Kind, place: Told) -> None: ...

    async def read(self, namespace: str, source: Source) -> Manifest | None: ...


@dataclass(slots=True)
class _Watched:
    readers: set[Key] = field(default_factory=set)
    known: bool = False
    last: Sighting = None


class Place:
    """``enqueue`` is called for every reader of what is not as it was; ``crashed`` when it ends."""

    def __init__(
        self,
        watches: Watches,
        namespace: str,
        kind: Kind,
        enqueue: Callable[[Key], None],
        crashed: Callable[["Place"], None],
    ) -> None:
        self.namespace = namespace
        self.kind = kind
        self._watches = watches
        self._enqueue = enqueue
        self._crashed = crashed
        self._watched: dict[str, _Watched] = {}
        self._unread: dict[str, None] = {}
        self._begun = False
        self._work = asyncio.Event()
        self._tasks = [
            asyncio.create_task(watches.follow(namespace, kind, self)),
            asyncio.create_task(self._read_on()),
        ]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    @property
    def empty(self) -> bool:
        return not self._watched

    def readers(self) -> frozenset[Key]:
        return frozenset().union(*(watched.readers for watched in self._watched.values()))

    def join(self, name: str, reader: Key) -> None:
        """``reader`` reads the object of this name."""
        if name not in self._watched:
            self._watched[name] = _Watched()
            self.changed(name)
        self._watched[name].readers.add(reader)

    def leave(self, name: str, reader: Key) -> None:
        watched = self._watched[name]
        watched.readers.discard(reader)
        if not watched.readers:
            del self._watched[name]
            self._unread.pop(name, None)

    def known(self, name: str) -> bool:
        """Whether it was seen once, or seen not to be there."""
        return self._watched[name].known

    def last(self, name: str) -> Sighting:
        return self._watched[name].last

    def begins(self) -> None:
        """Whatever was before, all of it is read now."""
        self._begun = True
        self._unread.update(dict.fromkeys(self._watched))
        self._work.set()

    def changed(self, name: str) -> None:
        """Read it again, if it is read at all: most of a namespace is nobody's config."""
        if name in self._watched:
            self._unread[name] = None
            self._work.set()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cancel(self) -> None:
        """Nobody reads anything here any more."""
        for task in self._tasks:
            task.cancel()

    async def _read_on(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            if self._begun and await self._read_all():
                await asyncio.sleep(_TOGETHER.total_seconds())

    async def _read_all(self) -> bool:
        """Whether any of it was known before."""
        failures, again = 0, False
        while self._unread:
            name = next(iter(self._unread))
            del self._unread[name]  # first: what changes while it is read is read again
            try:
                raw = await self._watches.read(self.namespace, Source(self.kind, name))
            except TransientError as error:
                _LOG.warning("could not read %s %s/%s: %s", self.kind, self.namespace, name, error)
                self.changed(name)
                await asyncio.sleep(_pause(failures).total_seconds())
                failures += 1
            else:
                failures = 0
                again = self._noticed(name, sighting(self.kind, raw)) or again
        return again

    def _noticed(self, name: str, seen: Sighting) -> bool:
        """Whether it was known before."""
        watched = self._watched.get(name)
        if watched is None:
            return False
        before, watched.known = watched.known, True
        if not before or watched.last != seen:
            watched.last = seen
            for reader in sorted(watched.readers):
                self._enqueue(reader)
        return before

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        what = f"{self.kind}s in {self.namespace}"
        _LOG.error("the watch of %s crashed", what, exc_info=task.exception())
        self._crashed(self)


def _pause(failures: int) -> timedelta:
    return jittered(backoff(failures + 1, base=_PAUSE, cap=_LONGEST_PAUSE))
