"""What the API server holds, and the operator's cache of it: late, in order, own writes at once."""

import random
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

from tests.sim.agenda import Agenda

Id = tuple[str, str]
"""Kind and name."""

RESOURCE: Final[Id] = ("resource", "")
SERVICE: Final[Id] = ("service", "")
PREVIEW: Final[Id] = ("preview", "")
ARM_SERVICES: Final = "arm services"
"""The kind of Services of single revisions, where a data plane splits by weight."""
ALIENS: Final = "aliens"
"""The kind of pods that have our labels and are somebody else's."""


class Objects:
    """Frozen records by kind and name; a missing one is gone.

    Args:
        agenda: When deliveries arrive.
        rng: How late each is.
        lag: Shortest and longest way of a change into the cache, in seconds.
        ring: Told when something arrived in the cache.
    """

    def __init__(
        self,
        agenda: Agenda,
        rng: random.Random,
        lag: tuple[float, float],
        enqueue: Callable[[], None],
    ) -> None:
        self.truth: dict[Id, Any] = {}
        self.cache: dict[Id, Any] = {}
        self.versions: dict[Id, int] = defaultdict(int)
        self.connected = True
        self._agenda, self._rng, self._lag, self._enqueue = agenda, rng, lag, enqueue
        self._cached: dict[Id, int] = defaultdict(int)
        self._latest: dict[str, float] = defaultdict(float)
        self.writes = 0

    def put(self, key: Id, record: object) -> None:
        self.truth[key] = record
        self._announce(key)

    def drop(self, key: Id) -> None:
        if self.truth.pop(key, None) is not None:
            self._announce(key)

    def of(self, kind: str, *, cached: bool = False) -> dict[str, Any]:
        """Records of one kind by name."""
        held = self.cache if cached else self.truth
        return {key[1]: record for key, record in held.items() if key[0] == kind}

    def learn(self, key: Id) -> None:
        """The API server's answer to our own write goes into the cache at once."""
        self._receive(key, self.versions[key], self.truth.get(key))

    def cached_version(self, key: Id) -> int:
        return self._cached[key]

    def relist(self) -> None:
        """A new operator begins with the truth."""
        self.cache = dict(self.truth)
        self._cached = defaultdict(int, self.versions)

    def _announce(self, key: Id) -> None:
        self.writes += 1
        version = self.versions[key] = self.writes
        record = self.truth.get(key)
        arrives = max(self._latest[key[0]], self._agenda.seconds + self._rng.uniform(*self._lag))
        self._latest[key[0]] = arrives
        self._agenda.at(arrives, lambda: self._deliver(key, version, record))

    def _deliver(self, key: Id, version: int, record: object) -> None:
        if self.connected and version > self._cached[key]:
            self._receive(key, version, record)
            self._enqueue()

    def _receive(self, key: Id, version: int, record: object) -> None:
        self._cached[key] = version
        if record is None:
            self.cache.pop(key, None)
        else:
            self.cache[key] = record
