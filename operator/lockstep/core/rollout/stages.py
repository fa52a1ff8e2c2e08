"""The steps that a rollout walks, whatever strategy they come from, and whether they can be walked.

A strategy is a table of steps; what a step waits for and how a trial ends is the same for all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from lockstep.api.changes import changed
from lockstep.api.condition import Truth
from lockstep.api.conditions import Reason
from lockstep.api.durations import format_duration
from lockstep.api.model_deployment import InitialRollout, ModelDeploymentSpec
from lockstep.api.model_deployment_status import RevisionStatus
from lockstep.api.strategy import (
    Approval,
    Bake,
    BlueGreen,
    Canary,
    CriteriaRef,
    PostPromotion,
    StableScale,
    Stage,
)
from lockstep.core.conditions import Claim
from lockstep.core.facts import Criteria, Unreadable
from lockstep.core.gates import stage as gates
from lockstep.core.last import of_last
from lockstep.core.rollout.replicas import Counts, Room, split
from lockstep.core.rollout.routing import reaches
from lockstep.core.rollout.view import View

WHOLE = 100
DEADLINE_AFTER_SOAK = timedelta(hours=1)
PREVIEW = "pre-promotion"
FIRST = "first"
INITIAL = "initial"
RETURNED = "Returned"
PROMOTED_FULL = "PromotedFull"
LAST_SKIPPED = "LastStageSkipped"
Found = tuple[tuple[CriteriaRef, Criteria], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a rollout.

    Attributes:
        weight: Percent of new connections that the candidate gets; 0: only the preview's.
        target: Pods of each arm.
        shared: Whether callers may be split on the way; otherwise all of them move at once.
        live: Whether gates are measured to the end of the soak, however many they asked for.
        manual: Whether somebody has to say Promote.
        down_from: The weight of the stage before, where that was more; 0 otherwise.
    """

    name: str
    weight: int
    target: Counts
    soak: timedelta = timedelta(0)
    deadline: timedelta | None = None
    exit_criteria: tuple[CriteriaRef, ...] = ()
    approval: Approval | None = None
    shared: bool = True
    live: bool = False
    manual: bool = False
    down_from: int = 0


def steps(spec: ModelDeploymentSpec, candidate: RevisionStatus | None) -> tuple[Step, ...]:
    """The way of ``candidate`` to all callers; one that is ``ungated`` gets there in one step."""
    if candidate and candidate.ungated:
        return (replace(_promotion(spec), name="direct"),)
    return _all_steps(spec)


@of_last
def _all_steps(spec: ModelDeploymentSpec) -> tuple[Step, ...]:
    canary, blue_green = spec.strategy.canary, spec.strategy.blue_green
    if blue_green:
        return tuple(_blue_green(spec, blue_green))
    if canary:
        return tuple(_canary(spec, canary))
    return (replace(_promotion(spec), name="rolling"),)


def is_held(step: Step) -> bool:
    """Whether anything is waited for once a step has its weight; otherwise it ends as it begins."""
    return bool(step.soak or step.exit_criteria or step.approval or step.manual)


def walk(view: View) -> tuple[Step, ...]:
    """The steps of the trial under way; a first rollout has a single one."""
    if view.status.stable is not None:
        return steps(view.spec, view.status.candidate)
    whole = Counts(candidate=view.spec.replicas, stable=0)
    if is_gated_first(view):
        return (_initial(view.spec, whole),)
    return (Step(name=FIRST, weight=WHOLE, target=whole),)


def is_gated_first(view: View) -> bool:
    """Whether a first revision has to pass all gates before anybody calls it.

    Callers that a direct rollout has let in already are not sent away for it.
    """
    status = view.status
    if status.stable is not None or view.spec.initial_rollout is not InitialRollout.GATE:
        return False
    candidate, direct = status.candidate, status.stage is not None and status.stage.name == FIRST
    if candidate is None:
        return True
    return not (candidate.ungated or (direct and reaches(view.routing, candidate.revision)))


def _initial(spec: ModelDeploymentSpec, whole: Counts) -> Step:
    """Every gate of the strategy at once, in preview; nobody is asked to approve."""
    gated = [step for step in steps(spec, None) if step.exit_criteria]
    held = [step for step in gated if not step.live]
    deadlines = [step.deadline for step in held if step.deadline]
    return Step(
        name=INITIAL,
        weight=0,
        target=whole,
        soak=max((step.soak for step in held), default=timedelta(0)),
        deadline=max(deadlines) if deadlines and len(deadlines) == len(held) else None,
        exit_criteria=tuple(dict.fromkeys(ref for step in gated for ref in step.exit_criteria)),
        shared=False,
    )


def _promotion(spec: ModelDeploymentSpec) -> Step:
    """All callers, with nothing to wait for but ready pods."""
    at_once = spec.strategy.blue_green is not None
    target = _both(spec) if at_once else split(WHOLE, room(spec))
    return Step(name="promotion", weight=WHOLE, target=target, shared=not at_once)


def _canary(spec: ModelDeploymentSpec, canary: Canary) -> Iterator[Step]:
    before = 0
    for stage in canary.stages:
        down_from = before if before > stage.weight else 0
        yield _stage(stage, split(stage.weight, room(spec)), down_from)
        before = stage.weight
    if canary.stages[-1].weight != WHOLE:
        yield _promotion(spec)
    if canary.bake:
        yield _watched(_promotion(spec), "bake", canary.bake)


def _stage(stage: Stage, target: Counts, down_from: int) -> Step:
    return Step(
        name=stage.name,
        weight=stage.weight,
        target=target,
        soak=stage.soak,
        deadline=stage.deadline,
        exit_criteria=stage.exit_criteria,
        approval=stage.approval,
        down_from=down_from,
    )


def _blue_green(spec: ModelDeploymentSpec, strategy: BlueGreen) -> Iterator[Step]:
    before, pods = strategy.pre_promotion, strategy.preview_replicas
    preview = spec.replicas if pods is None else min(pods, spec.replicas)
    yield Step(
        name=PREVIEW,
        weight=0,
        target=Counts(candidate=preview, stable=spec.replicas),
        soak=before.soak,
        deadline=before.deadline,
        exit_criteria=before.exit_criteria,
        approval=before.approval,
        shared=False,
        manual=not strategy.auto_promote,
    )
    yield _promotion(spec)
    if strategy.post_promotion:
        yield _watched(_promotion(spec), "post-promotion", strategy.post_promotion)


def _watched(step: Step, name: str, watch: Bake | PostPromotion) -> Step:
    """The same, held for a while in which stable could take callers back."""
    return replace(
        step, name=name, soak=watch.duration, exit_criteria=watch.exit_criteria, live=True
    )


def _both(spec: ModelDeploymentSpec) -> Counts:
    return Counts(candidate=spec.replicas, stable=spec.replicas)


@of_last
def room(spec: ModelDeploymentSpec) -> Room:
    """What bounds the pods of both arms: blue-green has both of them whole."""
    canary = spec.strategy.canary
    whole = spec.strategy.blue_green is not None
    keep = canary.stable_scale is StableScale.KEEP if canary else whole
    rolling = spec.strategy.rolling
    lacks = rolling.max_unavailable if rolling else 0
    return Room(
        replicas=spec.replicas,
        max_surge=max_surge(spec),
        keep=keep,
        may_lack=lacks,
        weighted=spec.traffic_method.weighted,
    )


def gives_way(spec: ModelDeploymentSpec) -> bool:
    """Whether the last pod of stable may go before the candidate has one: callers wait then."""
    return spec.replicas > 0 and room(spec).floor == 0


def max_surge(spec: ModelDeploymentSpec) -> int:
    """Pods above ``replicas``: the canary's own, as many again for blue-green, else a quarter."""
    if spec.strategy.canary:
        return spec.strategy.canary.max_surge
    if spec.strategy.blue_green:
        return max(1, spec.replicas)
    rolling = spec.strategy.rolling
    said = rolling.max_surge if rolling else None
    return rolling_surge(spec.replicas) if said is None else said


def rolling_surge(replicas: int) -> int:
    """A quarter of the replicas, at least one: what Kubernetes allows its rolling updates."""
    return max(1, -(-replicas // 4))


def deadline(step: Step, soak: timedelta) -> timedelta:
    """How long after its start a step may still be undecided."""
    return step.deadline or soak + DEADLINE_AFTER_SOAK


def found(view: View, step: Step) -> Found:
    """The step's criteria, when all of them can be read (see ``problem``)."""
    pairs = ((ref, view.observed.criteria.get(ref)) for ref in step.exit_criteria)
    known = ((ref, criteria) for ref, criteria in pairs if isinstance(criteria, Criteria))
    return tuple((ref, _to_the_end(it) if step.live else it) for ref, it in known)


def _to_the_end(criteria: Criteria) -> Criteria:
    """The same without counts: a metric that has seen enough is measured on."""
    metrics = tuple(changed(it, count=None) for it in criteria.spec.metrics)
    return replace(criteria, spec=changed(criteria.spec, metrics=metrics))


def problem(view: View, step: Step) -> Claim | None:
    """Why ``step`` cannot be judged, naming the object or the field; None when it can."""
    return next(_problems(view, step), None)


def criteria_invalid(sentence: str) -> Claim:
    """What stands in a stage's criteria cannot be measured."""
    return Claim(Truth.FALSE, Reason.CRITERIA_INVALID, sentence)


def _problems(view: View, step: Step) -> Iterator[Claim]:
    for ref in step.exit_criteria:
        yield from _unusable(view, step, ref)
    readable = found(view, step)
    sentence = gates.problems(step, readable)
    if sentence:
        yield criteria_invalid(sentence)
    soak = gates.soak(step, readable)
    if step.deadline is not None and step.deadline <= soak:
        yield Claim(
            Truth.FALSE,
            Reason.DEADLINE_TOO_SHORT,
            f"stage {step.name} has a deadline of {format_duration(step.deadline)}, which must be "
            f"longer than its soak of {format_duration(soak)}; raise the deadline",
        )


def _unusable(view: View, step: Step, ref: CriteriaRef) -> Iterator[Claim]:
    criteria = view.observed.criteria.get(ref)
    namespace = view.observed.key.namespace
    where = f" in namespace {namespace}" if ref.kind.value == "ExitCriteria" else ""
    if criteria is None:
        yield Claim(
            Truth.FALSE,
            Reason.CRITERIA_MISSING,
            f"stage {step.name} refers to {ref.kind.value} {ref.name}, which does not exist"
            f"{where}; create it or change the stage",
        )
    if isinstance(criteria, Unreadable):
        unreadable = f"{ref.kind.value} {ref.name} is invalid: {criteria.message}"
        yield Claim(Truth.FALSE, Reason.CRITERIA_INVALID, unreadable)


def plan_problem(view: View, candidate: RevisionStatus) -> Claim | None:
    """Why a rollout of ``candidate`` cannot begin; None when it can."""
    space = room(view.spec)
    narrow = space.replicas == 1 and not space.max_surge and space.floor
    if view.stable and narrow and not space.keep:
        return Claim(
            Truth.FALSE,
            Reason.NO_ROOM_FOR_CANDIDATE,
            "replicas 1 with maxSurge 0 leaves no room for a candidate beside the only stable "
            "pod; set strategy.canary.maxSurge to 1 or replicas to 2; if only one pod fits, "
            "replace the canary with `strategy: {rolling: {maxSurge: 0, maxUnavailable: 1}}`: the "
            "old pod is removed first, and no pod answers until the new one is ready",
        )
    initial = walk(view) if is_gated_first(view) else ()
    claims = (problem(view, step) for step in (*initial, *steps(view.spec, candidate)))
    return next((claim for claim in claims if claim), None)
