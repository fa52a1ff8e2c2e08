"""What is told of a ModelDeployment: the difference between two statuses, so it is told once.

What a trial has gone through in between is ``happened``'s.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from lockstep.api.status import (
    Condition,
    ModelDeploymentStatus,
    Outcome,
    Phase,
    StageStatus,
    Truth,
)
from lockstep.core.observed import CallerService, Observed
from lockstep.core.plan import Action, Event, EventType, PutReplicaSet, SetTraffic
from lockstep.core.rollout.stages import PROMOTED_FULL, SKIPPED

_TOLD_OTHERWISE: Final = {"RolledBack", PROMOTED_FULL, SKIPPED}
"""What became of a revision by a rollback or a Decision, which have events of their own."""


def between(before: ModelDeploymentStatus, after: ModelDeploymentStatus) -> tuple[Event, ...]:
    """The events that a change of status is worth; none when nobody would look twice."""
    return tuple(_changes(before, after))


def status_refused(said: str) -> Event:
    """What cannot be stored is not acted on: nothing happens any more until it can."""
    message = f"the API server does not take the status: {said}; nothing is done until it does"
    return Event(EventType.WARNING, "StatusRefused", message)


def restored(observed: Observed, actions: Sequence[Action]) -> tuple[Event, ...]:
    """One event for each child that somebody edited and that ``actions`` put back.

    Told only while the spec is the one that was last seen: what differs after a change of spec
    is ours to bring up to date, and nobody's edit.
    """
    if observed.status.observed_generation != observed.generation:
        return ()
    children = [arm.replica_set for arm in observed.arms.values()]
    drifted = [
        f"{child.kind} {child.name}"
        for child in children
        if child
        and any(isinstance(it, PutReplicaSet) and it.revision == child.revision for it in actions)
        and child.drifted
    ]
    if observed.service and _edited(observed.service, actions):
        drifted.append(f"Service {observed.key.name}")
    return tuple(
        Event(
            EventType.WARNING,
            "ChildRestored",
            f"{child} was edited by hand and is put back; change the ModelDeployment instead",
        )
        for child in drifted
    )


def _edited(service: CallerService, actions: Sequence[Action]) -> bool:
    """Whether an action undoes what somebody did to the Service; else it moves callers."""
    found = next((it for it in actions if isinstance(it, SetTraffic)), None)
    if found is None:
        return False
    return service.drifted or (service.edited and found.routing == service.routing)


def _changes(before: ModelDeploymentStatus, after: ModelDeploymentStatus) -> Iterator[Event]:
    if after.candidate:
        yield from _deaths(before.stage, after.stage)
    yield from _decisions(before, after)
    yield from _history(before, after)
    if after.rejected and before.rejected != after.rejected:
        rejected = after.rejected
        yield Event(EventType.WARNING, "RolledBack", f"{rejected.reason}: {rejected.message}")
    elif after.phase in {Phase.PAUSED, Phase.DEGRADED} and told_reason(before) != told_reason(
        after
    ):
        yield Event(EventType.WARNING, told_reason(after), after.message)


def _deaths(before: StageStatus | None, after: StageStatus | None) -> Iterator[Event]:
    known = before.deaths.count if before and before.deaths else 0
    if after and after.deaths and after.deaths.count > known:
        counted = f"{after.deaths.count} so far in stage {after.name}"
        yield Event(EventType.WARNING, "PodDied", f"{after.deaths.message} ({counted})")


def _history(before: ModelDeploymentStatus, after: ModelDeploymentStatus) -> Iterator[Event]:
    for line in after.history:
        if line not in before.history and line.outcome not in _TOLD_OTHERWISE:
            message = f"version {line.version} (revision {line.revision}): {line.message}"
            yield Event(EventType.NORMAL, line.outcome, message)


def _decisions(before: ModelDeploymentStatus, after: ModelDeploymentStatus) -> Iterator[Event]:
    known = {it.uid for it in before.decisions}
    for taken in after.decisions:
        if taken.uid not in known:
            kind = EventType.WARNING if taken.outcome is Outcome.REFUSED else EventType.NORMAL
            message = f"Decision {taken.name}: {taken.message}"
            yield Event(kind, f"Decision{taken.outcome}", message)


def told_reason(status: ModelDeploymentStatus) -> str:
    """The reason of the phase: the same on Ready, Stalled and Paused."""
    ready = next((it for it in status.conditions if _tells(it)), None)
    return ready.reason if ready else ""


def _tells(condition: Condition) -> bool:
    return condition.type == "Ready" and condition.status is not Truth.UNKNOWN
