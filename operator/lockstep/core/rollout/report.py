"""An assessment becomes a plan: status, conditions, what is told; `diff` has the actions."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from lockstep.api.base import DEPLOYMENT_LABEL
from lockstep.api.changes import changed
from lockstep.api.condition import Truth
from lockstep.api.conditions import ConditionReason, ConditionType, Reason
from lockstep.api.model_deployment_status import (
    ModelDeploymentStatus,
    Phase,
    RevisionStatus,
    Weights,
)
from lockstep.core import conditions
from lockstep.core.conditions import Claim, truth
from lockstep.core.facts import Unreadable
from lockstep.core.rollout import (
    adoption,
    blockers,
    causes,
    child_messages,
    clocks,
    config,
    diff,
    events,
    happened,
    rebuilding,
    refused,
    rerouting,
    settling,
    standing,
    upkeep,
)
from lockstep.core.rollout.observed import Arm, Observed
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.replicas import Counts, replicas_that_do, share, split, too_far
from lockstep.core.rollout.routing import Everyone, Routing, Shares, reaches, share_of
from lockstep.core.rollout.stages import WHOLE, room, steps, walk
from lockstep.core.rollout.view import Assessment, DesiredState, View, soonest

_ORDER: Final = tuple(ConditionType)
_MESSAGE: Final = 1024


def plan(view: View, assessment: Assessment) -> Plan:
    """Everything that follows from an assessment."""
    assessment, before = settling.told(view, upkeep.told(view, assessment)), view.observed.status
    if view.weighted:
        assessment = rerouting.held(view, assessment)
    actions = tuple(diff.actions(view, assessment))
    assessment = refused.told(view, assessment, actions)
    refusal = refused.claim(view, actions)
    status = standing.let_go(_status(view, assessment, refusal), actions)
    new = happened.reached(view, status)
    return Plan(
        status=status,
        actions=actions,
        events=(
            *clocks.told(view.observed.stepped),
            *happened.events(view, status, new),
            *events.between(before, status, assessment.reason),
            *events.restored(view.observed, actions),
            *upkeep.events(view, actions),
            *refused.events(before, refusal, assessment.reason),
            *rebuilding.events(assessment.status.stable, actions),
        ),
        verdicts=tuple(it.gate.verdict for it in new),
        concluded=happened.concluded(view, status, new),
        look_again=soonest(
            assessment.wait,
            upkeep.wait(view),
            causes.wait(view),
            blockers.wait(view),
            settling.wait(view),
        ),
    )


def unreadable(observed: Observed, spec: Unreadable, now: datetime) -> Plan:
    """The API server let in what we cannot read: say which field, touch nothing."""
    message = f"{spec.message}; fix the field; Lockstep changes nothing until then"
    before = observed.status
    callers = observed.service.routing if observed.service else None
    answering = any(reaches(callers, arm.revision) and arm.ready for arm in observed.arms.values())
    claims = {
        ConditionType.AVAILABLE: Claim(truth(answering), _answer(answering)),
        **_progress(Phase.DEGRADED, Reason.SPEC_INVALID, message),
        ConditionType.SPEC_VALID: Claim(Truth.FALSE, Reason.SPEC_INVALID, message),
    }
    status = changed(
        before,
        observed_generation=observed.generation,
        phase=Phase.DEGRADED,
        message=message[:_MESSAGE],
        conditions=conditions.update(_ORDER, before.conditions, claims, observed.generation, now),
    )
    return Plan(status=status, events=events.between(before, status, Reason.SPEC_INVALID))


def as_it_is(view: View) -> DesiredState:
    """Touch nothing: every ReplicaSet at its size, callers where they are."""
    arms = view.observed.arms.values()
    return DesiredState(counts={arm.revision: arm.wanted for arm in arms if arm.replica_set})


def since(view: View, kind: ConditionType, status: Truth) -> datetime:
    """Since when a condition has had this status; now if it has not."""
    for condition in view.observed.status.conditions:
        if condition.type == kind and condition.status is status:
            return condition.last_transition_time
    return view.now


def _status(view: View, assessment: Assessment, refusal: Claim | None) -> ModelDeploymentStatus:
    observed, arms = view.observed, view.observed.arms.values()
    answering = _answering(view, assessment)
    claims = _claims(view, assessment, answering)
    claims |= {ConditionType.REFUSED: refusal} if refusal else {}
    generation = observed.generation
    return changed(
        assessment.status,
        observed_generation=generation,
        phase=assessment.phase,
        message=assessment.message[:_MESSAGE],
        weights=_weights(view, assessment),
        secrets=config.secrets(view, assessment.status.stable),
        candidate_secrets=config.secrets(view, assessment.status.candidate),
        replicas=min(sum(arm.present for arm in arms), view.spec.replicas),
        ready_replicas=answering,
        selector=f"{DEPLOYMENT_LABEL}={observed.key.name}",
        conditions=conditions.update(
            _ORDER, observed.status.conditions, claims, generation, view.now
        ),
    )


def _weights(view: View, assessment: Assessment) -> Weights | None:
    """None where nobody is between two revisions: 0 percent would be said of no candidate."""
    status = assessment.status
    if status.candidate is None:
        left = _left_behind(view, status.stable)
        method = view.spec.traffic_method.name
        return Weights(desired=0, actual=left, method=method) if left else None
    stage = status.stage
    walked = walk(replace(view, status=status))
    known = stage is not None and stage.index < len(walked)
    desired = walked[stage.index].weight if stage and known else 100
    stable = view.observed.arm(status.stable.revision).ready if status.stable else 0
    candidate = view.observed.arm(status.candidate.revision)
    actual = _actual(view.routing, candidate, stable)
    if view.pending and view.observed.status.weights:
        actual = view.observed.status.weights.actual
    return Weights(desired=desired, actual=actual, method=view.spec.traffic_method.name)


def _left_behind(view: View, stable: RevisionStatus | None) -> int:
    """Percent of callers that still meet an ended trial's pods."""
    if isinstance(view.routing, Shares):
        return WHOLE - share_of(view.routing, stable.revision if stable else "")
    reached = {
        arm.revision: arm.ready
        for arm in view.observed.arms.values()
        if reaches(view.routing, arm.revision)
    }
    ours = reached.pop(stable.revision, 0) if stable else 0
    return share(Counts(candidate=sum(reached.values()), stable=ours))


def _actual(routing: Routing | None, candidate: Arm, stable: int) -> int:
    match routing:
        case Everyone():
            return share(Counts(candidate=candidate.ready, stable=stable))
        case _:
            return share_of(routing, candidate.revision)


def _answering(view: View, assessment: Assessment) -> int:
    """Ready pods that callers reach, or will as soon as this is carried out."""
    stays = assessment.desired.routing is None or refused.stays(view)
    routing = view.routing if stays else assessment.desired.routing
    return sum(arm.ready for arm in view.observed.arms.values() if reaches(routing, arm.revision))


def _claims(view: View, assessment: Assessment, answering: int) -> dict[ConditionType, Claim]:
    claims = {
        ConditionType.AVAILABLE: adoption.available(view) or _available(view, answering),
        **_progress(assessment.phase, assessment.reason, assessment.message),
        ConditionType.SPEC_VALID: assessment.valid,
    }
    conflict, orphaned = assessment.conflict or upkeep.conflict(view), upkeep.orphaned(view)
    if conflict:
        claims[ConditionType.CONFLICT] = conflict
    if orphaned:
        claims[ConditionType.ORPHANED] = orphaned
    if assessment.settling:
        claims[ConditionType.SETTLING] = assessment.settling
    claims |= config.claims(view, assessment)
    approximate = _approximate(view, assessment)
    if approximate:
        claims[ConditionType.WEIGHT_APPROXIMATE] = approximate
    return claims


def _available(view: View, answering: int) -> Claim:
    service = view.observed.service
    if service and service.astray:
        return Claim(
            Truth.UNKNOWN, Reason.CALLERS_ASTRAY, child_messages.astray(view.observed.key.name)
        )
    said = f"{answering} pods receive traffic" if answering else "no ready pod receives traffic"
    return Claim(truth(answering), _answer(answering), said)


def _answer(answering: object) -> Reason:
    return Reason.PODS_READY if answering else Reason.NO_POD_READY


def _progress(phase: Phase, reason: ConditionReason, message: str) -> dict[ConditionType, Claim]:
    """The four conditions that a phase stands for; only the one that holds carries the sentence."""
    named = {
        ConditionType.READY: phase is Phase.HEALTHY,
        ConditionType.RECONCILING: phase is Phase.PROGRESSING,
        ConditionType.STALLED: phase is Phase.DEGRADED,
        ConditionType.PAUSED: phase is Phase.PAUSED,
    }
    return {
        kind: Claim(truth(holds), reason, message if holds or kind is ConditionType.READY else "")
        for kind, holds in named.items()
    }


def _approximate(view: View, assessment: Assessment) -> Claim | None:
    stage, space = assessment.status.stage, room(view.spec)
    walked = steps(view.spec, assessment.status.candidate)
    if stage is None or assessment.status.stable is None or stage.index >= len(walked):
        return None
    weight = walked[stage.index].weight
    if weight in {0, WHOLE} or not too_far(weight, space):
        return None
    enough = replicas_that_do(weight, space)
    advice = f"use {enough} replicas" if enough else "no number of replicas is enough"
    return Claim(
        Truth.TRUE,
        Reason.TOO_FEW_REPLICAS,
        f"{weight}% is not possible with {space.replicas} replicas, the closest is "
        f"{share(split(weight, space))}%; {advice}",
    )
