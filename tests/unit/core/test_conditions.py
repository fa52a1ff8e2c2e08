"""A condition's clock moves when its status flips, and at no other time."""

from datetime import UTC, datetime, timedelta

import pytest

from lockstep.api.condition import MOST_OF_A_CONDITION, Truth
from lockstep.api.conditions import ConditionType, Reason
from lockstep.core.conditions import Claim, update
from lockstep.errors import InvariantError

ORDER = tuple(ConditionType)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
READY = {ConditionType.READY: Claim(Truth.TRUE, Reason.COMPLETED, "4 of 4 pods ready")}


def test_a_new_sentence_moves_no_clock() -> None:
    once = update(ORDER, (), READY, 1, NOW)
    again = update(
        ORDER, once, {ConditionType.READY: Claim(Truth.TRUE, Reason.COMPLETED, "5 of 5")}, 2, LATER
    )
    assert (again[0].last_transition_time, again[0].message) == (NOW, "5 of 5")


def test_a_flip_moves_it() -> None:
    once = update(ORDER, (), READY, 1, NOW)
    again = update(ORDER, once, {ConditionType.READY: Claim(Truth.FALSE, Reason.MOVING)}, 2, LATER)
    assert again[0].last_transition_time == LATER


def test_what_is_not_claimed_any_more_goes() -> None:
    conflict = {**READY, ConditionType.CONFLICT: Claim(Truth.TRUE, Reason.NAME_TAKEN)}
    assert [
        it.type for it in update(ORDER, update(ORDER, (), conflict, 1, NOW), READY, 1, NOW)
    ] == ["Ready"]


def test_the_order_is_always_the_same() -> None:
    claims = {kind: Claim(Truth.TRUE, Reason.COMPLETED) for kind in reversed(ConditionType)}
    assert tuple(it.type for it in update(ORDER, (), claims, 1, NOW)) == tuple(ConditionType)


def test_a_long_message_is_cut_to_what_the_schema_takes() -> None:
    (only,) = update(
        ORDER, (), {ConditionType.READY: Claim(Truth.TRUE, Reason.COMPLETED, "x" * 5000)}, 1, NOW
    )
    assert len(only.message) == MOST_OF_A_CONDITION


def test_a_type_that_is_not_listed_is_a_mistake_and_does_not_vanish() -> None:
    with pytest.raises(InvariantError, match="not listed: Ready"):
        update((ConditionType.AVAILABLE,), (), READY, 1, NOW)
