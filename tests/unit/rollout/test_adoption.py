"""Children that nobody owns are named, left serving, and taken back when somebody decides it."""

from dataclasses import replace
from datetime import timedelta
from typing import Unpack

import pytest

from lockstep.api.changes import StatusChanges, changed
from lockstep.api.condition import Truth
from lockstep.api.decision import DecisionSpec
from lockstep.api.model_deployment_status import Outcome, Phase
from lockstep.core.facts import ChildRef, Foreign
from lockstep.core.rollout.actions import SetOwnership, SetTraffic
from lockstep.core.rollout.observed import CallerService, Decided, Observed
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.planner import plan
from lockstep.core.rollout.routing import Nobody, Only
from tests.unit.rollout.worlds import KEY, NOW, V1, V2, World, but, first, named, trial, world

CHILD = f"{KEY.name}-{V1}"
LEFT = (
    ChildRef("ReplicaSet", CHILD),
    ChildRef("ControllerRevision", CHILD),
    ChildRef("Service", KEY.name),
)
DECISION = DecisionSpec.model_validate(
    {"target": {"name": KEY.name}, "act": "Adopt", "by": "alice", "reason": "restored"}
)
ADOPT = Decided(name="a", uid="a", at=NOW - timedelta(seconds=1), spec=DECISION)
BLANK = world(version="1.0.0", stable=None, arms=(), routing=None, stored=())
RESTORED = BLANK.observed()


def restored(
    *made: Decided, unowned: tuple[ChildRef, ...] = LEFT, **status: Unpack[StatusChanges]
) -> Plan:
    seen = replace(RESTORED, unowned=unowned, decisions=made)
    return plan(replace(seen, status=changed(seen.status, **status)), NOW)


def conflict(decided: Plan) -> str:
    return next(it.message for it in decided.status.conditions if it.type == "Conflict")


def test_all_of_them_are_named_at_once_and_none_is_touched() -> None:
    decided = restored()
    assert decided.actions == ()
    assert decided.status.phase is Phase.DEGRADED
    assert {it.status for it in decided.status.conditions if it.type == "Available"} == {
        Truth.UNKNOWN
    }
    assert all(child.name in conflict(decided) for child in LEFT)
    assert "act Adopt" in decided.status.message


def test_a_decision_takes_all_of_them_back() -> None:
    decided = restored(ADOPT)
    taken = [it for it in decided.actions if isinstance(it, SetOwnership)]
    assert taken == [SetOwnership(child, orphan=False) for child in LEFT]
    assert decided.status.decisions[0].outcome is Outcome.APPLIED
    assert decided.status.adopting == "alice"


def test_nothing_is_made_anew_meanwhile() -> None:
    """Whose ReplicaSet has come back first."""
    seen = replace(world(version="1.0.0", stable=None, stored=()).observed(), unowned=LEFT[1:])
    status = changed(seen.status, adopting="alice")
    decided = plan(replace(seen, status=status), NOW)
    assert all(isinstance(it, SetOwnership) for it in decided.actions)


def test_what_was_refused_or_lost_is_tried_again() -> None:
    decided = restored(unowned=LEFT[1:], adopting="alice", phase=Phase.PROGRESSING)
    assert len([it for it in decided.actions if isinstance(it, SetOwnership)]) == 2
    assert decided.status.adopting == "alice"


SERVING: World = world(version="1.0.0", stable=None, stored=(V1,))


def test_once_they_have_their_owner_whoever_callers_reach_is_stable() -> None:
    seen = SERVING.observed()
    status = changed(seen.status, adopting="alice", phase=Phase.DEGRADED)
    decided = plan(replace(seen, status=status), NOW)
    assert decided.status.stable
    assert decided.status.stable.revision == V1
    assert decided.status.adopting == ""
    assert decided.status.phase is Phase.HEALTHY


def test_there_may_be_nothing_to_take_back() -> None:
    decided = restored(ADOPT, unowned=())
    assert decided.status.decisions[0].outcome is Outcome.SUPERSEDED
    assert not [it for it in decided.actions if isinstance(it, SetOwnership)]


def test_a_trial_under_way_stands_while_a_child_has_lost_its_owner() -> None:
    seen: Observed = world(version="1.0.0").observed()
    decided = plan(replace(seen, unowned=(ChildRef("PodDisruptionBudget", KEY.name),)), NOW)
    assert decided.status.stable == seen.status.stable
    assert not [it for it in decided.actions if isinstance(it, SetOwnership)]


BESIDE: dict[str, ChildRef] = {
    "a budget": ChildRef("PodDisruptionBudget", KEY.name),
    "a ReplicaSet of a revision that nobody knows": ChildRef("ReplicaSet", f"{KEY.name}-00000000"),
}


@pytest.mark.parametrize("child", BESIDE.values(), ids=BESIDE)
def test_what_is_not_needed_is_told_and_stops_nothing(child: ChildRef) -> None:
    seen = replace(trial().observed(), unowned=(child,))
    decided = plan(seen, NOW)
    assert child.name in conflict(decided)
    assert "rollouts continue without" in conflict(decided)
    assert decided.status.phase is plan(trial().observed(), NOW).status.phase


@pytest.mark.parametrize("many", [13, 40])
def test_of_very_many_the_first_dozen_is_named(many: int) -> None:
    decided = restored(unowned=tuple(ChildRef("ConfigMap", f"c{n}") for n in range(many)))
    assert f"c11 and {many - 12} more have" in conflict(decided)


BEFORE = CallerService(uid="s", routing=Nobody(), drifted=True, elsewhere=True)
TAKEN = Foreign("Service", KEY.name)


def taking_over(ready: int, *decisions: Decided, taken: bool = True) -> Plan:
    """A first revision, with the Service of callers that somebody made for a Deployment."""
    base = but(first(ready, 4), candidate=named(V2, smoke_tested=bool(ready)))
    seen = replace(base.observed(), service=BEFORE if taken else None, decisions=decisions)
    status = changed(seen.status, adopting="alice" if taken else "")
    foreign = () if taken else (TAKEN,)
    return plan(replace(seen, status=status, foreign=foreign), NOW)


def routed(decided: Plan) -> list[object]:
    return [it.routing for it in decided.actions if isinstance(it, SetTraffic)]


def test_a_service_of_somebody_is_taken_over_when_that_is_decided() -> None:
    assert not taking_over(0, taken=False).actions
    assert taking_over(0, ADOPT, taken=False).actions[:1] == (
        SetOwnership(ChildRef("Service", KEY.name), orphan=False),
    )


CALLERS: dict[str, tuple[int, list[object]]] = {
    "stay where they are while no pod is ready": (0, []),
    "stay where they are while one pod is missing": (3, []),
    "move to the first revision once it is whole": (4, [Only(V2)]),
}


@pytest.mark.parametrize(("ready", "moved"), CALLERS.values(), ids=CALLERS)
def test_callers_of_a_service_that_was_taken_over(ready: int, moved: list[object]) -> None:
    assert routed(taking_over(ready)) == moved
