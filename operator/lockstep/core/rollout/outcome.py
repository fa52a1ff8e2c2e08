"""How a trial ends: promoted, rejected, superseded, returned from; each is one change of status."""

from dataclasses import replace
from typing import Final, TypedDict

from lockstep.api.changes import changed
from lockstep.api.conditions import ConditionReason, Reason
from lockstep.api.failures import FailureReason
from lockstep.api.history import Became
from lockstep.api.model_deployment_status import (
    Kept,
    Leaving,
    Phase,
    Rejection,
    RevisionStatus,
    StageStatus,
)
from lockstep.core.conditions import Claim
from lockstep.core.rollout import keeping, messages, shortage
from lockstep.core.rollout.failures import Failure
from lockstep.core.rollout.observed import Arm
from lockstep.core.rollout.proving import judged_by
from lockstep.core.rollout.returns import is_older
from lockstep.core.rollout.stages import RETURNED, walk
from lockstep.core.rollout.steering import serve
from lockstep.core.rollout.view import Assessment, View, soonest


class _NoTrial(TypedDict):
    candidate: None
    stage: None
    gates: tuple[()]
    approvals: tuple[()]


NO_TRIAL: Final[_NoTrial] = {"candidate": None, "stage": None, "gates": (), "approvals": ()}


def invalid(assessment: Assessment, claim: Claim) -> Assessment:
    """The same assessment with the spec said to be at fault."""
    return replace(assessment, valid=claim)


def promote(view: View) -> Assessment:
    """The candidate is the last completed revision from now on; no pod of it is restarted."""
    return settled(promoted(view))


def promoted(view: View) -> View:
    candidate = view.status.candidate
    if candidate is None:
        return view
    said = messages.promoted(candidate, view, again=is_older(view, candidate.revision))
    history = view.remember(candidate, Became.PROMOTED, said)
    return view.with_status(
        stable=completed(candidate), history=history, kept=_kept(view), **NO_TRIAL
    )


def completed(candidate: RevisionStatus) -> RevisionStatus:
    """The revision without what was about its trial."""
    return changed(candidate, ungated="", begun_at=None, took=None)


def _kept(view: View) -> Kept | None:
    """What was stable keeps its pods for a while after a switch."""
    before, strategy = view.status.stable, view.spec.strategy.blue_green
    if before is None or strategy is None or not strategy.keep_old or _returns(view):
        return None
    until = view.now + strategy.keep_old
    return Kept(revision=before.revision, version=before.version, since=view.now, until=until)


def _returns(view: View) -> bool:
    """Whether stable is left for an older revision: nobody returns to what was left."""
    candidate = view.status.candidate
    return candidate is not None and candidate.ungated == RETURNED


def settled(view: View) -> Assessment:
    """Nothing is on trial: stable serves, or is on the way to."""
    stable, status = view.stable, view.status
    if stable is None or status.stable is None:
        return _waiting(view)
    desired = serve(view)
    wanted = view.spec.replicas
    reason: ConditionReason
    trouble = next((pod.sick for pod in stable.made if pod.sick), None)
    if stable.available >= wanted:
        phase, reason = Phase.HEALTHY, Reason.COMPLETED
        message = messages.healthy(view, status.stable, wanted)
    elif trouble:
        phase, reason = Phase.DEGRADED, trouble.reason
        message = messages.stable_troubled(status.stable, stable, wanted, trouble)
    else:
        said = messages.scaling(status.stable, stable, wanted)
        phase, reason, message = _scaling(stable, said)
    return Assessment(
        status=status,
        phase=phase,
        reason=reason,
        message=message,
        desired=desired,
        wait=soonest(status.kept.until - view.now) if status.kept else None,
    )


def _scaling(stable: Arm, message: str) -> tuple[Phase, ConditionReason, str]:
    """Pods are on their way, or somebody refuses them, which may take a person."""
    refused = shortage.refusal(stable)
    if refused is None:
        return Phase.PROGRESSING, Reason.SCALING, message
    message = f"{message}; {shortage.way_out(refused)}"
    if shortage.takes_a_person(refused):
        return Phase.DEGRADED, refused.reason, message
    return Phase.PROGRESSING, Reason.SCALING, message


def _waiting(view: View) -> Assessment:
    return Assessment(
        status=view.status,
        phase=Phase.PROGRESSING,
        reason=Reason.STARTING,
        message=f"starting version {view.version}",
        desired=serve(view),
    )


def reject(view: View, failure: Failure) -> Assessment:
    """Take the candidate back; its digest is not tried again until it or ``retry`` changes."""
    after = rejected(view, failure)
    found = after.status.rejected
    return stay_rejected(after, found) if found else settled(after)


def rejected(view: View, failure: Failure) -> View:
    """The status after ``reject``."""
    candidate = view.status.candidate
    if candidate is None:
        return view
    message = messages.rolled_back(failure, candidate, view)
    smoke = failure.reason is FailureReason.SMOKE_TEST_FAILED
    rejection = Rejection(
        revision=candidate.revision,
        version=candidate.version,
        retry=view.spec.retry,
        judged_by=judged_by(view.spec) if smoke else None,
        reason=failure.reason,
        message=message,
        at=view.now,
    )
    said = messages.in_stage(view.status.stage, failure.message)
    history = view.remember(candidate, Became.ROLLED_BACK, said)
    return view.with_status(rejected=rejection, history=history, **NO_TRIAL)


def stay_rejected(view: View, rejected: Rejection) -> Assessment:
    """The spec still asks for what was rejected: stable serves, and the first sentence stands."""
    view = keeping.failed(view, serve(view).routing or view.routing)
    known = view.status.rejected
    left = known.keep_until - view.now if known and known.keep_until else None
    return Assessment(
        status=view.status,
        phase=Phase.DEGRADED,
        reason=Reason.ROLLED_BACK,
        message=rejected.message,
        desired=serve(view),
        wait=soonest(left) if left and left.total_seconds() > 0 else None,
    )


def dropped(view: View, candidate: RevisionStatus) -> View:
    """The spec moved on while ``candidate`` was on trial: it ends, and who has callers leaves."""
    back = view.status.stable is not None and view.wanted.revision == view.status.stable.revision
    outcome = Became.RETURNED if back else Became.SUPERSEDED
    history = view.remember(candidate, outcome, messages.dropped(view, back=back))
    return view.with_status(history=history, leaving=_leaving(view, candidate), **NO_TRIAL)


def _leaving(view: View, candidate: RevisionStatus) -> Leaving | None:
    """Who may have callers that somebody would miss, if nothing is wrong with it."""
    stable = view.status.stable
    if not candidate.smoke_tested or (stable and stable.revision == candidate.revision):
        return None
    return Leaving(revision=candidate.revision, version=candidate.version)


def again(view: View, candidate: RevisionStatus) -> View:
    """The stage is measured from its beginning, and whoever approved it is asked anew."""
    stage, renewed = view.status.stage, changed(candidate, retry=view.spec.retry)
    if stage is None:
        return view.with_status(candidate=renewed)
    return view.with_status(
        candidate=renewed,
        stage=StageStatus(name=stage.name, index=stage.index),
        gates=(),
        approvals=tuple(it for it in view.status.approvals if it.stage != stage.name),
    )


def begun(view: View, candidate: RevisionStatus) -> View:
    """``candidate`` is on trial from its first stage on."""
    begins = changed(candidate, begun_at=view.now)
    view = view.with_status(
        candidate=begins, stage=None, gates=(), approvals=(), kept=None, leaving=None
    )
    return view.with_status(stage=StageStatus(name=walk(view)[0].name, index=0))
