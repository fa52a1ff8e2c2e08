"""Every act of a person in worlds of every kind: what the planner promises holds after all of them.

Beside the promises of every pass: a Decision is taken once, answered, and moves no caller to a
revision that has not shown that it can answer.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from lockstep.api.changes import changed
from lockstep.api.decision import ABOUT_A_STAGE, ABOUT_ALL, Act, DecisionSpec
from lockstep.api.model_deployment_status import Hold
from lockstep.core.rollout.actions import AnswerDecision
from lockstep.core.rollout.observed import Decided, Observed
from lockstep.core.rollout.planner import plan
from tests.sim.every_world import WORLDS, facts_of, promises_hold, world_of
from tests.sim.obey import obey
from tests.unit.rollout.worlds import NOW, V2

STRIDE: Final = 200_003
"""A prime, so that every choice meets every other one; `make soak` looks at more of them."""
HOLDS: Final = (None, Hold(by="bob", reason="an incident", at=NOW))
STAGES: Final = ("half", "full", "first", "promotion")


def _decisions() -> Iterator[Decided]:
    for act in Act:
        stages = STAGES if act in ABOUT_A_STAGE else (None,)
        for stage in stages:
            about: dict[str, Any] = {} if act in ABOUT_ALL else {"revision": V2}
            about |= {"stage": stage} if stage else {}
            raw = {"target": {"name": "fraud"}, "act": act, "by": "alice", "reason": "so be it"}
            spec = DecisionSpec.model_validate(raw | about)
            uid = f"{act.value}-{stage}"
            yield Decided(name=uid, uid=uid, at=NOW - timedelta(seconds=1), spec=spec)


DECISIONS: Final = tuple(_decisions())


def _taken_once(seen: Observed) -> None:
    decided = plan(seen, NOW)
    uids = {it.uid for it in seen.decisions}
    taken = {it.uid: it for it in decided.status.decisions}
    assert taken.keys() == uids, "every Decision is taken"
    assert all(it.message for it in taken.values()), "every answer says why"
    answers = {it.uid: it for it in decided.actions if isinstance(it, AnswerDecision)}
    assert answers.keys() == uids, "every Decision is answered"
    crashed = replace(seen, status=decided.status)
    again = plan(crashed, NOW)
    assert {it.uid: it for it in again.status.decisions} == taken, "it is taken once"
    assert not [it for it in again.events if it.reason.startswith("Decision")], "it is told once"
    after = plan(obey(crashed, again), NOW)
    assert not [it for it in after.actions if isinstance(it, AnswerDecision)], "it is answered once"


def broken(first: int, stride: int) -> list[str]:
    """The promises that do not hold in some of the worlds, with the world and the act."""
    found = []
    for number in range(first, WORLDS, stride):
        decision = DECISIONS[number // stride % len(DECISIONS)]
        for hold in HOLDS:
            seen = world_of(facts_of(number))
            status = changed(seen.status, hold=hold)
            decided = replace(seen, status=status, decisions=(decision,))
            try:
                promises_hold(decided)
                _taken_once(decided)
            except AssertionError as error:
                found.append(f"{error}\n  {decision.uid}, {hold} in {facts_of(number)}")
    return found
