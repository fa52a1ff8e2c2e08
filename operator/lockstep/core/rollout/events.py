"""What is told of a ModelDeployment: the difference between two statuses, so it is told once.

What a trial has gone through in between is ``happened``'s.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

from lockstep.api.condition import Truth
from lockstep.api.conditions import ConditionReason, ConditionType
from lockstep.api.durations import format_duration
from lockstep.api.events import EventReason
from lockstep.api.history import Became
from lockstep.api.model_deployment_status import ModelDeploymentStatus, Outcome, Phase, StageStatus
from lockstep.core.plan import Event
from lockstep.core.rollout import child_messages
from lockstep.core.rollout.actions import Action, PutReplicaSet, SetTraffic
from lockstep.core.rollout.observed import CallerService, Observed

_DECIDED: Final[Mapping[Outcome, EventReason]] = {
    Outcome.APPLIED: EventReason.DECISION_APPLIED,
    Outcome.SUPERSEDED: EventReason.DECISION_SUPERSEDED,
    Outcome.REFUSED: EventReason.DECISION_REFUSED,
}


def between(
    before: ModelDeploymentStatus, after: ModelDeploymentStatus, reason: ConditionReason
) -> tuple[Event, ...]:
    """The events that a change of status is worth; none when nobody would look twice.

    ``reason`` is that of the phase after it.
    """
    return tuple(_changes(before, after, reason))


def pass_ended(waited_for: str, after: timedelta) -> Event:
    """What does not get on is tried again; until then nobody's callers or pods are touched."""
    message = (
        f"a pass was stopped after {format_duration(after)}: it waited for {waited_for}; earlier "
        "writes remain, traffic and pods stay as they are, and Lockstep retries by itself; if "
        "this continues, check that the API server, admission webhooks and Prometheus respond"
    )
    return Event(EventReason.PASS_ENDED, message)


def status_refused(said: str) -> Event:
    """What cannot be stored is not acted on: nothing happens any more until it can."""
    message = f"the API server rejects the status: {said}; Lockstep does nothing until it accepts"
    return Event(EventReason.STATUS_REFUSED, message)


def restored(observed: Observed, actions: Sequence[Action]) -> tuple[Event, ...]:
    """One event for each child that somebody edited and that ``actions`` put back.

    Told only while the spec is the one that was last seen: what differs after a change of spec
    is ours to bring up to date, and nobody's edit.
    """
    if observed.status.observed_generation != observed.generation:
        return ()
    children = [arm.replica_set for arm in observed.arms.values()]
    drifted = [
        child_messages.restored(f"ReplicaSet {child.name}", child.hand)
        for child in children
        if child
        and any(isinstance(it, PutReplicaSet) and it.revision == child.revision for it in actions)
        and child.drifted
    ]
    if observed.service and _edited(observed.service, actions):
        service = f"Service {observed.key.name}"
        drifted.append(child_messages.restored(service, observed.service.hand))
    return tuple(Event(EventReason.CHILD_RESTORED, said) for said in drifted)


def _edited(service: CallerService, actions: Sequence[Action]) -> bool:
    """Whether an action undoes what somebody did to the Service; else it moves callers."""
    found = next((it for it in actions if isinstance(it, SetTraffic)), None)
    if found is None:
        return False
    return service.drifted or (service.edited and found.routing == service.routing)


def _changes(
    before: ModelDeploymentStatus, after: ModelDeploymentStatus, reason: ConditionReason
) -> Iterator[Event]:
    if after.candidate:
        yield from _deaths(before.stage, after.stage)
    yield from _decisions(before, after)
    yield from _history(before, after)
    if after.rejected and before.rejected != after.rejected:
        rejected = after.rejected
        yield Event(EventReason.ROLLED_BACK, f"{rejected.reason}: {rejected.message}")
    elif after.phase in {Phase.PAUSED, Phase.DEGRADED} and told_reason(before) != reason:
        yield Event(reason, after.message)


def _deaths(before: StageStatus | None, after: StageStatus | None) -> Iterator[Event]:
    known = before.deaths.count if before and before.deaths else 0
    if after and after.deaths and after.deaths.count > known:
        counted = f"{after.deaths.count} so far in stage {after.name}"
        yield Event(EventReason.POD_DIED, f"{after.deaths.message} ({counted})")


def _history(before: ModelDeploymentStatus, after: ModelDeploymentStatus) -> Iterator[Event]:
    for line in after.history:
        reason = _ENDED.get(line.outcome)
        if reason and line not in before.history:
            message = f"version {line.version} (revision {line.revision}): {line.message}"
            yield Event(reason, message)


def _ended(became: Became) -> EventReason | None:
    """None where a rollback or a Decision has an event of its own."""
    match became:
        case Became.PROMOTED:
            return EventReason.PROMOTED
        case Became.RETURNED:
            return EventReason.RETURNED
        case Became.SUPERSEDED:
            return EventReason.SUPERSEDED
        case Became.ROLLED_BACK | Became.PROMOTED_FULL | Became.STAGE_SKIPPED:
            return None


_ENDED: Final = {str(it): reason for it in Became if (reason := _ended(it))}


def _decisions(before: ModelDeploymentStatus, after: ModelDeploymentStatus) -> Iterator[Event]:
    known = {it.uid for it in before.decisions}
    for taken in after.decisions:
        if taken.uid not in known:
            yield Event(_DECIDED[taken.outcome], f"Decision {taken.name}: {taken.message}")


def told_reason(status: ModelDeploymentStatus) -> str:
    """The reason of the phase: the same on Ready, Stalled and Paused."""
    ready = next((it for it in status.conditions if it.type == ConditionType.READY), None)
    return ready.reason if ready and ready.status is not Truth.UNKNOWN else ""
