"""Quantities of Kubernetes: what they amount to, and where those stand that cannot be read.

``kubernetes.utils.quantity`` has the arithmetic as well, and importing it imports every client of
that library (more than a second, and memory for good); a test compares the two.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from lockstep.api.base import Manifest

SAID: Final = "quantities must match the regular expression"
_QUANTITY: Final = re.compile(
    r"([+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40}))"
    r"([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,4})?"
)
_SUFFIXES: Final = {
    **{unit: Decimal(1000) ** power for power, unit in enumerate("num", start=-3)},
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
}
_MOST: Final = 3


def amount(quantity: object) -> Decimal | None:
    """What a quantity amounts to: ``500m`` is 0.5. None for what is none."""
    found = _QUANTITY.fullmatch(str(quantity))
    if not found:
        return None
    number, suffix = found[1], found[2] or ""
    if suffix in _SUFFIXES:
        return Decimal(number) * _SUFFIXES[suffix]
    return Decimal(number + suffix)


def named(problem: str, template: Manifest) -> str:
    """The problem with the fields that it is about; anything else as it is."""
    if SAID not in problem:
        return problem
    found = [f"{path} is {value!r}" for path, value in _unreadable(template)][:_MOST]
    if not found:
        return problem
    return f"{', '.join(found)}, which is not a quantity such as 500m, 48M or 48Mi"


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
    for name, written in amounts.items():
        if amount(written) is None:
            yield f"{where}.{name}", str(written)[:64]
