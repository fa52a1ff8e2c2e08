"""What the children need beside a rollout: a budget, their owner; and who disturbs them.

Nothing here moves callers or decides about a revision.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from lockstep.api.condition import Truth
from lockstep.api.conditions import Reason
from lockstep.api.events import EventReason
from lockstep.api.model_deployment import DeletionPolicy
from lockstep.api.model_deployment_status import Phase
from lockstep.core.conditions import Claim
from lockstep.core.facts import ChildRef, Foreign
from lockstep.core.plan import Event
from lockstep.core.rollout import adoption, child_messages, restart, shortage, strangers
from lockstep.core.rollout.actions import (
    Action,
    PutBudget,
    PutReplicaSet,
    RemoveBudget,
    RemovePod,
    SetOwnership,
)
from lockstep.core.rollout.children.budget import NEEDED_FROM
from lockstep.core.rollout.observed import Arm
from lockstep.core.rollout.view import Assessment, View, soonest

BUDGET: Final = "PodDisruptionBudget"
TRY_AGAIN_AFTER: Final = timedelta(seconds=15)


def actions(view: View, assessment: Assessment) -> Iterator[Action]:
    """What the children lack; the budget comes last, as its name may be somebody else's."""
    orphan = view.spec.deletion_policy is DeletionPolicy.ORPHAN
    for child in view.observed.misowned:
        yield SetOwnership(child, orphan=orphan)
    yield from adoption.actions(view)
    yield from _budget(view, assessment)


def _budget(view: View, assessment: Assessment) -> Iterator[Action]:
    there = view.observed.budget
    if view.spec.replicas < NEEDED_FROM:
        if there:
            yield RemoveBudget()
        return
    unowned = ChildRef(BUDGET, view.observed.key.name) in view.observed.unowned
    guarded = bool(assessment.desired.counts) and not (unowned or _foreign_budget(view))
    if guarded and (there is None or there.drifted):
        yield PutBudget(exists=there is not None)


def _foreign_budget(view: View) -> Foreign | None:
    """A budget that took our budget's name: it may even do our budget's work, so nothing stops."""
    if view.spec.replicas < NEEDED_FROM:
        return None
    return next((it for it in view.observed.foreign if it.kind == BUDGET), None)


def wait(view: View) -> timedelta | None:
    """When to look again with nothing enqueued: a restart is due, a name may have come free."""
    due = view.spec.restart_at
    left = due - view.now if due and due > view.now else None
    return soonest(left, TRY_AGAIN_AFTER if _foreign_budget(view) else None)


def told(view: View, assessment: Assessment) -> Assessment:
    """The assessment, which is not Healthy while stable's pods are being replaced."""
    stable, named = view.stable, assessment.status.stable
    if assessment.phase is not Phase.HEALTHY or stable is None or named is None:
        return assessment
    left = len(restart.outdated(view, stable))
    if not left:
        return assessment
    pod = next((pod for pod in stable.made if pod.sick), None)
    if pod and pod.sick:
        message = child_messages.restart_stuck(named, stable, pod.name, pod.sick)
        return replace(assessment, phase=Phase.DEGRADED, reason=pod.sick.reason, message=message)
    message = child_messages.restarting(named, left, edited=not restart.due(view, stable))
    message += shortage.told(view, stable)
    refused = shortage.refusal(stable)
    if refused and shortage.takes_a_person(refused):
        return replace(assessment, phase=Phase.DEGRADED, reason=refused.reason, message=message)
    return replace(assessment, phase=Phase.PROGRESSING, reason=Reason.RESTARTING, message=message)


def events(view: View, actions: Sequence[Action]) -> Iterator[Event]:
    """A restart and an edit by hand are told once, with what is done about them."""
    at = restart.asked(view)
    for arm in view.observed.arms.values():
        if at and arm.replica_set and _restarts(view, arm, actions):
            message = child_messages.restart(arm.replica_set, at)
            yield Event(EventReason.RESTARTING, message)
    for pod in strangers.replaced(view, actions):
        message = child_messages.pod_replaced(pod)
        yield Event(EventReason.POD_REPLACED, message)
    if any(isinstance(action, PutBudget) and action.exists for action in actions):
        there = view.observed.budget
        hand = there.hand if there else None
        message = child_messages.restored(f"{BUDGET} {view.observed.key.name}", hand)
        yield Event(EventReason.CHILD_RESTORED, message)


def _restarts(view: View, arm: Arm, actions: Sequence[Action]) -> bool:
    """Whether the restart that spec.restartAt asks for begins with these actions."""
    child = arm.replica_set
    if child is None or child.surplus or not restart.due(view, arm):
        return False
    puts = {it.revision for it in actions if isinstance(it, PutReplicaSet) and it.surplus}
    removals = {it.revision for it in actions if isinstance(it, RemovePod)}
    return arm.revision in puts or (arm.revision in removals and restart.begins(view, arm))


def conflict(view: View) -> Claim | None:
    """Somebody else's object in the way of the upkeep; it stops no rollout."""
    claims = [Claim(Truth.TRUE, *said) for said in _conflicts(view)]
    if not claims:
        return None
    return replace(claims[0], message="; ".join(claim.message for claim in claims))


def _conflicts(view: View) -> Iterator[tuple[Reason, str]]:
    for autoscaler in view.observed.autoscalers:
        message = child_messages.autoscaler_on_child(view.observed.key.name, autoscaler)
        yield Reason.AUTOSCALER_ON_CHILD, message
    yield from strangers.conflicts(view)
    yield from adoption.conflicts(view)
    foreign = _foreign_budget(view)
    if foreign:
        yield Reason.NAME_TAKEN, child_messages.budget_conflict(foreign)


def orphaned(view: View) -> Claim | None:
    """Whether a deletion would leave the children; None where they are to go with their owner."""
    left = view.observed.misowned
    if view.spec.deletion_policy is DeletionPolicy.ORPHAN:
        if left:
            return Claim(Truth.FALSE, Reason.STILL_OWNED, child_messages.still_owned(left))
        return Claim(Truth.TRUE, Reason.CHILDREN_STAY, child_messages.CHILDREN_STAY)
    return (
        Claim(Truth.FALSE, Reason.BEING_OWNED, child_messages.being_owned(left)) if left else None
    )
