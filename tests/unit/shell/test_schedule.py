"""Whose turn it is."""

import pytest

from lockstep.api.base import Manifest
from lockstep.core.key import Key
from lockstep.shell.schedule import Rank, Schedule, rank

A, B, C = Key("ns", "a"), Key("ns", "b"), Key("ns", "c")


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


def test_trials_go_first_and_those_taken_back_before_the_rest() -> None:
    schedule = Schedule()
    for key, its in ((A, Rank.REST), (B, Rank.TAKEN_BACK), (C, Rank.ON_TRIAL)):
        schedule.add(key, its, 0)
    assert taken(schedule, 0) == [C, B, A]


def test_equals_are_served_in_the_order_of_their_rings() -> None:
    schedule = Schedule()
    for key in (B, C, A):
        schedule.add(key, Rank.NEW, 0)
    assert taken(schedule, 0) == [B, C, A]


def test_a_rank_that_got_more_urgent_while_waiting_counts() -> None:
    schedule = Schedule()
    schedule.add(A, Rank.NEW, 0)
    schedule.add(B, Rank.REST, 0)
    schedule.add(B, Rank.ON_TRIAL, 0)
    assert taken(schedule, 0) == [B, A]


def test_waiting_counts_what_is_due_and_not_worked_on() -> None:
    schedule = Schedule()
    for key, due in ((A, 0), (B, 0), (C, 50)):
        schedule.add(key, Rank.REST, due)
    schedule.take(0)
    assert schedule.waiting(0) == 1


RANKS: dict[str, tuple[Manifest, Rank]] = {
    "one with a rejected revision may be rolling back": (
        {"rejected": {"revision": "x"}}, Rank.TAKEN_BACK),
    "one with a candidate is on trial": ({"candidate": {"revision": "y"}}, Rank.ON_TRIAL),
    "another candidate after a rejected one": (
        {"rejected": {"revision": "x"}, "candidate": {"revision": "y"}}, Rank.ON_TRIAL),
    "one without a status is new": ({}, Rank.NEW),
    "one whose spec was not looked at yet is new": ({"observedGeneration": 1}, Rank.NEW),
    "one that is done is the rest": ({"observedGeneration": 2}, Rank.REST),
}  # fmt: skip


@pytest.mark.parametrize(("wire", "expected"), RANKS.values(), ids=RANKS)
def test_rank(wire: Manifest, expected: Rank) -> None:
    assert rank(wire, 2) is expected
