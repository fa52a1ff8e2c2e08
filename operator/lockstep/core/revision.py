"""Which revision a spec asks for: a digest over what the user wrote that runs.

A revision is recognised by its stored inputs, never by computing its digest again: another
digest scheme gives new revisions other names and leaves every known one alone.
"""

import copy
import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from lockstep.api.base import DEPLOYMENT_LABEL, REVISION_LABEL, Manifest
from lockstep.api.model_deployment import Model
from lockstep.core.observed import StoredRevision

SCHEME: Final = "1"
MODEL_VOLUME: Final = "lockstep-model"
_ID_LENGTH = 8
_DEFAULT_GRACE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Wanted:
    """The revision a spec asks for; ``stored`` is None while nobody has started it."""

    revision: str
    inputs: Manifest
    stored: StoredRevision | None


def inputs(template: Manifest, model: Model) -> Manifest:
    """What the user wrote that runs; a key that a later scheme adds is absent from older ones."""
    written: Manifest = {"template": template, "version": model.version}
    if model.artifact is not None:
        written |= {"artifact": model.artifact, "mountPath": model.mount_path}
    return written


def resolve(template: Manifest, model: Model, stored: Iterable[StoredRevision]) -> Wanted:
    """Find the stored revision that the spec describes, or name a new one."""
    known = sorted(stored, key=lambda revision: revision.number, reverse=True)
    asked = inputs(template, model)
    for revision in known:
        if _describes(revision.inputs, asked):
            return Wanted(revision.revision, asked, revision)
    return Wanted(_new_id(asked, {revision.revision for revision in known}), asked, None)


def _describes(stored: Manifest, asked: Manifest) -> bool:
    """Whether both mean the same: only ``artifact`` may come and go between them."""
    keys = stored.keys() | ({"artifact"} & asked.keys())
    return all(stored.get(key) == asked.get(key) for key in keys)


def _new_id(asked: Manifest, taken: set[str]) -> str:
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(f"{SCHEME}\n{text}".encode()).hexdigest()
    starts = range(0, len(digest) - _ID_LENGTH, _ID_LENGTH)
    candidates = (digest[start : start + _ID_LENGTH] for start in starts)
    return next(name for name in candidates if name not in taken)


def render(name: str, revision: str, written: Manifest, drain: timedelta) -> Manifest:
    """The pod template of a revision, made once and stored.

    Args:
        name: The ModelDeployment's.
        revision: The revision's id, which becomes a label.
        written: What ``inputs`` returned.
        drain: How long a pod keeps answering after it is told to go; 0 renders no preStop.
    """
    template = copy.deepcopy(written["template"])
    metadata = template.setdefault("metadata", {})
    labels = {DEPLOYMENT_LABEL: name, REVISION_LABEL: revision}
    metadata["labels"] = {**metadata.get("labels", {}), **labels}
    if drain > timedelta(0):
        _drain(template["spec"], math.ceil(drain.total_seconds()))
    if "artifact" in written:
        _mount(template["spec"], written["artifact"], written["mountPath"])
    return dict(template)


def _drain(spec: Manifest, seconds: int) -> None:
    for container in spec["containers"]:
        lifecycle = container.setdefault("lifecycle", {})
        lifecycle.setdefault("preStop", {"sleep": {"seconds": seconds}})
    if seconds >= _DEFAULT_GRACE_SECONDS:
        spec.setdefault("terminationGracePeriodSeconds", seconds + _DEFAULT_GRACE_SECONDS)


def _mount(spec: Manifest, artifact: str, path: str) -> None:
    volume: dict[str, Any] = {"name": MODEL_VOLUME, "image": {"reference": artifact}}
    spec["volumes"] = [*spec.get("volumes", ()), volume]
    mount = {"name": MODEL_VOLUME, "mountPath": path, "readOnly": True}
    for container in spec["containers"]:
        mounts = container.get("volumeMounts", [])
        if all(existing.get("mountPath") != path for existing in mounts):
            container["volumeMounts"] = [*mounts, mount]
