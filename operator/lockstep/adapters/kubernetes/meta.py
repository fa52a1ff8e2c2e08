"""What every Kubernetes object has: whose it is, which it is, how new. Nothing of one kind."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from lockstep.api import model_deployment
from lockstep.api.base import DEPLOYMENT_LABEL, OWNER_ANNOTATION, REVISION_LABEL, Manifest, cut
from lockstep.core.key import Key

MANAGER: Final = "lockstep"
"""Our name as a field manager."""
_PARENT_LABELS: Final = ((DEPLOYMENT_LABEL, model_deployment.KIND),)
_LONGEST_MANAGER: Final = 128
_LONGEST_VERSION: Final = 20  # digits of an unsigned 64-bit number


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """``version`` orders two sightings of one object; it says nothing about what changed.

    ``parent`` and ``revision`` are told by our labels, ``owner_uid`` the controlling owner's; empty
    when there is none. ``outlives``: no controlling owner is referred to, so that the object stays
    when its owner goes, whom then an annotation of ours names.
    """

    namespace: str
    name: str
    uid: str
    version: int = field(compare=False)
    generation: int = 0
    owner_uid: str = ""
    outlives: bool = False
    parent: Key | None = None
    revision: str = ""
    terminating: bool = False

    @property
    def parent_name(self) -> str:
        return self.parent.name if self.parent else ""


def meta(raw: Manifest) -> Meta:
    """Read an object's metadata."""
    metadata = raw["metadata"]
    labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
    controller = _controller(metadata.get("ownerReferences") or ())
    return Meta(
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        version=version(metadata.get("resourceVersion", "")),
        generation=metadata.get("generation", 0),
        owner_uid=controller or notes.get(OWNER_ANNOTATION, ""),
        outlives=not controller,
        parent=_parent(metadata.get("namespace", ""), labels),
        revision=labels.get(REVISION_LABEL, ""),
        terminating="deletionTimestamp" in metadata,
    )


def _parent(namespace: str, labels: Manifest) -> Key | None:
    """Whose child it is by its label: of each kind that has passes there is one."""
    for label, kind in _PARENT_LABELS:
        name = labels.get(label)
        if name:
            return Key(kind, namespace, name)
    return None


def version(text: str) -> int:
    """A resourceVersion as a number: they may be compared since Kubernetes 1.35 (KEP-5504)."""
    return int(text) if len(text) <= _LONGEST_VERSION and text.isdecimal() else 0


def _controller(owners: list[Manifest] | tuple[()]) -> str:
    return next((str(owner["uid"]) for owner in owners if owner.get("controller")), "")


def instant(text: str) -> datetime:
    """A Kubernetes time as an aware datetime."""
    return datetime.fromisoformat(text)


def created(raw: Manifest) -> datetime | None:
    """When the API server made an object; it keeps whole seconds."""
    text = raw["metadata"].get("creationTimestamp")
    return instant(text) if text else None


def overwritten(raw: Manifest, field: str) -> bool:
    """Whether somebody else has written this field of the spec since we did."""
    return any(True for _ in _overwriters(raw, field))


def overwritten_since(raw: Manifest, field: str, after: datetime | None) -> datetime | None:
    """Since when somebody else has a part of this field of the spec; None where nobody has.

    What was taken up to ``after`` is known already: some of it may be theirs for ever.
    """
    times = [instant(entry["time"]) for entry in _overwriters(raw, field) if "time" in entry]
    return min((at for at in times if after is None or at > after), default=None)


def untouched(raw: Manifest) -> bool:
    """Whether nobody but us has written any part of an object, as far as it says."""
    entries = raw["metadata"].get("managedFields") or ()
    return bool(entries) and all(entry.get("manager") == MANAGER for entry in entries)


def last_client(raw: Manifest) -> str:
    """Through what somebody else wrote last, but for a status: `kubectl-edit`; empty if nobody."""
    entries: list[Manifest] = [
        it
        for it in raw["metadata"].get("managedFields") or ()
        if it.get("manager") != MANAGER and it.get("subresource") != "status"
    ]
    last: Manifest = max(entries, key=lambda it: str(it.get("time", "")), default={})
    return cut(str(last.get("manager", "")), _LONGEST_MANAGER)


def only_ours(raw: Manifest, field: str) -> bool:
    """Whether we have written this field of the spec, and nobody else has."""
    ours = any(
        f"f:{field}" in entry.get("fieldsV1", {}).get("f:spec", {})
        for entry in raw["metadata"].get("managedFields") or ()
        if entry.get("manager") == MANAGER
    )
    return ours and not overwritten(raw, field)


def _overwriters(raw: Manifest, field: str) -> Iterator[Manifest]:
    for entry in raw["metadata"].get("managedFields") or ():
        theirs = entry.get("manager") != MANAGER
        if theirs and f"f:{field}" in entry.get("fieldsV1", {}).get("f:spec", {}):
            yield entry


def condition(raw: Manifest, kind: str) -> Manifest:
    """The status condition of this type; empty when there is none."""
    conditions = raw.get("status", {}).get("conditions") or ()
    return next((it for it in conditions if it["type"] == kind), {})
