"""What a candidate has shown so far: its smoke test, and progress while its pods come up."""

import hashlib
import json

from lockstep.api.changes import changed
from lockstep.api.durations import whole_seconds
from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.model_deployment_status import StageStatus
from lockstep.core.rollout.observed import Arm
from lockstep.core.rollout.view import View


def smoked(view: View, candidate: Arm) -> View:
    """Remember a right answer; without a smoke test one pod that could answer is proof enough."""
    status = view.status.candidate
    if status is None or status.smoke_tested:
        return view
    smoke = view.observed.answers.smoke
    answered = smoke is not None and smoke.revision == candidate.revision and not smoke.problem
    if answered or (view.spec.smoke_test is None and (candidate.ready or candidate.held)):
        return view.with_status(candidate=changed(status, smoke_tested=True))
    return view


def proven(view: View) -> bool:
    """Whether the candidate may be called at all."""
    return view.status.candidate is not None and view.status.candidate.smoke_tested


def timed(view: View, stage: StageStatus) -> View:
    """Note how long a stage has taken that ends now, from when its weight was reached."""
    candidate = view.status.candidate
    if candidate is None or candidate.ungated or stage.entered_at is None:
        return view
    last = f"{stage.name} {whole_seconds(view.now - stage.entered_at)}"
    took = f"{candidate.took}, {last}" if candidate.took else last
    return view.with_status(candidate=changed(candidate, took=took))


def judged_by(spec: ModelDeploymentSpec) -> str:
    """A digest of what a smoke test follows from beside the revision; defaults are not in it."""
    said = [
        part.model_dump(mode="json", exclude_defaults=True) if part else None
        for part in (spec.smoke_test, spec.service)
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:8]


def clocked(view: View, stage: StageStatus, candidate: Arm, target: int) -> StageStatus:
    """Run the progress clock only while pods that were asked for are missing and nobody paused."""
    available = candidate.available
    if view.paused or available >= min(target, candidate.wanted):
        return changed(stage, progress_at=None, progress_ready=None)
    before = stage.progress_ready
    if stage.progress_at is not None and before is not None and available <= before:
        return stage
    return changed(stage, progress_at=view.now, progress_ready=available)
