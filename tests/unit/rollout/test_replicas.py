"""The arithmetic of arms: tables of what people expect, properties of what must never happen."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.core.rollout.replicas import (
    Counts,
    Room,
    Side,
    replicas_that_do,
    share,
    split,
    step,
    too_far,
)

SPLITS: dict[str, tuple[int, Room, Counts]] = {
    "20% of 5 is one pod": (20, Room(replicas=5, max_surge=0), Counts(1, 4)),
    "20% of 4 is one of five, with a surge": (20, Room(replicas=4, max_surge=1), Counts(1, 4)),
    "5% of 6 is one of seven, the closest there is": (
        5,
        Room(replicas=6, max_surge=1),
        Counts(1, 6),
    ),
    "50% of 5 takes the surge to be exact": (50, Room(replicas=5, max_surge=1), Counts(3, 3)),
    "50% of 4 needs no surge": (50, Room(replicas=4, max_surge=1), Counts(2, 2)),
    "a single replica has one of each": (20, Room(replicas=1, max_surge=1), Counts(1, 1)),
    "99% still leaves stable a pod": (99, Room(replicas=3, max_surge=0), Counts(2, 1)),
    "100% keeps one stable pod warm in the surge": (
        100,
        Room(replicas=4, max_surge=2),
        Counts(4, 1),
    ),
    "100% without surge keeps none": (100, Room(replicas=4, max_surge=0), Counts(4, 0)),
    "a kept stable stays whole": (25, Room(replicas=6, max_surge=1, keep=True), Counts(2, 6)),
    "a kept stable stays whole at 100%": (
        100,
        Room(replicas=6, max_surge=1, keep=True),
        Counts(6, 6),
    ),
    "nothing of nothing": (50, Room(replicas=0, max_surge=1), Counts(0, 0)),
}


@pytest.mark.parametrize(("weight", "room", "counts"), SPLITS.values(), ids=SPLITS)
def test_split(weight: int, room: Room, counts: Counts) -> None:
    assert split(weight, room) == counts


APPROXIMATE: dict[str, tuple[int, Room, bool, int | None]] = {
    "5% of 2 is far off, and 6 replicas would do": (5, Room(replicas=2, max_surge=1), True, 6),
    "5% of 10 is close": (5, Room(replicas=10, max_surge=1), False, 11),
    "75% beside a kept stable cannot be met": (
        75,
        Room(replicas=4, max_surge=1, keep=True),
        True,
        None,
    ),
}


@pytest.mark.parametrize(("weight", "room", "far", "enough"), APPROXIMATE.values(), ids=APPROXIMATE)
def test_approximate(weight: int, room: Room, far: bool, enough: int | None) -> None:  # noqa: FBT001
    assert too_far(weight, room) is far
    assert replicas_that_do(weight, room) == enough


def side(wanted: int, available: int | None = None, present: int | None = None) -> Side:
    return Side(
        wanted=wanted,
        present=wanted if present is None else present,
        available=wanted if available is None else available,
    )


STEPS: dict[str, tuple[Side, Side, Counts, Room, int, Counts]] = {
    "the surge is used first": (
        side(0),
        side(4),
        Counts(2, 2),
        Room(replicas=4, max_surge=1),
        0,
        Counts(1, 4),
    ),
    "without surge a stable pod is freed first": (
        side(0),
        side(4),
        Counts(2, 2),
        Room(replicas=4, max_surge=0),
        0,
        Counts(0, 3),
    ),
    "a place is free when its pod is on its way out": (
        side(0),
        side(3, 3, 3),
        Counts(2, 2),
        Room(replicas=4, max_surge=0),
        0,
        Counts(1, 3),
    ),
    "not before": (
        side(0),
        side(3, 3, 4),
        Counts(2, 2),
        Room(replicas=4, max_surge=0),
        0,
        Counts(0, 3),
    ),
    "stable waits for the candidate": (
        side(1, 0),
        side(4),
        Counts(2, 2),
        Room(replicas=4, max_surge=1),
        0,
        Counts(1, 4),
    ),
    "stable goes when the candidate has come": (
        side(1),
        side(4),
        Counts(2, 2),
        Room(replicas=4, max_surge=1),
        0,
        Counts(1, 3),
    ),
    "pods of a third revision take places": (
        side(0),
        side(4),
        Counts(1, 3),
        Room(replicas=4, max_surge=1),
        1,
        Counts(0, 4),
    ),
    "dead stable pods make way": (
        side(0),
        side(4, 0),
        Counts(2, 2),
        Room(replicas=4, max_surge=0),
        0,
        Counts(0, 3),
    ),
    "at the goal nothing moves": (
        side(2),
        side(2),
        Counts(2, 2),
        Room(replicas=4, max_surge=1),
        0,
        Counts(2, 2),
    ),
    "stable grows first on the way back": (
        side(3),
        side(1),
        Counts(0, 4),
        Room(replicas=4, max_surge=1),
        0,
        Counts(3, 2),
    ),
}


@pytest.mark.parametrize(
    ("candidate", "stable", "target", "room", "others", "counts"), STEPS.values(), ids=STEPS
)
def test_step(
    candidate: Side, stable: Side, target: Counts, room: Room, others: int, counts: Counts
) -> None:
    assert step(candidate, stable, target, room, others) == counts


ROOMS = st.builds(
    Room, replicas=st.integers(1, 12), max_surge=st.integers(0, 4), keep=st.booleans()
).filter(lambda room: room.replicas > 1 or room.max_surge or room.keep)


@settings(deadline=None)
@given(st.integers(1, 99), ROOMS)
def test_both_arms_have_a_pod_and_the_surge_is_kept(weight: int, room: Room) -> None:
    counts = split(weight, room)
    assert counts.candidate >= 1
    assert counts.stable >= 1
    if room.keep:
        assert counts.stable == room.replicas
    else:
        total = counts.candidate + counts.stable
        assert room.replicas <= total <= max(2, room.replicas + room.max_surge)


@settings(deadline=None)
@given(st.lists(st.integers(1, 100), min_size=1, max_size=5), ROOMS)
def test_every_walk_ends_and_never_loses_capacity(weights: list[int], room: Room) -> None:
    candidate, stable = 0, room.replicas
    for weight in weights:
        target = split(weight, room)
        for _ in range(100):
            after = step(side(candidate), side(stable), target, room)
            total = after.candidate + after.stable
            assert total <= max(room.most(target), candidate + stable)
            kept = min(after.candidate, candidate) + min(after.stable, stable)
            assert kept >= min(room.floor, candidate + stable)
            if (after.candidate, after.stable) == (candidate, stable):
                break
            candidate, stable = after.candidate, after.stable
        assert Counts(candidate, stable) == target


@settings(deadline=None)
@given(st.integers(0, 50), st.integers(0, 50))
def test_a_share_is_a_percentage(candidate: int, stable: int) -> None:
    assert 0 <= share(Counts(candidate, stable)) <= 100
