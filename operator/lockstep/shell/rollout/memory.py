"""What the shell keeps between passes and may lose at any moment without harm."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

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
class Memory:
    """``versions``: the resourceVersion that a pass has looked at, which guards its write.

    ``read``: a stored status beside what it says, as long as it is the same object.
    ``pruned``: a status as it is stored beside what was sent, where the two differ.
    ``noops``: generation, by uid, of children that an apply did not change any more, so that a
    difference of notation is never applied again and again.
    ``matched``: both sides of a comparison, by uid, that found a child as it should be, or as the
    API server answered our own write: what a policy makes of that is nobody's edit.
    ``clocks``: a stored status beside how far the clock had been set when it was first read.
    ``untold``: Events about what was stored, the oldest first.
    ``verdicts``: what criteria are to be told of.
    ``unstored``: the API server's sentence about a status that it does not take.
    """

    versions: dict[Key, int] = field(default_factory=dict)
    pending: dict[Key, Pending] = field(default_factory=dict)
    read: dict[Key, tuple[Manifest, ModelDeploymentStatus]] = field(default_factory=dict)
    pruned: dict[Key, tuple[Manifest, Manifest]] = field(default_factory=dict)
    foreign: dict[Key, dict[Foreign, datetime]] = field(default_factory=dict)
    noops: dict[Key, dict[str, int]] = field(default_factory=dict)
    matched: dict[Key, dict[str, tuple[Manifest, Manifest]]] = field(default_factory=dict)
    clocks: dict[Key, tuple[Manifest, timedelta]] = field(default_factory=dict)
    untold: dict[Key, tuple[Manifest, ...]] = field(default_factory=dict)
    unstored: dict[Key, str] = field(default_factory=dict)
    refusals: Refusals = field(default_factory=Refusals)
    verdicts: LastVerdicts = field(default_factory=LastVerdicts)

    def note_noop(self, key: Key, uid: str, at: int) -> None:
        """Remember that an apply left a child as it was."""
        self.noops.setdefault(key, {})[uid] = at

    def was_noop(self, key: Key, uid: str, at: int) -> bool:
        return self.noops.get(key, {}).get(uid) == at

    def note_match(self, key: Key, uid: str, ours: Manifest, theirs: Manifest) -> None:
        """Remember that a child was found as it should be."""
        self.matched.setdefault(key, {})[uid] = ours, theirs

    def matches(self, key: Key, uid: str, ours: Manifest, theirs: Manifest) -> bool:
        return self.matched.get(key, {}).get(uid) == (ours, theirs)

    def stands(self, key: Key, uid: str, ours: Manifest, theirs: Manifest) -> bool:
        """Compared field by field only when either side is another than when it last matched."""
        if self.matches(key, uid, ours, theirs):
            return True
        stands = drift.stands(ours, theirs)
        if stands:
            self.note_match(key, uid, ours, theirs)
        return stands

    def accepted(self, key: Key, uid: str, theirs: Manifest) -> Manifest | None:
        """What we asked for when a child came to look like this; None where that is not known."""
        ours, found = self.matched.get(key, {}).get(uid, (None, None))
        return ours if found == theirs else None

    def has_seen(self, key: Key, uid: str) -> bool:
        """Whether a child is known as it should be, however it looks now."""
        return uid in self.matched.get(key, {})

    def retain(self, key: Key, uids: Collection[str]) -> None:
        """Forget children of ``key`` that are there no more."""
        for known in (self.noops, self.matched):
            children: dict[str, Any] = known.get(key, {})
            for gone in [uid for uid in children if uid not in uids]:
                del children[gone]

    def note_conflict(self, key: Key, foreign: Foreign, at: datetime) -> None:
        """Remember that a name that ``key`` needs is somebody else's."""
        self.foreign.setdefault(key, {})[foreign] = at

    def forget(self, key: Key) -> None:
        for known in (
            self.versions, self.pending, self.read, self.pruned, self.foreign, self.untold,
            self.unstored,
            self.clocks,
        ):  # fmt: skip
            known.pop(key, None)
        for children in (self.noops, self.matched):
            children.pop(key, None)
        self.refusals.forget(key)
