"""The first rollout: there is no stable to compare with or to return to, so there are no stages.

What has to pass its gates first is a trial of a single step, see ``stages.walk``.
"""

from lockstep.api.changes import changed
from lockstep.api.conditions import ConditionReason, Reason
from lockstep.api.model_deployment_status import Phase, StageStatus
from lockstep.core.rollout import (
    adoption,
    messages,
    outcome,
    ports,
    proving,
    returns,
    standing,
    trial,
)
from lockstep.core.rollout.failures import failure, next_failure
from lockstep.core.rollout.observed import Arm
from lockstep.core.rollout.routing import Nobody, Only, Routing
from lockstep.core.rollout.stages import FIRST, is_gated_first
from lockstep.core.rollout.view import Assessment, DesiredState, View

NOBODY = Arm(revision="")


def assess(view: View, candidate: Arm) -> Assessment:
    """Bring the first revision up, with the gates before its first caller where they are asked."""
    if is_gated_first(view):
        return trial.assess(view, NOBODY, candidate)
    return _direct(_clocked(proving.smoked(view, candidate), candidate), candidate)


def _direct(view: View, candidate: Arm) -> Assessment:
    """Callers reach it as soon as one proven pod is ready."""
    failed, invalid = failure(view, candidate), returns.problem(view) or ports.problem(view)
    if failed and failed.final:
        return outcome.reject(view, failed)
    if view.spec.replicas == 0:
        return _assessment(view, candidate, Phase.PAUSED, Reason.NO_REPLICAS, messages.NO_REPLICAS)
    if invalid:
        assessment = _assessment(view, candidate, Phase.DEGRADED, invalid.reason, invalid.message)
        return outcome.invalid(assessment, invalid)
    if _complete(view, candidate):
        return outcome.promote(view)
    if failed:
        return _assessment(view, candidate, Phase.DEGRADED, failed.reason, messages.stuck(failed))
    message = messages.first(view, candidate) + standing.told(view, candidate)
    return _assessment(view, candidate, Phase.PROGRESSING, Reason.MOVING, message)


def _complete(view: View, candidate: Arm) -> bool:
    reached = view.routing == Only(candidate.revision)
    return proving.proven(view) and reached and candidate.available >= view.spec.replicas


def _clocked(view: View, candidate: Arm) -> View:
    begun = view.status.stage
    stage = begun if begun and begun.name == FIRST else StageStatus(name=FIRST, index=0)
    wanted = view.spec.replicas
    stage = standing.watched(view, stage, candidate, wanted, view.spec.progress_deadline)
    clocked = proving.clocked(view, stage, candidate, wanted)
    if candidate.replica_set is None and not view.paused:
        clocked = changed(clocked, progress_at=stage.progress_at or view.now)
    return view.with_status(stage=clocked, gates=())


def _assessment(
    view: View, candidate: Arm, phase: Phase, reason: ConditionReason, message: str
) -> Assessment:
    return Assessment(
        status=view.status,
        phase=phase,
        reason=reason,
        message=message,
        desired=DesiredState(
            counts={candidate.revision: view.spec.replicas}, routing=_routing(view, candidate)
        ),
        wait=next_failure(view, candidate),
    )


def _routing(view: View, candidate: Arm) -> Routing:
    """Callers reach a proven candidate; a lost status takes its callers from nobody.

    Those of a Service that was taken over have other pods: they move when all of ours are there.
    """
    mine = Only(candidate.revision)
    enough = view.spec.replicas if adoption.elsewhere(view) else 1
    ready = (candidate.ready >= enough or candidate.held) and not view.unknown_target
    if proving.proven(view) and (ready or view.routing == mine):
        return mine
    lost = view.observed.status.phase is None
    return view.routing if view.routing and lost else Nobody()
