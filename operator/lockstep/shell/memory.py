"""What the shell keeps between passes and may lose at any moment without harm."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from lockstep.api.base import Manifest
from lockstep.api.status import ModelDeploymentStatus
from lockstep.core.key import Key
from lockstep.core.observed import Foreign

_MOST_SETTLED: Final = 16384
"""A child that is forgotten is applied once more."""
_MOST_STOOD: Final = 4096
"""A child that is forgotten is compared once more; what is kept of one are kilobytes."""
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Pending:
    """The newest planned status, not worth a write yet. Valid while ``wire`` is what is stored.

    ``since``: when something was first kept back.
    """

    uid: str
    wire: Manifest
    status: ModelDeploymentStatus
    since: datetime


@dataclass(slots=True)
class Memory:
    """``versions``: the resourceVersion that a pass has looked at, which guards its write.

    ``read``: a stored status beside what it says, as long as it is the same object.
    ``settled``: uid and generation of children that an apply did not change any more, so that a
    difference of notation is never applied again and again.
    ``stood``: uid of children, and both sides of a comparison that found them as they should be.
    """

    versions: dict[Key, int] = field(default_factory=dict)
    pending: dict[Key, Pending] = field(default_factory=dict)
    read: dict[Key, tuple[Manifest, ModelDeploymentStatus]] = field(default_factory=dict)
    written_at: dict[Key, datetime] = field(default_factory=dict)
    foreign: dict[Key, dict[Foreign, datetime]] = field(default_factory=dict)
    settled: dict[str, int] = field(default_factory=dict)
    stood: dict[str, tuple[Manifest, Manifest]] = field(default_factory=dict)

    def settle(self, uid: str, at: int) -> None:
        """Remember that an apply left a child as it was; the oldest of too many is forgotten.

        Children go with their owner, by another's hand, and nobody tells when that was.
        """
        _keep(self.settled, uid, at, _MOST_SETTLED)

    def stand(self, uid: str, ours: Manifest, theirs: Manifest) -> None:
        """Remember that a child was found as it should be."""
        _keep(self.stood, uid, (ours, theirs), _MOST_STOOD)

    def taken(self, key: Key, foreign: Foreign, at: datetime) -> None:
        """Remember that a name that ``key`` needs is somebody else's."""
        self.foreign.setdefault(key, {})[foreign] = at

    def forget(self, key: Key) -> None:
        for known in (self.versions, self.pending, self.read, self.written_at, self.foreign):
            known.pop(key, None)


def _keep(known: dict[str, V], uid: str, what: V, most: int) -> None:
    known.pop(uid, None)
    known[uid] = what
    if len(known) > most:
        del known[next(iter(known))]
