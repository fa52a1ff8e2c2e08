"""Lengths of time: on the wire as Go writes them, in memory a timedelta, always bounded."""

import re
from datetime import timedelta
from typing import Annotated, Final

import durationpy
from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from lockstep.api.base import Rule

_LONGEST_DURATION: Final = 32
DURATION_PATTERN: Final = (
    r"^([0-9]{1,12}(\.[0-9]+)?ms|[0-9]{1,9}(\.[0-9]+)?s|[0-9]{1,7}(\.[0-9]+)?m"
    r"|[0-9]{1,5}(\.[0-9]+)?h)+$"
)
"""No more digits than CEL can add up: what it cannot, it calls a type conversion error."""
A_DURATION: Final = (
    "must be a duration such as 90s, 5m or 36h, at most 8760h, a year; there are no days"
)


def parse_duration(text: object) -> timedelta:
    """Read a Go-style duration such as ``1h30m`` or ``250ms``.

    The pattern is narrower than the library: no sign, no days, nothing between the parts.

    Raises:
        ValueError: The text is not one.
    """
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not _is_duration(text):
        raise ValueError(A_DURATION)
    return durationpy.from_str(text)


def _is_duration(text: str) -> bool:
    return len(text) <= _LONGEST_DURATION and re.fullmatch(DURATION_PATTERN, text) is not None


def format_duration(value: timedelta) -> str:
    """Write a duration as Go does, largest unit first: ``1h30m``, ``45s``, ``0s``.

    In whole milliseconds and always with a unit, so that ``parse_duration`` takes it: the library
    would write ``0``, and ``1.5s`` where we wrote ``1s500ms`` into objects that are stored.
    """
    milliseconds = round(value / timedelta(milliseconds=1))
    parts = []
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, milliseconds = divmod(milliseconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def whole_seconds(value: timedelta) -> str:
    """The same without fractions of a second, as people read it."""
    return format_duration(timedelta(seconds=round(value.total_seconds())))


def _at_least(text: str) -> Rule:
    shortest = parse_duration(text)
    return Rule(
        f"!self.matches(r'{DURATION_PATTERN}') || duration(self) >= duration('{text}')",
        f"must be at least {text}",
        lambda value: value >= shortest,
    )


LONGEST: Final = timedelta(hours=8760)

Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "maxLength": _LONGEST_DURATION}),
    Rule(
        f"self.matches(r'{DURATION_PATTERN}') && duration(self) <= duration('8760h')",
        A_DURATION,
        lambda value: value <= LONGEST,
    ),
]
"""A length of time from 0 to a year; on the wire a Go-style string."""

PositiveDuration = Annotated[Duration, _at_least("1ms")]
"""A length of time above 0; on the wire a Go-style string."""


Interval = Annotated[Duration, _at_least("1s")]
"""How often something is asked: no team may flood Prometheus."""
