"""A condition's clock moves when its status flips, and at no other time."""

from datetime import UTC, datetime, timedelta

from lockstep.api.status import MOST_OF_A_CONDITION, Truth
from lockstep.core.conditions import ORDER, Claim, update

NOW = datetime(2026, 11, 21, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
READY = {"Ready": Claim(Truth.TRUE, "Completed", "4 of 4 pods ready")}


def test_a_new_sentence_moves_no_clock() -> None:
    once = update((), READY, 1, NOW)
    again = update(once, {"Ready": Claim(Truth.TRUE, "Completed", "5 of 5")}, 2, LATER)
    assert (again[0].last_transition_time, again[0].message) == (NOW, "5 of 5")


def test_a_flip_moves_it() -> None:
    once = update((), READY, 1, NOW)
    again = update(once, {"Ready": Claim(Truth.FALSE, "Moving")}, 2, LATER)
    assert again[0].last_transition_time == LATER


def test_what_is_not_claimed_any_more_goes() -> None:
    conflict = {**READY, "Conflict": Claim(Truth.TRUE, "NameTaken")}
    assert [it.type for it in update(update((), conflict, 1, NOW), READY, 1, NOW)] == ["Ready"]


def test_the_order_is_always_the_same() -> None:
    claims = {kind: Claim(Truth.TRUE, "Reason") for kind in reversed(ORDER)}
    assert tuple(it.type for it in update((), claims, 1, NOW)) == ORDER


def test_a_long_message_is_cut_to_what_the_schema_takes() -> None:
    (only,) = update((), {"Ready": Claim(Truth.TRUE, "Reason", "x" * 5000)}, 1, NOW)
    assert len(only.message) == MOST_OF_A_CONDITION
