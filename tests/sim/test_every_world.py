"""The product of the planner's inputs without a gap; the unit tests look at one in a thousand."""

import pytest

from tests.unit.rollout import test_every_decision
from tests.unit.rollout.test_every_world import STRIDE, broken

DECIDED_STRIDE = 1009


@pytest.mark.soak(most=100)
@pytest.mark.parametrize("first", range(1, STRIDE))
def test_the_promises_hold_in_every_world(first: int) -> None:
    found = broken(first, STRIDE)
    assert not found, f"{len(found)} worlds: " + "\n".join(found[:5])


@pytest.mark.soak
@pytest.mark.parametrize("first", range(101, 111))
def test_the_promises_hold_whatever_somebody_decides(first: int) -> None:
    found = test_every_decision.broken(first, DECIDED_STRIDE)
    assert not found, f"{len(found)} worlds: " + "\n".join(found[:5])
