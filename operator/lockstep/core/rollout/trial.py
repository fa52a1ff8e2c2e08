"""A candidate on trial beside stable, step by step, whatever strategy the steps come from."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Unpack, assert_never

from lockstep.api.changes import StageChanges, changed
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
from lockstep.core.rollout.stages import (
    RETURNED,
    Step,
    criteria_invalid,
    deadline,
    found,
    gives_way,
    problem,
    walk,
)
from lockstep.core.rollout.view import Assessment, DesiredState, View, soonest


def assess(view: View, stable: Arm, candidate: Arm) -> Assessment:
    """Answer a pass of a trial."""
    trial = _trial(view, stable, candidate)
    match classify(trial):
        case Failed(found_failure):
            return outcome.reject(trial.view, found_failure)
        case Unjudgeable(claim):
            assessment = _assessment(trial, Phase.DEGRADED, claim.reason, claim.message)
            return outcome.invalid(assessment, claim)
        case SpecProblem(claim):
            assessment = _assessment(trial, Phase.DEGRADED, claim.reason, claim.message)
            return outcome.invalid(replace(assessment, desired=_staying(trial)), claim)
        case Stuck(found_failure):
            message = messages.stuck(found_failure)
            return _assessment(trial, Phase.DEGRADED, found_failure.reason, message)
        case Moving():
            return _under_way(trial, Reason.MOVING, _moving(trial))
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
    if trial.status.standing_since is None or not _is_held(trial):
        return _unsettled(trial, verdict)
    return _judge(trial, verdict)


def _is_held(trial: Trial) -> bool:
    return trial.status.entered_at is not None and trial.there


def _unsettled(trial: Trial, verdict: gates.Outcome | None) -> Situation:
    """Who was awaited in a stage is awaited on when a pod is away for a moment."""
    halted = _halted(trial, verdict) if trial.status.entered_at else None
    if halted and not trial.status.vouched_by:
        return halted
    return Halted(Reason.WEIGHT_NOT_REACHED, _unreachable(trial)) if trial.overdue else Moving()


def _nobody_answers(trial: Trial) -> bool:
    """Stable went first and the candidate does not come: to pause would leave callers waiting."""
    return gives_way(trial.view.spec) and not trial.stable.ready


def _judge(trial: Trial, verdict: gates.Outcome | None) -> Situation:
    undecided = None if trial.status.vouched_by else _undecided(trial, verdict)
    unheard = Measuring(trial.unheard) if trial.unheard else None
    return undecided or _awaited(trial) or unheard or StagePassed()


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
        return Halted(HALTS[type(verdict)], f"{said}; {_way_out(verdict)}")
    if status.deadline is not None and trial.view.now >= status.deadline:
        return Halted(
            Reason.DEADLINE_EXCEEDED,
            messages.deadline(trial.stage, status, verdict, trial.view.now),
        )
    return None


def _trial(view: View, stable: Arm, candidate: Arm) -> Trial:
    """Bring the status of the stage up to date: smoke test, entry, progress clock, gates."""
    view = proving.smoked(view, candidate)
    trial = _at_stage(view, stable, candidate)
    if view.spec.replicas == 0:
        return _emptied(trial)
    return _measured(_clocked(_unhurried(_entered(_watched(trial)))))


def _watched(trial: Trial) -> Trial:
    """What became of the candidate's pods; a soak that stood is proof enough of standing."""
    deadline = trial.view.spec.progress_deadline
    steady = min(_soak(trial) or deadline, deadline)
    pods, target = trial.candidate, trial.target.candidate
    status = standing.watched(trial.view, trial.status, pods, target, steady)
    return replace(trial, status=status, view=trial.view.with_status(stage=status))


def _soak(trial: Trial) -> timedelta:
    return gates.soak(trial.stage, found(trial.view, trial.stage))


def _emptied(trial: Trial) -> Trial:
    """Without pods nothing is proven: the stage begins anew when there are some."""
    fresh = StageStatus(name=trial.stage.name, index=trial.status.index)
    return replace(trial, status=fresh, view=trial.view.with_status(stage=fresh, gates=()))


def _way_out(verdict: gates.Failed | gates.Shared | gates.Inconclusive) -> str:
    heals = isinstance(verdict, gates.Inconclusive) and verdict.heals
    return messages.WAITS_FOR_DATA if heals else messages.WAITS_FOR_A_PERSON


def current(view: View) -> Step | None:
    """The stage that status names, as the spec has it now; None when it is another one there."""
    return _named(walk(view), view.status.stage)


def _named(walked: tuple[Step, ...], status: StageStatus | None) -> Step | None:
    if status is None or status.index >= len(walked) or walked[status.index].name != status.name:
        return None
    return walked[status.index]


def _at_stage(view: View, stable: Arm, candidate: Arm) -> Trial:
    """Where the trial is; when the spec's stages changed under it, the stage begins anew."""
    walked, status = walk(view), view.status.stage
    stage = _named(walked, status)
    if stage is None or status is None:
        index = min(status.index if status else 0, len(walked) - 1)
        stage, status = walked[index], StageStatus(name=walked[index].name, index=index)
        view = view.with_status(gates=())
    view = view.with_status(stage=status)
    return Trial(
        view=view,
        stable=stable,
        candidate=candidate,
        stage=stage,
        status=status,
        desired=towards(view, stable, candidate, stage),
    )


def _with(trial: Trial, **changes: Unpack[StageChanges]) -> Trial:
    status = changed(trial.status, **changes)
    return replace(trial, status=status, view=trial.view.with_status(stage=status))


def _entered(trial: Trial) -> Trial:
    """Start the stage's clocks once its weight is reached; a changed spec moves their ends.

    The soak counts from when the candidate last came to stand there; the deadline knows no break.
    """
    status, soak = trial.status, _soak(trial)
    if status.entered_at is None and not (proving.proven(trial.view) and trial.arrived):
        return trial
    entered, since = status.entered_at or trial.view.now, _standing_since(trial)
    return _with(
        trial,
        entered_at=entered,
        standing_since=since,
        soak_until=since + soak if since else None,
        deadline=entered + deadline(trial.stage, soak),
    )


def _standing_since(trial: Trial) -> datetime | None:
    """Time without the weight is no soak, and neither is time without pods.

    Right after a break nobody knows yet whether its pods are available: the next pass will see.
    """
    since, now = trial.status.standing_since, trial.view.now
    if not trial.weighed or trial.broken:
        return None
    if since and trial.status.entered_at:
        return since
    stands = standing.stands(trial.status, trial.candidate, trial.target.candidate)
    return now if trial.there and stands else None


def _unhurried(trial: Trial) -> Trial:
    """Nobody is late for a pause: whoever had time left is asked anew after it."""
    ballot = approving.ballot(trial.view, trial.stage)
    if ballot is None or not trial.view.paused or ballot.closed(trial.view.now):
        return trial
    return _with(trial, approval_asked_at=None)


def _clocked(trial: Trial) -> Trial:
    """The progress clock; without a count of pods it runs while everything else is waited for."""
    view, before = trial.view, trial.status
    status = proving.clocked(view, before, trial.candidate, trial.target.candidate)
    if status.progress_at is None and status.entered_at is None and not view.paused:
        since = before.progress_at if before.progress_ready is None else None
        status = changed(status, progress_at=since or view.now)
    return replace(trial, status=status, view=trial.view.with_status(stage=status))


def gate_trial(view: View, stage: Step, status: StageStatus) -> gates.Trial | None:
    """What the gates need to know; None where there is nothing to measure (yet)."""
    entered, candidate = status.entered_at, view.status.candidate
    criteria = found(view, stage)
    if entered is None or candidate is None or not criteria:
        return None
    soak = gates.soak(stage, criteria)
    return gates.Trial(
        namespace=view.observed.key.namespace,
        name=view.observed.key.name,
        candidate=candidate.revision,
        stable=view.status.stable.revision if view.status.stable else None,
        weight=stage.weight,
        entered_at=entered,
        soak_until=status.soak_until or view.now + soak,
        patient_until=entered + soak,
        default_action=view.spec.rollback.on_failure,
        criteria=criteria,
        gates=view.status.gates,
    )


def _measured(trial: Trial) -> Trial:
    asked = gate_trial(trial.view, trial.stage, trial.status)
    if asked is None:
        return trial
    judged = gates.judge(asked, trial.view.observed.answers.metrics, trial.view.now)
    return replace(trial, view=trial.view.with_status(gates=judged.gates), judged=judged)


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


def _moving(trial: Trial) -> str:
    return _on_the_way(trial) + standing.told(trial.view, trial.candidate)


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


def _staying(trial: Trial) -> DesiredState:
    return towards(trial.view, trial.stable, trial.candidate, _held(trial))


def _held(trial: Trial) -> Step:
    """Where a trial stays that must not go on: no caller more reaches it than already did."""
    stage, index = trial.stage, trial.status.index
    if not reaches(trial.view.routing, trial.candidate.revision):
        return replace(stage, weight=0, shared=False)
    before = walk(trial.view)[index - 1] if index and trial.status.entered_at is None else stage
    return before if before.weight else stage


def _unreachable(trial: Trial) -> str:
    said = messages.unreachable(
        trial.view, trial.stage, trial.stable, trial.candidate, trial.target
    )
    return said + strangers.delay(trial.view)


def _asking(trial: Trial, ballot: Ballot) -> Assessment:
    """The time to approve runs from the pass in which nothing else is wanting."""
    asked = _with(trial, approval_asked_at=trial.status.approval_asked_at or trial.view.now)
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
