"""A trial's stage brought up to date with what has happened to it since the pass before.

A stage has clocks, and each has one rule. ``entered_at`` is set once, when the smoke test is passed
and pods and callers are first where the stage wants them. ``standing_since`` is set whenever they
come to stand there and cleared by every break; the soak counts from it. The deadline counts from
``entered_at`` and knows no break. ``progress_at`` counts what the candidate's pods take or, without
a count of them, whatever else is waited for. Gates are asked only after ``entered_at``.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Unpack

from lockstep.api.changes import StageChanges, changed
from lockstep.api.model_deployment_status import StageStatus
from lockstep.core.gates import stage as gates
from lockstep.core.rollout import approving, proving, standing
from lockstep.core.rollout.observed import Arm
from lockstep.core.rollout.situation import Trial, towards
from lockstep.core.rollout.stages import Step, deadline, found, walk
from lockstep.core.rollout.view import View


def staged(view: View, stable: Arm, candidate: Arm) -> Trial:
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


def with_stage(trial: Trial, **changes: Unpack[StageChanges]) -> Trial:
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
    return with_stage(
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
    return with_stage(trial, approval_asked_at=None)


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
