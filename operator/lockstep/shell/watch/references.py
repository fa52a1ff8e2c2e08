"""Which users' ConfigMaps and Secrets are watched, for whom, and what was last seen of each.

A namespace is watched from the first pass of a ModelDeployment that reads something there to the
last reader. What was never seen is not known, which is not the same as missing.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from lockstep.adapters.kubernetes.config_maps import Content, Sighting
from lockstep.api.model_deployment_status import SecretSeen
from lockstep.core import config
from lockstep.core.config import Kind, Source
from lockstep.core.facts import ConfigEdit
from lockstep.core.key import Key
from lockstep.shell.watch.place import Place, Watches

_At = tuple[str, Kind]


class Notifier(Protocol):
    """Rings for a ModelDeployment; who hears it may be put in later."""

    enqueue: Callable[[Key], None]


class Configs:
    """Every reader of an object that is not what it was is enqueued."""

    def __init__(self, watches: Watches, notifier: Notifier) -> None:
        self._watches = watches
        self._notifier = notifier
        self._places: dict[_At, Place] = {}
        self._reads: dict[Key, frozenset[Source]] = {}

    def follow(self, key: Key, templates: Iterable[object]) -> bool:
        """Watch what these templates read and nothing else; whether all of it was seen once."""
        reads = [read.source for it in templates for read in config.reads(it)[: config.MOST]]
        self._join(key, frozenset(source for source in reads if source.possible))
        return all(
            self._places[key.namespace, it.kind].known(it.name) for it in self._reads.get(key, ())
        )

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone."""
        self._join(key, frozenset())

    def digests(self, key: Key) -> dict[str, str]:
        """Content digest of each ConfigMap that is read and exists."""
        return {
            source.name: seen.digest
            for source, seen in self._seen(key)
            if isinstance(seen, Content)
        }

    def edits(self, key: Key) -> dict[str, ConfigEdit]:
        """What can be told of the last change of each."""
        return {it.name: seen.edit for it, seen in self._seen(key) if isinstance(seen, Content)}

    def secrets(self, key: Key) -> dict[str, SecretSeen]:
        """Each Secret that is read and exists."""
        return {
            source.name: seen for source, seen in self._seen(key) if isinstance(seen, SecretSeen)
        }

    async def stop(self) -> None:
        """End every watch."""
        places = list(self._places.values())
        self._places.clear()
        self._reads.clear()
        for place in places:
            await place.stop()

    def _seen(self, key: Key) -> Iterable[tuple[Source, Sighting]]:
        sources = sorted(self._reads.get(key, ()))
        return [(it, self._places[key.namespace, it.kind].last(it.name)) for it in sources]

    def _join(self, key: Key, sources: frozenset[Source]) -> None:
        before = self._reads.pop(key, frozenset())
        if sources:
            self._reads[key] = sources
        for source in sources - before:
            self._place((key.namespace, source.kind)).join(source.name, key)
        for source in before - sources:
            self._leave((key.namespace, source.kind), source.name, key)

    def _place(self, at: _At) -> Place:
        if at not in self._places:
            self._places[at] = Place(self._watches, *at, self._enqueue, self._crashed)
        return self._places[at]

    def _leave(self, at: _At, name: str, key: Key) -> None:
        place = self._places[at]
        place.leave(name, key)
        if place.empty:
            del self._places[at]
            place.cancel()

    def _enqueue(self, key: Key) -> None:
        self._notifier.enqueue(key)

    def _crashed(self, place: Place) -> None:
        """It begins anew with the next pass of its readers."""
        if self._places.get((place.namespace, place.kind)) is place:
            for reader in place.readers():
                others = (it for it in self._reads[reader] if it.kind is not place.kind)
                self._join(reader, frozenset(others))
