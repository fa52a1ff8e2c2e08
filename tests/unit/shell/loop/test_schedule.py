"""Whose turn it is."""

import random
from collections import Counter

import pytest

from lockstep.api.base import Manifest
from lockstep.core.key import Key
from lockstep.shell.loop.schedule import Rank, Schedule
from lockstep.shell.rollout.controller import rank

A, B, C = (
    Key("ModelDeployment", "ns", "a"),
    Key("ModelDeployment", "ns", "b"),
    Key("ModelDeployment", "ns", "c"),
)


def taken(schedule: Schedule, now: float) -> list[Key]:
    """Everything that is due, in order; each pass ends before the next begins."""
    keys = []
    while key := schedule.take(now):
        keys.append(key)
        schedule.done(key)
    return keys


def test_two_rings_become_one_turn() -> None:
    schedule = Schedule()
    schedule.add(A, Rank.REST, 0)
    schedule.add(A, Rank.REST, 0)
    assert taken(schedule, 0) == [A]


def test_the_earlier_of_two_due_times_is_kept() -> None:
    schedule = Schedule()
    schedule.add(A, Rank.REST, 60)
    schedule.add(A, Rank.REST, 5)
    schedule.add(A, Rank.REST, 90)
    assert (taken(schedule, 4), schedule.next_due(), taken(schedule, 5)) == ([], 5, [A])
    assert taken(schedule, 100) == []


def test_a_ring_during_a_pass_causes_another() -> None:
    schedule = Schedule()
    schedule.add(A, Rank.REST, 0)
    assert schedule.take(0) == A
    schedule.add(A, Rank.REST, 0)
    assert schedule.take(0) is None, "a key has one worker at a time"
    schedule.done(A)
    assert schedule.take(0) == A


def test_what_a_trial_waited_for_goes_before_what_merely_changed() -> None:
    schedule = Schedule()
    for key, its in ((A, Rank.REST), (B, Rank.REST), (C, Rank.TRIAL)):
        schedule.add(key, its, 0)
    assert taken(schedule, 0) == [C, A, B]


def test_equals_are_served_in_the_order_of_their_rings() -> None:
    schedule = Schedule()
    for key in (B, C, A):
        schedule.add(key, Rank.REST, 0)
    assert taken(schedule, 0) == [B, C, A]


def test_whoever_was_looked_at_longest_ago_is_next() -> None:
    schedule = Schedule()
    for key in (B, A):
        schedule.add(key, Rank.REST, 300)  # as after every pass
    for key in (A, B):
        schedule.add(key, Rank.REST, 0)
    assert taken(schedule, 0) == [B, A]


def test_a_ring_does_not_take_from_a_trial_its_place_in_front() -> None:
    schedule = Schedule()
    schedule.add(B, Rank.TRIAL, 5)
    schedule.add(A, Rank.REST, 0)
    schedule.add(B, Rank.REST, 0)
    assert schedule.take(0) == A
    assert taken(schedule, 5) == [B], "one pass is both turns"


def test_what_is_due_later_does_not_hold_up_what_is_due_now() -> None:
    schedule = Schedule()
    schedule.add(A, Rank.TRIAL, 60)
    schedule.add(A, Rank.REST, 0)
    assert taken(schedule, 0) == [A]
    assert taken(schedule, 60) == [], "the pass says itself what is due next"


def test_who_sees_to_trials_alone_leaves_the_rest_to_others() -> None:
    schedule = Schedule()
    schedule.add(A, Rank.REST, 0)
    schedule.add(B, Rank.TRIAL, 0)
    assert schedule.take(0, Rank.TRIAL) == B
    assert schedule.take(0, Rank.TRIAL) is None
    assert schedule.take(0) == A


def test_waiting_counts_what_is_due_and_not_worked_on() -> None:
    schedule = Schedule()
    for key, due in ((A, 0), (B, 0), (C, 50)):
        schedule.add(key, Rank.REST, due)
    schedule.take(0)
    assert schedule.waiting(0) == 1


def _crowd(schedule: Schedule, rank: Rank) -> None:
    for number in range(40):
        schedule.add(Key("ModelDeployment", "crowd", f"m{number}"), rank, 0)


def test_a_crowd_leaves_workers_for_whoever_comes_next() -> None:
    schedule = Schedule(most=3)
    _crowd(schedule, Rank.TRIAL)
    first = [schedule.take(0) for _ in range(3)]
    assert schedule.take(0) is None
    schedule.add(A, Rank.REST, 1)
    assert schedule.take(1) == A
    assert first[0] is not None
    schedule.done(first[0])
    assert schedule.take(1) == Key("ModelDeployment", "crowd", "m3")


def test_workers_for_trials_are_shared_by_themselves() -> None:
    schedule = Schedule(most=1)
    _crowd(schedule, Rank.TRIAL)
    assert schedule.take(0) == Key("ModelDeployment", "crowd", "m0")
    assert schedule.take(0, Rank.TRIAL) == Key("ModelDeployment", "crowd", "m1")
    assert schedule.take(0, Rank.TRIAL) is None


def test_of_one_rank_the_namespace_with_the_fewest_passes_is_next() -> None:
    schedule = Schedule()
    _crowd(schedule, Rank.REST)
    schedule.add(A, Rank.REST, 0)
    assert [schedule.take(0) for _ in range(3)] == [
        Key("ModelDeployment", "crowd", "m0"), A, Key("ModelDeployment", "crowd", "m1"),
    ]  # fmt: skip


def test_a_rank_goes_before_a_share() -> None:
    schedule = Schedule()
    _crowd(schedule, Rank.CALLED)
    schedule.add(A, Rank.TRIAL, 0)
    assert schedule.take(0) == Key("ModelDeployment", "crowd", "m0")
    assert schedule.take(0) == Key("ModelDeployment", "crowd", "m1")


@pytest.mark.parametrize("seed", range(40))
def test_whose_turn_it_is_however_it_came_about(seed: int) -> None:
    """Against a search through all of them."""
    dice, schedule, most = random.Random(seed), Schedule(most=2), 2
    due: dict[tuple[Key, Rank], int] = {}
    busy: dict[Key, Rank] = {}
    for number in range(300):
        key = Key("ModelDeployment", f"ns{dice.randrange(4)}", f"m{dice.randrange(5)}")
        if dice.random() < 0.5:
            its = dice.choice(list(Rank))
            schedule.add(key, its, 0)
            due.setdefault((key, its), number)
        elif busy and dice.random() < 0.5:
            ended = dice.choice(sorted(busy))
            schedule.done(ended)
            del busy[ended]
        else:
            last = dice.choice([Rank.TRIAL, Rank.REST])
            of = Counter(it.namespace for it in busy)
            mine = Counter(it.namespace for it, sort in busy.items() if sort is last)
            may = [
                (its, of[it.namespace], at, it)
                for (it, its), at in due.items()
                if it not in busy and its <= last and mine[it.namespace] < most
            ]
            wanted = min(may)[-1] if may else None
            assert schedule.take(0, last) == wanted
            if wanted is not None:
                busy[wanted] = last
                due = {(it, its): at for (it, its), at in due.items() if it != wanted}


RANKS: dict[str, tuple[Manifest, Rank]] = {
    "one with a candidate is on trial": ({"candidate": {"revision": "y"}}, Rank.TRIAL),
    "one whose candidate has callers goes first": (
        {"candidate": {"revision": "y"}, "weights": {"desired": 5, "actual": 4}},
        Rank.CALLED,
    ),
    "one whose callers have not come yet": (
        {"candidate": {"revision": "y"}, "weights": {"desired": 5, "actual": 0}},
        Rank.CALLED,
    ),
    "one whose candidate has no callers": (
        {"candidate": {"revision": "y"}, "weights": {"desired": 0, "actual": 0}},
        Rank.TRIAL,
    ),
    "one that was taken back waits for its pods": ({"rejected": {"revision": "x"}}, Rank.REST),
    "one without a status has met no caller": ({}, Rank.REST),
}


@pytest.mark.parametrize(("wire", "expected"), RANKS.values(), ids=RANKS)
def test_rank(wire: Manifest, expected: Rank) -> None:
    assert rank(wire) is expected
