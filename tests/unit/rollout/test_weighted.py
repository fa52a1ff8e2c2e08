"""A data plane that splits by weight: shares that pods carry, Services first, nothing unconfirmed.

Four replicas with one above them, stages of 50 and 100 percent; each row is the difference.
"""

from dataclasses import replace
from typing import Any

import pytest

from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.model_deployment_status import StageStatus, Weights
from lockstep.core.rollout.observed import ArmService, Observed
from lockstep.core.rollout.planner import plan
from lockstep.core.rollout.replicas import Counts, Room, carried, carriers, keepers, split
from lockstep.core.rollout.routing import Nobody, Only, Routing, Shares
from lockstep.core.rollout.routing import split as shares
from tests.unit.rollout.conftest import Says
from tests.unit.rollout.test_planner import did
from tests.unit.rollout.worlds import (
    NOW,
    PORTS,
    V1,
    V2,
    World,
    arm,
    first,
    named,
    rejection,
    trial,
    world,
)
from tests.weighted import weighted


def by_weight(seen: World, *services: str, pending: bool = False) -> Observed:
    """The same world with another router; ``services``: the revisions that have one."""
    observed = seen.observed()
    assert isinstance(observed.spec, ModelDeploymentSpec)
    assert observed.service is not None
    return replace(
        observed,
        spec=weighted(observed.spec),
        service=replace(observed.service, pending=pending),
        arm_services=tuple(ArmService(revision=it, ports=PORTS) for it in services),
    )


def unfinished(seen: Observed) -> Observed:
    """The same, but for a route that was not written any more."""
    assert seen.service is not None
    return replace(seen, service=replace(seen.service, unfinished=True))


def halves(stable: int, beside: int, **changes: Any) -> World:
    """The stage of 50 percent with so many pods; nobody calls the candidate unless told so."""
    facts: dict[str, Any] = {"arms": (arm(V1, stable), arm(V2, beside)), "routing": Only(V1)}
    return trial(**(facts | changes))


def to(percent: int) -> Routing:
    return shares({V1: 100 - percent, V2: percent})


BACK = {"candidate": None, "stage": None, "rejected": rejection(V2)}
PACED = {"spec": {"rollback": {"speed": "Paced", "keepFailed": "0s"}}}
GONE = {"spec": {"rollback": {"keepFailed": "0s"}}}

CASES: dict[str, tuple[Observed, str]] = {
    "the Service of a revision comes before its pods": (
        by_weight(halves(4, 0, arms=(arm(V1, 4),)), V1), "Service 2, v2=1"),
    "a Service with other ports is put right": (
        replace(by_weight(halves(4, 0, arms=(arm(V1, 4), arm(V2, 0, 1)))),
                arm_services=(ArmService(revision=V1, ports=PORTS),
                              ArmService(revision=V2))), "Service 2"),
    "a share is what the first pod carries": (
        by_weight(halves(4, 1), V1, V2), "callers 2:25% 1:75%"),
    "no pod goes before the data plane has confirmed the share": (
        by_weight(halves(4, 1, routing=to(25)), V1, V2, pending=True), ""),
    "stable gives up what its own share does not take": (
        by_weight(halves(4, 1, routing=to(25)), V1, V2), "v1=3"),
    "the candidate takes the place that is free": (
        by_weight(halves(3, 1, routing=to(25)), V1, V2), "v2=2"),
    "the share follows the pods": (
        by_weight(halves(3, 2, routing=to(25)), V1, V2), "callers 2:50% 1:50%"),
    "what the stage asks for is not exceeded, whatever pods there are": (
        by_weight(halves(2, 4, arms=(arm(V1, 2), arm(V2, 4)), routing=to(50)), V1, V2),
        "v2=2"),
    "callers leave a pod that has died, in the measure of what is left": (
        by_weight(halves(2, 1, arms=(arm(V1, 2), arm(V2, 1, 2)), routing=to(50)), V1, V2),
        "callers 2:33% 1:67%"),
    "a stable without a ready pod keeps nobody from a proven candidate": (
        by_weight(halves(0, 2, arms=(arm(V1, 0, 2), arm(V2, 2)), routing=to(50)), V1, V2),
        "callers 2"),
    "an unproven candidate gets nothing": (
        by_weight(halves(4, 1, candidate=named(V2, smoke_tested=False),
                         spec={"smokeTest": {"path": "/"}}), V1, V2), ""),
    "a rollback is written at once and takes no pod with it": (
        by_weight(halves(2, 2, routing=to(50), **BACK, **GONE), V1, V2),
        "callers 1, v1=3"),
    "nor while it is not confirmed, when an earlier one was not either": (
        by_weight(halves(3, 2, routing=Only(V1), **BACK, **GONE), V1, V2, pending=True), ""),
    "pods and Service of the rejected go once callers are surely away": (
        by_weight(halves(3, 2, routing=Only(V1), **BACK, **GONE), V1, V2),
        "no Service 2, remove 2, v1=4"),
    "a paced return gives stable what its pods carry": (
        by_weight(halves(3, 2, routing=to(50), **BACK, **PACED), V1, V2),
        "callers 2:25% 1:75%"),
    "a paced return goes no way back": (
        by_weight(halves(2, 2, routing=to(25), **BACK, **PACED), V1, V2), "v1=3, v2=1"),
    "all callers go with the last step, and stable stays until that is confirmed": (
        by_weight(halves(1, 4, arms=(arm(V1, 1), arm(V2, 4)), routing=to(80),
                         stage=StageStatus(name="full", index=1)), V1, V2), "callers 2"),
    "nothing to do": (by_weight(world(version="1.0.0"), V1), ""),
    "an old Service goes": (by_weight(world(version="1.0.0"), V1, V2), "no Service 2"),
    "it stays while that is not confirmed": (
        by_weight(world(version="1.0.0"), V1, V2, pending=True), ""),
    "what was written half is written again": (
        unfinished(by_weight(world(version="1.0.0"), V1)), "callers 1"),
    "a first revision has its Service before its first caller": (
        by_weight(first(0, 4)), "Service 2"),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "expected"), CASES.values(), ids=CASES)
def test_plan(seen: Observed, expected: str, says: Says) -> None:
    decided = plan(seen, NOW)
    assert did(decided) == expected
    says(decided)


def test_a_repeated_pass_asks_a_lagging_data_plane_for_nothing_more() -> None:
    seen = by_weight(halves(3, 2, routing=to(50)), V1, V2, pending=True)
    decided = plan(seen, NOW)
    assert (decided.actions, plan(replace(seen, status=decided.status), NOW).actions) == ((), ())


def test_a_stage_does_not_pass_before_its_weight_is_confirmed() -> None:
    pending = by_weight(halves(2, 2, routing=to(50)), V1, V2, pending=True)
    there = by_weight(halves(2, 2, routing=to(50)), V1, V2)
    waiting, onwards = (plan(it, NOW).status for it in (pending, there))
    assert [it.stage and it.stage.name for it in (waiting, onwards)] == ["half", "full"]
    said = "; the data plane has not confirmed its new weights yet"
    assert [it.message.endswith(said) for it in (waiting, onwards)] == [True, False]


def test_status_shows_the_weight_and_whose_it_is() -> None:
    weights = plan(by_weight(halves(3, 2, routing=to(33)), V1, V2), NOW).status.weights
    assert weights is not None
    assert (weights.desired, weights.actual, weights.method) == (50, 33, "Weighted")


def test_status_shows_no_weight_that_is_not_confirmed() -> None:
    before = {"status": {"weights": Weights(desired=50, actual=25, method="Weighted")}}
    seen = by_weight(halves(2, 2, routing=to(50), **before), V1, V2, pending=True)
    weights = plan(seen, NOW).status.weights
    assert weights is not None
    assert weights.actual == 25


FOUR = Room(replicas=4, max_surge=1, weighted=True)
SIZES: dict[str, tuple[int, Room, Counts]] = {
    "a tenth takes a pod, and stable what nine tenths take": (10, FOUR, Counts(1, 4)),
    "half and half": (50, FOUR, Counts(2, 2)),
    "a stable that is kept": (25, replace(FOUR, keep=True), Counts(1, 4)),
    "without a surge a pod of all may lack": (10, replace(FOUR, max_surge=0), Counts(1, 3)),
    "a hundredth of a thousand pods is ten": (1, replace(FOUR, replicas=1000), Counts(10, 990)),
    "everything, with one pod warm": (100, FOUR, Counts(4, 1)),
    "nothing of nothing": (50, replace(FOUR, replicas=0), Counts(0, 0)),
}


@pytest.mark.parametrize(("weight", "space", "counts"), SIZES.values(), ids=SIZES)
def test_pods_are_what_a_share_takes(weight: int, space: Room, counts: Counts) -> None:
    assert split(weight, space) == counts


@pytest.mark.parametrize("replicas", [1, 2, 3, 4, 7, 30, 150, 1000])
def test_pods_carry_the_share_that_they_were_counted_for(replicas: int) -> None:
    space = replace(FOUR, replicas=replicas)
    for percent in range(1, 101):
        assert carried(carriers(percent, space), space) >= percent


@pytest.mark.parametrize("replicas", [2, 3, 4, 7, 30, 150, 1000])
def test_rounding_never_keeps_both_arms_from_getting_on(replicas: int) -> None:
    """Whatever share the candidate's pods carry, stable may give up as many."""
    space = replace(FOUR, replicas=replicas)
    for pods in range(1, replicas):
        stable = 100 - carried(pods, space)
        assert keepers(stable, space) <= replicas - pods


@pytest.mark.parametrize(
    ("percent", "routing"),
    [({}, Nobody()), ({V1: 0}, Nobody()), ({V1: 100, V2: 0}, Only(V1)),
     ({V2: 30, V1: 70}, Shares(tuple(sorted({V1: 70, V2: 30}.items()))))],
    ids=["nobody", "no share", "all of them", "both, in one order"],
)  # fmt: skip
def test_there_is_one_way_to_say_a_share(percent: dict[str, int], routing: Routing) -> None:
    assert shares(percent) == routing
