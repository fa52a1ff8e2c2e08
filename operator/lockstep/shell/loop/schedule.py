"""Whose turn it is: keys with a rank and a due time. No clock, no waiting; that is queue.py's.

Of one rank, whoever was looked at longest ago is next, in the namespace that has the fewest passes
under way; a few workers are left for whoever comes next. One tenant's crowd stops nobody else.
"""

import heapq
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Final, NamedTuple

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


def share(workers: int) -> int:
    """How many of ``workers`` one namespace may have at a time."""
    return max(workers * 3 // 4, 1)


class Turn(NamedTuple):
    rank: Rank
    number: int
    key: Key
    due: float


class _Line:
    """Those of one rank that are due: a line for each namespace, and whose head is next.

    A namespace stands in ``_order`` as it was when it was put there; what holds no more is dropped
    when it comes up.
    """

    def __init__(self) -> None:
        self._turns: dict[str, list[Turn]] = {}
        self._order: list[tuple[int, Turn]] = []

    def add(self, turn: Turn, passes: int) -> None:
        line = self._turns.setdefault(turn.key.namespace, [])
        heapq.heappush(line, turn)
        if line[0] is turn:
            heapq.heappush(self._order, (passes, turn))

    def remove(self, turn: Turn, passes: int) -> None:
        """Take the head of its namespace out."""
        namespace = turn.key.namespace
        heapq.heappop(self._turns[namespace])
        if not self._turns[namespace]:
            del self._turns[namespace]
        self.renew(namespace, passes)

    def renew(self, namespace: str, passes: int) -> None:
        """Another number of passes of ``namespace`` is under way, or another head."""
        line = self._turns.get(namespace)
        if line:
            heapq.heappush(self._order, (passes, line[0]))

    def next(self, passes: Mapping[str, int]) -> Turn | None:
        """Whose turn it is."""
        while self._order:
            counted, turn = self._order[0]
            namespace = turn.key.namespace
            line = self._turns.get(namespace)
            if line and line[0] is turn and passes[namespace] == counted:
                return turn
            heapq.heappop(self._order)
        return None

    def pass_over(self) -> tuple[int, Turn]:
        return heapq.heappop(self._order)

    def put_back(self, passed: Iterable[tuple[int, Turn]]) -> None:
        for entry in passed:
            heapq.heappush(self._order, entry)


class Schedule:
    """Of two turns of one rank the earlier is kept; a key has one worker at a time.

    Due times are seconds on any clock that never goes back. ``most`` is how many workers of one
    sort a namespace may have at a time.
    """

    def __init__(self, most: int = _ALL) -> None:
        self._most = most
        self._turns: dict[Key, dict[Rank, Turn]] = {}
        self._later: list[tuple[float, Turn]] = []
        self._ready = {it: _Line() for it in sorted(Rank)}
        self._busy: dict[Key, Rank] = {}
        self._passes: Counter[str] = Counter()
        self._workers: Counter[tuple[str, Rank]] = Counter()
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
            self._ready[turn.rank].add(turn, self._passes[turn.key.namespace])
        for line in [line for rank, line in self._ready.items() if rank <= last]:
            first = self._first(line, last)
            if first is not None:
                del self._turns[first.key]
                self._busy[first.key] = last
                self._count(first.key.namespace, last, 1)
                line.remove(first, self._passes[first.key.namespace])
                return first.key
        return None

    def done(self, key: Key) -> None:
        self._count(key.namespace, self._busy.pop(key), -1)
        for turn in self._turns.get(key, {}).values():
            heapq.heappush(self._later, (turn.due, turn))

    def next_due(self) -> float | None:
        """When the next turn that is not due yet will be; None without one."""
        return self._later[0][0] if self._later else None

    def _first(self, line: _Line, last: Rank) -> Turn | None:
        """Who is next; a namespace that has its share of such workers is passed over."""
        passed = []
        while turn := line.next(self._passes):
            namespace = turn.key.namespace
            if not self._stands(turn):
                line.remove(turn, self._passes[namespace])
            elif self._workers[namespace, last] < self._most:
                break
            else:
                passed.append(line.pass_over())
        line.put_back(passed)
        return turn

    def _count(self, namespace: str, last: Rank, more: int) -> None:
        self._passes[namespace] += more
        self._workers[namespace, last] += more
        if not self._workers[namespace, last]:
            del self._workers[namespace, last]
        if not self._passes[namespace]:
            del self._passes[namespace]
        for line in self._ready.values():
            line.renew(namespace, self._passes[namespace])

    def _stands(self, turn: Turn) -> bool:
        return self._turns.get(turn.key, {}).get(turn.rank) is turn
