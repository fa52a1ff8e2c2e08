"""Whose turn it is: keys with a rank and a due time. No clock, no waiting; that is queue.py's."""

import heapq
import itertools
from dataclasses import dataclass
from enum import IntEnum

from lockstep.api.base import Manifest
from lockstep.core.key import Key


class Rank(IntEnum):
    """Who goes first among those that are due.

    First come, first served would notice the thousandth bad candidate last: what a trial has to
    measure or to end by now goes before everything that merely changed.
    """

    TRIAL = 0
    REST = 1


def rank(wire: Manifest) -> Rank:
    """Rank what a ModelDeployment waited for, by its stored status."""
    return Rank.TRIAL if wire.get("candidate") else Rank.REST


@dataclass(frozen=True, slots=True, order=True)
class Turn:
    rank: Rank
    number: int
    key: Key
    due: float


class Schedule:
    """Of two turns of one rank the earlier is kept; a key has one worker at a time.

    Due times are seconds on any clock that never goes back.
    """

    def __init__(self) -> None:
        self._turns: dict[Key, dict[Rank, Turn]] = {}
        self._later: list[tuple[float, Turn]] = []
        self._ready: list[Turn] = []
        self._busy: set[Key] = set()
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
        first = self._first(now)
        if first is None or first.rank > last:
            return None
        heapq.heappop(self._ready)
        del self._turns[first.key]
        self._busy.add(first.key)
        return first.key

    def done(self, key: Key) -> None:
        self._busy.discard(key)
        for turn in self._turns.get(key, {}).values():
            heapq.heappush(self._later, (turn.due, turn))

    def next_due(self) -> float | None:
        """When the next turn that is not due yet will be; None without one."""
        return self._later[0][0] if self._later else None

    def _first(self, now: float) -> Turn | None:
        """Who is next of those that are due; turns that do not stand any more are dropped."""
        while self._later and self._later[0][0] <= now:
            heapq.heappush(self._ready, heapq.heappop(self._later)[1])
        while self._ready and not self._stands(self._ready[0]):
            heapq.heappop(self._ready)
        return self._ready[0] if self._ready else None

    def _stands(self, turn: Turn) -> bool:
        return self._turns.get(turn.key, {}).get(turn.rank) is turn
