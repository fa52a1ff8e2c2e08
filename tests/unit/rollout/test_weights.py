"""status.weights: the candidate's share, and nothing where nobody is between two revisions."""

import pytest

from lockstep.api.model_deployment_status import StageStatus
from lockstep.core.rollout.planner import plan
from lockstep.core.rollout.routing import Everyone, Only
from tests.unit.rollout.worlds import NOW, V1, V2, World, arm, rejection, trial, world

HALF = StageStatus(name="half", index=0)
CASES: dict[str, tuple[World, tuple[int, int] | None]] = {
    "nothing is on trial": (world(version="1.0.0"), None),
    "rolled back, and all callers are on stable": (
        world(rejected=rejection(V2), arms=(arm(V1, 4), arm(V2, 1))), None),
    "rolled back, and some callers still meet the failed pods": (
        world(rejected=rejection(V2), arms=(arm(V1, 3), arm(V2, 1)), routing=Everyone()), (0, 25)),
    "a candidate that nobody calls yet": (
        trial(arms=(arm(V1, 4), arm(V2, 0, 2)), stage=HALF, routing=Only(V1)), (50, 0)),
    "a candidate on its way from half of the callers to all": (
        trial(arms=(arm(V1, 2), arm(V2, 2)), stage=HALF, routing=Everyone()), (100, 50)),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "expected"), CASES.values(), ids=CASES)
def test_weights(seen: World, expected: tuple[int, int] | None) -> None:
    found = plan(seen.observed(), NOW).status.weights
    assert (found and (found.desired, found.actual)) == expected
