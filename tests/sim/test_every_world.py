"""The product of the planner's inputs without a gap; tests/unit looks at one world in a hundred."""

import pytest

from tests.unit.rollout.test_every_world import STRIDE, broken


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1, STRIDE))
def test_the_promises_hold_in_every_world(first: int) -> None:
    found = broken(first, STRIDE)
    assert not found, f"{len(found)} worlds: " + "\n".join(found[:5])
