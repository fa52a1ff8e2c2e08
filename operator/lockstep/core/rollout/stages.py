"""The stages of a rollout as they are walked, and whether they can be walked at all."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from lockstep.api.base import format_duration
from lockstep.api.model_deployment import CriteriaRef, ModelDeploymentSpec, StableScale, Stage
from lockstep.api.status import Truth
from lockstep.core.conditions import Claim
from lockstep.core.gates import stage as gates
from lockstep.core.observed import Criteria, Unreadable
from lockstep.core.rollout.replicas import Room
from lockstep.core.rollout.steering import WHOLE, rolling_surge
from lockstep.core.rollout.view import View

DEADLINE_AFTER_SOAK = timedelta(hours=1)
Found = tuple[tuple[CriteriaRef, Criteria], ...]


def stages(spec: ModelDeploymentSpec) -> tuple[Stage, ...]:
    """The user's stages, and a last one at 100 percent where theirs end below it."""
    canary = spec.strategy.canary
    if canary is None:
        return (Stage(name="rolling", weight=WHOLE),)
    if canary.stages[-1].weight == WHOLE:
        return canary.stages
    return (*canary.stages, Stage(name="promotion", weight=WHOLE))


def room(spec: ModelDeploymentSpec) -> Room:
    canary = spec.strategy.canary
    if canary is None:
        return Room(replicas=spec.replicas, max_surge=rolling_surge(spec.replicas))
    keep = canary.stable_scale is StableScale.KEEP
    return Room(replicas=spec.replicas, max_surge=canary.max_surge, keep=keep)


def deadline(stage: Stage, soak: timedelta) -> timedelta:
    """How long after its start a stage may still be undecided."""
    return stage.deadline or soak + DEADLINE_AFTER_SOAK


def found(view: View, stage: Stage) -> Found:
    """The stage's criteria, when all of them can be read (see ``problem``)."""
    pairs = ((ref, view.observed.criteria.get(ref)) for ref in stage.exit_criteria)
    return tuple((ref, criteria) for ref, criteria in pairs if isinstance(criteria, Criteria))


def problem(view: View, stage: Stage) -> Claim | None:
    """Why ``stage`` cannot be judged, naming the object or the field; None when it can."""
    return next(_problems(view.observed.criteria, stage, view.observed.key.namespace), None)


def _problems(
    known: Mapping[CriteriaRef, Criteria | Unreadable], stage: Stage, namespace: str
) -> Iterator[Claim]:
    for ref in stage.exit_criteria:
        criteria = known.get(ref)
        where = f" in namespace {namespace}" if ref.kind.value == "ExitCriteria" else ""
        if criteria is None:
            yield Claim(
                Truth.FALSE,
                "CriteriaMissing",
                f"stage {stage.name} refers to {ref.kind.value} {ref.name}, which does not exist"
                f"{where}; create it or change the stage",
            )
        if isinstance(criteria, Unreadable):
            unreadable = f"{ref.kind.value} {ref.name} cannot be read: {criteria.message}"
            yield Claim(Truth.FALSE, "CriteriaInvalid", unreadable)
    pairs = ((ref, known.get(ref)) for ref in stage.exit_criteria)
    readable = tuple((ref, item) for ref, item in pairs if isinstance(item, Criteria))
    sentence = gates.problems(stage, readable)
    if sentence:
        yield Claim(Truth.FALSE, "CriteriaInvalid", sentence)
    soak = gates.soak(stage, readable)
    if stage.deadline is not None and stage.deadline <= soak:
        yield Claim(
            Truth.FALSE,
            "DeadlineTooShort",
            f"stage {stage.name} has a deadline of {format_duration(stage.deadline)}, not longer "
            f"than its soak of {format_duration(soak)}: it could never pass; raise the deadline",
        )


def plan_problem(view: View) -> Claim | None:
    """Why a rollout of the wanted revision cannot begin; None when it can."""
    space = room(view.spec)
    if view.stable and space.replicas == 1 and not space.max_surge and not space.keep:
        return Claim(
            Truth.FALSE,
            "NoRoomForCandidate",
            "replicas 1 with maxSurge 0 leaves no place for a candidate beside the only stable "
            "pod; set strategy.canary.maxSurge to 1 or replicas to 2",
        )
    claims = (problem(view, stage) for stage in stages(view.spec))
    return next((claim for claim in claims if claim), None)
