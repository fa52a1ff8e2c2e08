"""What the children need beside a rollout: a budget, their owner, a restart; and who disturbs them.

Nothing here moves callers or decides about a revision.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from lockstep.api.model_deployment import DeletionPolicy
from lockstep.api.status import Phase, Truth
from lockstep.core.children.budget import NEEDED_FROM
from lockstep.core.conditions import Claim
from lockstep.core.observed import ChildDeployment, Foreign
from lockstep.core.plan import (
    Action,
    Event,
    EventType,
    PutBudget,
    PutDeployment,
    RemoveBudget,
    SetOwnership,
)
from lockstep.core.rollout import messages
from lockstep.core.rollout.view import Stance, View, soonest

BUDGET: Final = "PodDisruptionBudget"
TRY_AGAIN_AFTER: Final = timedelta(seconds=15)


def actions(view: View, stance: Stance) -> Iterator[Action]:
    """What the children lack; the budget comes last, as its name may be somebody else's."""
    orphan = view.spec.deletion_policy is DeletionPolicy.ORPHAN
    for child in view.observed.misowned:
        yield SetOwnership(child, orphan=orphan)
    yield from _budget(view, stance)


def _budget(view: View, stance: Stance) -> Iterator[Action]:
    there = view.observed.budget
    if view.spec.replicas < NEEDED_FROM:
        if there:
            yield RemoveBudget()
        return
    guarded = bool(stance.aim.counts) and not _foreign_budget(view)
    if guarded and (there is None or there.drifted):
        yield PutBudget(exists=there is not None)


def _foreign_budget(view: View) -> Foreign | None:
    """A budget that took our budget's name: it may even do our budget's work, so nothing stops."""
    if view.spec.replicas < NEEDED_FROM:
        return None
    return next((it for it in view.observed.foreign if it.kind == BUDGET), None)


def wait(view: View) -> timedelta | None:
    """When to look again although nothing rings: a restart is due, a name may have come free."""
    due = view.spec.restart_at
    left = due - view.now if due and due > view.now else None
    return soonest(left, TRY_AGAIN_AFTER if _foreign_budget(view) else None)


def restarted_at(view: View, child: ChildDeployment | None) -> datetime | None:
    """The restart that a Deployment's pods shall have gone through; a new one has new pods.

    What was kept of a failure stays as it failed. A restart is never taken back: that would be
    another one.
    """
    asked, rejected = view.spec.restart_at, view.memory.rejected
    if child is None or asked is None or asked > view.now:
        return child.restarted_at if child else None
    failed = rejected is not None and rejected.revision == child.revision
    younger = child.created is not None and child.created >= asked
    done = child.restarted_at is not None and child.restarted_at >= asked
    return child.restarted_at if failed or younger or done else asked


def told(view: View, stance: Stance) -> Stance:
    """The stance, which is not Healthy while stable's pods are being replaced."""
    stable, named = view.stable, stance.memory.stable
    if stance.phase is not Phase.HEALTHY or stable is None or named is None:
        return stance
    child = stable.deployment
    if child is None or not _restarting(view, child):
        return stance
    pod = next((pod for pod in stable.pods if pod.trouble and not pod.terminating), None)
    if pod and pod.trouble:
        message = messages.restart_stuck(named, stable, pod.name, pod.trouble)
        return replace(stance, phase=Phase.DEGRADED, reason=pod.trouble.reason, message=message)
    message = messages.restarting(named, stable)
    return replace(stance, phase=Phase.PROGRESSING, reason="Restarting", message=message)


def _restarting(view: View, child: ChildDeployment) -> bool:
    return child.outdated > 0 or restarted_at(view, child) != child.restarted_at


def events(view: View, actions: Iterable[Action]) -> Iterator[Event]:
    """A restart and an edit by hand are told once, with what is done about them."""
    seen = view.observed
    for action in actions:
        match action:
            case PutDeployment(revision=revision, restarted_at=at):
                child = seen.arm(revision).deployment
                if child and at and child.restarted_at != at:
                    yield Event(EventType.NORMAL, "Restarting", messages.restart(child, at))
            case PutBudget(exists=True):
                message = messages.restored(f"{BUDGET} {seen.key.name}")
                yield Event(EventType.WARNING, "ChildRestored", message)
            case _:
                pass


def conflict(view: View) -> Claim | None:
    """Somebody else's object in the way of the upkeep; it stops no rollout."""
    claims = [Claim(Truth.TRUE, *said) for said in _conflicts(view)]
    if not claims:
        return None
    return replace(claims[0], message="; ".join(claim.message for claim in claims))


def _conflicts(view: View) -> Iterator[tuple[str, str]]:
    for autoscaler in view.observed.autoscalers:
        message = messages.autoscaler_on_child(view.observed.key.name, autoscaler)
        yield "AutoscalerOnChild", message
    foreign = _foreign_budget(view)
    if foreign:
        yield "NameTaken", messages.budget_taken(foreign)


def orphaned(view: View) -> Claim | None:
    """Whether a deletion would leave the children; None where they are to go with their owner."""
    left = view.observed.misowned
    if view.spec.deletion_policy is DeletionPolicy.ORPHAN:
        if left:
            return Claim(Truth.FALSE, "StillOwned", messages.still_owned(left))
        return Claim(Truth.TRUE, "ChildrenStay", messages.CHILDREN_STAY)
    return Claim(Truth.FALSE, "BeingOwned", messages.being_owned(left)) if left else None
