"""Pods with our labels that are not ours: they decide nothing, and what they stop is said."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockstep.api.failures import FailureReason
from lockstep.api.model_deployment_status import StageStatus
from lockstep.core.facts import Trouble
from lockstep.core.pods import Pod
from lockstep.core.rollout.actions import RemovePod, SetTraffic
from lockstep.core.rollout.observed import Arm
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.planner import needs, plan
from lockstep.core.rollout.routing import Everyone, Only
from tests.unit.rollout.test_planner import SMOKE, reason
from tests.unit.rollout.worlds import NOW, V1, V2, V3, World, arm, but, first, named, trial, world

MINUTE = timedelta(minutes=1)
CRASHED = Trouble(
    FailureReason.CRASH_LOOP, "container server was restarted 2 times, last exit code 3"
)


def stranger(revision: str = "", **facts: Any) -> Pod:
    return Pod(name="copy", uid="c", revision=revision, **{"ready": True, **facts})


def beside(base: World, *strangers: Pod) -> World:
    return but(base, rest={**base.rest, "strangers": strangers})


def taken_in(it: Arm, count: int = 1, **facts: Any) -> Arm:
    """An arm whose first pods were made by hand; their names come first, too."""
    hand = {"made": False, "created": NOW - MINUTE, **facts}
    pods = tuple(
        replace(pod, **hand) if n < count else replace(pod, created=NOW - MINUTE)
        for n, pod in enumerate(it.pods)
    )
    return replace(it, pods=pods)


def conflict(decided: Plan) -> tuple[str, str]:
    found = next((it for it in decided.status.conditions if it.type == "Conflict"), None)
    return (found.reason, found.message) if found else ("", "")


def routing(decided: Plan) -> object:
    return next((it.routing for it in decided.actions if isinstance(it, SetTraffic)), None)


READY = trial(ready=2, stable=2, routing=Only(V1), stage=StageStatus(name="half", index=0))
FULL = trial(
    ready=4, stable=1, routing=Only(V1), stage=StageStatus(name="full", index=1),
)  # fmt: skip
WORLDS: dict[str, tuple[World, object]] = {
    "a pod with the label alone keeps both arms apart": (beside(READY, stranger()), None),
    "so does one of a revision that nobody knows": (beside(READY, stranger(V3)), None),
    "and one that has the candidate's labels": (beside(READY, stranger(V2)), None),
    "one with stable's labels is met by callers of stable anyhow": (
        beside(READY, stranger(V1)), Everyone()),
    "one that is not ready keeps nobody": (beside(READY, stranger(ready=False)), Everyone()),
    "callers of both go back to stable": (
        beside(but(READY, routing=Everyone()), stranger()), Only(V1)),
    "a dead stable is no reason to wait for it": (
        beside(but(READY, arms=(arm(V1, 0, 2), arm(V2, 2))), stranger()), Only(V2)),
    "nobody is sent to it with the candidate": (beside(FULL, stranger(V2)), None),
    "the candidate alone meets no other": (beside(FULL, stranger()), Only(V2)),
    "who meets it with the candidate already stays": (
        beside(but(FULL, routing=Only(V2)), stranger(V2)), None),
    "a first revision is not kept from its callers": (
        beside(first(4, candidate=named(V2)), stranger(V2)), Only(V2)),
}  # fmt: skip


@pytest.mark.parametrize(("base", "expected"), WORLDS.values(), ids=WORLDS)
def test_whom_callers_meet(base: World, expected: object) -> None:
    decided = plan(base.observed(), NOW)
    assert routing(decided) == expected
    assert not any(isinstance(it, RemovePod) for it in decided.actions)
    assert conflict(decided)[0] == "StrangePods"


def test_what_a_stranger_keeps_waiting_is_said_with_what_to_do() -> None:
    decided = plan(beside(READY, stranger(V3)).observed(), NOW)
    assert decided.status.message.endswith(
        "; pod copy has the label lockstep.dev/deployment but was not created by Lockstep and "
        "would receive traffic too: remove the label"
    )
    assert conflict(decided)[1] == (
        "pod copy with the label lockstep.dev/deployment=fraud was not created by a ReplicaSet of "
        "this ModelDeployment: Lockstep ignores it, but it may receive traffic; remove the label "
        "with: kubectl label pod copy lockstep.dev/deployment-"
    )


def test_of_many_strangers_some_are_named() -> None:
    many = tuple(replace(stranger(), name=f"copy-{n}") for n in range(5))
    assert conflict(plan(beside(world(), *many).observed(), NOW))[1].startswith(
        "pods copy-0, copy-1, copy-2 and 2 more with the label "
    )


def test_a_stranger_that_crashes_fails_no_candidate() -> None:
    base = beside(READY, stranger(V2, ready=False, trouble=CRASHED))
    decided = plan(base.observed(), NOW)
    assert (decided.status.rejected, routing(decided)) == (None, Everyone())


def test_a_pod_that_was_taken_in_fails_no_candidate() -> None:
    it = taken_in(arm(V2, 1, 2), 2, ready=False, trouble=CRASHED)
    assert plan(but(READY, arms=(arm(V1, 2), it)).observed(), NOW).status.rejected is None


def test_a_pod_that_was_taken_in_does_not_answer_for_the_revision() -> None:
    base = trial(routing=Only(V1), candidate=named(V2, smoke_tested=False), spec=SMOKE)
    hand = but(base, arms=(arm(V1, 2), taken_in(arm(V2, 2))))
    smoke = needs(hand.observed(), NOW).smoke
    assert smoke is not None
    assert smoke.pod_uid == f"{V2}-1", "not the first by name"
    alone = but(base, arms=(arm(V1, 2), taken_in(arm(V2, 1, 1))))
    assert needs(alone.observed(), NOW).smoke is None


def test_nor_does_one_that_was_made_from_an_edited_template() -> None:
    base = trial(routing=Only(V1), candidate=named(V2, smoke_tested=False), spec=SMOKE)
    mine = taken_in(arm(V2, 2), 0)
    assert mine.replica_set is not None
    child = replace(mine.replica_set, edited=(NOW - 2 * MINUTE, NOW))
    seen = but(base, arms=(arm(V1, 2), replace(mine, replica_set=child)))
    assert needs(seen.observed(), NOW).smoke is None


def test_a_pod_that_was_taken_in_is_replaced_and_named() -> None:
    it = taken_in(arm(V2, 2))
    assert it.replica_set is not None
    it = replace(it, replica_set=replace(it.replica_set, surplus=1, available=3))
    own = replace(it.pods[1], name="own", uid="own")
    seen = but(READY, arms=(arm(V1, 2), replace(it, pods=(*it.pods, own))))
    decided = plan(seen.observed(), NOW)
    gone = [action.name for action in decided.actions if isinstance(action, RemovePod)]
    assert gone == [it.pods[0].name]
    assert "PodReplaced" in [event.reason for event in decided.events]
    assert conflict(decided)[0] == "AdoptedPods"
    assert conflict(decided)[1].startswith(
        f"pod {it.pods[0].name} was not created from the template of ReplicaSet "
    )


def test_a_stage_waits_for_pods_of_its_own() -> None:
    decided = plan(but(READY, arms=(arm(V1, 2), taken_in(arm(V2, 2)))).observed(), NOW)
    assert reason(decided) == "Moving"
    assert "candidate 1 of 2 pods ready" in decided.status.message


def test_stable_is_not_said_to_have_more_pods_than_it_has() -> None:
    decided = plan(beside(READY, stranger(V1)).observed(), NOW)
    assert "stable 2 ready (target 2)" in decided.status.message


def test_a_stranger_stops_nothing_where_nothing_is_on_trial() -> None:
    decided = plan(beside(world(version="1.0.0"), stranger(V2)).observed(), NOW)
    assert (decided.status.phase, decided.actions) == ("Healthy", ())


def test_a_stranger_keeps_no_rollback() -> None:
    sick = trial(arms=(arm(V1, 2), arm(V2, 1, 2, trouble=CRASHED)))
    decided = plan(beside(sick, stranger(), stranger(V1)).observed(), NOW)
    assert decided.status.rejected is not None
    assert routing(decided) == Only(V1)


def test_nobody_is_told_twice_while_a_stranger_stays() -> None:
    seen = beside(READY, stranger()).observed()
    decided = plan(seen, NOW)
    again = plan(replace(seen, status=decided.status), NOW)
    assert (again.status, again.events) == (decided.status, ())
