"""The budget as a manifest, and what the disruption controller makes of it."""

import math

import pytest

from lockstep.core.key import Key
from lockstep.core.rollout.children import budget
from lockstep.core.rollout.children.owner import Owner

RENDERED = budget.budget(Owner(key=Key("ModelDeployment", "pay", "fraud"), uid="uid-fraud"))


def test_it_covers_the_pods_of_all_revisions() -> None:
    assert RENDERED["metadata"]["name"] == "fraud"
    assert RENDERED["spec"] == {
        "maxUnavailable": "25%",
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": {"lockstep.dev/deployment": "fraud"}},
    }


def evictable(wanted: dict[str, int], healthy: int) -> int:
    """What disruption.go allows: each Deployment counts once, a percentage is rounded up."""
    expected = sum(wanted.values())
    percent = int(RENDERED["spec"]["maxUnavailable"].removesuffix("%"))
    return max(0, healthy - (expected - math.ceil(expected * percent / 100)))


SITUATIONS: dict[str, tuple[dict[str, int], int, int]] = {
    "two pods: one may go": ({"v1": 2}, 2, 1),
    "four pods: one": ({"v1": 4}, 4, 1),
    "a canary that came on top: two of five, three of the four wanted stay": (
        {"v1": 4, "v2": 1}, 5, 2),
    "a canary that is not ready: one of stable's four": ({"v1": 4, "v2": 1}, 4, 1),
    "a whole preview: two of eight": ({"v1": 4, "v2": 4}, 8, 2),
    "a whole preview that never became ready: none of stable's": ({"v1": 4, "v2": 4}, 4, 0),
    "one pod is down already: none": ({"v1": 4}, 3, 0),
}  # fmt: skip


@pytest.mark.parametrize(("wanted", "healthy", "allowed"), SITUATIONS.values(), ids=SITUATIONS)
def test_evictions_with_several_revisions_under_one_budget(
    wanted: dict[str, int], healthy: int, allowed: int
) -> None:
    assert evictable(wanted, healthy) == allowed
