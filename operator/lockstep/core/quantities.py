"""Quantities that Kubernetes cannot read, found where they stand: it names no field itself."""

import re
from collections.abc import Iterator
from typing import Any, Final

from lockstep.api.base import Manifest

SAID: Final = "quantities must match the regular expression"
_QUANTITY: Final = re.compile(r"[+-]?[0-9.]{1,40}(?:[eE][-+]?[0-9]{1,4}|[numkMGTPE]|[KMGTPE]i)?")
_MOST: Final = 3


def named(problem: str, template: Manifest) -> str:
    """The problem with the fields that it is about; anything else as it is."""
    if SAID not in problem:
        return problem
    found = [f"{path} is {value!r}" for path, value in _unreadable(template)][:_MOST]
    if not found:
        return problem
    return f"{', '.join(found)}, which is no quantity such as 500m, 48M or 48Mi"


def _unreadable(template: Manifest) -> Iterator[tuple[str, str]]:
    spec = template.get("spec", {})
    for kind in ("initContainers", "containers"):
        for container in spec.get(kind) or ():
            where = f"spec.template.spec.{kind}[{container.get('name')}].resources"
            for part in ("requests", "limits"):
                amounts = (container.get("resources") or {}).get(part) or {}
                yield from _wrong(f"{where}.{part}", amounts)
    for volume in spec.get("volumes") or ():
        limit = (volume.get("emptyDir") or {}).get("sizeLimit")
        if limit is not None:
            where = f"spec.template.spec.volumes[{volume.get('name')}].emptyDir"
            yield from _wrong(where, {"sizeLimit": limit})


def _wrong(where: str, amounts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, amount in amounts.items():
        if not _QUANTITY.fullmatch(str(amount)):
            yield f"{where}.{name}", str(amount)[:64]
