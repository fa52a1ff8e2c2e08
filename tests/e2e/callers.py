"""What the callers of a scenario saw: shares and errors over any span of time, never status."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

SIGMAS = 4.5  # an honest share is outside in one of 150,000 measurements


@dataclass(frozen=True, slots=True)
class Call:
    """One request; ``kind`` is new (a connection of its own), kept, or reopened (no request)."""

    at: float
    kind: str
    revision: str
    code: int
    seconds: float
    problem: str

    @property
    def ended(self) -> float:
        return self.at + self.seconds


@dataclass(frozen=True, slots=True, repr=False)
class Calls:
    """Some calls, in the order in which they began."""

    all: tuple[Call, ...]

    @classmethod
    def of(cls, rows: list[list[Any]]) -> Self:
        return cls(tuple(sorted((Call(*row) for row in rows), key=lambda call: call.at)))

    def __len__(self) -> int:
        return len(self.all)

    def __iter__(self) -> Iterator[Call]:
        return iter(self.all)

    def only(self, wanted: Callable[[Call], bool]) -> "Calls":
        return Calls(tuple(call for call in self.all if wanted(call)))

    @property
    def new(self) -> "Calls":
        return self.only(lambda call: call.kind == "new")

    @property
    def kept(self) -> "Calls":
        return self.only(lambda call: call.kind == "kept")

    @property
    def reopened(self) -> int:
        """How often a kept-alive connection was found closed and opened again."""
        return len(self.only(lambda call: call.kind == "reopened"))

    def by(self, revision: str) -> "Calls":
        return self.only(lambda call: call.revision == revision)

    def between(self, start: float, end: float = math.inf) -> "Calls":
        return self.only(lambda call: start <= call.at and call.ended <= end)

    @property
    def unanswered(self) -> "Calls":
        """Refused, cut, or out of time: what no caller may ever see."""
        return self.only(lambda call: bool(call.problem))

    @property
    def failed(self) -> "Calls":
        """Answered, with an error of the server."""
        return self.only(lambda call: call.code >= 500)

    def share(self, revision: str) -> float:
        """The part that ``revision`` answered."""
        answered = self.only(lambda call: not call.problem)
        return len(answered.by(revision)) / max(len(answered), 1)

    def fits(self, revision: str, share: float) -> bool:
        """Whether so many answers of ``revision`` are what chance makes of ``share``."""
        expected, tries = share * len(self), len(self)
        return abs(len(self.by(revision)) - expected) <= SIGMAS * math.sqrt(
            max(expected * (1 - share), 1)
        ) and bool(tries)

    def __repr__(self) -> str:
        """Counts by kind, revision and code, and what went wrong: what a failed assertion shows."""
        answers = Counter((call.kind, call.revision or "nobody", call.code) for call in self.all)
        problems = Counter(call.problem for call in self.all if call.problem)
        return f"{dict(answers)} {dict(problems) or ''}".strip()


@dataclass(frozen=True, slots=True)
class Callers:
    """The callers' pod, asked through the API server, which works from wherever tests run."""

    ask: Callable[[str], str]

    def now(self) -> float:
        """The time by the callers' own clock."""
        return float(json.loads(self.ask("now"))["now"])

    def calls(self) -> Calls:
        """Everything so far."""
        return Calls.of(json.loads(self.ask("calls"))["calls"])


def instant(text: str) -> float:
    """A time of a status, to be compared with a caller's."""
    return datetime.fromisoformat(text).timestamp()
