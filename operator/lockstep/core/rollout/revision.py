"""Which revision a spec asks for: a digest over what the user wrote that runs.

A revision is recognised by its stored inputs, never by computing its digest again: another
digest scheme gives new revisions other names and leaves every known one alone.

Since scheme 2 the digest is over the namespace and the name as well: equal manifests in two places
are two revisions, whatever a metric that names only the revision says of them together.
"""

import copy
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from lockstep.api.base import DEPLOYMENT_LABEL, REVISION_LABEL, TEMPLATE_ANNOTATION, Manifest
from lockstep.api.model_deployment import Model
from lockstep.core import config, pod_spec
from lockstep.core.key import Key
from lockstep.core.last import of_last
from lockstep.core.rollout.observed import StoredRevision

SCHEME: Final = "2"
_PLACELESS: Final = "1"
"""The scheme that hashed neither namespace nor name."""
MODEL_VOLUME: Final = "lockstep-model"
REBUILT: Final = "rebuilt"
"""The scheme of a revision that was lost and read back from its ReplicaSet: what the user wrote
is not known, so that it is recognised by its name alone."""
ABSENT: Final = "absent"
"""Stands for a ConfigMap that is not there and need not be."""
MISSING: Final = "missing"
"""Stands for a ConfigMap that is not there and has to be: no revision starts without it."""

HASH_LABEL: Final = "pod-template-hash"
"""What a Deployment adds to its pods, so that templates rely on it: matchLabelKeys, dashboards."""

_ID_LENGTH = 8
_MARK_LENGTH = 16
_DEFAULT_GRACE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Wanted:
    """The revision a spec asks for; ``stored`` is None while nobody has started it."""

    revision: str
    inputs: Manifest
    stored: StoredRevision | None


def inputs(
    template: Manifest, model: Model, configs: Mapping[str, str] = MappingProxyType({})
) -> Manifest:
    """What the user wrote that runs; a key that a later scheme adds is absent from older ones.

    Args:
        template: spec.template exactly as written.
        model: spec.model.
        configs: Content digest of each ConfigMap that the template reads and that exists.
    """
    written: Manifest = {"template": template, "version": model.version}
    if model.artifact is not None:
        written |= {"artifact": model.artifact, "mountPath": model.mount_path}
    read = config.of(config.Kind.CONFIG_MAP, template)
    if read:
        written["configMaps"] = {
            it.source.name: configs.get(it.source.name, ABSENT if it.optional else MISSING)
            for it in read
        }
    return written


def resolve(
    of: Key,
    template: Manifest,
    model: Model,
    stored: Iterable[StoredRevision],
    configs: Mapping[str, str] = MappingProxyType({}),
    live: Sequence[str] = (),
) -> Wanted:
    """Find the stored revision that the spec describes, or name a new one.

    Of several that it describes, one of ``live`` is meant, the first of them before the others:
    a ConfigMap that vanishes neither ends a trial nor starts one. One of ``live`` that was lost
    from the store keeps the name that an older scheme gave it.
    """
    ranks = {revision: -place for place, revision in enumerate(live)}
    lowest = -len(live)
    found = tuple(stored)
    known = sorted(
        (it for it in found if it.scheme != REBUILT),
        key=lambda it: (ranks.get(it.revision, lowest), it.number),
        reverse=True,
    )
    asked = inputs(template, model, configs)
    for revision in known:
        if _describes(revision.inputs, asked):
            return Wanted(revision.revision, asked, revision)
    used = {revision.revision for revision in known}
    name = _id_before(asked, live) or _new_id(of, asked, used)
    rebuilt = (it for it in found if (it.scheme, it.revision) == (REBUILT, name))
    return Wanted(name, asked, next(rebuilt, None))


def _describes(stored: Manifest, asked: Manifest) -> bool:
    """Whether both mean the same: only ``artifact`` may come and go between them."""
    keys = (stored.keys() | ({"artifact"} & asked.keys())) - {"configMaps"}
    same = all(stored.get(key) == asked.get(key) for key in keys)
    return same and ("configMaps" not in stored or _reads_the_same(stored, asked))


def _reads_the_same(stored: Manifest, asked: Manifest) -> bool:
    """What a missing ConfigMap would say is not known: it speaks for no other revision."""
    kept, now = stored["configMaps"], asked.get("configMaps", {})
    return kept.keys() == now.keys() and all(
        content in {MISSING, kept[name]} for name, content in now.items()
    )


def _id_before(asked: Manifest, live: Sequence[str]) -> str | None:
    """The name that the older scheme gave it, where a live revision bears it."""
    name = _digest(_PLACELESS, asked)[:_ID_LENGTH]
    return name if name in live else None


def _new_id(of: Key, asked: Manifest, used: set[str]) -> str:
    digest = _digest(f"{SCHEME}\n{of.named}", asked)
    starts = range(0, len(digest) - _ID_LENGTH, _ID_LENGTH)
    candidates = (digest[start : start + _ID_LENGTH] for start in starts)
    return next(name for name in candidates if name not in used)


def _digest(salt: str, content: Manifest) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{salt}\n{text}".encode()).hexdigest()


@of_last
def render(name: str, revision: str, written: Manifest, drain: timedelta) -> Manifest:
    """The pod template of a revision, made once and stored.

    Args:
        name: The ModelDeployment's.
        revision: The revision's id, which becomes a label.
        written: What ``inputs`` returned.
        drain: How long a pod keeps answering after it is told to go; 0 renders no preStop.
            It is shortened to what terminationGracePeriodSeconds leaves.
    """
    copies = copy_names(name, revision, written)
    template = config.renamed(written["template"], copies)
    metadata = template.get("metadata") or {}
    labels = {DEPLOYMENT_LABEL: name, REVISION_LABEL: revision, HASH_LABEL: revision}
    template["metadata"] = {**metadata, "labels": {**(metadata.get("labels") or {}), **labels}}
    if drain > timedelta(0):
        _drain(template["spec"], math.ceil(drain.total_seconds()))
    if "artifact" in written:
        _mount(template["spec"], written["artifact"], written["mountPath"])
    return _marked(template)


def _marked(template: Manifest) -> Manifest:
    """With a digest of itself, which every pod made from it bears and no other pod by chance."""
    metadata = template["metadata"]
    notes = {**(metadata.get("annotations") or {}), TEMPLATE_ANNOTATION: _mark(template)}
    return {**template, "metadata": {**metadata, "annotations": notes}}


def _mark(template: Manifest) -> str:
    return _digest("template", template)[:_MARK_LENGTH]


def is_rendering(name: str, revision: str, written: Manifest, template: Manifest) -> bool:
    """Whether some operator made the template of what was written, and nobody else of anything.

    How it drains and where the model is mounted may be another operator's; the rest is the user's.
    """
    asked, sources = written.get("template"), written.get("configMaps", {})
    if not isinstance(asked, dict) or not isinstance(sources, dict):
        return False
    ours = _bare(config.renamed(asked, copy_names(name, revision, written)))
    return bool(ours == _bare(template))


def _bare(template: Manifest) -> Any:  # noqa: ANN401 (a template may hold anything)
    """The pod's spec without what an operator adds."""
    spec = copy.deepcopy(template.get("spec"))
    if not isinstance(spec, dict):
        return spec
    spec.pop("terminationGracePeriodSeconds", None)
    _without(spec, "volumes", MODEL_VOLUME)
    for container in pod_spec.every_container(spec):
        _without(container, "volumeMounts", MODEL_VOLUME)
        lifecycle = container.get("lifecycle")
        if isinstance(lifecycle, dict) and _sleeps(lifecycle.get("preStop")):
            del lifecycle["preStop"]
        if not lifecycle:
            container.pop("lifecycle", None)
    return spec


def _without(at: Manifest, key: str, name: str) -> None:
    listed = at.get(key)
    if isinstance(listed, list):
        at[key] = [it for it in listed if not (isinstance(it, dict) and it.get("name") == name)]
    if not at.get(key):
        at.pop(key, None)


def _sleeps(hook: object) -> bool:
    return isinstance(hook, dict) and hook.keys() == {"sleep"}


def copy_names(name: str, revision: str, written: Mapping[str, Any]) -> dict[str, str]:
    """The name of the revision's own copy of each ConfigMap that it reads, there or not."""
    sources = written.get("configMaps", {})
    return {source: config.copy_name(name, revision, source) for source in sources}


def _drain(spec: Manifest, seconds: int) -> None:
    grace = _grace(spec, seconds)
    slept = min(seconds, grace - 1)  # the API server wants it shorter than the grace period
    if slept <= 0:
        return
    for container in pod_spec.containers(spec):
        lifecycle = container.get("lifecycle") or {}
        hook = lifecycle.get("preStop") or {"sleep": {"seconds": slept}}
        container["lifecycle"] = {**lifecycle, "preStop": hook}


def _grace(spec: Manifest, seconds: int) -> int:
    """The grace period that the user wrote; where there is none, one that the drain fits into."""
    written = spec.get("terminationGracePeriodSeconds")
    if isinstance(written, int):
        return written
    if seconds >= _DEFAULT_GRACE_SECONDS:
        spec["terminationGracePeriodSeconds"] = seconds + _DEFAULT_GRACE_SECONDS
    return max(seconds + 1, _DEFAULT_GRACE_SECONDS)


def _mount(spec: Manifest, artifact: str, path: str) -> None:
    volume: dict[str, Any] = {"name": MODEL_VOLUME, "image": {"reference": artifact}}
    spec["volumes"] = [*(spec.get("volumes") or ()), volume]
    mount = {"name": MODEL_VOLUME, "mountPath": path, "readOnly": True}
    for container in pod_spec.containers(spec):
        mounts = container.get("volumeMounts") or []
        if all(existing.get("mountPath") != path for existing in mounts):
            container["volumeMounts"] = [*mounts, mount]
