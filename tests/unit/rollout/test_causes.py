"""Why pods do not answer, in the message while it is awaited and in the one that ends a trial."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lockstep.api.model_deployment_status import StageStatus
from lockstep.core.pods import Wait
from lockstep.core.rollout.needs import PodEvents
from lockstep.core.rollout.observed import Answers, PodSaid
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.planner import needs, plan
from tests.unit.rollout.conftest import Says
from tests.unit.rollout.worlds import NOW, V1, V2, World, arm, first, trial, world

PROBE = "container server does not pass its readiness probe (GET :8080/health)"
SAID = "kubelet says Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503"
SECONDS = timedelta(seconds=1)


def ago(seconds: float) -> datetime:
    return NOW - seconds * SECONDS


def waiting(seconds: float = 15, message: str = PROBE, **rest: Any) -> Wait:
    return Wait(message, since=ago(seconds), **rest)


def starting(wait: Wait | None, **rest: Any) -> World:
    """One of two candidate pods answers, the other one waits."""
    return trial(arms=(arm(V1, 3), arm(V2, 1, 2, wait=wait)), **rest)


def gated(seconds: float) -> dict[str, Any]:
    return {"unschedulable": "gated by q.example.com/a", "gated": True,
            "unschedulable_since": ago(seconds)}  # fmt: skip


def late(seconds: float) -> StageStatus:
    return StageStatus(name="half", index=0, progress_at=ago(seconds), progress_ready=1)


HEARD = Answers(said=PodSaid(f"{V2}-1", SAID))
OTHERS = Answers(said=PodSaid("other", SAID))
TROUBLED = arm(V1, 3, 4, wait=waiting(60))
DEADLINE = {"spec": {"progressDeadline": "60s"}}

SAID_CASES: dict[str, tuple[World, str]] = {
    "a pod that has just begun to wait is not talked about": (starting(waiting(9)), ""),
    "after a while its own status says why": (starting(waiting(10)), PROBE),
    "and what the kubelet says of it": (starting(waiting(10), answers=HEARD), f"{PROBE}; {SAID}"),
    "what is said of another pod is not believed of this one": (
        starting(waiting(10), answers=OTHERS), PROBE),
    "what is wrong is said at once": (starting(waiting(0, "ErrImagePull: x", wrong=True)),
                                      "ErrImagePull: x"),
    "a scheduling gate is named": (
        trial(arms=(arm(V1, 3), arm(V2, 1, 2, **gated(60)))), "is gated by q.example.com/a"),
    "the last sentence of a trial has the cause": (
        starting(waiting(70), answers=HEARD, stage=late(70), **DEADLINE), SAID),
    "a first revision says it too": (
        first(1, 2, arms=(arm(V2, 1, 2, wait=waiting()),), answers=HEARD), f"{PROBE}; {SAID}"),
    "stable without a trial says it": (
        world(version="1.0.0", arms=(TROUBLED,), answers=Answers(said=PodSaid(f"{V1}-3", SAID))),
        f"{PROBE}; {SAID}"),
}  # fmt: skip


def told(decided: Plan) -> str:
    rejected = decided.status.rejected
    return rejected.message if rejected else decided.status.message


@pytest.mark.parametrize(("case", "said"), SAID_CASES.values(), ids=SAID_CASES)
def test_the_message_names_the_cause(case: World, said: str, says: Says) -> None:
    decided = plan(case.observed(), NOW)
    message = told(decided)
    assert said in message
    assert bool(said) == ("; pod " in message), message
    says(decided)


def test_a_gate_has_unschedulable_grace_and_not_the_progress_deadline() -> None:
    spec = {"progressDeadline": "30s", "unschedulableGrace": "10m"}
    arms = arm(V1, 3), arm(V2, 1, 2, **gated(60))
    held = trial(arms=arms, stage=late(60), spec=spec).observed()
    assert plan(held, NOW).status.rejected is None
    over = plan(held, NOW + timedelta(minutes=10)).status.rejected
    assert over is not None
    assert (over.reason, "gated by q.example.com/a" in over.message) == ("Unschedulable", True)


QUESTIONS: dict[str, tuple[World, int | None]] = {
    "nobody waits": (trial(), None),
    "nobody has waited for long": (starting(waiting(9)), None),
    "ten seconds are told and not asked about": (starting(waiting(10)), None),
    "twenty are long": (starting(waiting(20)), 1),
    "and again": (starting(waiting(79)), 2),
    "then every five minutes": (starting(waiting(321)), 5),
    "for ever": (starting(waiting(320 + 3000)), 15),
    "what explains itself is not asked about": (starting(waiting(60, plain=True)), None),
    "nor what the scheduler explains": (
        trial(arms=(arm(V1, 3), arm(V2, 1, 2, **gated(60)))), None),
    "a pod whose times nobody wrote": (starting(Wait(PROBE)), 1),
}  # fmt: skip


@pytest.mark.parametrize(("case", "turn"), QUESTIONS.values(), ids=QUESTIONS)
def test_events_are_asked_for_the_less_often_the_longer_it_lasts(
    case: World, turn: int | None
) -> None:
    asked = needs(case.observed(), NOW).events
    known = None if turn is None else PodEvents(namespace="payments", uid=f"{V2}-1", turn=turn)
    assert asked == known


@pytest.mark.parametrize("waited", [10, 15, 100, 319, 320, 700])
def test_a_pass_comes_when_there_is_something_new_to_ask(waited: float) -> None:
    seen = starting(waiting(waited)).observed()
    before, wait = needs(seen, NOW).events, plan(seen, NOW).look_again
    assert wait is not None
    after = needs(seen, NOW + wait).events
    assert after is not None
    assert after != before, "a pass for nothing"


@pytest.mark.parametrize("waited", [0, 4, 9.5])
def test_a_pass_comes_when_there_is_something_to_tell(waited: float) -> None:
    seen = starting(waiting(waited)).observed()
    wait = plan(seen, NOW).look_again
    assert wait is not None
    assert PROBE not in plan(seen, NOW).status.message
    assert PROBE in plan(seen, NOW + wait).status.message


def test_a_day_of_waiting_is_few_requests() -> None:
    seen, now, asked = starting(waiting(0)).observed(), NOW, set[PodEvents | None]()
    paused = replace(seen, spec=starting(None, spec={"paused": True}).observed().spec)
    while now < NOW + timedelta(days=1):
        asked.add(needs(paused, now).events)
        wait = plan(paused, now).look_again
        assert wait is not None
        now += wait
    assert len(asked) < 300
