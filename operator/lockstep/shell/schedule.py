"""Whose turn it is: keys with a rank and a due time. No clock, no waiting; that is queue.py's."""

import heapq
import itertools
from dataclasses import dataclass
from enum import IntEnum

from lockstep.api.base import Manifest
from lockstep.core.key import Key


class Rank(IntEnum):
    """Who goes first among those that are due.

    First come, first served would notice the thousandth bad candidate last. Callers of one on
    trial may be meeting it now; one that was taken back mostly waits for stable's pods.
    """

    ON_TRIAL = 0
    TAKEN_BACK = 1
    NEW = 2
    REST = 3


def rank(wire: Manifest, generation: int) -> Rank:
    """Rank a ModelDeployment by its stored status."""
    if wire.get("candidate"):
        return Rank.ON_TRIAL
    if wire.get("rejected"):
        return Rank.TAKEN_BACK
    if wire.get("observedGeneration", 0) != generation:
        return Rank.NEW
    return Rank.REST


@dataclass(frozen=True, slots=True, order=True)
class Turn:
    rank: Rank
    number: int
    key: Key
    due: float


class Schedule:
    """Two rings make one turn, the earlier due time is kept, and a key has one worker at a time.

    Due times are seconds on any clock that never goes back.
    """

    def __init__(self) -> None:
        self._turns: dict[Key, Turn] = {}
        self._later: list[tuple[float, Turn]] = []
        self._ready: list[Turn] = []
        self._busy: set[Key] = set()
        self._numbers = itertools.count()

    def waiting(self, now: float) -> int:
        """How many keys are due and not being worked on."""
        return sum(turn.due <= now and key not in self._busy for key, turn in self._turns.items())

    def add(self, key: Key, rank: Rank, due: float) -> None:
        """Give ``key`` a turn; one that is being worked on gets it after its pass."""
        known = self._turns.get(key)
        if known and known.due <= due and known.rank <= rank:
            return
        at = min(due, known.due) if known else due
        number = known.number if known else next(self._numbers)
        turn = Turn(rank, number, key, at)
        self._turns[key] = turn
        if key not in self._busy:
            heapq.heappush(self._later, (at, turn))

    def take(self, now: float) -> Key | None:
        """The key whose turn it is; it is busy until ``done``."""
        while self._later and self._later[0][0] <= now:
            _, turn = heapq.heappop(self._later)
            if self._turns.get(turn.key) is turn:
                heapq.heappush(self._ready, turn)
        while self._ready:
            turn = heapq.heappop(self._ready)
            if self._turns.get(turn.key) is turn:
                del self._turns[turn.key]
                self._busy.add(turn.key)
                return turn.key
        return None

    def done(self, key: Key) -> None:
        self._busy.discard(key)
        turn = self._turns.get(key)
        if turn:
            heapq.heappush(self._later, (turn.due, turn))

    def next_due(self) -> float | None:
        """When the next turn that is not due yet will be; None without one."""
        return self._later[0][0] if self._later else None
