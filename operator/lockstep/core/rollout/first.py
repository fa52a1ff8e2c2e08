"""The first rollout: there is no stable to compare with or to return to, so there are no stages."""

from lockstep.api.status import Phase, StageStatus
from lockstep.core.observed import Arm, Nobody, Only, Routing
from lockstep.core.rollout import messages, outcome, proving
from lockstep.core.rollout.failures import Failure, failure, next_failure
from lockstep.core.rollout.view import Aim, Stance, View

STAGE = "first"


def answer(view: View, candidate: Arm) -> Stance:
    """Bring the first revision up; callers reach it as soon as one proven pod is ready."""
    view = _clocked(proving.smoked(view, candidate), candidate)
    failed = failure(view, candidate)
    if failed and failed.final:
        return outcome.reject(view, failed)
    if view.spec.replicas == 0:
        return _stance(view, candidate, Phase.PAUSED, "NoReplicas", messages.NO_REPLICAS)
    if _complete(view, candidate):
        return outcome.promote(view)
    if failed:
        return _stance(view, candidate, Phase.DEGRADED, failed.reason, _stuck(failed))
    message = messages.first(view, candidate)
    return _stance(view, candidate, Phase.PROGRESSING, "Moving", message)


def _complete(view: View, candidate: Arm) -> bool:
    reached = view.routing == Only(candidate.revision)
    return proving.proven(view) and reached and candidate.available >= view.spec.replicas


def _stuck(failed: Failure) -> str:
    return f"{failed.message}; there is no earlier revision to return to: fix the cause or the spec"


def _clocked(view: View, candidate: Arm) -> View:
    stage = view.memory.stage or StageStatus(name=STAGE, index=0)
    return view.recall(stage=proving.clocked(view, stage, candidate, view.spec.replicas))


def _stance(view: View, candidate: Arm, phase: Phase, reason: str, message: str) -> Stance:
    return Stance(
        memory=view.memory,
        phase=phase,
        reason=reason,
        message=message,
        aim=Aim(counts={candidate.revision: view.spec.replicas}, routing=_routing(view, candidate)),
        wait=next_failure(view, candidate),
    )


def _routing(view: View, candidate: Arm) -> Routing:
    """Callers reach a proven candidate; a lost status takes its callers from nobody."""
    mine = Only(candidate.revision)
    if proving.proven(view) and (candidate.ready or view.routing == mine):
        return mine
    lost = view.observed.status.phase is None
    return view.routing if view.routing and lost else Nobody()
