"""What Lockstep promises, each as a function with its sentence; all are watched at every step.

"Seen" is what the pass could know: no operator can be blamed for what the cluster has not told it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

from lockstep.api.condition import Truth
from lockstep.api.conditions import OF_THE_PHASE, TOLD, Reason
from lockstep.api.events import EventReason
from lockstep.api.exit_criteria import Metric
from lockstep.api.failures import FailureReason
from lockstep.api.model_deployment import ModelDeploymentSpec, RollbackSpeed
from lockstep.api.model_deployment_status import ModelDeploymentStatus
from lockstep.api.strategy import CriteriaRef
from lockstep.core.facts import Criteria
from lockstep.core.rollout.actions import (
    Action,
    AnswerDecision,
    NotePorts,
    PruneConfig,
    PruneRevision,
    PutArmService,
    PutBudget,
    PutReplicaSet,
    RemoveArmService,
    RemoveBudget,
    RemovePod,
    RemovePreview,
    RemoveReplicaSet,
    SetOwnership,
    SetPreview,
    SetTraffic,
    StoreConfig,
    StoreRevision,
)
from lockstep.core.rollout.observed import Arm, Observed
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.replicas import Counts, share
from lockstep.core.rollout.routing import Everyone, Only, Routing, Shares, reaches
from lockstep.core.rollout.stages import INITIAL, WHOLE, max_surge, room, steps
from tests.sim.obey import carried_out
from tests.sim.resource import wire

MOST_BYTES = 100 * 1024


class BrokenPromiseError(AssertionError):
    """A promise of ours did not hold."""


def keep(promise: str, held: object, why: str = "") -> None:
    """Raise BrokenPromiseError naming the ``promise`` unless it ``held``."""
    if not held:
        raise BrokenPromiseError(f"{promise}: {why}" if why else promise)


def routing_of(observed: Observed) -> Routing | None:
    return observed.service.routing if observed.service else None


def reached(observed: Observed) -> list[Arm]:
    """The revisions that callers may meet as the world stands."""
    routing = routing_of(observed)
    return [arm for arm in observed.arms.values() if reaches(routing, arm.revision)]


def serving(observed: Observed, *, ready: bool = False) -> int:
    """Pods in reach that answer once the ReplicaSets' counts are obeyed, the sick ones going first.

    Available ones unless those that are merely ``ready`` are meant.
    """
    arms = reached(observed)
    return sum(min(arm.ready if ready else arm.available, arm.wanted) for arm in arms)


def spec_of(observed: Observed) -> ModelDeploymentSpec:
    assert isinstance(observed.spec, ModelDeploymentSpec)
    return observed.spec


# ── Promises about one action ────────────────────────────────────────────────────────────────────


def nobody_is_left_without_an_answer(before: Observed, decided: Plan, action: Action) -> None:
    """No action takes callers from pods that answer to none, unless a person sent them there."""
    if _sent_by_hand(before) or _taken_back_by_a_person(decided):
        return
    after = carried_out(before, action)
    if _floor(spec_of(before)) == 0:
        return
    was, becomes = serving(before, ready=True), serving(after, ready=True)
    keep(
        "no action takes callers from pods that answer to none",
        becomes or not was,
        f"{was} answered before {action}",
    )


def _taken_back_by_a_person(decided: Plan) -> bool:
    """Whether somebody takes back the first revision: there is nobody else to go to."""
    status = decided.status
    person = status.rejected is not None and status.rejected.reason in {"Aborted", "Rejected"}
    return person and status.stable is None


def capacity_is_kept(
    before: Observed, decided: Plan, action: SetTraffic | PutReplicaSet | RemoveReplicaSet
) -> None:
    """Moving forward leaves at least replicas available in reach, one less without surge.

    Taking callers back at once is the exception, from a trial or from pods that only stood in:
    they go to whatever pods are ready.
    """
    allowed = isinstance(action, SetTraffic) and _takes_back(before, decided, action)
    if allowed and not _is_a_change_of_mind(before, decided):
        return
    if _sent_by_hand(before):
        return
    spec = spec_of(before)
    floor = _floor(spec)
    was, becomes = serving(before), serving(carried_out(before, action))
    keep(
        "capacity in reach stays at replicas",
        becomes >= min(was, floor),
        f"{was} available in reach, {becomes} after {action}",
    )


def a_restart_takes_no_pod_that_is_needed(before: Observed, action: RemovePod) -> None:
    """A pod that answers is replaced only beside as many as are asked for, one less without surge.

    The last one is never taken first.
    """
    arm = before.arm(action.revision)
    if not any(pod.ready for pod in arm.pods if pod.uid == action.uid):
        return
    alone = arm.wanted == 1 and _floor(spec_of(before)) > 0
    least = arm.wanted if max_surge(spec_of(before)) or alone else arm.wanted - 1
    left = carried_out(before, action).arm(action.revision).available
    keep("a restart takes no pod that is needed", left >= least, f"{left} of {arm.wanted} left")


def _others_would_be_met(before: Observed, routing: Routing | None) -> set[str]:
    """Ready pods of somebody else that callers meet by this."""
    return {it.name for it in before.strangers if it.ready and reaches(routing, it.revision)}


def nobody_is_sent_to_somebody_elses_pod(
    before: Observed, decided: Plan, action: SetTraffic
) -> None:
    """No step brings callers to a pod that only has our labels; but nobody waits for a dead stable.

    Who has always met it, as one with stable's own labels, cannot be helped.
    """
    stable = decided.status.stable
    if stable is None or _sent_by_hand(before):
        return
    if not before.arm(stable.revision).ready or action.routing == Only(stable.revision):
        return
    was = _others_would_be_met(before, routing_of(before))
    newly = _others_would_be_met(before, action.routing) - was
    keep("no step brings callers to somebody else's pod", not newly, f"{action.routing}: {newly}")


def only_our_own_pods_are_removed(before: Observed, action: RemovePod) -> None:
    """A pod of somebody else is theirs, whatever it is labelled."""
    theirs = {it.name for it in before.strangers}
    keep("no pod of somebody else is removed", action.name not in theirs, action.name)


def _is_a_change_of_mind(before: Observed, decided: Plan) -> bool:
    """Whether nothing failed: the trial is superseded or put back, and stable may grow back.

    Whoever returns to an earlier revision wants to be away from stable, and at once.
    """
    spec, status = spec_of(before), decided.status
    was, stable = before.status.candidate, before.status.stable
    known = {it.revision for it in (was, stable, status.leaving) if it}
    third = any(arm.ready and arm.revision not in known for arm in reached(before))
    if third or _others_would_be_met(before, routing_of(before)):
        return False
    if status.leaving is not None:
        return True
    if was is None or stable is None or spec.rollback_to or spec.rollback_window:
        return False
    arm = before.arm(stable.revision)
    sick = any(pod.sick for pod in arm.pods) or (arm.replica_set and arm.replica_set.create_failure)
    ends = [it.outcome for it in status.history[len(before.status.history) :][:1]]
    gone = (
        not (was.smoke_tested and before.arm(was.revision).ready)
        or bool(sick)
        or before.status.kept is not None
    )
    return ends in (["Superseded"], ["Returned"]) and not gone


def _sent_by_hand(before: Observed) -> bool:
    """Whether a person, not we, decided whom callers reach."""
    return before.service is not None and before.service.drifted


def _floor(spec: ModelDeploymentSpec) -> int:
    rolling = spec.strategy.rolling
    if rolling and rolling.max_unavailable:
        return max(0, spec.replicas - rolling.max_unavailable)
    canary = spec.strategy.canary
    gap = canary is not None and canary.max_surge == 0 and canary.stable_scale.value == "Shrink"
    least = min(1, spec.replicas)
    return max(least, spec.replicas - 1) if gap else spec.replicas


def _takes_back(before: Observed, decided: Plan, action: SetTraffic) -> bool:
    stable, candidate = decided.status.stable, decided.status.candidate
    allowed = _allowed(decided.status) | _paced(before, decided.status)
    if any(arm.ready and arm.revision not in allowed for arm in reached(before)):
        return True
    if _others_would_be_met(before, routing_of(before)):
        return True
    if _paced(before, decided.status):
        return False
    home = stable is not None and action.routing == Only(stable.revision)
    begins = before.status.candidate is None or not before.status.candidate.smoke_tested
    unproven = candidate is None or not candidate.smoke_tested
    return home and (begins or unproven or _candidate_is_gone(before, decided))


def _candidate_is_gone(before: Observed, decided: Plan) -> bool:
    candidate = decided.status.candidate
    return candidate is None or not before.arm(candidate.revision).ready


def surge_is_kept(before: Observed, decided: Plan, action: PutReplicaSet) -> None:
    """Pods are added only within replicas and surge, counting what was asked for.

    Keep has the candidate on top; a stage that needs one pod of each has them.
    """
    if action.replicas <= before.arm(action.revision).wanted:
        return
    spec, after = spec_of(before), carried_out(before, action)
    asked = sum(_asked(arm) for arm in after.arms.values())
    keep("pods stay within the surge", asked <= _most(spec, decided.status), f"{asked} asked for")


def _asked(arm: Arm) -> int:
    return 0 if arm.replica_set and arm.replica_set.terminating else arm.wanted


def _most(spec: ModelDeploymentSpec, status: ModelDeploymentStatus) -> int:
    space = room(spec)
    least = 2 if space.floor else 1  # one of each arm, unless the last one may go first
    most = max(least, spec.replicas + space.max_surge)
    if space.keep:
        most = max(most, 2 * spec.replicas)
    if status.stage and status.candidate and status.stable:
        target = steps(spec, status.candidate)[status.stage.index].target
        most = max(most, target.candidate + target.stable)
    return most


def the_way_opens_for_the_proven_only(before: Observed, decided: Plan, action: SetTraffic) -> None:
    """Traffic is never opened to a revision that is neither stable nor a smoke-tested candidate.

    Who serves already may go on while stable has no ready pod.
    """
    allowed = _allowed(decided.status) | _paced(before, decided.status)
    was, then = {arm.revision for arm in reached(before)}, reached(carried_out(before, action))
    alone = not any(arm.ready for arm in then)
    for arm in then:
        newly = arm.revision not in was or action.routing == Everyone()
        met = arm.ready or (alone and arm.reachable)
        keep(
            "traffic opens only for stable and a proven candidate",
            arm.revision in allowed or not met or not newly,
            f"{action.routing} reaches {arm.revision}, allowed {sorted(allowed)}",
        )


def _allowed(status: ModelDeploymentStatus) -> set[str]:
    candidate, stage = status.candidate, status.stage
    hidden = stage is not None and stage.name == INITIAL
    tested = candidate is not None and candidate.smoke_tested and not hidden
    proven = {candidate.revision} if candidate and tested else set()
    leaving = {status.leaving.revision} if status.leaving else set()
    return proven | leaving | ({status.stable.revision} if status.stable else set())


def _paced(before: Observed, status: ModelDeploymentStatus) -> set[str]:
    """The rejected revision goes on being called while the callers return at their pace."""
    paced = spec_of(before).rollback.speed is RollbackSpeed.PACED
    return {status.rejected.revision} if status.rejected and paced else set()


def of_action(before: Observed, decided: Plan, action: Action) -> None:
    """All that an action may break; of a new one somebody has to say here what that is."""
    nobody_is_left_without_an_answer(before, decided, action)
    match action:
        case SetTraffic():
            capacity_is_kept(before, decided, action)
            the_way_opens_for_the_proven_only(before, decided, action)
            nobody_is_sent_to_somebody_elses_pod(before, decided, action)
        case PutReplicaSet():
            capacity_is_kept(before, decided, action)
            surge_is_kept(before, decided, action)
        case RemoveReplicaSet():
            capacity_is_kept(before, decided, action)
        case RemovePod():
            a_restart_takes_no_pod_that_is_needed(before, action)
            only_our_own_pods_are_removed(before, action)
        case PutArmService() | RemoveArmService():
            pass  # ``weights.of_actions``, where requests are split by weight
        case SetPreview() | RemovePreview() | PutBudget() | RemoveBudget() | SetOwnership():
            pass  # neither callers nor pods notice
        case StoreRevision() | NotePorts() | PruneRevision() | StoreConfig() | PruneConfig():
            pass  # the same: it is kept for later
        case AnswerDecision():
            pass  # a word to somebody
        case other:
            assert_never(other)


# ── Promises about one pass ──────────────────────────────────────────────────────────────────────


def the_rejected_are_left(before: Observed, after: Observed, decided: Plan) -> None:
    """After a pass callers meet a rejected, superseded or unproven revision in no case but three.

    Stable had no ready pod, the rollback is paced, or the API server does not let us move them.
    """
    status = decided.status
    moves = [it.routing for it in decided.actions if isinstance(it, SetTraffic)]
    if moves and routing_of(after) != moves[-1]:
        return
    stable = before.arm(status.stable.revision) if status.stable else None
    if stable is None or min(stable.ready, stable.wanted) == 0:
        return
    allowed = _allowed(status) | _paced(before, status)
    for arm in reached(after):
        keep(
            "after a pass callers meet stable and a proven candidate only",
            arm.revision in allowed or not arm.ready,
            f"{routing_of(after)} reaches {arm.ready} pods of {arm.revision}",
        )


def status_is_small_and_speaks(before: Observed, after: Observed, decided: Plan) -> None:
    """Status stays below 100 KiB and always says something."""
    del before, after
    status = decided.status
    size = len(json.dumps(wire(status)))
    keep("status is below 100 KiB", size < MOST_BYTES, f"{size} bytes")
    keep("status always says something", status.phase and status.message)
    keep("events always say something", all(it.reason and it.message for it in decided.events))
    for condition in status.conditions:
        if condition.type == "Ready":
            keep("Ready always says something", condition.reason and condition.message)


def what_is_said_is_explained(before: Observed, after: Observed, decided: Plan) -> None:
    """The reference says of every word which conditions say it, and so does status."""
    del before, after
    status = decided.status
    words = {str(word): word for word in (*Reason, *FailureReason)}
    for condition in status.conditions:
        if condition.type in OF_THE_PHASE and condition.status is not Truth.TRUE:
            continue
        reason = words[condition.reason]
        said = f"{condition.type}={condition.status}, {reason}"
        keep("a condition says a reason of its own", condition.type in reason.of, said)
    for event in decided.events:
        told = isinstance(event.reason, EventReason) or TOLD & {*event.reason.of}
        keep("an Event tells what the reference has", told, event.reason)
    if status.rejected:
        why = words[status.rejected.reason]
        keep("a rejection has a reason of its own", isinstance(why, FailureReason), why)


def the_rejected_is_not_tried_again(before: Observed, after: Observed, decided: Plan) -> None:
    """What was rolled back is not tried again until the digest or ``retry`` changes."""
    rejected, spec = before.status.rejected, spec_of(before)
    now = decided.status
    if rejected is None or rejected.retry != spec.retry or now.rejected is None:
        return
    tried = now.candidate and now.candidate.revision == rejected.revision
    keep("the rejected is not tried again", not tried, f"{rejected.revision} is on trial")
    grew = after.arm(rejected.revision).wanted > before.arm(rejected.revision).wanted
    keep("the rejected gets no pods", not grew, f"{rejected.revision} grew")


@dataclass(frozen=True, slots=True)
class Recall:
    """Callers were once taken back from ``revision`` while the spec said this."""

    revision: str
    generation: int


def who_was_recalled(before: Observed, decided: Plan, action: Action) -> Recall | None:
    """Whom an action takes callers from because the trial has failed."""
    rejected = decided.status.rejected
    if rejected is None or not isinstance(action, SetTraffic):
        return None
    gone = not reaches(action.routing, rejected.revision)
    return Recall(rejected.revision, before.generation) if gone else None


def callers_do_not_return_to_the_rejected(
    before: Observed, action: Action, recalled: Recall | None
) -> None:
    """Once callers were taken back from a revision, no crash sends them there again."""
    if recalled is None or not isinstance(action, SetTraffic):
        return
    keep(
        "callers do not return to the rejected",
        before.generation != recalled.generation or not reaches(action.routing, recalled.revision),
        f"{action.routing} after a rollback of {recalled.revision}",
    )


def nobody_fails_for_somebody_else(before: Observed, after: Observed, decided: Plan) -> None:
    """A pod that only has our labels rejects nothing, and is named for as long as it stays."""
    del after
    rejected = decided.status.rejected
    said = rejected.message if rejected and rejected != before.status.rejected else ""
    blamed = [it.name for it in before.strangers if it.name in said]
    keep("nothing is rejected for somebody else's pod", not blamed, said)
    told = {it.type: it.message for it in decided.status.conditions}.get("Conflict", "")
    unnamed = [it.name for it in before.strangers[:1] if it.name not in told]
    keep("somebody else's pod is named", not unnamed or "was not created by Lockstep" in told, told)


OF_PASSES = (
    nobody_fails_for_somebody_else,
    the_rejected_are_left,
    status_is_small_and_speaks,
    what_is_said_is_explained,
    the_rejected_is_not_tried_again,
)


# ── Promises about the world as it is ────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The truth of one moment: the pods of each revision, whom the Service selects.

    ``misled``: which revisions are asked at a port that they do not have. ``edited``: the spec was
    changed or a child scaled up by hand a moment ago, and pods are still on the way to what is
    asked for.
    """

    spec: ModelDeploymentSpec
    status: ModelDeploymentStatus
    arms: Mapping[str, Arm]
    routing: Routing | None
    proven: frozenset[str]
    misled: tuple[str, ...] = ()
    edited: bool = False

    def ready(self, revision: str) -> int:
        arm = self.arms.get(revision)
        return arm.ready if arm else 0


def the_unproven_is_out_of_reach(now: Standing) -> None:
    """No pod of a revision that never answered its smoke test is ever selected by the Service."""
    if now.spec.smoke_test is None:
        return
    for arm in now.arms.values():
        if reaches(now.routing, arm.revision) and arm.ready:
            keep(
                "the unproven is out of reach",
                arm.revision in now.proven,
                f"{now.routing} selects {arm.ready} pods of {arm.revision}",
            )


def weight_is_not_exceeded(now: Standing) -> None:
    """While stable is whole, callers meet the candidate no more often than its stage says.

    After another spec for the stage the pods need a while to follow.
    """
    stable, candidate, stage = now.status.stable, now.status.candidate, now.status.stage
    if not (stable and candidate and stage) or now.routing != Everyone() or now.edited:
        return
    step = steps(now.spec, candidate)[stage.index]
    weight, target = step.weight, step.target
    if now.ready(stable.revision) < target.stable:
        return
    actual = share(
        Counts(candidate=now.ready(candidate.revision), stable=now.ready(stable.revision))
    )
    allowed = max(weight, share(target))
    keep(
        "the candidate gets no more than its stage says",
        actual <= allowed,
        f"{actual}% of the callers, {allowed}% is the stage's",
    )


def a_switch_takes_all_callers(now: Standing) -> None:
    """A blue-green splits nobody's callers, whatever happens on the way."""
    if now.spec.strategy.blue_green and not now.edited:
        keep("blue-green moves all callers at once", now.routing != Everyone(), str(now.routing))


def everybody_is_asked_where_they_listen(now: Standing) -> None:
    """Callers of the Service come to no pod at a port on which it does not listen."""
    keep("no pod is asked where it does not listen", not now.misled, ", ".join(now.misled))


OF_MOMENTS = (
    the_unproven_is_out_of_reach,
    weight_is_not_exceeded,
    a_switch_takes_all_callers,
    everybody_is_asked_where_they_listen,
)


def is_held_up(now: Standing) -> bool:
    """Whether a stage has all its pods and nobody stands in its way, and callers do not come.

    Pods on their way out stand in nobody's: they get no new caller while others are ready.
    """
    stable, candidate, stage = now.status.stable, now.status.candidate, now.status.stage
    held = now.spec.paused or now.status.hold or now.spec.rollback_to
    if not (stable and candidate and stage) or held or isinstance(now.routing, Everyone | Shares):
        return False
    walked = steps(now.spec, candidate)
    step = walked[min(stage.index, len(walked) - 1)]
    if not (candidate.smoke_tested and step.shared and step.weight < WHOLE):
        return False
    mine = {stable.revision, candidate.revision}
    if any(arm.ready for arm in now.arms.values() if arm.revision not in mine):
        return False
    arm = now.arms.get(candidate.revision)
    there = arm is not None and arm.available >= step.target.candidate
    return there and now.ready(stable.revision) >= step.target.stable


def somebody_serves(now: Standing) -> bool:
    """Whether a ready pod is selected, or no revision that may be called has one.

    A first revision stays where it is while ``rollbackTo`` says that another one is wanted.
    """
    selected = any(arm.ready for arm in now.arms.values() if reaches(now.routing, arm.revision))
    elsewhere = now.status.stable is None and now.spec.rollback_to
    ready = any(now.ready(revision) for revision in _allowed(now.status))
    return bool(selected or elsewhere or not ready)


# ── Promises about a whole story ─────────────────────────────────────────────────────────────────


def _criteria(spec: ModelDeploymentSpec, status: ModelDeploymentStatus) -> Iterable[CriteriaRef]:
    """What has to be measured before the stage may end; before a first caller it is everything."""
    stage = status.stage
    if stage is None or status.stable is None:
        return spec.strategy.criteria() if stage and stage.name == INITIAL else ()
    walked = steps(spec, status.candidate)
    return walked[stage.index].exit_criteria if stage.index < len(walked) else ()


def evidence_precedes_progress(
    before: ModelDeploymentStatus,
    after: ModelDeploymentStatus,
    observed: Observed,
    good: Mapping[str, int],
) -> None:
    """A stage with gates ends only on valid measurements: zero evidence is never success.

    Args:
        before: The status that the pass read.
        after: The status that it stored.
        observed: What it saw.
        good: Good measurements per metric that arrived about the candidate since the stage began.
    """
    candidate, stage = before.candidate, before.stage
    if candidate is None or stage is None:
        return
    spec = spec_of(observed)
    promoted = after.stable is not None and after.stable.revision == candidate.revision
    passed = after.stage is not None and after.candidate is not None
    passed = passed and after.stage is not None and after.stage.index > stage.index
    if not (promoted or passed):
        return
    for ref in _criteria(spec, before):
        found = observed.criteria[ref]
        assert isinstance(found, Criteria)
        for metric in found.spec.metrics:
            wanted = _wanted(metric)
            got = good.get(metric.prometheus.query.partition("{")[0], 0)
            keep(
                "zero evidence passes no gate",
                got >= wanted,
                f"{metric.name} passed on {got} good measurements, {wanted} wanted",
            )


def _wanted(metric: Metric) -> int:
    if metric.dry_run:
        return 0
    if metric.count is None:
        return metric.min_samples - metric.failure_limit
    return metric.count - metric.failure_limit - metric.inconclusive_limit
