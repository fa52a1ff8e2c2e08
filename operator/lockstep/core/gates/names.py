"""Which metrics a query names, and the question whether any series has these names at all.

Scanned, not parsed, as for ranges: a name too many or too few costs a hint, nothing else.
"""

import re
from functools import lru_cache
from typing import Final

MOST: Final = 3
"""So many names are looked up; a query that names more is told of the first."""

_STRING: Final = r'"(?:[^"\\]|\\.)*+"?' + r"|'(?:[^'\\]|\\.)*+'?|`[^`]*+`?"
_TOKEN: Final = re.compile(
    rf"""
      {_STRING} | \#[^\n]*+
    | \{{(?:[^}}"'`]|{_STRING})*+\}}?
    | \[[^\]]*+\]?
    | \b(?i:by|without|on|ignoring|group_left|group_right)\s*+\([^)]*+\)?
    | (?<![\w:.])(?P<name>[a-zA-Z_:][\w:]*+)(?!\s*+(?:\(|(?i:by|without)\b))
    """,
    re.VERBOSE | re.DOTALL,
)
_OPERATORS: Final = ("and", "or", "unless", "bool", "offset", "atan2", "start", "end")
_MATCHING: Final = ("by", "without", "on", "ignoring", "group_left", "group_right")
_WORDS: Final = frozenset((*_OPERATORS, *_MATCHING, "inf", "nan"))


@lru_cache(maxsize=1024)
def named(query: str) -> tuple[str, ...]:
    """The metrics of a query, in the order in which they stand there."""
    found = (token["name"] for token in _TOKEN.finditer(query) if token["name"])
    return tuple(dict.fromkeys(it for it in found if it.lower() not in _WORDS))[:MOST]


def lookup(query: str) -> str:
    """PromQL that has a series for each of these names that any series has; empty without names."""
    names = "|".join(named(query))
    return f'count by (__name__) ({{__name__=~"{names}"}})' if names else ""
