"""Which users' ConfigMaps and Secrets are watched, for whom, and what was last seen of each.

A watch begins with the first pass of a ModelDeployment that reads the object, and ends with the
last reader. What was never seen is not known, which is not the same as missing.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

from lockstep.adapters.kube_configs import Content, Sighting, sighting
from lockstep.api.base import Manifest
from lockstep.api.status import SecretSeen
from lockstep.core import config
from lockstep.core.config import Source
from lockstep.core.key import Key

_LOG: Final = logging.getLogger(__name__)
_At = tuple[str, Source]


class Watches(Protocol):
    """Tells what there is of one object, for ever."""

    async def follow(
        self, namespace: str, source: Source, seen: Callable[[Manifest | None], None]
    ) -> None: ...


@dataclass(slots=True, kw_only=True)
class _Watched:
    task: asyncio.Task[None]
    readers: set[Key] = field(default_factory=set)
    known: bool = False
    last: Sighting = None


class Bell(Protocol):
    """Rings for a ModelDeployment; who hears it may be put in later."""

    ring: Callable[[Key], None]


class Configs:
    """Every reader of an object that is not what it was is rung for."""

    def __init__(self, watches: Watches, bell: Bell) -> None:
        self._watches = watches
        self._bell = bell
        self._watched: dict[_At, _Watched] = {}
        self._reads: dict[Key, frozenset[Source]] = {}

    def look(self, key: Key, templates: Iterable[object]) -> bool:
        """Watch what these templates read and nothing else; whether all of it was seen once."""
        reads = [read.source for it in templates for read in config.reads(it)[: config.MOST]]
        self._follow(key, frozenset(source for source in reads if source.possible))
        return all(self._watched[key.namespace, it].known for it in self._reads.get(key, ()))

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone."""
        self._follow(key, frozenset())

    def digests(self, key: Key) -> dict[str, str]:
        """Content digest of each ConfigMap that is read and exists."""
        return {
            source.name: seen.digest
            for source, seen in self._seen(key)
            if isinstance(seen, Content)
        }

    def secrets(self, key: Key) -> dict[str, SecretSeen]:
        """Each Secret that is read and exists."""
        return {
            source.name: seen for source, seen in self._seen(key) if isinstance(seen, SecretSeen)
        }

    async def stop(self) -> None:
        """End every watch."""
        tasks = [watched.task for watched in self._watched.values()]
        self._watched.clear()
        self._reads.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _seen(self, key: Key) -> Iterable[tuple[Source, Sighting]]:
        sources = sorted(self._reads.get(key, ()))
        return [(source, self._watched[key.namespace, source].last) for source in sources]

    def _follow(self, key: Key, sources: frozenset[Source]) -> None:
        before = self._reads.pop(key, frozenset())
        if sources:
            self._reads[key] = sources
        for source in sources - before:
            at = (key.namespace, source)
            watched = self._watched.get(at) or self._begin(at)
            watched.readers.add(key)
        for source in before - sources:
            self._leave((key.namespace, source), key)

    def _begin(self, at: _At) -> _Watched:
        namespace, source = at
        task = asyncio.create_task(
            self._watches.follow(namespace, source, partial(self._noticed, at))
        )
        task.add_done_callback(partial(self._ended, at))
        watched = self._watched[at] = _Watched(task=task)
        return watched

    def _leave(self, at: _At, key: Key) -> None:
        watched = self._watched[at]
        watched.readers.discard(key)
        if not watched.readers:
            del self._watched[at]
            watched.task.cancel()

    def _noticed(self, at: _At, raw: Manifest | None) -> None:
        watched, seen = self._watched.get(at), sighting(at[1].kind, raw)
        if watched is None or (watched.known and watched.last == seen):
            return
        watched.known, watched.last = True, seen
        for reader in sorted(watched.readers):
            self._bell.ring(reader)

    def _ended(self, at: _At, task: asyncio.Task[None]) -> None:
        """A watch that crashed begins anew with the next pass of its readers."""
        if task.cancelled():
            return
        _LOG.error("the watch of %s %s crashed", at[1].kind, at[1].name, exc_info=task.exception())
        watched = self._watched.get(at)
        if watched and watched.task is task:
            for reader in tuple(watched.readers):
                self._follow(reader, self._reads[reader] - {at[1]})
