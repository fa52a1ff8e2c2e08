"""Where only one pod fits: the old one goes first, callers wait, and the way back works."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import yaml

from lockstep.api.model_deployment_status import StageStatus
from lockstep.core.rollout.observed import Answers, DryRunResult
from lockstep.core.rollout.planner import needs, plan
from lockstep.core.rollout.replicas import Counts, Room, Side, step
from lockstep.core.rollout.routing import Everyone, Only
from tests.unit.rollout.conftest import Says
from tests.unit.rollout.test_blockers import going
from tests.unit.rollout.test_planner import did, reason, trouble
from tests.unit.rollout.worlds import (
    NOW,
    V1,
    V2,
    World,
    arm,
    named,
    rejection,
    spec_of,
    trial,
    world,
)

ONE: dict[str, Any] = {
    "replicas": 1, "strategy": {"rolling": {"maxSurge": 0, "maxUnavailable": 1}},
}  # fmt: skip
SMOKE = {**ONE, "smokeTest": {"path": "/"}}
ROLLING: dict[str, Any] = {"strategy": {"rolling": {}}}
HALF: dict[str, Any] = {"replicas": 1, "strategy": {"canary": {"stages": [
    {"name": "half", "weight": 50, "soak": "1m"}]}}}  # fmt: skip
GREEN: dict[str, Any] = {"replicas": 1, "strategy": {"blueGreen": {}}}
NOTHING = arm(V1, 0, 0)
UNPROVEN = named(V2, smoke_tested=False)
TRIED = Answers(dry_run=DryRunResult(V2, None))


def on_trial(*arms: Any, **rest: Any) -> World:
    facts: dict[str, Any] = {
        "spec": ONE, "stage": StageStatus(name="rolling", index=0), "arms": arms,
        "candidate": UNPROVEN, "routing": Only(V1),
    }  # fmt: skip
    return trial(**(facts | rest))


def begins(spec: dict[str, Any], stable: Any = NOTHING) -> World:
    return world(spec=spec, arms=(stable,), answers=TRIED)


CASES: dict[str, tuple[World, str, str]] = {
    "the old one goes first": (begins(ONE, arm(V1, 1)), "Moving", "v1=0"),
    "its place is taken until it is gone": (
        on_trial(NOTHING, going(arm(V1, 1), 5)), "Moving", ""),
    "then the new one starts": (on_trial(NOTHING), "Moving", "v2=1"),
    "no caller before it is proven": (
        on_trial(NOTHING, arm(V2, 1), spec=SMOKE), "Moving", ""),
    "then all of them": (
        on_trial(NOTHING, arm(V2, 1), candidate=named(V2)), "Moving", "callers 2"),
    "and it is stable": (
        on_trial(NOTHING, arm(V2, 1), candidate=named(V2), routing=Only(V2)), "Completed",
        "remove 1"),
    "it fails: stable is started again": (
        on_trial(NOTHING, trouble(V2, 0, 1)), "RolledBack", "remove 2, v1=1"),
    "to pause would leave callers waiting": (
        on_trial(NOTHING, trouble(V2, 0, 1), spec={**ONE, "rollback": {"onFailure": "Pause"}}),
        "RolledBack", "remove 2, v1=1"),
    "stable comes back as soon as the place is free": (
        world(spec=ONE, arms=(arm(V1, 0, 1),), rejected=rejection(V2)), "RolledBack", ""),
    "from nothing the new one starts, not the old": (begins(ROLLING), "Moving", "v2=4"),
    "so it does in a canary of one": (begins(HALF), "Moving", "v2=1"),
    "and in a blue-green of one": (begins(GREEN), "Moving", "preview 2, v2=1"),
    "a canary of several protects callers from the beginning": (
        begins({"replicas": 2, "strategy": HALF["strategy"]}), "Moving", "v1=1, v2=1"),
    "once it answers stable has its share": (
        on_trial(NOTHING, arm(V2, 1), spec=HALF, candidate=named(V2), routing=Everyone(),
                 stage=StageStatus(name="half", index=0)), "Measuring", "v1=1"),
}  # fmt: skip


def both(seen: World) -> World:
    """One revision's standing and going pods are one arm."""
    arms: dict[str, Any] = {}
    for it in seen.arms:
        there = arms.get(it.revision)
        pods = (*(there.pods if there else ()), *it.pods)
        child = there.replica_set if there else it.replica_set
        arms[it.revision] = type(it)(revision=it.revision, replica_set=child, pods=pods)
    return replace(seen, arms=tuple(arms.values()))


@pytest.mark.parametrize(("case", "why", "done"), CASES.values(), ids=CASES)
def test_one_place(case: World, why: str, done: str, says: Says) -> None:
    seen = both(case).observed()
    decided = plan(seen, NOW)
    said = did(decided).replace("store 2, ", "").replace("RemoveBudget", "").rstrip(", ")
    assert (reason(decided), said) == (why, done), decided.status.message
    says(decided)


def test_a_restart_takes_it_first_too() -> None:
    (pod,) = arm(V1, 1).pods
    old = replace(arm(V1, 1), pods=(replace(pod, created=NOW - timedelta(hours=1)),))
    spec = {**ONE, "restartAt": "2026-11-21T11:59:00Z"}
    seen = world(version="1.0.0", arms=(old,), spec=spec).observed()
    assert did(plan(seen, NOW)) == "remove a pod of 1"
    kept = replace(seen, spec=spec_of("1.0.0", **{**spec, "strategy": {"rolling": {}}}))
    assert did(plan(kept, NOW)) == "v1=1", "a pod more comes first"


def test_what_it_costs_is_said_while_it_lasts() -> None:
    waits = plan(on_trial(NOTHING).observed(), NOW).status
    assert "the last pod of stable was removed first, as maxUnavailable allows" in waits.message
    assert next(it for it in waits.conditions if it.type == "Available").status == "False"


def test_the_api_server_is_asked_before_the_old_one_goes() -> None:
    assert needs(world(spec=ONE, arms=(arm(V1, 1),)).observed(), NOW).dry_run
    refused = Answers(dry_run=DryRunResult(V2, "no such field"))
    decided = plan(world(spec=ONE, arms=(arm(V1, 1),), answers=refused).observed(), NOW)
    assert (reason(decided), "v1=0" in did(decided)) == ("SpecRefused", False)


def test_a_canary_without_a_place_says_which_strategy_does_it() -> None:
    spec = {"replicas": 1, "strategy": {"canary": {**HALF["strategy"]["canary"], "maxSurge": 0}}}
    status = plan(world(spec=spec, arms=(arm(V1, 1),)).observed(), NOW).status
    said = yaml.safe_load(status.message.partition("`")[2].partition("`")[0])
    spec_of("2.0.0", replicas=1, **said)
    assert said == {"strategy": ONE["strategy"]}


ROOMS: dict[str, tuple[Room, int]] = {
    "as many as there are": (Room(replicas=4, max_surge=1), 4),
    "one less without a surge": (Room(replicas=4, max_surge=0), 3),
    "never the last one": (Room(replicas=1, max_surge=0), 1),
    "the last one where that is said": (Room(replicas=1, max_surge=0, may_lack=1), 0),
    "as many less as that is said": (Room(replicas=4, max_surge=0, may_lack=2), 2),
    "not less than none": (Room(replicas=1, max_surge=0, may_lack=5), 0),
}  # fmt: skip


@pytest.mark.parametrize(("room", "floor"), ROOMS.values(), ids=ROOMS)
def test_floor(room: Room, floor: int) -> None:
    assert room.floor == floor


def test_two_of_four_go_first_where_that_is_said() -> None:
    four = Room(replicas=4, max_surge=0, may_lack=2)
    old, new = Side(wanted=4, present=4, available=4), Side(wanted=0, present=0, available=0)
    assert step(new, old, Counts(candidate=4, stable=0), four) == Counts(candidate=0, stable=2)


def test_a_grace_that_takes_long_is_said() -> None:
    gone = both(on_trial(NOTHING, going(arm(V1, 1), 50, grace=60))).observed()
    message = plan(gone, NOW + timedelta(seconds=1)).status.message
    assert "is still terminating: deleted at 11:59:50Z" in message
