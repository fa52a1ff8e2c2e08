"""Which ConfigMaps and Secrets a pod template reads, and what stands for their content.

A template may hold anything: what is not of the form that Kubernetes knows reads nothing here, and
the API server's dry run says what is wrong with it.
"""

import copy
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from lockstep.api.base import Manifest
from lockstep.core import names

MOST: Final = 64
"""ConfigMaps and Secrets that one template may read; the operator reads each of them."""

_LONGEST: Final = 253
_MOST_KEYS: Final = 64
Keys = tuple[tuple[str, str], ...]
"""The keys of a ConfigMap, each with what stands for its value."""

_HASH: Final = 8
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


class Kind(StrEnum):
    CONFIG_MAP = "ConfigMap"
    SECRET = "Secret"  # noqa: S105  # a kind, not a password


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """An object of the user's, in the namespace of the ModelDeployment."""

    kind: Kind
    name: str

    @property
    def possible(self) -> bool:
        """Whether any object could have this name."""
        return len(self.name) <= _LONGEST and _NAME.fullmatch(self.name) is not None


@dataclass(frozen=True, slots=True)
class Read:
    """``field`` is the first one that reads the source, the first one that needs it if any does."""

    source: Source
    field: str
    optional: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a template names a source: ``at[key]`` is the name."""

    kind: Kind
    field: str
    at: Manifest
    key: str

    @property
    def optional(self) -> bool:
        return self.at.get("optional") is True

    @property
    def source(self) -> Source:
        return Source(self.kind, self.at[self.key])


def reads(template: object) -> tuple[Read, ...]:
    """What the containers of a pod template read, each source once, in the order of the fields."""
    found: dict[Source, Read] = {}
    for place in _places(template):
        known = found.get(place.source)
        if known is None or (known.optional and not place.optional):
            found[place.source] = Read(place.source, place.field, place.optional)
    return tuple(found.values())


def of(kind: Kind, template: object) -> tuple[Read, ...]:
    """The part of ``reads`` that is of one kind."""
    return tuple(read for read in reads(template) if read.source.kind is kind)


def digest(raw: Mapping[str, Any]) -> str:
    """What stands for a ConfigMap's content; labels, annotations and order are no part of it."""
    content = {field: raw.get(field) or {} for field in ("binaryData", "data")}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def keys(raw: Mapping[str, Any]) -> Keys:
    """What stands for the value of each key, to name those that change; nothing of too many."""
    held = {**(raw.get("binaryData") or {}), **(raw.get("data") or {})}
    if len(held) > _MOST_KEYS:
        return ()
    values = ((key, str(held[key]).encode("utf-8", "surrogatepass")) for key in sorted(held))
    return tuple((key, hashlib.sha256(value).hexdigest()[:_HASH]) for key, value in values)


def differing(before: Keys, after: Keys) -> list[str]:
    """The keys that are not as they were; none where either side is not known."""
    if not before or not after:
        return []
    return sorted({key for key, _ in set(before) ^ set(after)})


def renamed(template: Manifest, config_maps: Mapping[str, str]) -> Manifest:
    """The same template, reading other ConfigMaps in the place of these."""
    changed = copy.deepcopy(template)
    for place in _places(changed):
        if place.kind is Kind.CONFIG_MAP and place.at[place.key] in config_maps:
            place.at[place.key] = config_maps[place.at[place.key]]
    return changed


def copy_name(name: str, revision: str, source: str) -> str:
    """Name of a revision's copy of a ConfigMap: ``fraud-7f9c2b1e-settings``."""
    full = f"{names.child_name(name, revision)}-{source}"
    if len(full) <= _LONGEST:
        return full
    told = hashlib.sha256(full.encode()).hexdigest()[:_HASH]
    return f"{full[: _LONGEST - _HASH - 1].rstrip('-.')}-{told}"


def _places(template: object) -> Iterator[_Place]:
    spec, path = _map(_map(template).get("spec")), "spec.template.spec"
    for kind in ("initContainers", "containers"):
        for number, container in _maps(spec.get(kind)):
            yield from _container(container, f"{path}.{kind}[{number}]")
    for number, volume in _maps(spec.get("volumes")):
        yield from _volume(volume, f"{path}.volumes[{number}]")


def _container(container: Manifest, path: str) -> Iterator[_Place]:
    for number, source in _maps(container.get("envFrom")):
        at = f"{path}.envFrom[{number}]"
        yield from _place(Kind.CONFIG_MAP, source, at, "configMapRef")
        yield from _place(Kind.SECRET, source, at, "secretRef")
    for number, variable in _maps(container.get("env")):
        source, at = _map(variable.get("valueFrom")), f"{path}.env[{number}].valueFrom"
        yield from _place(Kind.CONFIG_MAP, source, at, "configMapKeyRef")
        yield from _place(Kind.SECRET, source, at, "secretKeyRef")


def _volume(volume: Manifest, path: str) -> Iterator[_Place]:
    yield from _place(Kind.CONFIG_MAP, volume, path, "configMap")
    yield from _place(Kind.SECRET, volume, path, "secret", "secretName")
    projected = _map(volume.get("projected"))
    for number, source in _maps(projected.get("sources")):
        at = f"{path}.projected.sources[{number}]"
        yield from _place(Kind.CONFIG_MAP, source, at, "configMap")
        yield from _place(Kind.SECRET, source, at, "secret")


def _place(
    kind: Kind, holder: Manifest, path: str, field: str, key: str = "name"
) -> Iterator[_Place]:
    at = _map(holder.get(field))
    if isinstance(at.get(key), str) and at[key]:
        yield _Place(kind, f"{path}.{field}", at, key)


def _map(value: object) -> Manifest:
    return value if isinstance(value, dict) else {}


def _maps(value: object) -> Iterable[tuple[int, Manifest]]:
    items = value if isinstance(value, list) else []
    return ((number, _map(item)) for number, item in enumerate(items))
