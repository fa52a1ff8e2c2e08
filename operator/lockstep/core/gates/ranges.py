"""How far back a query looks, and the same query looking back no further than its stage.

Both tries of a revision answer to one label: a range that reaches back before the stage would
judge the second by what the first did. PromQL is scanned, not parsed: strings and comments are
stepped over, durations in brackets and after ``offset`` are read, whatever else is left as it is.

A query reaches back its offset and, where ranges lie in one another, the longest of them each time.
Before `ripe` it is not asked; until the stage is as old as it reaches, its ranges are cut to what
there is; after that it is asked as it was written. Never cut: a range about stable alone, and an
offset of an hour or more, which asks about another time on purpose.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Final

from lockstep.core.gates.placeholders import OF_STABLE

ANOTHER_TIME: Final = 3600.0
"""An offset of so many seconds asks about another time on purpose: today against last week."""

_UNIT: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_DURATION: Final = r"(?:[0-9]{1,12}(?:ms|[smhdwy]))+|[0-9]{1,12}(?:\.[0-9]{1,6})?"
_STRING: Final = r'"(?:[^"\\]|\\.)*+"?' + r"|'(?:[^'\\]|\\.)*+'?|`[^`]*+`?"
_TOKEN: Final = re.compile(
    rf"""
      (?P<selector>\{{(?:[^}}"'`]|{_STRING})*+\}}?\s*)
    | {_STRING} | \#[^\n]*+
    | \[\s*+(?P<range>{_DURATION})(?=\s*(?P<end>[\]:]))
    | (?i:\boffset)\s++(?P<offset>{_DURATION})
    """,
    re.VERBOSE | re.DOTALL,
)
_PART: Final = re.compile(r"(?<![0-9])([0-9]+)(ms|[smhdwy])")


@dataclass(frozen=True, slots=True)
class Window:
    """One range of a query: where its duration stands in the text, and its length in seconds."""

    start: int
    end: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How a query looks back. ``depth``: how many ranges may lie in one another."""

    windows: tuple[Window, ...] = ()
    offset: float = 0.0
    depth: int = 1

    @property
    def seconds(self) -> float:
        """All of it: what lies further back than this is in no answer."""
        return self.offset + self.depth * max((it.seconds for it in self.windows), default=0.0)


def ripe(query: str, grain: timedelta) -> timedelta:
    """How long a stage has to last before ``query`` can be asked about nothing but the stage."""
    found, step = reach(query), grain.total_seconds()
    if not found.seconds:
        return timedelta(0)
    shortest = -(-(found.offset + found.depth) // step) * step
    return timedelta(seconds=min(found.seconds, shortest))


def is_whole(query: str, elapsed: timedelta) -> bool:
    """Whether all that ``query`` looks back on lies inside a stage that has lasted ``elapsed``."""
    return reach(query).seconds <= elapsed.total_seconds()


def shortened(query: str, elapsed: timedelta, grain: timedelta) -> str:
    """``query`` with its ranges cut to a stage that has lasted ``elapsed``, in steps of ``grain``.

    Queries that many deployments share are cut in steps of their interval, so that they stay equal.
    """
    if is_whole(query, elapsed):
        return query
    found, step = reach(query), grain.total_seconds()
    room = elapsed.total_seconds() // step * step - found.offset
    longest = int(room // found.depth)
    if longest < 1:
        return query
    for window in reversed(found.windows):
        if window.seconds > longest:
            query = f"{query[: window.start]}{longest}s{query[window.end :]}"
    return query


@lru_cache(maxsize=2048)
def reach(query: str) -> Reach:
    """What ``query`` looks back on, but for ranges that are about stable alone."""
    windows, offset, depth, spared = [], 0.0, 1, -1
    for token in _TOKEN.finditer(query):
        if token["selector"] and OF_STABLE in token["selector"]:
            spared = token.end()
        elif token["range"] and token.start() != spared:
            windows.append(Window(*token.span("range"), _seconds(token["range"])))
            depth += token["end"] == ":"
        elif token["offset"]:
            asked = _seconds(token["offset"])
            offset = max(offset, asked if asked < ANOTHER_TIME else 0.0)
    return Reach(windows=tuple(windows), offset=offset, depth=depth)


def _seconds(duration: str) -> float:
    parts = list(_parts(duration))
    return sum(parts) if parts else float(duration)


def _parts(duration: str) -> Iterator[float]:
    for number, unit in _PART.findall(duration):
        yield int(number) * _UNIT[unit]
