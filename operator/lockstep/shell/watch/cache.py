"""What was last seen of one kind of object, pruned. It is told, in any order; it never asks."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from lockstep.adapters.kubernetes.meta import Meta, version
from lockstep.api.base import Manifest
from lockstep.core.key import Key, Named

_REMEMBERED_GONE: Final = 1024
_MALFORMED: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What reading JSON ends in that has another shape than Kubernetes gives an object."""

_LOG: Final = logging.getLogger(__name__)


class Record(Protocol):
    @property
    def meta(self) -> Meta: ...


R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Seen(Generic[R]):
    """One sighting, pruned; ``record`` is None where the object cannot be read."""

    at: Named
    version: int
    uid: str | None
    record: R | None


class Cache(Generic[R]):
    """The newest sighting of each object wins, whether it came by watch, list or our own write."""

    def __init__(
        self,
        prune: Callable[[Manifest], R],
        renew: Callable[[R, Manifest], R] | None = None,
        over: Callable[[R], bool] = lambda _: False,
        sharing: Callable[[R], R] = lambda record: record,
    ) -> None:
        """``renew`` reads a later sighting, and may keep what cannot have changed since.

        ``sharing`` gives the same record with parts that others have, too, taken from there.

        What is ``over`` is kept as little as what is gone: nobody will ask for it again.
        """
        self._over = over
        self._sharing = sharing
        self._prune = prune
        self._renew = renew
        self._records: dict[Named, R] = {}
        self._children: dict[Key, dict[str, R]] = {}
        self._gone: OrderedDict[Named, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[R]:
        return iter(tuple(self._records.values()))

    def get(self, at: Named) -> R | None:
        return self._records.get(at)

    def children(self, of: Key) -> tuple[R, ...]:
        """Objects that carry the label of ``of``, by name."""
        known = self._children.get(of, {})
        return tuple(known[name] for name in sorted(known))

    def put(self, raw: Manifest) -> R | None:
        """Take a sighting; gives the record when it says anything new."""
        seen = self.seen(raw)
        return self.take(seen) if seen else None

    def seen(self, raw: Manifest) -> Seen[R] | None:
        """Read a sighting, in whatever thread; nothing is taken yet, and ``raw`` is not kept."""
        if not is_object(raw):
            return None
        at, seen = _sighting(raw)
        known = self._records.get(at)
        try:
            record = self._renew(known, raw) if known and self._renew else self._prune(raw)
        except _MALFORMED as error:
            _LOG.warning("ignoring an object that cannot be read: %r", error)
            record = None
        return Seen(at, seen, raw["metadata"].get("uid"), record)

    def take(self, sighting: Seen[R]) -> R | None:
        """Take what was read; gives the record when it says anything new."""
        at, seen, record = sighting.at, sighting.version, sighting.record
        known = self._records.get(at)
        newest = max(self._gone.get(at, 0), known.meta.version if known else 0)
        if record is None or 0 < seen <= newest:
            return None
        if self._over(record):
            return self._forget(at, seen)
        if known:
            self._unlink(known)
        record = self._sharing(record)
        self._records[at] = record
        if record.meta.parent:
            self._children.setdefault(record.meta.parent, {})[at.name] = record
        return None if known == record else record

    def share(self) -> None:
        """Once more of all that is there: what they share with may have come later."""
        for at, record in tuple(self._records.items()):
            shared = self._records[at] = self._sharing(record)
            if record.meta.parent:
                self._children[record.meta.parent][at.name] = shared

    def drop(self, sighting: Seen[R]) -> R | None:
        """Take note of a deletion; gives the record when it was known."""
        at, seen = sighting.at, sighting.version
        known = self._records.get(at)
        if known and known.meta.uid != sighting.uid and known.meta.version > seen:
            return None  # an older object of this name
        return self._forget(at, max(seen, known.meta.version if known else 0))

    def replace(self, namespace: str, listed: Sequence[Seen[R]], at_version: int) -> list[R]:
        """Take a whole list as of ``at_version``; gives the records that changed or vanished.

        What is not in it is gone, unless it was seen later than the list was made.
        """
        names = {sighting.at for sighting in listed}
        absent = [
            at
            for at, record in self._records.items()
            if at not in names
            and namespace in ("", at.namespace)
            and record.meta.version <= at_version
        ]
        vanished = [self._forget(at, at_version) for at in absent]
        return [record for record in (*vanished, *map(self.take, listed)) if record]

    def _forget(self, at: Named, seen: int) -> R | None:
        self._gone[at] = seen
        self._gone.move_to_end(at)
        if len(self._gone) > _REMEMBERED_GONE:
            self._gone.popitem(last=False)
        known = self._records.pop(at, None)
        if known:
            self._unlink(known)
        return known

    def _unlink(self, record: R) -> None:
        parent = record.meta.parent
        siblings = self._children.get(parent) if parent else None
        if siblings is None or parent is None:
            return
        siblings.pop(record.meta.name, None)
        if not siblings:
            del self._children[parent]


def is_object(raw: object) -> bool:
    """Whether it has a name at all: what stands between us and the API server may send anything."""
    match raw:
        case {"metadata": {"name": str(name), **metadata}} if name:
            texts = (metadata.get("namespace", ""), metadata.get("resourceVersion", ""))
            return all(isinstance(text, str) for text in texts)
        case _:
            return False


def _sighting(raw: Manifest) -> tuple[Named, int]:
    metadata = raw["metadata"]
    at = Named(metadata.get("namespace", ""), metadata["name"])
    return at, version(metadata.get("resourceVersion", ""))
