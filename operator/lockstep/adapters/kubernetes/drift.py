"""Whether what we render still stands in an object; what others added to it may stay."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lockstep.api.base import Manifest, cut
from lockstep.core import quantities

REPLICA_SET: Final = ("minReadySeconds", "selector", "template")
"""Fields of a spec that are ours and never planned, as replicas are."""

_METADATA: Final = ("labels", "annotations")
_LONGEST: Final = 160
_QUANTITIES: Final = {"limits", "requests", "overhead"}
_QUANTITY_FIELDS: Final = {"sizeLimit", "divisor", "storage"}


def part(manifest: Manifest, fields: Sequence[str]) -> Manifest:
    """What is compared of an object, rendered or found: its labels and some of its spec."""
    metadata, spec = manifest["metadata"], manifest["spec"]
    return {
        "labels": metadata.get("labels") or {},
        "spec": {field: spec[field] for field in fields if field in spec},
    }


def stands(ours: object, theirs: object) -> bool:
    """Whether every field of ``ours`` is in ``theirs`` with the same meaning.

    Absent, null and empty are one. Lists of named objects are compared name by name; all other
    lists are compared whole. Quantities are compared by value: ``1000m`` is ``1``.
    """
    return _stands(ours, theirs, "")


def _stands(ours: object, theirs: object, field: str) -> bool:
    if _empty(ours) and _empty(theirs):
        return True
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        inner = field if field in _QUANTITIES else None
        return all(_stands(ours[key], theirs.get(key), inner or key) for key in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return _list_stands(ours, theirs)
    return _same(ours, theirs, field)


def difference(ours: Manifest, theirs: Manifest) -> str:
    """The first field of ``ours``, a ``part``, that does not stand in ``theirs``; empty if none."""
    found = _difference(ours, theirs).removeprefix(".")
    return cut(f"metadata.{found}" if found.startswith(_METADATA) else found, _LONGEST)


def _difference(ours: object, theirs: object) -> str:
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for key in ours:
            if not _stands(ours[key], theirs.get(key), key):
                return f".{key}{_difference(ours[key], theirs.get(key))}"
    if isinstance(ours, list) and isinstance(theirs, list):
        return _difference_of_named(ours, theirs)
    return ""


def _difference_of_named(ours: Sequence[Any], theirs: Sequence[Any]) -> str:
    known = _by_name(theirs)
    for name, own in _by_name(ours).items():
        there = known.get(name, [])
        if not _in_order(own, there):
            inner = _difference(own[-1], there[-1]) if there else ""
            return f"[{own[-1]['name']}]{inner}"
    return ""


def _empty(value: object) -> bool:
    return value is None or value in ("", 0, False, [], {})


def _list_stands(ours: Sequence[Any], theirs: Sequence[Any]) -> bool:
    if all(isinstance(item, Mapping) and "name" in item for item in ours):
        known = _by_name(theirs)
        return all(_in_order(own, known.get(name, ())) for name, own in _by_name(ours).items())
    return len(ours) == len(theirs) and all(
        _stands(item, other, "") for item, other in zip(ours, theirs, strict=True)
    )


def _by_name(items: Sequence[Any]) -> dict[str, list[Mapping[str, Any]]]:
    """A variable has its name, a mount its volume's and its path. A user may give thousands."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for item in items:
        if isinstance(item, Mapping) and "name" in item:
            name = json.dumps([item["name"], item.get("mountPath")])
            found.setdefault(name, []).append(item)
    return found


def _in_order(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether each of ours stands in theirs, others between them: of two variables the last counts.

    Each of theirs is looked at once, however many have one name.
    """
    rest = iter(theirs)
    return all(any(_stands(item, other, "") for other in rest) for item in ours)


def _same(ours: object, theirs: object, field: str) -> bool:
    if ours == theirs:
        return True
    if isinstance(ours, bool) or isinstance(theirs, bool) or theirs is None:
        return False
    if field in _QUANTITIES or field in _QUANTITY_FIELDS:
        amount = quantities.amount(ours)
        return amount is not None and amount == quantities.amount(theirs)
    return str(ours) == str(theirs)  # an int-or-string field, or a number the server stores as text
