"""Every pattern of the package against text that was made to mislead it.

Python's `re` backtracks: one pattern with two ways through the same text is enough to stop the
operator for everybody. Patterns are found, not listed, and used here as their modules use them.
"""

import importlib
import itertools
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

import lockstep
from tests.unit.costs.growth import time_grows_linearly

_SIZE: Final = 250
_ALWAYS: Final = ("a", "0", " ", "-", ".", "\n", "a.", "0a")
_WORDS: Final = re.compile(r"[A-Za-z0-9 :@/'\"=_]+|\\?[{}\[\](),.-]")


def _modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(lockstep.__path__, "lockstep."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def _patterns() -> Iterator[tuple[str, str, re.Pattern[str]]]:
    """Name, method and pattern: compiled ones, and texts whose names say that they are some."""
    for module in _modules():
        source = Path(str(module.__file__)).read_text()
        for name, value in vars(module).items():
            where = f"{module.__name__}.{name}"
            if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
                for method in sorted(set(re.findall(rf"\b{name}\.(\w+)\(", source))):
                    yield where, method, value
            elif isinstance(value, str) and name.endswith(("_PATTERN", "_CLOSED")):
                yield where, "fullmatch", re.compile(value)


PATTERNS: Final = {f"{name}.{method}": (method, it) for name, method, it in _patterns()}


def _texts(pattern: str) -> Iterator[Callable[[int], str]]:
    """Beginnings, something again and again, and an end that does not fit."""
    own = {found.lstrip("\\") for found in _WORDS.findall(pattern)}
    pieces = sorted({*_ALWAYS, *own, *(2 * piece for piece in own if len(piece) == 1)})
    for before, again in itertools.product(["", *pieces], pieces):
        yield lambda n, before=before, again=again: before + again * n + "\0"  # type: ignore[misc]


def test_patterns_are_found() -> None:
    assert "lockstep.core.gates.placeholders._PLACEHOLDER.sub" in PATTERNS
    assert len(PATTERNS) > 12


@pytest.mark.parametrize(("method", "pattern"), PATTERNS.values(), ids=PATTERNS)
def test_no_text_takes_a_pattern_more_than_linear_time(
    method: str, pattern: re.Pattern[str]
) -> None:
    def work(text: str) -> Callable[[], object]:
        if method == "sub":
            return lambda: pattern.sub("", text)
        return lambda: getattr(pattern, method)(text)

    for text in _texts(pattern.pattern):
        assert time_grows_linearly(lambda n, text=text: work(text(n)), _SIZE), repr(text(9))  # type: ignore[misc]
