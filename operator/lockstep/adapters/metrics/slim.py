"""Makes numbers of Prometheus' series while its reply is parsed, so that no whole reply is held.

Parsed to maps of labels a reply takes fifteen times the memory of its text: eight of 16 MiB have
ended an operator.
"""

import json
import re
from collections.abc import Mapping
from typing import Final

from lockstep.core.gates.question import DEPLOYMENT, NAMESPACE, Broken, Question, Series

_DEEPEST: Final = 16
"""Lists and maps in one another; Prometheus' own replies have seven."""
_NAMED: Final = 256
"""Characters of labels that are kept, to name a series by."""
_NONE: Final[Mapping[str, str]] = {}
_TEXT: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


class TooManyError(Exception):
    """There are more series than the question may have; the rest is not read."""


class TooDeepError(Exception):
    """It is not parsed at all."""


class Slim:
    """json's object hook: a series becomes a Series, what is no series stays as it is."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._telling = (question.by, NAMESPACE, DEPLOYMENT)
        self._series = 0
        self._shared: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}

    def __call__(self, found: dict[str, object]) -> object:
        match found:
            case {"metric": dict(labels), "value": [_, str(text)]}:
                return self._number(labels, text)
            case {"metric": dict(), "values": list()}:
                return Broken("the query yields a range of values; use an instant one, as rate()")
            case {"metric": dict(), "histogram": _} | {"metric": dict(), "histograms": _}:
                return Broken("the query yields a histogram; make a number of it")
            case _:
                return found

    def _number(self, labels: Mapping[object, object], text: str) -> Series | None:
        self._series += 1
        if self._series > self._question.most:
            raise TooManyError
        value = number(text)
        return None if value is None else Series(value, self._kept(labels))

    def _kept(self, labels: Mapping[object, object]) -> Mapping[str, str]:
        """What tells this series from the others; equal ones are one object."""
        if self._question.by:
            told = {name: str(labels[name]) for name in self._telling if name in labels}
            return self._shared.setdefault(tuple(told.items()), told)
        return _NONE if self._question.many else _named(labels)


def _named(labels: Mapping[object, object]) -> Mapping[str, str]:
    """As many labels as a sentence has room for."""
    kept: dict[str, str] = {}
    length = 0
    for name, value in sorted((str(name), str(value)) for name, value in labels.items()):
        length += len(name) + len(value)
        if length > _NAMED and kept:
            break
        kept[name] = value[:_NAMED]
    return kept


def parsed(body: bytes, question: Question) -> object:
    """A reply as JSON, with its series made small.

    Raises:
        ValueError: It is no JSON.
        TooDeepError: It nests deeper than any reply of Prometheus.
        TooManyError: It has more series than the question may have.
    """
    if body.lstrip()[:1] in (b"[", b"{") and _is_deep(body):
        raise TooDeepError
    text = body.decode(errors="replace")
    return json.loads(text, object_hook=Slim(question), parse_int=float)


def _is_deep(body: bytes) -> bool:
    """Told without parsing: a parser that goes down a hostile reply may not come up again."""
    return _nests(body) and _nests(_TEXT.sub(b"", body))


def _nests(body: bytes) -> bool:
    """Whether brackets are left after the innermost pairs were taken away so many times."""
    brackets = body.translate(None, _NO_BRACKETS)
    for _ in range(_DEEPEST):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return brackets != b""


def number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
