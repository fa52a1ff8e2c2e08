"""A stance becomes a plan: status and conditions, the actions that are missing, what is told."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from lockstep.api.base import DEPLOYMENT_LABEL
from lockstep.api.conditions import ConditionReason, ConditionType, Reason
from lockstep.api.service import alike
from lockstep.api.status import ModelDeploymentStatus, Phase, RevisionStatus, Truth, Weights
from lockstep.core import conditions, revision
from lockstep.core.conditions import Claim, truth
from lockstep.core.observed import (
    Arm,
    ChildReplicaSet,
    Everyone,
    Nobody,
    Observed,
    Only,
    Routing,
    Unreadable,
)
from lockstep.core.plan import (
    Action,
    Plan,
    PruneRevision,
    PutReplicaSet,
    RemovePreview,
    RemoveReplicaSet,
    SetPreview,
    SetTraffic,
    StoreRevision,
)
from lockstep.core.rollout import (
    adoption,
    approving,
    blockers,
    causes,
    clocks,
    config,
    deciding,
    events,
    happened,
    messages,
    ports,
    rebuilding,
    refused,
    restart,
    settling,
    standing,
    upkeep,
)
from lockstep.core.rollout.asking import template
from lockstep.core.rollout.replicas import Counts, replicas_that_do, share, split, too_far
from lockstep.core.rollout.stages import WHOLE, room, steps, walk
from lockstep.core.rollout.view import Assessment, DesiredState, View, reaches, soonest

_MESSAGE: Final = 1024


def plan(view: View, stance: Assessment) -> Plan:
    """Everything that follows from a stance."""
    stance, before = settling.told(view, upkeep.told(view, stance)), view.observed.status
    actions = tuple(_actions(view, stance))
    stance = refused.told(view, stance, actions)
    refusal = refused.claim(view, actions)
    status = standing.let_go(_status(view, stance, refusal), actions)
    return Plan(
        status=status,
        actions=actions,
        events=(
            *clocks.told(view.observed.stepped),
            *happened.events(view, status),
            *events.between(before, status, stance.reason),
            *events.restored(view.observed, actions),
            *upkeep.events(view, actions),
            *refused.events(before, refusal, stance.reason),
            *rebuilding.events(stance.memory.stable, actions),
        ),
        verdicts=tuple(it.gate.verdict for it in happened.reached(view, status)),
        concluded=happened.concluded(view, status),
        look_again=soonest(
            stance.wait,
            upkeep.wait(view),
            causes.wait(view),
            blockers.wait(view),
            settling.wait(view),
        ),
    )


def unreadable(observed: Observed, spec: Unreadable, now: datetime) -> Plan:
    """The API server let in what we cannot read: say which field, touch nothing."""
    message = f"{spec.message}; fix the field, nothing is changed until then"
    before = observed.status
    callers = observed.service.routing if observed.service else None
    answering = any(reaches(callers, arm.revision) and arm.ready for arm in observed.arms.values())
    claims = {
        ConditionType.AVAILABLE: Claim(truth(answering), _answer(answering)),
        **_progress(Phase.DEGRADED, Reason.SPEC_INVALID, message),
        ConditionType.SPEC_VALID: Claim(Truth.FALSE, Reason.SPEC_INVALID, message),
    }
    status = before.model_copy(
        update={
            "observed_generation": observed.generation,
            "phase": Phase.DEGRADED,
            "message": message[:_MESSAGE],
            "conditions": conditions.update(before.conditions, claims, observed.generation, now),
        }
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


def _status(view: View, stance: Assessment, refusal: Claim | None) -> ModelDeploymentStatus:
    observed, arms = view.observed, view.observed.arms.values()
    answering = _answering(view, stance)
    claims = _claims(view, stance, answering)
    claims |= {ConditionType.REFUSED: refusal} if refusal else {}
    generation = observed.generation
    return stance.memory.model_copy(
        update={
            "observed_generation": generation,
            "phase": stance.phase,
            "message": stance.message[:_MESSAGE],
            "weights": _weights(view, stance),
            "secrets": config.secrets(view, stance.memory.stable),
            "candidate_secrets": config.secrets(view, stance.memory.candidate),
            "replicas": min(sum(arm.present for arm in arms), view.spec.replicas),
            "ready_replicas": answering,
            "selector": f"{DEPLOYMENT_LABEL}={observed.key.name}",
            "conditions": conditions.update(
                observed.status.conditions, claims, generation, view.now
            ),
        }
    )


def _weights(view: View, stance: Assessment) -> Weights | None:
    """None where nobody is between two revisions: 0 percent would be said of no candidate."""
    memory = stance.memory
    if memory.candidate is None:
        left = _left_behind(view, memory.stable)
        return Weights(desired=0, actual=left) if left else None
    stage = memory.stage
    walked = walk(replace(view, memory=memory))
    known = stage is not None and stage.index < len(walked)
    desired = walked[stage.index].weight if stage and known else 100
    stable = view.observed.arm(memory.stable.revision).ready if memory.stable else 0
    candidate = view.observed.arm(memory.candidate.revision)
    return Weights(desired=desired, actual=_actual(view.routing, candidate, stable))


def _left_behind(view: View, stable: RevisionStatus | None) -> int:
    """Percent of callers that still meet an ended trial's pods."""
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
        case Only(only) if only == candidate.revision:
            return 100
        case _:
            return 0


def _answering(view: View, stance: Assessment) -> int:
    """Ready pods that callers reach, or will as soon as this is carried out."""
    stays = stance.aim.routing is None or refused.stays(view)
    routing = view.routing if stays else stance.aim.routing
    return sum(arm.ready for arm in view.observed.arms.values() if reaches(routing, arm.revision))


def _claims(view: View, stance: Assessment, answering: int) -> dict[ConditionType, Claim]:
    claims = {
        ConditionType.AVAILABLE: adoption.available(view) or _available(view, answering),
        **_progress(stance.phase, stance.reason, stance.message),
        ConditionType.SPEC_VALID: stance.valid,
    }
    conflict, orphaned = stance.conflict or upkeep.conflict(view), upkeep.orphaned(view)
    if conflict:
        claims[ConditionType.CONFLICT] = conflict
    if orphaned:
        claims[ConditionType.ORPHANED] = orphaned
    if stance.settling:
        claims[ConditionType.SETTLING] = stance.settling
    claims |= config.claims(view, stance)
    approximate = _approximate(view, stance)
    if approximate:
        claims[ConditionType.WEIGHT_APPROXIMATE] = approximate
    return claims


def _available(view: View, answering: int) -> Claim:
    service = view.observed.service
    if service and service.astray:
        return Claim(Truth.UNKNOWN, Reason.CALLERS_ASTRAY, messages.astray(view.observed.key.name))
    said = f"{answering} pods answer callers" if answering else "no pod answers callers"
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


def _approximate(view: View, stance: Assessment) -> Claim | None:
    stage, space = stance.memory.stage, room(view.spec)
    walked = steps(view.spec, stance.memory.candidate)
    if stage is None or stance.memory.stable is None or stage.index >= len(walked):
        return None
    weight = walked[stage.index].weight
    if weight in {0, WHOLE} or not too_far(weight, space):
        return None
    enough = replicas_that_do(weight, space)
    advice = f"{enough} replicas would do" if enough else "no number of replicas would do"
    return Claim(
        Truth.TRUE,
        Reason.TOO_FEW_REPLICAS,
        f"{weight}% cannot be met with {space.replicas} replicas, the closest is "
        f"{share(split(weight, space))}%; {advice}",
    )


def _actions(view: View, stance: Assessment) -> Iterator[Action]:
    """Callers are moved first; pods that nobody reaches then give up their places to new ones.

    Pods that callers reach go last, once those that take over have been asked for.
    """
    routing = stance.aim.routing or view.routing
    puts = [put for name, count in stance.aim.counts.items() if (put := _put(view, name, count))]
    yield from _store(view, stance)
    yield from config.actions(view, stance)
    yield from ports.notes(view, stance.memory)
    yield from _traffic(view, stance.aim.routing)
    yield from _preview(view, stance.aim.preview)
    yield from _removals(view, stance, routing)
    yield from sorted(puts, key=lambda put: _turn(view, put, routing))
    yield from _prune(view, stance)
    yield from upkeep.actions(view, stance)
    yield from deciding.answers(view.observed, stance.memory)
    yield from deciding.refusals(view)
    yield from _replaced(view, stance)


def _replaced(view: View, stance: Assessment) -> Iterator[Action]:
    """Pods that a restart takes; those that answer stay while nodes may not hear of others."""
    stays = settling.ends(view) is not None
    answering = {it.uid for arm in view.observed.arms.values() for it in arm.pods if it.ready}
    for removal in restart.removals(view, stance.aim.counts):
        if not (stays and removal.uid in answering):
            yield removal


def _removals(
    view: View, stance: Assessment, routing: Routing | None
) -> Iterator[RemoveReplicaSet]:
    for arm in view.observed.arms.values():
        child = arm.replica_set
        unwanted = arm.revision not in stance.aim.counts and not reaches(routing, arm.revision)
        if child and unwanted and not child.terminating:
            yield RemoveReplicaSet(arm.revision)


def _turn(view: View, put: PutReplicaSet, routing: Routing | None) -> int:
    if put.replicas >= view.observed.arm(put.revision).wanted:
        return 1
    return 2 if reaches(routing, put.revision) else 0


def _store(view: View, stance: Assessment) -> Iterator[StoreRevision]:
    if adoption.blocks(view):
        return
    wanted, stable = view.wanted, stance.memory.stable
    number = max((it.number for it in view.observed.stored), default=0) + 1
    if wanted.revision in stance.aim.counts and wanted.stored is None:
        yield StoreRevision(
            revision=wanted.revision,
            scheme=revision.SCHEME,
            number=number,
            inputs=wanted.inputs,
            template=template(view, wanted.revision) or {},
            authors=tuple(sorted(approving.authors(view).people)),
            ports=ports.stored(view),
        )
    elif stable and stable.revision != wanted.revision:
        yield from rebuilding.lost(view, stable, number)


def _put(view: View, name: str, count: int) -> PutReplicaSet | None:
    arm, rendered = view.observed.arm(name), template(view, name)
    child, surplus = arm.replica_set, restart.surplus(view, arm, count)
    if child and settling.ends(view):
        surplus = max(surplus, child.surplus)
    settled = _stands(child, count, surplus) if child else count == 0
    if settled or rendered is None or (child and child.terminating):
        return None
    return PutReplicaSet(
        revision=name,
        replicas=count,
        template=rendered,
        min_ready_seconds=view.spec.min_ready_seconds,
        exists=child is not None,
        surplus=surplus,
        edited=restart.edited(view, arm),
    )


def _stands(child: ChildReplicaSet, count: int, surplus: int) -> bool:
    return (child.replicas, child.surplus) == (count, surplus) and not child.drifted


def _traffic(view: View, routing: Routing | None) -> Iterator[SetTraffic]:
    service = view.observed.service
    if routing is None or (routing == Nobody() and adoption.elsewhere(view)):
        return
    there = service is not None and service.routing == routing
    if there and service and not service.drifted and not ports.drifted(view, routing):
        return
    yield SetTraffic(
        routing=routing,
        ports=ports.offered(view, routing),
        exists=service is not None,
        service=view.spec.service,
    )


def _preview(view: View, revision: str | None) -> Iterator[SetPreview | RemovePreview]:
    preview = view.observed.preview
    if revision is None:
        if preview:
            yield RemovePreview()
        return
    offered = ports.of(view, revision)
    there = preview is not None and preview.routing == Only(revision)
    if there and preview and not preview.drifted and alike(offered, preview.ports):
        return
    yield SetPreview(
        revision=revision,
        ports=offered,
        exists=preview is not None,
        service=view.spec.service,
    )


def _prune(view: View, stance: Assessment) -> Iterator[PruneRevision]:
    """Old revisions beyond the limit go, oldest first; those that status names stay."""
    memory = stance.memory
    kept = (memory.stable, memory.candidate, memory.rejected, memory.kept, memory.leaving)
    named = {it.revision for it in kept if it}
    named |= {view.wanted.revision, *stance.aim.counts}
    if memory.candidate is not None:
        return
    old = sorted(
        (it for it in view.observed.stored if it.revision not in named), key=lambda it: it.number
    )
    for stored in old[: max(0, len(old) - view.spec.revision_history_limit)]:
        yield PruneRevision(stored.name)
