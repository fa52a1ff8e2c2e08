"""The sentences of a rollout: what, with numbers, where things stand now, what to do next."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lockstep.api.base import API_VERSION, Manifest
from lockstep.api.durations import format_duration, whole_seconds
from lockstep.api.failures import FailureReason
from lockstep.api.model_deployment import KIND, SmokeTest
from lockstep.api.model_deployment_status import Approved, Leaving, RevisionStatus, StageStatus
from lockstep.api.service import ServedPort
from lockstep.core.facts import ChildRef, Foreign, Hand, Trouble
from lockstep.core.gates import stage as gates
from lockstep.core.governance import approvals
from lockstep.core.moments import clock
from lockstep.core.refusals import Cause
from lockstep.core.rollout import blockers
from lockstep.core.rollout.approving import Ballot
from lockstep.core.rollout.failures import Failure, why
from lockstep.core.rollout.observed import Arm, Autoscaler, ChildReplicaSet, Pod, StoredRevision
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

if TYPE_CHECKING:
    from datetime import datetime

WAITS_FOR_A_PERSON = (
    "callers stay where they are: decide Promote to go on all the same, Retry (or give spec.retry "
    "a new value) to measure this stage again, Reject to go back; or change spec.template or "
    "spec.model"
)
WAITS_FOR_PODS = (
    "callers stay where they are: decide Retry (or give spec.retry a new value) to try this stage "
    "again, Abort to go back; or change spec.template or spec.model"
)
WAITS_FOR_DATA = (
    "callers stay where they are, measuring goes on, and so does the rollout when there are "
    "answers; decide Promote to go on without them"
)
STILL_AWAITED = "then a person is awaited, as before"
NO_REPLICAS = "replicas is 0, so nothing can be proven; scale up to go on"
TRY_AGAIN = (
    "change spec.template or spec.model, or decide Retry (or give spec.retry a new value) to try "
    "it again"
)


def named(revision: RevisionStatus) -> str:
    """``version 2.4.0 (revision 7f9c2b1e)``."""
    return f"version {revision.version} (revision {revision.revision})"


def healthy(view: View, stable: RevisionStatus, replicas: int) -> str:
    pods = "no pods: replicas is 0" if replicas == 0 else f"{replicas} of {replicas} pods ready"
    held = "; paused: a new revision will wait" if view.paused else ""
    return f"{named(stable)} serves, {pods}{_kept(view)}{_rolled_back_to(view)}{held}"


def _rolled_back_to(view: View) -> str:
    if not view.spec.rollback_to:
        return ""
    version = view.spec.model.version
    return f"; spec.rollbackTo holds it there: empty it to roll out version {version} again"


def _kept(view: View) -> str:
    kept = view.status.kept
    if kept is None:
        return ""
    return (
        f"; version {kept.version} keeps its pods for a return until {clock(kept.until, view.now)}"
    )


def promoted(candidate: RevisionStatus, view: View, *, again: bool) -> str:
    """Told once, with the last step. ``again``: it was made before what is stable until now."""
    way = "a return through the stages: " if again and not candidate.ungated else ""
    since = candidate.begun_at
    took = f" in {whole_seconds(view.now - since)}" if since else ""
    stages = f" ({candidate.took})" if candidate.took else ""
    return f"{way}{_how(candidate)}{took}{stages}{_approvers(view.status.approvals)}"


def _approvers(approved: Sequence[Approved]) -> str:
    names = ", ".join(f"{it.by} ({it.stage})" for it in approved)
    return f"; approved by {names}" if names else ""


def _how(candidate: RevisionStatus) -> str:
    if candidate.ungated == RETURNED:
        return f"returned to {named(candidate)}, completed before: no stages again"
    if candidate.ungated == PROMOTED_FULL:
        return "promoted in full, without further stages"
    if candidate.ungated == LAST_SKIPPED:
        return "every stage passed or was skipped"
    return "every stage passed"


def scaling(stable: RevisionStatus, arm: Arm, replicas: int) -> str:
    return f"{named(stable)} serves with {arm.available} of {replicas} pods ready{why(arm)}"


def stable_troubled(stable: RevisionStatus, arm: Arm, replicas: int, trouble: Trouble) -> str:
    return (
        f"{named(stable)} has {arm.available} of {replicas} pods ready: {trouble.message}; "
        "nothing is on trial, a new revision may be rolled out"
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
        f"returning to {named(revision)}, completed before, without stages: "
        f"{arm.available} of {target.candidate} pods ready{why(arm)}"
    )


def stuck(failure: Failure) -> str:
    return (
        f"{failure.message}; there is no earlier revision to return to: fix the cause or the spec"
    )


def target_missing(revision: str, known: Sequence[StoredRevision]) -> str:
    """``known``: newest first."""
    some = ", ".join(f"{it.revision} (version {it.inputs['version']})" for it in known[:5])
    return (
        f"spec.rollbackTo names revision {revision}, which is not known; known are "
        f"{some or 'none'}; nothing goes on until it names one of them or is empty"
    )


def smoke_testing(version: str, smoke: SmokeTest) -> str:
    return f"asking version {version} at {smoke.path} before it gets any caller"


def _place(stage: Step) -> str:
    """Where a step's candidate is: ``25%``, or ``preview`` where no caller reaches it."""
    if not stage.weight:
        return "preview"
    down = f", down from {stage.down_from}% as its weight says" if stage.down_from else ""
    return f"{stage.weight}%{down}"


def moving(view: View, stage: Step, candidate: Arm, stable: Arm, target: Counts) -> str:
    return (
        f"stage {stage.name}: moving to {_place(stage)}: candidate {candidate.available} of "
        f"{target.candidate} pods ready, stable {stable.ready} (going to {target.stable})"
        f"{why(candidate)}{blockers.places(view, candidate, target.candidate)}"
        f"{_gone_first(view, stable, candidate)}"
    )


def _gone_first(view: View, stable: Arm, candidate: Arm) -> str:
    if not gives_way(view.spec) or stable.ready or candidate.ready:
        return ""
    return (
        "; stable's last pod went first, as maxUnavailable allows: callers wait until the "
        "candidate answers, or stable again"
    )


def unreachable(view: View, stage: Step, stable: Arm, candidate: Arm, target: Counts) -> str:
    return (
        f"stage {stage.name}: {_place(stage)} could not be reached in "
        f"{format_duration(view.spec.progress_deadline)}: "
        f"{blockers.behind(view, stable, candidate, target)}; this goes on by itself after that"
    )


def measuring(
    stage: Step, status: StageStatus, verdict: gates.Outcome | None, now: "datetime"
) -> str:
    said = f"; {verdict.message}" if isinstance(verdict, gates.Measuring) else ""
    passed = "; every gate passes so far" if isinstance(verdict, gates.Passed) else ""
    return f"stage {stage.name}: holding {_place(stage)}{_until(status, now)}{said}{passed}"


def _until(status: StageStatus, now: "datetime") -> str:
    """What ends the wait: the soak while it lasts, then the gates."""
    if status.soak_until and now < status.soak_until:
        return f" until {clock(status.soak_until, now)}{_anew(status, now)}"
    latest = f", at the latest at {clock(status.deadline, now)}" if status.deadline else ""
    return f" until its gates pass{latest}"


def _anew(status: StageStatus, now: "datetime") -> str:
    since, entered = status.standing_since, status.entered_at
    if since is None or entered is None or since <= entered:
        return ""
    return f" (it stands since {clock(since, now)}: the soak began anew)"


def deadline(
    stage: Step, status: StageStatus, verdict: gates.Outcome | None, now: "datetime"
) -> str:
    said = f": {verdict.message}" if isinstance(verdict, gates.Measuring) else ""
    at = f" at {clock(status.deadline, now)}" if status.deadline else ""
    return (
        f"stage {stage.name} was undecided at its deadline{at}{said}; the candidate stays at "
        f"{_place(stage)}: it goes on when its gates pass; decide Promote to go on without, Retry "
        "(or give spec.retry a new value) to measure this stage again, Reject to go back"
    )


def approval_needed(view: View, stage: Step, ballot: Ballot) -> str:
    until = f" until {_minute(ballot.closes)}" if ballot.closes else ""
    return (
        f"stage {stage.name} passed at {_place(stage)}: "
        f"{approvals.tally(ballot.approval, ballot.counted)}, wanted from "
        f"{approvals.wanted_from(ballot.approval)}{until}: kubectl create a Decision with act "
        f"Approve (or Reject), revision {view.wanted.revision}, stage {stage.name}"
    )


def approval_expired(stage: Step, ballot: Ballot) -> str:
    by = f" by {_minute(ballot.closes)}" if ballot.closes else ""
    return (
        f"stage {stage.name} passed at {_place(stage)} and had "
        f"{approvals.tally(ballot.approval, ballot.counted)}{by}, which was the time to approve: "
        "decide Retry (or give spec.retry a new value) to measure this stage and ask again, "
        "Reject to go back"
    )


def _minute(at: "datetime") -> str:
    """With its day: people have hours or days to approve."""
    return at.strftime("%Y-%m-%d %H:%M:%SZ")


def passed_but_paused(view: View, stage: Step) -> str:
    return f"stage {stage.name} passed at {_place(stage)}; {_held(view)} to go on"


def _held(view: View) -> str:
    hold = view.status.hold
    if view.spec.paused or hold is None:
        return "spec.paused holds it there: set it to false"
    return f"{hold.by} paused it at {clock(hold.at, view.now)} ({hold.reason}): decide Resume"


def promotion_needed(view: View, stage: Step) -> str:
    return (
        f"stage {stage.name} passed, no caller reaches version {view.version} yet: decide Promote "
        "to switch all callers (autoPromote is false)"
    )


def in_stage(stage: StageStatus | None, said: str) -> str:
    """With the stage that it happened in; a first rollout has none that anybody wrote."""
    return said if stage is None or stage.name == FIRST else f"stage {stage.name}: {said}"


def rolled_back(failure: Failure, candidate: RevisionStatus, view: View) -> str:
    stable, said = view.status.stable, in_stage(view.status.stage, failure.message)
    if stable is None:
        called = reaches(view.routing, candidate.revision)
        callers = "is reached by no caller any more" if called else "never had a caller"
        return (
            f"{said}; {named(candidate)} {callers} and there is no earlier "
            f"revision; {_try_again(failure)}"
        )
    arm = view.observed.arm(stable.revision)
    if arm.ready:
        where = f"all callers are on {named(stable)}, {arm.ready} pods ready"
    else:
        where = f"callers go back to {named(stable)} as soon as a pod of it is ready"
    return f"{said}; {where}; {named(candidate)} is not tried again: {_try_again(failure)}"


def _try_again(failure: Failure) -> str:
    """What an edit has to change: a smoke test asks by fields that no revision is made of."""
    asked = (
        "mend spec.smokeTest or spec.service, "
        if failure.reason is FailureReason.SMOKE_TEST_FAILED
        else ""
    )
    return f"{asked}{TRY_AGAIN}"


def dropped(view: View, *, back: bool) -> str:
    stage = view.status.stage
    where = f"; its trial ended in stage {stage.name}" if stage and stage.name != FIRST else ""
    if back:
        return f"the spec is back at version {view.version}, which is stable{where}"
    return f"superseded by version {view.version} (revision {view.wanted.revision}){where}"


def leaving(view: View, left: Leaving, stable: Arm, arm: Arm) -> str:
    known, replicas = view.status.stable, view.spec.replicas
    home = named(known) if known else "stable"
    back = known is not None and known.revision == view.wanted.revision
    begins = (
        f"the spec is back at {home}, which has"
        if back
        else f"version {view.version} waits until {home} is whole again: it has"
    )
    return (
        f"{begins} {stable.available} of {replicas} pods ready{why(stable)}; until it has all of "
        f"them {arm.ready} pods of version {left.version}, which did not fail, go on answering"
    )


def held(view: View) -> str:
    return f"version {view.version} waits: {_held(view)} to start the rollout"


def crowded(most: int) -> str:
    return (
        f"more than {most} Decisions about this ModelDeployment wait, so the oldest are refused; "
        "look at what became of the newer ones, and write it again if it is still meant"
    )


def checking(version: str) -> str:
    return f"asking the API server whether it would take version {version}"


def refused(version: str, problem: str) -> str:
    return (
        f"version {version} was not started, the API server would refuse it: {problem}; "
        "fix the spec or what it names, it is tried again every 15 s"
    )


def refused_for_now(version: str, problem: str, by: Cause) -> str:
    if by is Cause.ROOM:
        return (
            f"version {version} waits for quota: {problem}; free some or raise the quota, "
            "it is tried again every 15 s"
        )
    return (
        f"version {version} waits for the cluster, which can take no pods now: {problem}; "
        "mend what it names, it is tried again every 15 s"
    )


def name_conflict(foreign: Foreign) -> str:
    said = f"{foreign.kind} {foreign.name} exists and was not made by Lockstep, so it is left alone"
    if foreign.kind == "Service":
        return (
            f"{said}; delete or rename it, or decide Adopt to take it over: its callers stay where "
            "they are until the first revision is ready"
        )
    return f"{said}; delete or rename it, then this goes on by itself"


def lost(revision: RevisionStatus) -> str:
    return (
        f"the ControllerRevision and the ReplicaSet of stable {named(revision)} are gone, so its "
        "pods cannot be made again and nothing new is started; restore one of them, or put the "
        "manifest back to that version"
    )


CHILDREN_STAY = "no child refers to this object any more: deleting it leaves all of them serving"


def restored(child: str, hand: Hand | None) -> str:
    what = f" ({hand})" if hand else ""
    return f"{child} was edited by hand{what} and is put back; change the ModelDeployment instead"


def restart(child: ChildReplicaSet, at: "datetime") -> str:
    return (
        f"the pods of ReplicaSet {child.name} that are older than {at:%Y-%m-%dT%H:%M:%SZ} are "
        "replaced, as spec.restartAt asks"
    )


def restarting(stable: RevisionStatus, left: int, *, edited: bool) -> str:
    which = "created from a manually edited template" if edited else "older than spec.restartAt"
    pods = f"1 pod {which} remains" if left == 1 else f"{left} pods {which} remain"
    return f"{named(stable)} serves; {pods} to be replaced"


def pod_replaced(pod: Pod) -> str:
    return (
        f"pod {pod.name} is replaced: ReplicaSet {pod.owner} took it in by its labels, but it was "
        "not made from the revision's template"
    )


def restart_stuck(stable: RevisionStatus, arm: Arm, pod: str, trouble: Trouble) -> str:
    return (
        f"the restart of {named(stable)} is stuck, {arm.available} pods still answer: pod {pod}: "
        f"{trouble.message}; mend what its pods read, or roll out a new revision"
    )


def autoscaler_on_child(name: str, autoscaler: Autoscaler) -> str:
    target = autoscaler.target
    return (
        f"HorizontalPodAutoscaler {autoscaler.name} scales {target.kind} {target.name}, whose "
        "size a rollout decides, so it is put back each time; let its scaleTargetRef be "
        f"{API_VERSION} {KIND} {name}"
    )


def budget_conflict(foreign: Foreign) -> str:
    return (
        f"{foreign.kind} {foreign.name} exists and was not made by Lockstep, so it is left alone "
        "and the pods have no other budget; delete or rename it to have ours, rollouts go on"
    )


def still_owned(left: Sequence[ChildRef]) -> str:
    return (
        f"{_children(left)} would still be deleted with this object; wait until this condition is "
        "True before you delete it"
    )


def being_owned(left: Sequence[ChildRef]) -> str:
    return f"{_children(left)} would still outlive this object"


def _children(left: Sequence[ChildRef]) -> str:
    one = f"{left[0].kind} {left[0].name}"
    return one if len(left) == 1 else f"{one} and {len(left) - 1} more children"


def no_such_port(field: str, port: ServedPort, version: str, known: Iterable[Manifest]) -> str:
    named = [f"{it['name']} ({it['containerPort']})" for it in known if it.get("name")]
    there = f"they name {', '.join(named[:8])}" if named else "they name none"
    return (
        f"{field} is {port.target_port}, a {port.protocol} port that no container of version "
        f"{version} has: {there}; correct the name, name the port in the template, or write its "
        "number"
    )


def ports_differ(stable: RevisionStatus, version: str, ours: ServedPort, theirs: ServedPort) -> str:
    return (
        f"port {theirs.port} of the Service leads to {_behind(ours)} in {named(stable)} and to "
        f"{_behind(theirs)} in version {version}: while callers are split one Service cannot do "
        "both; give the port one name in both templates and write that as targetPort, or move all "
        "callers at once (strategy blueGreen, or stages of weight 100 only with maxSurge of at "
        f"least replicas); callers stay on version {stable.version}"
    )


def _behind(port: ServedPort) -> str:
    return f"{port.target_port}{f' ({port.app_protocol})' if port.app_protocol else ''}"


def astray(name: str) -> str:
    return (
        f"somebody made Service {name} send callers out of the cluster (type ExternalName) or to "
        "pods that are not ready (publishNotReadyAddresses): it is being put back"
    )
