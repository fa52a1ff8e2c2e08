"""One pass decided: bring the status up to date, name the situation, answer it. Pure.

    observed -> updating.view_of -> View -> classify -> Situation -> assess -> Assessment
             -> report.plan -> Plan(status, actions, events, look_again)

``classify`` is a ladder, and safety stands on top: what fits first wins.

    Unowned         a restored backup: nothing is touched before somebody says whose it is
    Taken           a name that callers need is somebody else's
    Lost            stable can no longer be rendered: what runs of it stays as it is
    OnTrial, First  a candidate is up: beside stable (trial.py), or alone (first.py)
    Left            a trial ended without a fault, and stable is not whole yet
    Unstartable     what the spec says cannot be, or cannot be walked
    Settled         the spec asks for stable
    Rejected        the spec asks for what was taken back
    Held, Untried   a new revision: it may not begin now, or it may

Three promises hold for every one of them, and tests/unit/rollout/test_every_world.py looks for a
world that breaks one. Callers are sent only to pods that were proven, or that have answered so far.
What was taken back gets nobody again before a person says so. And a repeated pass plans nothing: an
Assessment says what is wanted, not what to do, and `diff` is what is missing.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from lockstep.api.condition import Truth
from lockstep.api.conditions import ConditionReason, ConditionType, Reason
from lockstep.api.model_deployment_status import Leaving, Phase, Rejection, RevisionStatus
from lockstep.core import names, quantities
from lockstep.core.conditions import Claim
from lockstep.core.facts import Foreign, Unreadable
from lockstep.core.last import of_last
from lockstep.core.refusals import REASONS, Cause
from lockstep.core.rollout import (
    adoption,
    asking,
    causes,
    child_messages,
    config,
    first,
    leaving,
    messages,
    outcome,
    ports,
    report,
    returns,
    size,
    trial,
    upkeep,
)
from lockstep.core.rollout.needs import Needs
from lockstep.core.rollout.observed import Arm, DryRunResult, Observed
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.stages import is_gated_first, plan_problem, room
from lockstep.core.rollout.steering import serve
from lockstep.core.rollout.updating import view_of
from lockstep.core.rollout.view import Assessment, DesiredState, View


@dataclass(frozen=True, slots=True)
class Taken:
    """A name we need belongs to somebody else."""

    foreign: Foreign


@dataclass(frozen=True, slots=True)
class Unowned:
    """Children stand that nobody owns: a restored backup, orphans of an earlier one."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Stable's stored template is gone and the spec does not say it any more."""

    stable: RevisionStatus


@dataclass(frozen=True, slots=True)
class Rejected:
    """The spec asks for what was rolled back."""

    rejected: Rejection


@dataclass(frozen=True, slots=True)
class Left:
    """A trial is over that nothing was wrong with, and stable is not whole yet."""

    leaving: Leaving
    stable: Arm


@dataclass(frozen=True, slots=True)
class Settled:
    """The spec asks for stable."""


@dataclass(frozen=True, slots=True)
class First:
    """A revision is coming up and there is no stable."""

    candidate: Arm


@dataclass(frozen=True, slots=True)
class OnTrial:
    """A candidate stands beside stable."""

    stable: Arm
    candidate: Arm


@dataclass(frozen=True, slots=True)
class Held:
    """A new revision is asked for and may not start, for a reason that is not its fault."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Unstartable:
    """A new revision is asked for that cannot be rolled out; ``claim`` names what is wrong."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class Untried:
    """A new revision is asked for and nothing is known against it."""


Situation = (
    Unowned
    | Taken
    | Lost
    | Rejected
    | Left
    | Settled
    | First
    | OnTrial
    | Held
    | Unstartable
    | Untried
)


def needs(observed: Observed, now: datetime) -> Needs:
    """What this pass has to ask before ``plan`` can decide."""
    if isinstance(observed.spec, Unreadable):
        return Needs()
    view = view_of(observed, observed.spec, now)
    return replace(_needs(view), events=causes.question(view))


def _needs(view: View) -> Needs:
    match classify(view):
        case Untried():
            return Needs(dry_run=asking.dry_run(view))
        case First(candidate) | OnTrial(_, candidate):
            return Needs(smoke=asking.smoke(view, candidate), questions=asking.questions(view))
        case _:
            return Needs()


def plan(observed: Observed, now: datetime) -> Plan:
    """Decide one pass: the same arguments give the same plan, and a repeated pass plans nothing.

    Args:
        observed: The world, with the answers to what ``needs`` asked.
        now: Aware UTC time of this pass.
    """
    if isinstance(observed.spec, Unreadable):
        return report.unreadable(observed, observed.spec, now)
    view = view_of(observed, observed.spec, now)
    return report.plan(view, assess(view))


@of_last
def classify(view: View) -> Situation:
    """Name the one situation the ModelDeployment is in; safety stands on top."""
    status, rejected = view.status, view.status.rejected
    foreign = _foreign(view)
    if adoption.blocks(view):
        return Unowned()
    if foreign:
        return Taken(foreign)
    if status.stable and _lost(view, status.stable):
        return Lost(status.stable)
    if view.candidate:
        return OnTrial(view.stable, view.candidate) if view.stable else First(view.candidate)
    if status.leaving and view.stable:
        return Left(status.leaving, view.stable)
    invalid = returns.problem(view)
    if invalid:
        return Unstartable(invalid)
    if status.stable and status.stable.revision == view.wanted.revision:
        return Settled()
    if rejected and rejected.revision == view.wanted.revision:
        return Rejected(rejected)
    return _beginning(view)


def _beginning(view: View) -> Situation:
    version = view.version
    if view.paused:
        return Held(Reason.PAUSED, messages.held(view))
    described = returns.described(view)
    problem = plan_problem(view, described) or ports.problem(view, described)
    problem = problem or config.problem(view) or size.problem(view)
    if problem:
        return Unstartable(problem)
    if view.spec.replicas == 0:
        return Held(Reason.NO_REPLICAS, f"version {version} waits: {messages.NO_REPLICAS}")
    return Untried()


def _foreign(view: View) -> Foreign | None:
    others = [it for it in view.observed.foreign if it.kind != upkeep.BUDGET]
    if not others:
        return None
    key = view.observed.key
    revisions = [view.wanted.revision]
    revisions += [named.revision for named in (view.status.stable,) if named]
    needed = _named_for(view, *revisions) | config.needed(view)
    if view.spec.strategy.blue_green or is_gated_first(view):
        needed.add(names.preview_name(key.name))
    return next((it for it in others if it.name in needed), None)


def _named_for(view: View, *revisions: str) -> set[str]:
    """Names without which callers reach none of these: the Service's and the ReplicaSets'."""
    name = view.observed.key.name
    return {name, *(names.child_name(name, revision) for revision in revisions)}


def _lost(view: View, stable: RevisionStatus) -> bool:
    return asking.template(view, stable.revision) is None


def assess(view: View) -> Assessment:
    """Answer the situation; every arm keeps callers served."""
    match classify(view):
        case Unowned() | Taken() as owned:
            return _not_ours(view, owned)
        case Lost(stable):
            return _standing(view, Phase.DEGRADED, Reason.REVISION_LOST, messages.lost(stable))
        case Rejected(rejected):
            return outcome.stay_rejected(view, rejected)
        case Left(left, stable_arm):
            return leaving.assessment(view, left, stable_arm)
        case Settled():
            return _settled(view)
        case First(candidate):
            return first.assess(view, candidate)
        case OnTrial(stable, candidate):
            return trial.assess(view, stable, candidate)
        case Held() | Unstartable() as waiting:
            return _not_started(view, waiting)
        case Untried():
            return _start(view)
        case other:
            assert_never(other)


def _not_started(view: View, waiting: Held | Unstartable) -> Assessment:
    if isinstance(waiting, Held):
        return _standing(view, Phase.PAUSED, waiting.reason, waiting.message)
    return _invalid(view, waiting.claim)


def _settled(view: View) -> Assessment:
    """Stable serves; what spec.service says of it may be wrong all the same, and is not done."""
    claim = ports.problem(view)
    return _invalid(view, claim) if claim else outcome.settled(view)


def _invalid(view: View, claim: Claim) -> Assessment:
    assessment = _standing(view, Phase.DEGRADED, claim.reason, claim.message)
    return outcome.invalid(assessment, claim)


def _standing(
    view: View, phase: Phase, reason: ConditionReason, message: str, wait: timedelta | None = None
) -> Assessment:
    return Assessment(
        status=view.status,
        phase=phase,
        reason=reason,
        message=message,
        desired=serve(view),
        wait=wait,
    )


def _not_ours(view: View, owned: Unowned | Taken) -> Assessment:
    if isinstance(owned, Unowned):
        return adoption.standing(view)
    message = child_messages.name_conflict(owned.foreign)
    return Assessment(
        status=view.status,
        phase=Phase.DEGRADED,
        reason=Reason.CONFLICT,
        message=message,
        desired=_around_it(view),
        wait=upkeep.TRY_AGAIN_AFTER,
        conflict=Claim(Truth.TRUE, Reason.NAME_TAKEN, message),
    )


def _around_it(view: View) -> DesiredState:
    """Stable goes on serving where only the name of the wanted revision is taken."""
    stable = view.status.stable
    if stable is None:
        return report.as_it_is(view)
    needed = _named_for(view, stable.revision)
    untouchable = any(foreign.name in needed for foreign in view.observed.foreign)
    return report.as_it_is(view) if untouchable else serve(view)


def _start(view: View) -> Assessment:
    """Begin the trial once the API server has said that it would take the revision."""
    version, known = view.version, view.observed.arm(view.wanted.revision).replica_set
    result = view.observed.answers.dry_run
    if known is None and (result is None or result.revision != view.wanted.revision):
        message = messages.checking(version)
        assessment = _standing(view, Phase.PROGRESSING, Reason.CHECKING, message, timedelta(0))
        return outcome.invalid(assessment, Claim(Truth.UNKNOWN, Reason.CHECKING, message))
    if known is None and result and result.problem and not _makes_room(view, result):
        problem = quantities.named(result.problem, view.wanted.inputs["template"])
        return _refused(view, problem, result.cause)
    return assess(outcome.begun(view, returns.described(view)))


def _makes_room(view: View, result: DryRunResult) -> bool:
    """Whether the rollout frees the place that its pod lacks: without a surge stable goes first."""
    space, stable = room(view.spec), view.stable
    frees = stable is not None and not space.max_surge and not space.keep
    spare = stable.present - space.floor if stable and frees else 0
    return result.cause is Cause.ROOM and result.kind == "Pod" and spare > 0


def _refused(view: View, problem: str, by: Cause) -> Assessment:
    version = view.version
    if by is Cause.SPEC:
        message = messages.refused(version, problem)
        assessment = _standing(
            view, Phase.DEGRADED, Reason.SPEC_REFUSED, message, upkeep.TRY_AGAIN_AFTER
        )
        return outcome.invalid(assessment, Claim(Truth.FALSE, Reason.SPEC_REFUSED, message))
    reason, message = REASONS[by], messages.refused_for_now(version, problem, by)
    since = report.since(view, ConditionType.SPEC_VALID, Truth.UNKNOWN)
    overdue = view.now >= since + view.spec.progress_deadline
    phase = Phase.PAUSED if overdue else Phase.PROGRESSING
    assessment = _standing(view, phase, reason, message, upkeep.TRY_AGAIN_AFTER)
    return outcome.invalid(assessment, Claim(Truth.UNKNOWN, reason, message))
