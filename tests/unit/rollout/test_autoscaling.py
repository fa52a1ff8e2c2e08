"""What a HorizontalPodAutoscaler makes of a rollout: its controller's arithmetic on our counts.

``desired`` does what ``replica_calculator.go`` of Kubernetes 1.36 does; the counts are our
``split``, and ``status_replicas`` is what our status says.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pytest

from lockstep.core.rollout.planner import plan
from lockstep.core.rollout.replicas import Counts, Room, split
from tests.unit.rollout.worlds import NOW, V1, V2, arm, trial

Form = Literal["Pods", "AverageValue", "Value"]
TOLERANCE = 0.1
FULL = 1000
"""What one pod can take, in thousandths: the target of every form but Value."""

SURGE = Room(replicas=4, max_surge=1)
LARGE = Room(replicas=20, max_surge=1)
NO_SURGE = Room(replicas=4, max_surge=0)
KEEP = Room(replicas=4, max_surge=1, keep=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the controller sees of a ModelDeployment; ``loads`` of the pods that are ready."""

    spec_replicas: int
    loads: tuple[float, ...]
    unready: int = 0

    @property
    def status_replicas(self) -> int:
        return min(len(self.loads) + self.unready, self.spec_replicas)


def desired(form: Form, seen: Seen, total: float) -> int:
    """Replicas that the controller asks for, before its own limits and its stabilization."""
    match form:
        case "Pods":
            return _of_pods(seen)
        case "AverageValue":
            return _per_pod(seen, total)
        case "Value":
            return _whole(seen, total)


def _of_pods(seen: Seen) -> int:
    """Resource and Pods metrics: the mean of the selected pods, whichever revision they are of."""
    ratio = sum(seen.loads) / len(seen.loads) / FULL
    if not (seen.unready and ratio > 1):
        return seen.spec_replicas if _near(ratio) else math.ceil(ratio * len(seen.loads))
    counted = len(seen.loads) + seen.unready
    again = sum(seen.loads) / counted / FULL
    replicas = math.ceil(again * counted)
    turned = again < 1 or replicas < seen.spec_replicas
    return seen.spec_replicas if _near(again) or turned else replicas


def _per_pod(seen: Seen, total: float) -> int:
    """Object and External metrics with averageValue: the pods are those that status counts."""
    near = _near(total / (FULL * seen.status_replicas))
    return seen.status_replicas if near else math.ceil(total / FULL)


def _whole(seen: Seen, total: float) -> int:
    """Object and External metrics with value: a ratio of all ready pods, idle ones too."""
    ratio = total / (FULL * seen.spec_replicas)
    return seen.spec_replicas if _near(ratio) else math.ceil(ratio * len(seen.loads))


def _near(ratio: float) -> bool:
    return abs(1 - ratio) <= TOLERANCE


def shared(counts: Counts, total: float, replicas: int, unready: int = 0) -> Seen:
    """Callers are spread evenly over the ready pods of both arms."""
    pods = counts.candidate + counts.stable - unready
    return Seen(spec_replicas=replicas, loads=(total / pods,) * pods, unready=unready)


def beside(serving: int, idle: int, total: float, replicas: int) -> Seen:
    """A blue-green: one revision serves, the other has no caller."""
    return Seen(spec_replicas=replicas, loads=(*(total / serving,) * serving, *(0.0,) * idle))


ROOMS = {
    "4 and a surge of 1": SURGE,
    "20 and a surge of 1": LARGE,
    "4 without surge": NO_SURGE,
    "4 whose stable keeps its size": KEEP,
}


@pytest.mark.parametrize("form", ["Pods", "AverageValue"])
@pytest.mark.parametrize("weight", [5, 20, 25, 50, 80, 100])
@pytest.mark.parametrize("room", ROOMS.values(), ids=ROOMS)
def test_a_constant_load_never_moves_it_while_stages_pass(
    room: Room, weight: int, form: Form
) -> None:
    total = room.replicas * FULL
    assert desired(form, shared(split(weight, room), total, room.replicas), total) == room.replicas


@pytest.mark.parametrize("form", ["Pods", "AverageValue"])
@pytest.mark.parametrize("idle", [0, 1, 4])
def test_a_constant_load_never_moves_it_in_a_blue_green(idle: int, form: Form) -> None:
    assert desired(form, beside(4, idle, 4 * FULL, 4), 4 * FULL) == 4


@pytest.mark.parametrize("form", ["Pods", "AverageValue"])
@pytest.mark.parametrize("weight", [5, 25, 50, 80, 100])
@pytest.mark.parametrize("grown", [6, 9, 40])
def test_growth_is_followed_at_every_stage(grown: int, weight: int, form: Form) -> None:
    seen = shared(split(weight, SURGE), grown * FULL, 4)
    assert desired(form, seen, grown * FULL) == grown


@pytest.mark.parametrize("grown", [5, 6, 7, 8, 9, 40])
@pytest.mark.parametrize("idle", [0, 1, 4])
def test_growth_is_followed_in_a_blue_green_by_an_average_value(idle: int, grown: int) -> None:
    assert desired("AverageValue", beside(4, idle, grown * FULL, 4), grown * FULL) == grown


def test_a_candidate_that_is_not_ready_yet_counts_as_idle_and_asks_for_no_more() -> None:
    seen = shared(Counts(candidate=1, stable=4), 4 * FULL, 4, unready=1)
    assert desired("Pods", seen, 4 * FULL) == 4
    seen = shared(Counts(candidate=1, stable=4), 6 * FULL, 4, unready=1)
    assert desired("Pods", seen, 6 * FULL) == 6


PITFALLS: Mapping[str, tuple[Form, Seen, float, int]] = {
    "pods: a jump to what idle pods could take as well is not seen": (
        "Pods", beside(4, 4, 8 * FULL, 4), 8 * FULL, 4),
    "pods: the same jump without idle pods is": ("Pods", beside(4, 0, 8 * FULL, 4), 8 * FULL, 8),
    "value: growth is answered twice over": ("Value", beside(4, 4, 5 * FULL, 4), 5 * FULL, 10),
    "value: a falling load scales up": ("Value", beside(4, 4, 3 * FULL, 4), 3 * FULL, 6),
    "value: without idle pods it is right": ("Value", beside(4, 0, 5 * FULL, 4), 5 * FULL, 5),
}  # fmt: skip


@pytest.mark.parametrize(("form", "seen", "total", "wrong"), PITFALLS.values(), ids=PITFALLS)
def test_what_the_docs_warn_of(form: Form, seen: Seen, total: float, wrong: int) -> None:
    assert desired(form, seen, total) == wrong


SIZES: Mapping[str, tuple[int, int, int]] = {
    "surge pods are not counted": (3, 2, 4),
    "nor is a whole preview": (4, 4, 4),
    "pods that are missing are": (2, 1, 3),
}


@pytest.mark.parametrize(("stable", "candidate", "said"), SIZES.values(), ids=SIZES)
def test_status_counts_pods_up_to_what_was_asked_for(
    stable: int, candidate: int, said: int
) -> None:
    """With them an averageValue would scale up by itself: 20 of 21 is within the tolerance."""
    seen = trial(arms=(arm(V1, stable), arm(V2, candidate)))
    assert plan(seen.observed(), NOW).status.replicas == said
