"""Whose turn it is: keys with a rank and a due time. No clock, no waiting; that is queue.py's.

Of one rank, whoever was looked at longest ago is next, in the namespace that has the fewest passes
under way; a few workers are left for whoever comes next. One tenant's crowd stops nobody else.
"""

import heapq
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from lockstep.api.base import Manifest
from lockstep.core.key import Key


class Rank(IntEnum):
    """Who goes first among those that are due.

    First come, first served would notice the thousandth bad candidate last: what a trial has to
    measure or to end by now goes before everything that merely changed, and a candidate that
    callers reach before one that nobody does yet.
    """

    CALLED = 0
    TRIAL = 1
    REST = 2


WORKERS_FOR: Final = (Rank.TRIAL, Rank.REST)
"""The last rank that a worker sees to: half of them leave what merely changed to the others."""
_ALL: Final = 1 << 30


def rank(wire: Manifest) -> Rank:
    """Rank what a ModelDeployment waited for, by its stored status."""
    if not wire.get("candidate"):
        return Rank.REST
    weights = wire.get("weights") or {}
    called = weights.get("actual") or weights.get("desired")
    return Rank.CALLED if called else Rank.TRIAL


def share(workers: int) -> int:
    """How many of ``workers`` one namespace may have at a time."""
    return max(workers * 3 // 4, 1)


@dataclass(frozen=True, slots=True, order=True)
class Turn:
    rank: Rank
    number: int
    key: Key
    due: float


_Line = list[Turn]


class Schedule:
    """Of two turns of one rank the earlier is kept; a key has one worker at a time.

    Due times are seconds on any clock that never goes back. ``most`` is how many workers of one
    sort a namespace may have at a time.
    """

    def __init__(self, most: int = _ALL) -> None:
        self._most = most
        self._turns: dict[Key, dict[Rank, Turn]] = {}
        self._later: list[tuple[float, Turn]] = []
        self._ready: dict[Rank, dict[str, _Line]] = {it: {} for it in sorted(Rank)}
        self._busy: dict[Key, Rank] = {}
        self._passes: Counter[tuple[str, Rank]] = Counter()
        self._numbers = itertools.count()

    def waiting(self, now: float) -> int:
        """How many keys are due and not being worked on."""
        return sum(
            any(turn.due <= now for turn in turns.values())
            for key, turns in self._turns.items()
            if key not in self._busy
        )

    def add(self, key: Key, rank: Rank, due: float) -> None:
        """Give ``key`` a turn; one that is being worked on gets it after its pass.

        An earlier due time keeps the place in line of the later one, which the last pass gave it:
        of those that are due, whoever was looked at longest ago is next.
        """
        turns = self._turns.setdefault(key, {})
        known = turns.get(rank)
        if known and known.due <= due:
            return
        turn = Turn(rank, known.number if known else next(self._numbers), key, due)
        turns[rank] = turn
        if key not in self._busy:
            heapq.heappush(self._later, (due, turn))

    def take(self, now: float, last: Rank = Rank.REST) -> Key | None:
        """The key whose turn it is; it is busy until ``done``, and its pass is all of its turns.

        Turns that rank after ``last`` are left to others.
        """
        while self._later and self._later[0][0] <= now:
            turn = heapq.heappop(self._later)[1]
            heapq.heappush(self._ready[turn.rank].setdefault(turn.key.namespace, []), turn)
        first = self._first(last)
        if first is None:
            return None
        heapq.heappop(self._ready[first.rank][first.key.namespace])
        del self._turns[first.key]
        self._busy[first.key] = last
        self._passes[first.key.namespace, last] += 1
        return first.key

    def done(self, key: Key) -> None:
        last = self._busy.pop(key)
        self._passes[key.namespace, last] -= 1
        if not self._passes[key.namespace, last]:
            del self._passes[key.namespace, last]
        for turn in self._turns.get(key, {}).values():
            heapq.heappush(self._later, (turn.due, turn))

    def next_due(self) -> float | None:
        """When the next turn that is not due yet will be; None without one."""
        return self._later[0][0] if self._later else None

    def _first(self, last: Rank) -> Turn | None:
        """Who is next of those that are due, for a worker that sees to ranks up to ``last``."""
        for lines in (lines for rank, lines in self._ready.items() if rank <= last):
            heads = [
                (passes, turn)
                for namespace, turn in self._heads(lines)
                if (passes := self._passes[namespace, last]) < self._most
            ]
            if heads:
                return min(heads)[1]
        return None

    def _heads(self, lines: dict[str, _Line]) -> Iterator[tuple[str, Turn]]:
        """Who is first of each namespace; turns that do not stand any more are dropped."""
        for namespace, line in tuple(lines.items()):
            while line and not self._stands(line[0]):
                heapq.heappop(line)
            if line:
                yield namespace, line[0]
            else:
                del lines[namespace]

    def _stands(self, turn: Turn) -> bool:
        return self._turns.get(turn.key, {}).get(turn.rank) is turn
