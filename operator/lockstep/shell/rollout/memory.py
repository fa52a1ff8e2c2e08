"""What the shell keeps between passes and may lose at any moment without harm."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lockstep.adapters.kubernetes import drift
from lockstep.api.base import Manifest
from lockstep.api.model_deployment_status import ModelDeploymentStatus
from lockstep.core.facts import Foreign
from lockstep.core.key import Key
from lockstep.shell.rollout.refusals import Refusals
from lockstep.shell.rollout.verdicts import LastVerdicts


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
class ObjectMemory:
    """What is kept of one object.

    ``version``: the resourceVersion that a pass has looked at, which guards its write.
    ``read``: a stored status beside what it says, as long as it is the same object.
    ``pruned``: a status as it is stored beside what was sent, where the two differ.
    ``noops``: generation, by uid, of children that an apply did not change any more, so that a
    difference of notation is never applied again and again.
    ``matched``: both sides of a comparison, by uid, that found a child as it should be, or as the
    API server answered our own write: what a policy makes of that is nobody's edit.
    ``clock``: a stored status beside how far the clock had been set when it was first read.
    ``untold``: Events about what was stored, the oldest first.
    ``unstored``: the API server's sentence about a status that it does not take.
    """

    version: int = 0
    pending: Pending | None = None
    read: tuple[Manifest, ModelDeploymentStatus] | None = None
    pruned: tuple[Manifest, Manifest] | None = None
    foreign: dict[Foreign, datetime] = field(default_factory=dict)
    noops: dict[str, int] = field(default_factory=dict)
    matched: dict[str, tuple[Manifest, Manifest]] = field(default_factory=dict)
    clock: tuple[Manifest, timedelta] | None = None
    untold: tuple[Manifest, ...] = ()
    unstored: str = ""
    refusals: Refusals = field(default_factory=Refusals)

    def says(self, stored: Manifest, status: ModelDeploymentStatus) -> bool:
        """Whether it is what was read of ``stored``: most passes need not even write it out."""
        wire, read = self.read or (None, None)
        return wire is stored and read == status and self.pending is None

    def note_noop(self, uid: str, at: int) -> None:
        """Remember that an apply left a child as it was."""
        self.noops[uid] = at

    def was_noop(self, uid: str, at: int) -> bool:
        return self.noops.get(uid) == at

    def note_match(self, uid: str, ours: Manifest, theirs: Manifest) -> None:
        """Remember that a child was found as it should be."""
        self.matched[uid] = ours, theirs

    def matches(self, uid: str, ours: Manifest, theirs: Manifest) -> bool:
        return self.matched.get(uid) == (ours, theirs)

    def stands(self, uid: str, ours: Manifest, theirs: Manifest) -> bool:
        """Compared field by field only when either side is another than when it last matched."""
        if self.matches(uid, ours, theirs):
            return True
        stands = drift.stands(ours, theirs)
        if stands:
            self.note_match(uid, ours, theirs)
        return stands

    def accepted(self, uid: str, theirs: Manifest) -> Manifest | None:
        """What we asked for when a child came to look like this; None where that is not known."""
        ours, found = self.matched.get(uid, (None, None))
        return ours if found == theirs else None

    def has_seen(self, uid: str) -> bool:
        """Whether a child is known as it should be, however it looks now."""
        return uid in self.matched

    def retain(self, uids: Collection[str]) -> None:
        """Forget children that are there no more."""
        for gone in self.noops.keys() - uids:
            del self.noops[gone]
        for gone in self.matched.keys() - uids:
            del self.matched[gone]


@dataclass(slots=True)
class Memory:
    """``verdicts``: what criteria are to be told of. ``keeping``: whose status waits in memory."""

    objects: dict[Key, ObjectMemory] = field(default_factory=dict)
    keeping: set[Key] = field(default_factory=set)
    verdicts: LastVerdicts = field(default_factory=LastVerdicts)

    def of(self, key: Key) -> ObjectMemory:
        known = self.objects.get(key)
        if known is None:
            known = self.objects[key] = ObjectMemory()
        return known

    def keep(self, key: Key, pending: Pending) -> None:
        """A planned status is not worth a write yet."""
        self.of(key).pending = pending
        self.keeping.add(key)

    def let_go(self, key: Key) -> None:
        """It was written, or is not wanted any more."""
        self.of(key).pending = None
        self.keeping.discard(key)

    def forget(self, key: Key) -> None:
        self.objects.pop(key, None)
        self.keeping.discard(key)
