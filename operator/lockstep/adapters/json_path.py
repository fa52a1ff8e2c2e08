"""What a JSONPath finds in a JSON document, in a bounded number of steps. Pure."""

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lockstep.api.json_path import JSON_PATH_LENGTH, JSON_PATH_PATTERN, LITERAL, WHERE

MOST_VISITS: Final = 100_000
"""Values that one path may look at: less than a tenth of a second."""

_STEP: Final = re.compile(
    r"(?P<deep>\.\.)?(?:\.?(?P<name>[A-Za-z_*][A-Za-z0-9_]*)"
    r"|\[(?:(?P<index>-?[0-9]+)|(?P<every>\*)|(?P<quoted>\x27[^\x27]*\x27|\x22[^\x22]*\x22)"
    rf"|\? *@(?P<where>{WHERE})(?: *(?P<sign>[=!<>]=?) *(?P<literal>{LITERAL}))?)\])"
)
"""One step of a path of which ``JSON_PATH_PATTERN`` says that it is one."""

_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_NOTHING: Final = object()
_CONSTANTS: Final[Mapping[str, object]] = {"true": True, "false": False, "null": None}


class TooMuchError(Exception):
    """More than ``MOST_VISITS`` values would have to be looked at."""


@dataclass(slots=True)
class _Budget:
    left: int = MOST_VISITS

    def each(self, values: Iterable[object]) -> Iterator[object]:
        """The same values, each counted."""
        for value in values:
            self.left -= 1
            if self.left < 0:
                raise TooMuchError
            yield value


_Select = Callable[[object, _Budget], Iterable[object]]


@dataclass(frozen=True, slots=True)
class Path:
    """A path that was read; ``_steps`` say for each step whether it looks at all that is below."""

    _steps: tuple[tuple[bool, _Select], ...] = field(default=())

    def find(self, document: object) -> list[object]:
        """Every value at the path.

        Raises:
            TooMuchError: The document is too large for it.
        """
        budget, found = _Budget(), [document]
        for deep, select in self._steps:
            below = _descendants(found, budget) if deep else found
            found = [inner for value in below for inner in budget.each(select(value, budget))]
        return found


def read(text: str) -> Path | None:
    """Read a path; None if it is none, or one that is not allowed."""
    if len(text) > JSON_PATH_LENGTH or not re.fullmatch(JSON_PATH_PATTERN, text):
        return None
    steps = (it.groupdict() for it in _STEP.finditer(text, 1))
    return Path(tuple((step["deep"] is not None, _selector(step)) for step in steps))


def _descendants(values: Iterable[object], budget: _Budget) -> Iterator[object]:
    """Values and all that is below them, in the order in which they stand there."""
    rest = list(values)[::-1]
    while rest:
        value = rest.pop()
        yield value
        rest += list(budget.each(_children(value)))[::-1]


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _selector(step: Mapping[str, str | None]) -> _Select:
    if step["every"] or step["name"] == "*":
        return lambda value, _: _children(value)
    if step["where"] is not None:
        return _filter(step["where"], step["sign"], step["literal"])
    key = _key(step["name"] or step["index"] or step["quoted"] or "")
    return lambda value, _: _at(value, key)


def _key(text: str) -> str | int:
    """A name, in quotes or not, or an index."""
    if text[0] in "'\"":
        return text[1:-1]
    return int(text) if text[0] in "-0123456789" else text


def _at(value: object, key: str | int) -> tuple[object, ...]:
    if isinstance(value, dict) and isinstance(key, str):
        return (value[key],) if key in value else ()
    if isinstance(value, list) and isinstance(key, int):
        return (value[key],) if -len(value) <= key < len(value) else ()
    return ()


_KEY: Final = re.compile(r"\.([A-Za-z0-9_]+)|\[(-?[0-9]+|\x27[^\x27]*\x27|\x22[^\x22]*\x22)\]")


def _filter(where: str, sign: str | None, literal: str | None) -> _Select:
    keys = [_key(name or inside) for name, inside in _KEY.findall(where)]
    wanted = _literal(literal or "null")

    def holds(value: object) -> bool:
        for key in keys:
            value = next(iter(_at(value, key)), _NOTHING)
        return value is not _NOTHING if sign is None else _compares(value, sign, wanted)

    return lambda value, budget: (it for it in budget.each(_children(value)) if holds(it))


def _literal(text: str) -> object:
    if text[0] in "'\"":
        return text[1:-1]
    return _CONSTANTS[text] if text in _CONSTANTS else float(text)


def _compares(value: object, sign: str, wanted: object) -> bool:
    """Values of different kinds are not equal, and neither is above the other."""
    alike = _kind(value) is _kind(wanted)
    if sign in _ORDERS:
        return alike and _kind(value) in {float, str} and _ORDERS[sign](value, wanted)
    equal = alike and value == wanted
    return equal if sign == "==" else not equal


def _kind(value: object) -> type:
    return float if type(value) is int else type(value)
