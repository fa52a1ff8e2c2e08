"""A trial that ended without a failure: its pods go on answering until stable is whole again.

Somebody changed their mind; no caller pays for it. What failed goes as ``spec.rollback`` says.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from lockstep.api.changes import changed
from lockstep.api.conditions import Reason
from lockstep.api.failures import FailureReason
from lockstep.api.model_deployment_status import Leaving, Phase
from lockstep.core.rollout import messages, returns
from lockstep.core.rollout.observed import Arm
from lockstep.core.rollout.routing import reaches
from lockstep.core.rollout.steering import serve
from lockstep.core.rollout.view import Assessment, View, soonest

_PASSING: Final = {FailureReason.QUOTA_EXCEEDED, FailureReason.CLUSTER_UNAVAILABLE}


def updated(view: View) -> View:
    """Forget it once nobody would miss its pods; run its clock until then."""
    leaving, stable = view.status.leaving, view.stable
    if leaving is None:
        return view
    if stable is None or any(_over(view, leaving, stable)):
        return view.with_status(leaving=None)
    if leaving.progress_ready is not None and stable.available <= leaving.progress_ready:
        return view
    grown = changed(leaving, progress_at=view.now, progress_ready=stable.available)
    return view.with_status(leaving=grown)


def _over(view: View, leaving: Leaving, stable: Arm) -> Iterator[bool]:
    """Stable is whole, nobody is left to answer, or somebody must not be kept waiting."""
    yield stable.available >= view.spec.replicas
    yield not (view.observed.arm(leaving.revision).ready and _is_reached(view, leaving))
    yield view.status.candidate is not None
    yield bool(view.spec.rollback_to or returns.why(view))
    yield _is_wanted_away(view) and _is_stuck(view, leaving, stable)


def _is_reached(view: View, leaving: Leaving) -> bool:
    return reaches(view.routing, leaving.revision)


def _is_wanted_away(view: View) -> bool:
    """Whether another revision could start: it may be the fix for a stable that is sick."""
    stable, rejected, wanted = view.status.stable, view.status.rejected, view.wanted.revision
    known = {it.revision for it in (stable, rejected) if it}
    return wanted not in known and not view.paused


def _is_stuck(view: View, leaving: Leaving, stable: Arm) -> bool:
    child = stable.replica_set
    refused = child.create_failure if child else None
    sick = any(pod.sick for pod in stable.pods if not pod.terminating)
    end = _end(view, leaving)
    late = end is not None and end <= timedelta(0)
    return sick or late or (refused is not None and refused.reason not in _PASSING)


def _end(view: View, leaving: Leaving) -> timedelta | None:
    since = leaving.progress_at
    return since + view.spec.progress_deadline - view.now if since else None


def assessment(view: View, leaving: Leaving, stable: Arm) -> Assessment:
    """Callers go back as stable's pods come up; a new revision waits for that."""
    arm, end = view.observed.arm(leaving.revision), _end(view, leaving)
    return Assessment(
        status=view.status,
        phase=Phase.PROGRESSING,
        reason=Reason.RETURNING,
        message=messages.leaving(view, leaving, stable, arm),
        desired=serve(view),
        wait=soonest(end) if end and end > timedelta(0) else None,
    )
