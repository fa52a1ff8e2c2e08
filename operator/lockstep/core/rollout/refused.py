"""Writes of ours that the API server refuses: what that stops, whose it is, and how it is said."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from lockstep.api.base import cut
from lockstep.api.condition import MOST_OF_A_CONDITION, Truth
from lockstep.api.conditions import ConditionReason, ConditionType, Reason
from lockstep.api.model_deployment_status import ModelDeploymentStatus, Phase
from lockstep.core.conditions import Claim
from lockstep.core.facts import (
    Refused,
    Verb,
    Write,
)
from lockstep.core.plan import Event
from lockstep.core.refusals import REASONS, Cause
from lockstep.core.rollout.actions import Action
from lockstep.core.rollout.view import Assessment, View
from lockstep.core.rollout.writes import write

_MOST: Final = 3
_SENTENCE: Final = 320
_MADE: Final = frozenset({Verb.CREATED, Verb.CHANGED})
_NEEDED: Final = frozenset({"ReplicaSet", "ControllerRevision", "ConfigMap", "Service"})
"""Kinds without which a rollout, or stable, does not get on."""
_WAYS_OUT: Final[Mapping[Cause, str]] = {
    Cause.SPEC: "change the object or the rule that forbids it",
    Cause.PLATFORM: "fix the component that the message names",
    Cause.ROOM: "free or raise the quota",
}


def stays(view: View) -> bool:
    """Whether callers stay where they are because nobody lets us send them anywhere."""
    mine = {Write(verb, "Service", view.observed.key.name) for verb in _MADE}
    return any(it.write in mine for it in view.observed.refused)


def told(view: View, assessment: Assessment, actions: Sequence[Action]) -> Assessment:
    """The assessment, which neither is Healthy nor gets on while something it needs is refused."""
    needed = [it for it in _standing(view, actions) if _is_needed(it)]
    quiet = (
        assessment.phase in {Phase.HEALTHY, Phase.PROGRESSING}
        or assessment.reason is Reason.WEIGHT_NOT_REACHED
    )
    if not needed or not quiet:
        return assessment
    worst = min(needed, key=lambda it: it.cause is not Cause.SPEC)
    lasts = worst.cause is Cause.SPEC or _overdue(view)
    return replace(
        assessment,
        phase=Phase.DEGRADED if lasts else Phase.PROGRESSING,
        reason=REASONS[worst.cause],
        message=f"{sentence(worst)}; everything else continues: {assessment.message}",
    )


def _is_needed(it: Refused) -> bool:
    return it.write.kind in _NEEDED and it.write.verb in _MADE


def _overdue(view: View) -> bool:
    """Whether the cluster has been unwell for longer than a rollout waits for anything."""
    for condition in view.observed.status.conditions:
        if condition.type == ConditionType.REFUSED and condition.status is Truth.TRUE:
            return view.now >= condition.last_transition_time + view.spec.progress_deadline
    return False


def claim(view: View, actions: Sequence[Action]) -> Claim | None:
    """Everything that is refused and still wanted; None where there is nothing."""
    standing = _standing(view, actions)
    if not standing:
        return None
    said = [sentence(it) for it in standing[:_MOST]]
    more = len(standing) - len(said)
    said += [f"and {more} more"] if more else []
    worst = min(standing, key=lambda it: it.cause is not Cause.SPEC)
    return Claim(Truth.TRUE, REASONS[worst.cause], "; ".join(said))


def events(
    before: ModelDeploymentStatus, refusal: Claim | None, reason: ConditionReason
) -> Iterator[Event]:
    """Told once, where ``reason``, that of the phase, does not tell it already."""
    kind = ConditionType.REFUSED
    was = next((it.reason for it in before.conditions if it.type == kind), "")
    if refusal and refusal.reason not in {was, reason}:
        yield Event(refusal.reason, refusal.message[:MOST_OF_A_CONDITION])


def sentence(it: Refused) -> str:
    """What was to become of which object, the server's own words, and what to do."""
    said = cut(it.message, _SENTENCE)
    return f"{it.write}: {said}; {_WAYS_OUT[it.cause]}; Lockstep retries by itself"


def _standing(view: View, actions: Sequence[Action]) -> list[Refused]:
    """What is refused of that which is still to be done."""
    planned = {write(view.observed.key, action) for action in actions}
    return [it for it in view.observed.refused if it.write in planned]
