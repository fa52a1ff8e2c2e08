"""How many pods each arm gets. Arithmetic only: weights become counts, counts become steps.

Where the ratio of pods is the share, both arms carry all callers together: whoever shrinks leaves
``Room.floor`` to the other one's available pods. Where a data plane splits by weight, each arm
carries its own share, and the counts are only what it needs for that.
"""

import functools
from dataclasses import dataclass, replace
from typing import Final

APPROXIMATE_ABOVE: Final = 10
"""Percentage points between the asked and the closest possible share that are worth saying."""

_MOST_REPLICAS = 1000


@dataclass(frozen=True, slots=True)
class Counts:
    """Pods of each arm."""

    candidate: int
    stable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What bounds the pods of both arms together.

    ``keep``: stable keeps its size and the candidate comes on top of ``replicas``.
    ``may_lack``: how many available pods below ``replicas`` callers may have to do with, where that
    is said; the last one too.
    ``weighted``: shares are the data plane's, whatever the ratio of pods.
    """

    replicas: int
    max_surge: int
    keep: bool = False
    may_lack: int = 0
    weighted: bool = False

    @property
    def floor(self) -> int:
        """Available pods below which nothing is taken away; the last one only where it is said."""
        if self.may_lack:
            return max(0, self.replicas - self.may_lack)
        if self.max_surge or self.keep:
            return self.replicas
        return max(min(1, self.replicas), self.replicas - 1)

    def most(self, target: Counts) -> int:
        """Pods that may exist at once on the way to ``target``: one of each arm at the least.

        Where the last one may go first, there is a place for one.
        """
        both = min(2, 2 * self.replicas) if self.floor else 0
        return max(self.replicas + self.max_surge, target.candidate + target.stable, both)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One arm as it is: pods asked for, pods not on their way out, pods that answer.

    ``needed``: pods that its share takes, where it has one that is not a ratio of pods.
    """

    wanted: int
    present: int
    available: int
    needed: int = 0

    @property
    def taking(self) -> int:
        """Places taken now or as soon as the cluster catches up."""
        return max(self.wanted, self.present)


def share(counts: Counts) -> int:
    """Percent of callers that the candidate gets when all pods answer; 0 without pods."""
    total = counts.candidate + counts.stable
    return round(100 * counts.candidate / total) if total else 0


@functools.lru_cache(maxsize=1024)
def split(weight: int, room: Room) -> Counts:
    """Pods of each arm at ``weight`` percent: the closest ratio that ``room`` allows.

    Both arms have at least one pod below 100 percent. At 100 percent one stable pod stays warm
    where the surge has a place for it, so that a return finds somebody ready.
    """
    if room.replicas == 0:
        return Counts(0, 0)
    if weight == 100:  # noqa: PLR2004 (percent)
        warm = room.replicas if room.keep else min(1, room.max_surge)
        return Counts(room.replicas, warm)
    if room.weighted:
        stable = room.replicas if room.keep else carriers(100 - weight, room)
        return Counts(carriers(weight, room), stable)
    return min(_ratios(weight, room), key=lambda counts: _distance(counts, weight, room))


def _ratios(weight: int, room: Room) -> list[Counts]:
    """The ratios on either side of ``weight``, for each number of pods that there may be."""
    if room.keep:
        below = room.replicas * weight // (100 - weight)
        return [Counts(n, room.replicas) for n in _around(below, room.replicas)]
    totals = range(max(2, room.replicas), max(2, room.replicas + room.max_surge) + 1)
    return [
        Counts(n, total - n) for total in totals for n in _around(total * weight // 100, total - 1)
    ]


def _around(below: int, most: int) -> tuple[int, int]:
    return max(1, min(below, most)), max(1, min(below + 1, most))


def _distance(counts: Counts, weight: int, room: Room) -> tuple[float, int]:
    total = counts.candidate + counts.stable
    return abs(100 * counts.candidate / total - weight), abs(total - room.replicas)


def carriers(percent: int, room: Room) -> int:
    """Pods that carry ``percent`` of the callers; one at the least where somebody has to answer."""
    return max(1, -(-room.floor * percent // 100)) if percent and room.floor else 0


def keepers(percent: int, room: Room) -> int:
    """Pods that an arm with ``percent`` of the callers has to keep.

    Shares are whole percents and pods are not: less than one point of a share is the rounding. Else
    67% would take three pods of three, where those of 33% take one, and neither arm got on.
    """
    return room.floor * (percent - 1) // 100 + 1 if percent and room.floor else 0


def carried(pods: int, room: Room) -> int:
    """Percent of the callers that so many available pods carry: ``carriers`` the other way."""
    most = 100 * pods // room.floor if room.floor else 100 * pods
    return min(100, most)


def too_far(weight: int, room: Room) -> bool:
    """Whether the closest ratio misses ``weight`` by more than ``APPROXIMATE_ABOVE`` points."""
    if room.weighted or not room.replicas:
        return False
    return abs(share(split(weight, room)) - weight) > APPROXIMATE_ABOVE


@functools.lru_cache(maxsize=1024)
def replicas_that_do(weight: int, room: Room) -> int | None:
    """The smallest ``replicas`` above the present ones at which ``weight`` is met well enough."""
    for replicas in range(room.replicas + 1, _MOST_REPLICAS):
        if not too_far(weight, replace(room, replicas=replicas)):
            return replicas
    return None


def step(candidate: Side, stable: Side, target: Counts, room: Room, others: int = 0) -> Counts:
    """The next counts to ask for on the way to ``target``; safe to ask for in one go.

    Stable grows first, into places that nobody takes; an arm shrinks only as far as the other
    one's available pods allow, or as its own share does.

    Args:
        candidate: The candidate as it is.
        stable: Stable as it is.
        target: Where to go.
        room: What bounds the way.
        others: Pods of any third revision, which take places too.
    """
    most = room.most(target)
    stable_grown = _grow(stable, target.stable, most - candidate.taking - others)
    places = most - max(stable_grown, stable.present) - others
    candidate_grown = _grow(candidate, target.candidate, places)
    return Counts(
        candidate=_shrink(candidate_grown, target.candidate, _needed(candidate, stable, room)),
        stable=_shrink(stable_grown, target.stable, _needed(stable, candidate, room)),
    )


def _needed(side: Side, other: Side, room: Room) -> int:
    return side.needed if room.weighted else room.floor - other.available


def make_way(candidate: Side, stable: Side, target: Counts, room: Room, others: int) -> Counts:
    """The next counts while a third revision serves because stable has nobody who could.

    Stable, sick as it is, must not keep the candidate out: it leaves it at least one place.
    """
    places = room.most(target) - others
    candidate_grown = _grow(candidate, target.candidate, places - stable.taking)
    stable_kept = max(0, places - max(1, candidate_grown))
    return Counts(candidate=candidate_grown, stable=min(stable.wanted, stable_kept))


def _grow(side: Side, target: int, places: int) -> int:
    return max(side.wanted, min(target, places))


def _shrink(wanted: int, target: int, needed: int) -> int:
    return min(wanted, max(target, needed))
