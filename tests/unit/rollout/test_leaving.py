"""Superseded or put back: nothing failed, so callers keep as many pods as they are promised."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockstep.api.failures import FailureReason
from lockstep.api.model_deployment_status import Leaving, Past
from lockstep.core.facts import Foreign, Trouble
from lockstep.core.rollout.observed import Answers, ChildReplicaSet, DryRunResult
from lockstep.core.rollout.planner import plan
from lockstep.core.rollout.routing import Everyone, Only
from tests.sim.obey import obey
from tests.unit.rollout.conftest import Says
from tests.unit.rollout.test_planner import did, reason, trouble
from tests.unit.rollout.worlds import (
    NOW,
    V1,
    V2,
    V3,
    World,
    arm,
    but,
    named,
    rejection,
    trial,
    world,
)

PAST = NOW - timedelta(minutes=11)
WINDOW = {"rollbackWindow": {"revisions": 2}}
GREEN: dict[str, Any] = {"strategy": {"blueGreen": {}}}
PACED = {"rollback": {"speed": "Paced"}}
DONE = (Past(revision=V1, version="1.0.0", outcome="Promoted", at=NOW - timedelta(hours=1)),)
LEFT = Leaving(revision=V2, version="2.0.0")
WAITED = Leaving(revision=V2, version="2.0.0", progress_at=PAST, progress_ready=1)


def late(version: str = "3.0.0", **rest: Any) -> World:
    """One stable pod and three of version 2, whose trial somebody has just ended."""
    facts = {"arms": (arm(V1, 1), arm(V2, 3)), "stored": (V1, V2, V3), "version": version}
    return trial(**(facts | rest))


def after(leaving: Leaving = LEFT, **rest: Any) -> World:
    """The same, a pass later."""
    return late(**{"candidate": None, "stage": None, "status": {"leaving": leaving}, **rest})


def refused(stable: int) -> Any:
    of = arm(V1, stable, 4)
    child = replace(of.replica_set or ChildReplicaSet(name="", uid="", revision=V1, replicas=4),
                    create_failure=Trouble(FailureReason.POD_SECURITY, "no"))  # fmt: skip
    return replace(of, replica_set=child, pods=of.pods[:stable])


CASES: dict[str, tuple[World, str, str]] = {
    "superseded: stable grows first, the healthy go on answering": (late(), "Returning", "v1=2"),
    "put back: the same": (late("1.0.0"), "Returning", "v1=2"),
    "whatever speed a failure would have": (late(spec=PACED), "Returning", "v1=2"),
    "a pod goes for each that stable has": (
        after(arms=(arm(V1, 2), arm(V2, 3))), "Returning", "v2=2"),
    "stable whole: callers leave, the next trial is prepared": (
        after(arms=(arm(V1, 4), arm(V2, 1))), "Checking", "callers 1, remove 2"),
    "stable whole and wanted: that is all": (
        after(version="1.0.0", arms=(arm(V1, 4), arm(V2, 1))), "Completed",
        "callers 1, remove 2"),
    "who never passed the smoke test is left at once": (
        late("1.0.0", candidate=named(V2, smoke_tested=False), routing=Only(V1)), "Scaling",
        "remove 2, v1=4"),
    "who has no caller is left at once": (
        late("1.0.0", routing=Only(V1)), "Scaling", "remove 2, v1=4"),
    "who does not answer any more is left": (
        after(version="1.0.0", arms=(arm(V1, 1), arm(V2, 0, 3))), "Scaling",
        "callers 1, remove 2, v1=4"),
    "rollbackTo is an emergency": (
        late(spec={"rollbackTo": V1}), "Scaling", "callers 1, remove 2, v1=4"),
    "so is the way back to a revision before stable": (
        but(late("1.0.0"), spec=WINDOW, stable=V3, arms=(arm(V3, 1), arm(V2, 3)),
             status={"history": DONE}), "Checking",
        "callers 3, remove 2, v3=4"),
    "a sick stable does not keep its fix": (
        after(arms=(trouble(V1, 1, 4), arm(V2, 3))), "Checking", "callers 1, remove 2"),
    "nor one whose pods the cluster refuses": (
        after(arms=(refused(1), arm(V2, 3))), "Checking", "callers 1, remove 2"),
    "nor one that has got no pod for too long": (
        after(WAITED, arms=(arm(V1, 1, 4), arm(V2, 3))), "Checking", "callers 1, remove 2"),
    "without a fix to wait for callers stay where somebody answers": (
        after(WAITED, version="1.0.0", arms=(trouble(V1, 1, 4), arm(V2, 3))), "Returning", ""),
    "nor while the fix is paused": (
        after(WAITED, spec={"paused": True}, arms=(trouble(V1, 1, 4), arm(V2, 3))),
        "Returning", ""),
    "what was rejected is no fix": (
        after(WAITED, rejected=rejection(V3), arms=(trouble(V1, 1, 4), arm(V2, 3))), "Returning",
        ""),
    "a blue-green whose stable lost a pod switches once it is back": (
        after(version="1.0.0", spec=GREEN, arms=(arm(V1, 3, 4), arm(V2, 4)), routing=Only(V2)),
        "Returning", ""),
    "a whole one switches at once": (
        late("1.0.0", spec=GREEN, arms=(arm(V1, 4), arm(V2, 4)), routing=Only(V2)), "Completed",
        "callers 1, remove 2"),
    "without pods nobody serves": (
        after(spec={"replicas": 0}, routing=Everyone()), "NoReplicas",
        "callers 1, remove 2, v1=0"),
}  # fmt: skip


@pytest.mark.parametrize(("case", "why", "done"), CASES.values(), ids=CASES)
def test_what_did_not_fail(case: World, why: str, done: str, says: Says) -> None:
    decided = plan(replace(case.observed(), answers=Answers()), NOW)
    assert (reason(decided), did(decided)) == (why, done), decided.status.message
    says(decided)


def test_the_message_says_who_waits_for_whom() -> None:
    message = plan(late().observed(), NOW).status.message
    assert message == (
        f"version 3.0.0 waits until all pods of version 1.0.0 (revision {V1}) are ready: it has 1 "
        "of 4 pods ready; until then 3 healthy pods of version 2.0.0 continue to serve"
    )
    back = plan(late("1.0.0").observed(), NOW).status.message
    assert back.startswith(
        f"the spec asks for version 1.0.0 (revision {V1}) again, which has 1 of 4"
    )


def test_a_clock_runs_while_stable_gets_no_pod() -> None:
    first = plan(late().observed(), NOW).status.leaving
    assert first == Leaving(revision=V2, version="2.0.0", progress_at=NOW, progress_ready=1)
    again = plan(after(first).observed(), NOW + timedelta(minutes=1))
    assert (again.status.leaving, again.look_again) == (first, timedelta(minutes=9))
    grown = plan(after(first, arms=(arm(V1, 2), arm(V2, 3))).observed(), NOW).status.leaving
    assert grown is not None
    assert grown.progress_ready == 2


def test_a_trial_that_begins_leaves_nothing_to_leave() -> None:
    whole = after(arms=(arm(V1, 4), arm(V2, 1)), answers=Answers(dry_run=DryRunResult(V3, None)))
    status = plan(whole.observed(), NOW).status
    assert (status.leaving, status.candidate and status.candidate.revision) == (None, V3)


def test_a_first_revision_that_serves_is_stable_and_leaves_nobody() -> None:
    serving: dict[str, Any] = {"stable": None, "routing": Only(V2), "arms": (arm(V2, 4),)}
    status = plan(but(late(), **serving).observed(), NOW).status
    assert status.stable == named(V2)
    assert status.leaving is None


def test_a_name_that_is_taken_changes_nothing_for_callers() -> None:
    taken = Foreign("ReplicaSet", f"fraud-{V3}")
    decided = plan(late(rest={"foreign": (taken,)}).observed(), NOW)
    assert (reason(decided), did(decided)) == ("Conflict", "v1=2")


def test_a_repeated_pass_plans_nothing() -> None:
    seen = late().observed()
    once = plan(seen, NOW)
    again = plan(obey(seen, once), NOW)
    assert (did(again), again.status, again.events) == ("", once.status, ())


def test_a_status_that_knows_nobody_leaves_as_ever() -> None:
    """As an operator of before has left it, in the middle of the way back."""
    seen = world(version="1.0.0", arms=(arm(V1, 1), arm(V2, 3)), routing=Everyone())
    assert did(plan(seen.observed(), NOW)) == "callers 1, remove 2, v1=4"
