"""The product of the planner's inputs: one world in a thousand each time, all of them in a soak."""

import pytest

from tests.sim import every_decision
from tests.sim.every_world import STRIDE, broken

DECIDED_STRIDE = 1009


def test_the_promises_hold_in_worlds_of_every_kind() -> None:
    found = broken(0, STRIDE)
    assert not found, f"{len(found)} worlds: " + "\n".join(found[:5])


def test_the_promises_hold_in_them_whatever_somebody_decides() -> None:
    every = range(len(every_decision.DECISIONS))
    found = [it for first in every for it in every_decision.broken(first, every_decision.STRIDE)]
    assert not found, f"{len(found)} worlds: " + "\n".join(found[:5])


@pytest.mark.soak(most=100)
@pytest.mark.parametrize("first", range(1, STRIDE))
def test_the_promises_hold_in_every_world(first: int) -> None:
    found = broken(first, STRIDE)
    assert not found, f"{len(found)} worlds: " + "\n".join(found[:5])


@pytest.mark.soak
@pytest.mark.parametrize("first", range(101, 111))
def test_the_promises_hold_whatever_somebody_decides(first: int) -> None:
    found = every_decision.broken(first, DECIDED_STRIDE)
    assert not found, f"{len(found)} worlds: " + "\n".join(found[:5])
