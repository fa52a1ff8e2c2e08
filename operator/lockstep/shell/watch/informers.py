"""What all watches have told so far, one cache for each, and whether every one was listed.

It knows no kind: each kind brings its caches, and says whom a change of them concerns.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lockstep.api.base import Manifest
from lockstep.api.resources import Resource, Watch
from lockstep.shell.watch.cache import Cache, Seen

_EVERYWHERE: Final = ("",)
_GONE: Final = "DELETED"

Scope = tuple[Watch, str]
"""A watch in one namespace; empty: in all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Informer:
    """``tell`` is called with every record that is not what it was, or is gone."""

    resource: Resource
    watch: Watch
    cache: Cache[Any]
    tell: Callable[[Any], None]
    listed: Callable[[], None] = lambda: None


class Informers:
    """``namespaces`` empty: all of them. ``complete`` once everything was listed everywhere.

    Before that a child that is only not listed yet would look as if it did not exist.
    """

    def __init__(self, namespaces: Iterable[str]) -> None:
        self.completed = asyncio.Event()
        self._namespaces = tuple(namespaces)
        self._informers: dict[Watch, Informer] = {}
        self._missing: set[Scope] = set()

    def add(self, informer: Informer) -> None:
        """Expect what it watches to be listed; before anything is."""
        self._informers[informer.watch] = informer
        self._missing |= self._scopes(informer)

    @property
    def informers(self) -> tuple[Informer, ...]:
        return tuple(self._informers.values())

    @property
    def scopes(self) -> frozenset[Scope]:
        return frozenset().union(*map(self._scopes, self._informers.values()))

    @property
    def complete(self) -> bool:
        return not self._missing

    @property
    def missing(self) -> tuple[str, ...]:
        """Resources that were not listed yet."""
        return tuple(sorted({watch.plural for watch, _ in self._missing}))

    def absent(self, watches: Collection[Watch]) -> None:
        """The API server does not have these: there is nothing to wait for."""
        self._done({scope for scope in self._missing if scope[0] in watches})

    def seen(self, watch: Watch, raw: Manifest) -> Seen[Any] | None:
        """Read an object, in whatever thread, so that no more than is needed is kept of it."""
        return self._informers[watch].cache.seen(raw)

    def on_list(
        self, watch: Watch, namespace: str, found: Sequence[Seen[Any]], version: int
    ) -> None:
        """Take a whole list: what is not in it is gone."""
        informer = self._informers[watch]
        for record in informer.cache.replace(namespace, found, version):
            informer.tell(record)
        informer.listed()
        self._done({(watch, namespace)})

    def on_event(self, watch: Watch, kind: str, seen: Seen[Any]) -> None:
        """Take one event of a watch: ADDED, MODIFIED or DELETED."""
        informer = self._informers[watch]
        cache = informer.cache
        before = cache.get(seen.at)
        record = cache.drop(seen) if kind == _GONE else cache.take(seen)
        if record:
            informer.tell(record)
            if before and before.meta.parent != record.meta.parent:
                informer.tell(before)

    def _done(self, scopes: set[Scope]) -> None:
        self._missing -= scopes
        if self.complete:
            self.completed.set()

    def _scopes(self, informer: Informer) -> set[Scope]:
        chosen = self._namespaces if informer.resource.namespaced else _EVERYWHERE
        return {(informer.watch, namespace) for namespace in chosen or _EVERYWHERE}
