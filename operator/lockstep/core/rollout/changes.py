"""What an edit has changed of what runs, by the names that people know: fields and ConfigMaps."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lockstep.api.base import Manifest
from lockstep.core.rollout.view import View

MOST: Final = 5
"""So many are named, the others counted."""

_FIELDS: Final[Mapping[str, str]] = {
    "version": "spec.model.version",
    "artifact": "spec.model.artifact",
    "mountPath": "spec.model.mountPath",
}


def said(view: View) -> str:
    """What the wanted revision has other than stable, and who wrote it where the spec says so."""
    found = since_stable(view)
    if not found:
        return ""
    rest = f" and {len(found) - MOST} more" if len(found) > MOST else ""
    wrote = view.observed.author and any(it.startswith("spec.") for it in found)
    who = f", last written by {view.observed.author}" if wrote else ""
    return f"; changed since stable: {', '.join(found[:MOST])}{rest}{who}"


def since_stable(view: View) -> tuple[str, ...]:
    """What differs; nothing where there is nothing to compare."""
    stable = view.memory.stable
    known = next(
        (it for it in view.observed.stored if stable and it.revision == stable.revision), None
    )
    return tuple(changed(known.inputs, view.wanted.inputs)) if known else ()


def changed(before: Manifest, after: Manifest) -> Iterator[str]:
    """The name of everything that differs between what the user wrote then and now."""
    for key, name in _FIELDS.items():
        if before.get(key) != after.get(key):
            yield name
    yield from _template(before.get("template", {}), after.get("template", {}))
    kept, now = before.get("configMaps", {}), after.get("configMaps", {})
    for name in sorted({*kept, *now}):
        if kept.get(name) != now.get(name):
            yield f"ConfigMap {name}"


def _template(before: Manifest, after: Manifest) -> Iterator[str]:
    for key in sorted({*before, *after}):
        was, now = before.get(key), after.get(key)
        if was == now:
            continue
        if isinstance(was, dict) and isinstance(now, dict):
            yield from (f"spec.template.{key}.{field}" for field in _differing(was, now))
        else:
            yield f"spec.template.{key}"


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [key for key in sorted({*before, *after}) if before.get(key) != after.get(key)]
