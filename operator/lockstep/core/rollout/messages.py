"""The sentences of a rollout: what, with numbers, where things stand now, what to do next."""

from collections.abc import Sequence
from datetime import datetime

from lockstep.api.durations import format_duration, whole_seconds
from lockstep.api.failures import FailureReason
from lockstep.api.model_deployment import SmokeTest
from lockstep.api.model_deployment_status import Approved, Leaving, RevisionStatus, StageStatus
from lockstep.core.facts import Trouble
from lockstep.core.gates import stage as gates
from lockstep.core.governance import approvals
from lockstep.core.moments import clock
from lockstep.core.refusals import Cause
from lockstep.core.rollout import blockers
from lockstep.core.rollout.approving import Ballot
from lockstep.core.rollout.failures import Failure, why
from lockstep.core.rollout.observed import Arm, StoredRevision
from lockstep.core.rollout.replicas import Counts
from lockstep.core.rollout.routing import reaches
from lockstep.core.rollout.stages import (
    FIRST,
    LAST_SKIPPED,
    PROMOTED_FULL,
    RETURNED,
    Step,
    gives_way,
)
from lockstep.core.rollout.view import View

WAITS_FOR_A_PERSON = (
    "traffic stays as it is; create a Decision: Promote to continue anyway, Retry (or set a new "
    "spec.retry) to measure this stage again, Reject to roll back; or change spec.template or "
    "spec.model"
)
WAITS_FOR_PODS = (
    "traffic stays as it is; create a Decision: Retry (or set a new spec.retry) to try this stage "
    "again, Abort to roll back; or change spec.template or spec.model"
)
WAITS_FOR_DATA = (
    "traffic stays as it is, and the rollout continues when its gates have data; create a "
    "Decision Promote to continue without"
)
STILL_AWAITED = "after that it waits for a person again"
NO_REPLICAS = "replicas is 0, so nothing can be tested; scale up to continue"
TRY_AGAIN = (
    "to try it again, change spec.template or spec.model, or create a Decision Retry (or set a "
    "new spec.retry)"
)


def named(revision: RevisionStatus) -> str:
    """``version 2.4.0 (revision 7f9c2b1e)``."""
    return f"version {revision.version} (revision {revision.revision})"


def healthy(view: View, stable: RevisionStatus, replicas: int) -> str:
    pods = "no pods: replicas is 0" if replicas == 0 else f"{replicas} of {replicas} pods ready"
    held = "; paused: a new revision will not start" if view.paused else ""
    return f"{named(stable)} serves, {pods}{_kept(view)}{_rolled_back_to(view)}{held}"


def _rolled_back_to(view: View) -> str:
    if not view.spec.rollback_to:
        return ""
    version = view.spec.model.version
    return f"; spec.rollbackTo is set: clear it to roll out version {version} again"


def _kept(view: View) -> str:
    kept = view.status.kept
    if kept is None:
        return ""
    until = clock(kept.until, view.now)
    return f"; the pods of version {kept.version} are kept for a fast rollback until {until}"


def promoted(candidate: RevisionStatus, view: View, *, again: bool) -> str:
    """Told once, with the last step. ``again``: it was made before what is stable until now."""
    way = "returned through the stages: " if again and not candidate.ungated else ""
    since = candidate.begun_at
    took = f" in {whole_seconds(view.now - since)}" if since else ""
    stages = f" ({candidate.took})" if candidate.took else ""
    return f"{way}{_how(candidate)}{took}{stages}{_approvers(view.status.approvals)}"


def _approvers(approved: Sequence[Approved]) -> str:
    names = ", ".join(f"{it.by} ({it.stage})" for it in approved)
    return f"; approved by {names}" if names else ""


def _how(candidate: RevisionStatus) -> str:
    if candidate.ungated == RETURNED:
        return f"returned to {named(candidate)} without stages: it completed a rollout before"
    if candidate.ungated == PROMOTED_FULL:
        return "promoted in full, the remaining stages were skipped"
    if candidate.ungated == LAST_SKIPPED:
        return "every stage passed or was skipped"
    return "every stage passed"


def scaling(stable: RevisionStatus, arm: Arm, replicas: int) -> str:
    return f"{named(stable)} serves with {arm.available} of {replicas} pods ready{why(arm)}"


def stable_troubled(stable: RevisionStatus, arm: Arm, replicas: int, trouble: Trouble) -> str:
    return (
        f"{named(stable)} has {arm.available} of {replicas} pods ready: {trouble.message}; "
        "no rollout is in progress, a new revision can start"
    )


def first(view: View, arm: Arm) -> str:
    version, replicas = view.version, view.spec.replicas
    smoke = view.spec.smoke_test
    unproven = view.status.candidate is None or not view.status.candidate.smoke_tested
    if unproven and smoke and arm.ready:
        return smoke_testing(version, smoke)
    return (
        f"first rollout: version {version} has {arm.available} of {replicas} pods ready{why(arm)}"
    )


def returning(revision: RevisionStatus, arm: Arm, target: Counts) -> str:
    return (
        f"returning to {named(revision)} without stages, it completed a rollout before: "
        f"{arm.available} of {target.candidate} pods ready{why(arm)}"
    )


def stuck(failure: Failure) -> str:
    return (
        f"{failure.message}; there is no earlier revision to roll back to: fix the cause or the "
        "spec"
    )


def target_missing(revision: str, known: Sequence[StoredRevision]) -> str:
    """``known``: newest first."""
    some = ", ".join(f"{it.revision} (version {it.inputs['version']})" for it in known[:5])
    return (
        f"spec.rollbackTo names revision {revision}, which does not exist; existing revisions: "
        f"{some or 'none'}; set it to one of them or clear it to continue"
    )


def smoke_testing(version: str, smoke: SmokeTest) -> str:
    return f"smoke test of version {version} at {smoke.path}, before it receives traffic"


def _place(stage: Step) -> str:
    """Where a step's candidate is: ``25%``, or ``preview`` where it receives no traffic."""
    if not stage.weight:
        return "preview"
    down = (
        f" (down from {stage.down_from}%, the stage's weight is lower)" if stage.down_from else ""
    )
    return f"{stage.weight}%{down}"


def moving(view: View, stage: Step, candidate: Arm, stable: Arm, target: Counts) -> str:
    unconfirmed = "; the data plane has not confirmed its new weights yet" if view.pending else ""
    return (
        f"stage {stage.name}: moving to {_place(stage)}: candidate {candidate.available} of "
        f"{target.candidate} pods ready, stable {stable.ready} ready (target {target.stable})"
        f"{why(candidate)}{blockers.places(view, candidate, target.candidate)}"
        f"{_gone_first(view, stable, candidate)}{unconfirmed}"
    )


def _gone_first(view: View, stable: Arm, candidate: Arm) -> str:
    if not gives_way(view.spec) or stable.ready or candidate.ready:
        return ""
    return (
        "; the last pod of stable was removed first, as maxUnavailable allows: no pod answers "
        "until the candidate or stable is ready"
    )


def unreachable(view: View, stage: Step, stable: Arm, candidate: Arm, target: Counts) -> str:
    return (
        f"stage {stage.name}: {_place(stage)} was not reached within "
        f"{format_duration(view.spec.progress_deadline)}: "
        f"{blockers.behind(view, stable, candidate, target)}; the rollout continues by itself "
        "when this is resolved"
    )


def measuring(
    stage: Step, status: StageStatus, verdict: gates.Outcome | None, now: datetime
) -> str:
    said = f"; {verdict.message}" if isinstance(verdict, gates.Measuring) else ""
    passed = "; all gates pass so far" if isinstance(verdict, gates.Passed) else ""
    return f"stage {stage.name}: holding {_place(stage)}{_until(status, now)}{said}{passed}"


def _until(status: StageStatus, now: datetime) -> str:
    """What ends the wait: the soak while it lasts, then the gates."""
    if status.soak_until and now < status.soak_until:
        return f" until {clock(status.soak_until, now)}{_anew(status, now)}"
    latest = f" (deadline {clock(status.deadline, now)})" if status.deadline else ""
    return f" until its gates pass{latest}"


def _anew(status: StageStatus, now: datetime) -> str:
    since, entered = status.standing_since, status.entered_at
    if since is None or entered is None or since <= entered:
        return ""
    return f" (the soak restarted at {clock(since, now)})"


def deadline(stage: Step, status: StageStatus, verdict: gates.Outcome | None, now: datetime) -> str:
    said = f": {verdict.message}" if isinstance(verdict, gates.Measuring) else ""
    at = f" ({clock(status.deadline, now)})" if status.deadline else ""
    return (
        f"stage {stage.name} was not decided by its deadline{at}{said}; the candidate stays at "
        f"{_place(stage)} and continues when its gates pass; create a Decision: Promote to "
        "continue without, Retry (or set a new spec.retry) to measure this stage again, Reject to "
        "roll back"
    )


def approval_needed(view: View, stage: Step, ballot: Ballot) -> str:
    until = f" until {_minute(ballot.closes)}" if ballot.closes else ""
    return (
        f"stage {stage.name} passed at {_place(stage)} and waits for approval from "
        f"{approvals.wanted_from(ballot.approval)}{until}: "
        f"{approvals.tally(ballot.approval, ballot.counted)}; create a Decision with act "
        f"Approve (or Reject), revision {view.wanted.revision}, stage {stage.name}"
    )


def approval_expired(stage: Step, ballot: Ballot) -> str:
    at = f" at {_minute(ballot.closes)}" if ballot.closes else ""
    return (
        f"stage {stage.name} passed at {_place(stage)}, but the time to approve ended{at} with "
        f"{approvals.tally(ballot.approval, ballot.counted)}; create a Decision: Retry (or set a "
        "new spec.retry) to measure this stage and ask again, Reject to roll back"
    )


def _minute(at: datetime) -> str:
    """With its day: people have hours or days to approve."""
    return at.strftime("%Y-%m-%d %H:%M:%SZ")


def passed_but_paused(view: View, stage: Step) -> str:
    return f"stage {stage.name} passed at {_place(stage)}; {_held(view)} to continue"


def _held(view: View) -> str:
    hold = view.status.hold
    if view.spec.paused or hold is None:
        return "spec.paused is true: set it to false"
    since = clock(hold.at, view.now)
    return f"paused by {hold.by} at {since} ({hold.reason}): create a Decision Resume"


def promotion_needed(view: View, stage: Step) -> str:
    return (
        f"stage {stage.name} passed, version {view.version} receives no traffic yet: create a "
        "Decision Promote to switch all traffic (autoPromote is false)"
    )


def in_stage(stage: StageStatus | None, said: str) -> str:
    """With the stage that it happened in; a first rollout has none that anybody wrote."""
    return said if stage is None or stage.name == FIRST else f"stage {stage.name}: {said}"


def rolled_back(failure: Failure, candidate: RevisionStatus, view: View) -> str:
    stable, said = view.status.stable, in_stage(view.status.stage, failure.message)
    if stable is None:
        called = reaches(view.routing, candidate.revision)
        traffic = "receives no traffic any more" if called else "never received traffic"
        return (
            f"{said}; {named(candidate)} {traffic} and there is no earlier "
            f"revision; {_try_again(failure)}"
        )
    arm = view.observed.arm(stable.revision)
    if arm.ready and view.weighted:
        where = (
            f"all traffic goes to {named(stable)}, {arm.ready} pods ready, as soon as the data "
            "plane has confirmed it"
        )
    elif arm.ready:
        where = f"all traffic is on {named(stable)}, {arm.ready} pods ready"
    else:
        where = f"traffic returns to {named(stable)} as soon as one of its pods is ready"
    return f"{said}; {where}; {named(candidate)} is rejected: {_try_again(failure)}"


def _try_again(failure: Failure) -> str:
    """What an edit has to change: a smoke test asks by fields that no revision is made of."""
    asked = (
        "fix spec.smokeTest or spec.service; "
        if failure.reason is FailureReason.SMOKE_TEST_FAILED
        else ""
    )
    return f"{asked}{TRY_AGAIN}"


def dropped(view: View, *, back: bool) -> str:
    stage = view.status.stage
    where = f"; the rollout ended in stage {stage.name}" if stage and stage.name != FIRST else ""
    if back:
        return f"the spec asks for version {view.version} again, which is stable{where}"
    return f"superseded by version {view.version} (revision {view.wanted.revision}){where}"


def leaving(view: View, left: Leaving, stable: Arm, arm: Arm) -> str:
    known, replicas = view.status.stable, view.spec.replicas
    home = named(known) if known else "stable"
    back = known is not None and known.revision == view.wanted.revision
    begins = (
        f"the spec asks for {home} again, which has"
        if back
        else f"version {view.version} waits until all pods of {home} are ready: it has"
    )
    return (
        f"{begins} {stable.available} of {replicas} pods ready{why(stable)}; until then "
        f"{arm.ready} healthy pods of version {left.version} continue to serve"
    )


def held(view: View) -> str:
    return f"version {view.version} waits: {_held(view)} to start the rollout"


def crowded(most: int) -> str:
    return (
        f"more than {most} Decisions for this ModelDeployment are pending, so the oldest are "
        "refused; check the newer ones, and create this one again if you still need it"
    )


def checking(version: str) -> str:
    return f"validating version {version} with a dry run on the API server"


def refused(version: str, problem: str) -> str:
    return (
        f"version {version} was not started, the API server would refuse it: {problem}; "
        "fix the spec or what it refers to; retried every 15 s"
    )


def refused_for_now(version: str, problem: str, by: Cause) -> str:
    if by is Cause.ROOM:
        return (
            f"version {version} waits for quota: {problem}; free or raise the quota; "
            "retried every 15 s"
        )
    return (
        f"version {version} waits, the cluster cannot create pods now: {problem}; "
        "fix the cause; retried every 15 s"
    )


def lost(revision: RevisionStatus) -> str:
    return (
        f"the ControllerRevision and the ReplicaSet of stable {named(revision)} were deleted, so "
        "its pods cannot be recreated and no rollout starts; restore one of them, or set the "
        "manifest back to that version"
    )
