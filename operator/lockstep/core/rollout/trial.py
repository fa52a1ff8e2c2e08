"""A candidate on trial beside stable, step by step, whatever strategy the steps come from."""

from dataclasses import replace
from datetime import timedelta
from typing import assert_never

from lockstep.api.conditions import ConditionReason, Reason
from lockstep.api.failures import FailureReason
from lockstep.api.model_deployment import FailureAction
from lockstep.api.model_deployment_status import Phase, StageStatus
from lockstep.core.gates import stage as gates
from lockstep.core.rollout import (
    approving,
    messages,
    outcome,
    ports,
    proving,
    returns,
    standing,
    strangers,
)
from lockstep.core.rollout.approving import Ballot
from lockstep.core.rollout.events import told_reason
from lockstep.core.rollout.failures import Failure, failure, next_failure
from lockstep.core.rollout.observed import Arm
from lockstep.core.rollout.routing import reaches
from lockstep.core.rollout.situation import (
    HALTS,
    Failed,
    Halted,
    Measuring,
    Moving,
    Situation,
    SpecProblem,
    StagePassed,
    Stuck,
    Trial,
    Unapproved,
    Unjudgeable,
    towards,
)
from lockstep.core.rollout.staged import staged, with_stage
from lockstep.core.rollout.stages import RETURNED, criteria_invalid, gives_way, problem, walk
from lockstep.core.rollout.view import Assessment, DesiredState, View, soonest


def assess(view: View, stable: Arm, candidate: Arm) -> Assessment:
    """Answer a pass of a trial."""
    trial = staged(view, stable, candidate)
    match classify(trial):
        case Failed(found_failure):
            return outcome.reject(trial.view, found_failure)
        case Unjudgeable(claim):
            assessment = _assessment(trial, Phase.DEGRADED, claim.reason, claim.message)
            return outcome.invalid(assessment, claim)
        case SpecProblem(claim):
            assessment = _assessment(trial, Phase.DEGRADED, claim.reason, claim.message)
            return outcome.invalid(replace(assessment, desired=_held(trial)), claim)
        case Stuck(found_failure):
            message = messages.stuck(found_failure)
            return _assessment(trial, Phase.DEGRADED, found_failure.reason, message)
        case Moving():
            said = _on_the_way(trial) + standing.told(trial.view, trial.candidate)
            return _under_way(trial, Reason.MOVING, said)
        case Halted(reason, message):
            return _assessment(trial, Phase.PAUSED, reason, message)
        case Measuring(message):
            return _under_way(trial, Reason.MEASURING, message)
        case Unapproved(ballot):
            return _asking(trial, ballot)
        case StagePassed():
            return _onwards(trial)
        case other:
            assert_never(other)


def classify(trial: Trial) -> Situation:
    """Name the one situation a trial is in; safety stands on top."""
    view = trial.view
    failed = failure(view, trial.candidate)
    verdict = trial.judged.outcome if trial.judged else None
    alone = view.status.stable is None
    goes_back = view.spec.rollback.on_failure is FailureAction.ROLLBACK or _nobody_answers(trial)
    back = goes_back and not alone
    if failed and (failed.final or back):
        return Failed(failed)
    if isinstance(verdict, gates.Failed) and verdict.action is FailureAction.ROLLBACK:
        return Failed(Failure(FailureReason.GATE_FAILED, verdict.message))
    if failed and alone:
        return Stuck(failed)
    if failed:
        said = messages.in_stage(trial.status, failed.message)
        return Halted(failed.reason, f"{said}; {messages.WAITS_FOR_PODS}")
    if view.spec.replicas == 0:
        return Halted(Reason.NO_REPLICAS, messages.NO_REPLICAS)
    invalid, claim = returns.problem(view) or ports.problem(view), problem(view, trial.stage)
    if invalid:
        return SpecProblem(invalid)
    if isinstance(verdict, gates.Invalid):
        claim = claim or criteria_invalid(verdict.message)
    if claim:
        return Unjudgeable(claim)
    if None in (trial.status.standing_since, trial.status.entered_at) or not trial.there:
        return _unsettled(trial, verdict)
    undecided = None if trial.status.vouched_by else _undecided(trial, verdict)
    unheard = Measuring(trial.unheard) if trial.unheard else None
    return undecided or _awaited(trial) or unheard or StagePassed()


def _unsettled(trial: Trial, verdict: gates.Outcome | None) -> Situation:
    """Who was awaited in a stage is awaited on when a pod is away for a moment."""
    halted = _halted(trial, verdict) if trial.status.entered_at else None
    if halted and not trial.status.vouched_by:
        return halted
    if not trial.overdue:
        return Moving()
    arms = trial.stable, trial.candidate
    said = messages.unreachable(trial.view, trial.stage, *arms, trial.target)
    return Halted(Reason.WEIGHT_NOT_REACHED, said + strangers.delay(trial.view))


def _nobody_answers(trial: Trial) -> bool:
    """Stable went first and the candidate does not come: to pause would leave callers waiting."""
    return gives_way(trial.view.spec) and not trial.stable.ready


def _awaited(trial: Trial) -> Halted | Unapproved | None:
    """Who has to do something once soak and gates are content; None when nobody has."""
    ballot = approving.ballot(trial.view, trial.stage)
    wanting = None if ballot is None or ballot.complete else ballot
    if wanting and wanting.closed(trial.view.now):
        return Halted(Reason.APPROVAL_EXPIRED, messages.approval_expired(trial.stage, wanting))
    if trial.view.paused:
        return Halted(Reason.PAUSED, messages.passed_but_paused(trial.view, trial.stage))
    if wanting:
        return Unapproved(wanting)
    if trial.stage.manual and not trial.status.vouched_by:
        return Halted(Reason.PROMOTION_NEEDED, messages.promotion_needed(trial.view, trial.stage))
    return None


def _undecided(trial: Trial, verdict: gates.Outcome | None) -> Halted | Measuring | None:
    """What soak and gates still want; None once both are content."""
    status = trial.status
    soaked = status.soak_until is not None and trial.view.now >= status.soak_until
    if soaked and (verdict is None or isinstance(verdict, gates.Passed)):
        return None
    halted = _halted(trial, verdict)
    if halted:
        return halted
    message = messages.measuring(trial.stage, status, verdict, trial.view.now)
    return Measuring(message + standing.told(trial.view, trial.candidate))


def _halted(trial: Trial, verdict: gates.Outcome | None) -> Halted | None:
    """What nobody but a person, or better data, brings to an end."""
    status = trial.status
    if isinstance(verdict, gates.Failed | gates.Shared | gates.Inconclusive):
        said = messages.in_stage(status, verdict.message)
        heals = isinstance(verdict, gates.Inconclusive) and verdict.heals
        way_out = messages.WAITS_FOR_DATA if heals else messages.WAITS_FOR_A_PERSON
        return Halted(HALTS[type(verdict)], f"{said}; {way_out}")
    if status.deadline is not None and trial.view.now >= status.deadline:
        return Halted(
            Reason.DEADLINE_EXCEEDED,
            messages.deadline(trial.stage, status, verdict, trial.view.now),
        )
    return None


def _assessment(trial: Trial, phase: Phase, reason: ConditionReason, message: str) -> Assessment:
    return Assessment(
        status=trial.view.status,
        phase=phase,
        reason=reason,
        message=message,
        desired=trial.desired,
        wait=_wait(trial),
    )


def _under_way(trial: Trial, reason: ConditionReason, message: str) -> Assessment:
    """A person who was awaited before a break, and is still, goes on being awaited.

    A phase that comes and goes would silence whoever wants to know what has waited for an hour.
    """
    before, awaited = trial.view.observed.status, _awaited(trial)
    same = before.stage is not None and before.stage.entered_at == trial.status.entered_at
    asked = awaited.reason if isinstance(awaited, Halted) else Reason.APPROVAL_NEEDED
    if not (awaited and same and trial.status.entered_at and told_reason(before) == asked):
        return _assessment(trial, Phase.PROGRESSING, reason, message)
    return _assessment(trial, Phase.PAUSED, asked, f"{message}; {messages.STILL_AWAITED}")


def _wait(trial: Trial) -> timedelta | None:
    view, status = trial.view, trial.status
    ballot = approving.ballot(view, trial.stage)
    closes = ballot.closes if ballot else None
    ends = (until - view.now for until in (status.soak_until, status.deadline, closes) if until)
    return soonest(
        next_failure(view, trial.candidate),
        trial.judged.look_again if trial.judged else None,
        *(end for end in ends if end > timedelta(0)),
    )


def _on_the_way(trial: Trial) -> str:
    if not proving.proven(trial.view) and trial.view.spec.smoke_test and trial.candidate.ready:
        return messages.smoke_testing(trial.view.version, trial.view.spec.smoke_test)
    if trial.view.status.stable is None:
        return messages.first(trial.view, trial.candidate)
    candidate = trial.view.status.candidate
    if candidate and candidate.ungated == RETURNED:
        return messages.returning(candidate, trial.candidate, trial.target)
    said = messages.moving(trial.view, trial.stage, trial.candidate, trial.stable, trial.target)
    return said + strangers.delay(trial.view)


def _held(trial: Trial) -> DesiredState:
    """Where a trial stays that must not go on: no caller more reaches it than already did."""
    stage, index = trial.stage, trial.status.index
    if not reaches(trial.view.routing, trial.candidate.revision):
        stage = replace(stage, weight=0, shared=False)
    elif index and trial.status.entered_at is None and walk(trial.view)[index - 1].weight:
        stage = walk(trial.view)[index - 1]
    return towards(trial.view, trial.stable, trial.candidate, stage)


def _asking(trial: Trial, ballot: Ballot) -> Assessment:
    """The time to approve runs from the pass in which nothing else is wanting."""
    asked = with_stage(trial, approval_asked_at=trial.status.approval_asked_at or trial.view.now)
    known = approving.ballot(asked.view, asked.stage) or ballot
    message = messages.approval_needed(asked.view, asked.stage, known)
    return _assessment(asked, Phase.PAUSED, Reason.APPROVAL_NEEDED, message)


def _onwards(trial: Trial) -> Assessment:
    trial = replace(trial, view=proving.timed(trial.view, trial.status))
    walked = walk(trial.view)
    following = trial.status.index + 1
    if following == len(walked):
        return outcome.promote(trial.view)
    status = StageStatus(name=walked[following].name, index=following)
    view = trial.view.with_status(stage=status, gates=())
    return assess(view, trial.stable, trial.candidate)
