"""What an edit has changed of what runs, by the names that people know: fields and ConfigMaps."""

from collections.abc import Iterator, Mapping
from typing import Final

from lockstep.api.base import Manifest, cut
from lockstep.core import config
from lockstep.core.rollout.view import View

MOST: Final = 5
"""So many are named, the others counted."""

_DEEPEST: Final = 6
"""``spec.containers[server].resources.limits.cpu``: most of what people edit is no deeper."""
_LONGEST: Final = 160

_CONFIG_MAP: Final = "ConfigMap "
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
    named = [_told(view, it) for it in found[:MOST]]
    rest = f" and {len(found) - MOST} more" if len(found) > MOST else ""
    wrote = view.observed.author and any(it.startswith("spec.") for it in found)
    who = f", last written by {view.observed.author}" if wrote else ""
    return f"; changed since stable: {', '.join(named)}{rest}{who}"


def _told(view: View, what: str) -> str:
    """Of a ConfigMap which keys, and through whom: there is no stamp of who wrote one."""
    name, stable = what.removeprefix(_CONFIG_MAP), view.status.stable
    edit = view.observed.edits.get(name) if what.startswith(_CONFIG_MAP) else None
    if edit is None or stable is None:
        return what
    mine = (it for it in view.observed.copies if it.revision == stable.revision)
    kept = next((it.keys for it in mine if it.source == name), ())
    keys = config.differing(kept, edit.keys)
    more = [f"and {len(keys) - MOST} more"] if len(keys) > MOST else []
    through = [f"by {edit.client}"] if edit.client else []
    said = ", ".join([*keys[:MOST], *more, *through])
    return f"{what} ({said})" if said else what


def since_stable(view: View) -> tuple[str, ...]:
    """What differs; nothing where there is nothing to compare."""
    stable = view.status.stable
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
            yield f"{_CONFIG_MAP}{name}"


def _template(before: Manifest, after: Manifest) -> Iterator[str]:
    for key in sorted({*before, *after}):
        yield from _differing(before.get(key), after.get(key), f"spec.template.{key}", _DEEPEST)


def _differing(was: object, now: object, path: str, deeper: int) -> Iterator[str]:
    """The fields that differ, as deep as they have names; no value, which may be nobody's to read.

    What only changed its order is told by its list.
    """
    if was == now:
        return
    left, right = _named(was), _named(now)
    steps = sorted({*left, *right}) if deeper and left and right else ()
    found = [
        below
        for step in steps
        for below in _differing(left.get(step), right.get(step), f"{path}{step}", deeper - 1)
    ]
    yield from found or [cut(path, _LONGEST)]


def _named(value: object) -> Mapping[str, object]:
    """What is below, by the step that leads there; nothing where it has no names, or none alone."""
    if isinstance(value, Mapping):
        return {_step(str(key)): inner for key, inner in value.items()}
    items = value if isinstance(value, list) else []
    named = {f"[{it['name']}]": it for it in items if isinstance(it, Mapping) and "name" in it}
    return named if len(named) == len(items) else {}


def _step(key: str) -> str:
    return f"[{key}]" if "." in key or "/" in key else f".{key}"
