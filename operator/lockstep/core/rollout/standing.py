"""Whether the candidate stays on its feet: a soak is time without a break, and deaths are counted.

A pass may see a pod only between two deaths. What became of it since it was first seen ready is
told by its restarts, or by its absence, and not by how it happens to look now.

So status keeps a mark for each pod that was ever ready in this stage: the end of its uid, and its
restarts when last looked at. From one pass to the next a mark stays (the pod is there), grows (it
restarted: as many deaths), or goes: the pod failed (a death, unless the cluster took it), somebody
took it while it was wanted (one death for all that went together), or we did (none, ``let_go``).
A break is fewer marked pods ready than the stage wants, or any end of one; it clears
``standing_since``, and the soak begins anew.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from lockstep.api.base import cut
from lockstep.api.changes import changed
from lockstep.api.durations import format_duration
from lockstep.api.failures import FailureReason
from lockstep.api.model_deployment_status import (
    MOST_COUNTED,
    WATCHED,
    Deaths,
    ModelDeploymentStatus,
    StageStatus,
)
from lockstep.api.scalars import LINE
from lockstep.core.pods import Pod
from lockstep.core.rollout.actions import Action, RemovePod
from lockstep.core.rollout.observed import Arm
from lockstep.core.rollout.view import View

OOM_KILLED: Final = FailureReason.OOM_KILLED
_TAIL: Final = 8

Known = Mapping[str, int]
"""Pods that have been ready, by the end of their uid, with their restarts when last looked at."""


@dataclass(frozen=True, slots=True)
class End:
    """What became of a pod; ``deaths`` are held against the candidate."""

    deaths: int
    reason: str
    message: str


def watched(
    view: View, stage: StageStatus, arm: Arm, target: int, steady: timedelta
) -> StageStatus:
    """The stage after whatever has happened to the candidate's pods since the pass before.

    Args:
        view: The pass.
        stage: What is remembered.
        arm: The candidate.
        target: Pods that the stage wants of it.
        steady: How long it stands until earlier breaks are forgotten.
    """
    stage = _adopted(stage)
    known = _known(stage)
    ends = tuple(_ends(known, arm))
    broken = bool(ends) or _is_down(known, arm, target)
    after = changed(
        _broken(view, stage, steady) if broken else _unbroken(view, stage),
        pods=tuple(_marks(known, arm)),
        deaths=_counted(stage.deaths, ends),
        failed_pods=_accounted(stage, known, arm),
    )
    begins = after.entered_at is None and after.standing_since is None and after.pods
    if begins and stands(after, arm, target):
        return changed(after, standing_since=view.now)
    return after


def stands(stage: StageStatus, arm: Arm, target: int) -> bool:
    """Whether every pod that has been ready, as far as the stage wants it, answers now."""
    return not _is_down(_known(stage), arm, target)


def let_go(status: ModelDeploymentStatus, actions: Iterable[Action]) -> ModelDeploymentStatus:
    """The status without the pods that these actions take away: nobody asks what became of them."""
    stage, removed = status.stage, {_tail(it.uid) for it in actions if isinstance(it, RemovePod)}
    if stage is None or not removed:
        return status
    kept = tuple(mark for mark in stage.pods if mark.partition(":")[0] not in removed)
    return changed(status, stage=changed(stage, pods=kept))


def _adopted(stage: StageStatus) -> StageStatus:
    """A stage of an operator that did not look: it is believed to have stood until now."""
    if stage.failed_pods is not None:
        return stage
    return changed(stage, standing_since=stage.entered_at)


def _known(stage: StageStatus) -> Known:
    marks = (mark.partition(":") for mark in stage.pods)
    return {uid: int(text) if text.isdecimal() else 0 for uid, _, text in marks}


def _tail(uid: str) -> str:
    """Empty for what is no uid of an API server's."""
    tail = uid[-_TAIL:]
    return tail if tail.isascii() and tail.replace("-", "").isalnum() else ""


def _by_tail(pods: Iterable[Pod]) -> dict[str, Pod]:
    return {tail: pod for pod in pods if (tail := _tail(pod.uid))}


def _is_down(known: Known, arm: Arm, target: int) -> bool:
    if len(known) >= WATCHED:
        return arm.ready < target
    there = _by_tail(arm.made)
    up = sum(there[uid].ready for uid in known if uid in there)
    return up < min(target, len(known))


def _marks(known: Known, arm: Arm) -> Iterator[str]:
    """Those that stand, and those that are ready for the first time; no more than are watched."""
    there = _by_tail(arm.made)
    fresh = sorted(uid for uid, pod in there.items() if pod.ready and uid not in known)
    for uid in [*(uid for uid in known if uid in there), *fresh][:WATCHED]:
        restarts = min(there[uid].restarts, MOST_COUNTED)
        yield f"{uid}:{restarts}" if restarts else uid


def _ends(known: Known, arm: Arm) -> Iterator[End]:
    there, failed = _by_tail(arm.made), _by_tail(arm.failed)
    for uid, before in known.items():
        pod = there.get(uid)
        if uid in failed:
            yield _failed(failed[uid])
        elif pod and pod.crash and pod.restarts > before < MOST_COUNTED:
            message = f"pod {pod.name}: {pod.crash.message}"
            yield End(pod.restarts - before, pod.crash.reason or "Restarted", message)
    yield from _gone(known, arm)


def _failed(pod: Pod) -> End:
    reason, said = (pod.failed.reason, pod.failed.message) if pod.failed else ("Failed", "")
    return End(0 if pod.disrupted else 1, reason, f"pod {pod.name}: {reason}: {said}")


def _gone(known: Known, arm: Arm) -> Iterator[End]:
    """Pods that somebody took away while they were wanted: those that go together are one death.

    Where fewer are wanted by now, as many were ours to take. What the cluster takes, for a drain of
    its node or for somebody more important, nobody died of.
    """
    there, failed = _by_tail(arm.made), _by_tail(arm.failed)
    leaving = _by_tail(pod for pod in arm.pods if pod.terminating)
    gone = [uid for uid in known if uid not in there and uid not in failed]
    gone.sort(key=lambda uid: uid in leaving and leaving[uid].disrupted)
    child = arm.replica_set
    wanted = child.replicas + child.surplus if child and not child.terminating else 0
    lost = gone[max(0, len(known) - wanted) :]
    named = [leaving[uid] for uid in lost if uid in leaving]
    deleted = [pod for pod in named if not pod.disrupted]
    if lost and len(named) == len(lost) and not deleted:
        yield End(0, "Disrupted", f"pod {named[0].name} was evicted or its node went away")
    elif lost:
        pod = f"pod {deleted[0].name}" if deleted else "a pod"
        yield End(1, "Deleted", f"{pod} was deleted, not by Lockstep, or lost")


def _counted(before: Deaths | None, ends: Iterable[End]) -> Deaths | None:
    """Running out of memory is kept in mind whatever else happens."""
    died = [end for end in ends if end.deaths]
    if not died:
        return before
    count = sum(end.deaths for end in died) + (before.count if before else 0)
    worst = next((end for end in died if end.reason == OOM_KILLED), died[-1])
    if before and before.reason == OOM_KILLED != worst.reason:
        return changed(before, count=min(count, MOST_COUNTED))
    return Deaths(
        count=min(count, MOST_COUNTED), reason=worst.reason, message=cut(worst.message, LINE)
    )


def _accounted(stage: StageStatus, known: Known, arm: Arm) -> int:
    """Failed pods that were there when the stage began, or whose death is counted already."""
    failed, before = _by_tail(arm.failed), stage.failed_pods
    if before is None:
        return min(len(arm.failed), MOST_COUNTED)
    counted = before + sum(uid in failed for uid in known)
    return min(counted, len(arm.failed), MOST_COUNTED)


def _unbroken(view: View, stage: StageStatus) -> StageStatus:
    """A pause takes no notice of earlier breaks: nobody is late for it."""
    return changed(stage, unsteady_at=None) if view.paused and stage.unsteady_at else stage


def _broken(view: View, stage: StageStatus, steady: timedelta) -> StageStatus:
    """The soak is broken; several breaks count from the first, unless it stood long since."""
    since, first = stage.standing_since, stage.unsteady_at
    recovered = since is not None and view.now >= since + steady
    if view.paused or first is None or recovered:
        first = None if view.paused else view.now
    return changed(stage, standing_since=None, unsteady_at=first)


# ── What is held against it ──────────────────────────────────────────────────────────────────────


def complaints(view: View, arm: Arm) -> Iterator[tuple[FailureReason, str]]:
    """Reason and sentence of everything in which the candidate went beyond what is tolerated."""
    stage = view.status.stage
    if stage is not None:
        yield from _never_ready(view, stage, arm)
        yield from _died(view, stage, arm)
        yield from _flaps(view, stage, arm)


def _never_ready(view: View, stage: StageStatus, arm: Arm) -> Iterator[tuple[FailureReason, str]]:
    limit = view.spec.restart_limit.startup
    tolerated = f"{limit} tolerated before it is ready (restartLimit.startup)"
    for pod in _starting(stage, arm):
        if pod.crash and pod.crash.restarts > limit:
            yield FailureReason.CRASH_LOOP, f"pod {pod.name}: {pod.crash.message}; {tolerated}"
    refused = len(arm.failed) - (stage.failed_pods or 0)
    if refused > limit and arm.failed and stage.failed_pods is not None:
        last = _failed(max(arm.failed, key=_age))
        yield FailureReason.PODS_FAILED, f"{refused} pods failed, {tolerated}; {last.message}"


def _age(pod: Pod) -> tuple[str, str]:
    return pod.created.isoformat() if pod.created else "", pod.name


def _starting(stage: StageStatus, arm: Arm) -> Iterator[Pod]:
    """Pods that have never been ready."""
    known = _known(stage)
    for uid, pod in _by_tail(arm.made).items():
        if uid not in known and not pod.ready:
            yield pod


def _died(view: View, stage: StageStatus, arm: Arm) -> Iterator[tuple[FailureReason, str]]:
    """A first revision has nobody to go back to: it may get well, and soak anew."""
    deaths, limit = stage.deaths, view.spec.restart_limit.serving
    well = view.status.stable is None and arm.wanted and arm.available >= arm.wanted
    if deaths is None or well:
        return
    if deaths.reason == OOM_KILLED:
        yield OOM_KILLED, f"{deaths.message} (never tolerated)"
    elif deaths.count > limit:
        yield FailureReason.CANDIDATE_DIED, counted(stage, limit)


def _flaps(view: View, stage: StageStatus, arm: Arm) -> Iterator[tuple[FailureReason, str]]:
    """Readiness that comes and goes is no progress."""
    since, deadline = stage.unsteady_at, view.spec.progress_deadline
    pod = _sick(stage, arm)
    if since is None or pod is None or view.paused or view.now < since + deadline:
        return
    message = (
        f"candidate pods have alternated between ready and not ready for "
        f"{format_duration(deadline)}, most recently pod {pod.name}"
    )
    yield FailureReason.CANDIDATE_FLAPS, message


def _sick(stage: StageStatus, arm: Arm) -> Pod | None:
    """A pod that has been ready and is not now."""
    there = _by_tail(arm.made)
    known = (there[uid] for uid in _known(stage) if uid in there)
    return next((pod for pod in known if not pod.ready), None)


def next_complaint(view: View, arm: Arm) -> timedelta | None:
    """How long until waiting for a pod that was ready becomes a failure."""
    stage = view.status.stage
    if stage is None or stage.unsteady_at is None or _sick(stage, arm) is None:
        return None
    left = stage.unsteady_at + view.spec.progress_deadline - view.now
    return left if left > timedelta(0) else None


def counted(stage: StageStatus, limit: int) -> str:
    """``2 deaths of candidate pods in this stage, 1 tolerated (restartLimit.serving): pod …``."""
    deaths = stage.deaths
    if deaths is None:
        return ""
    many = "1 death" if deaths.count == 1 else f"{deaths.count} deaths"
    return (
        f"{many} of candidate pods in this stage, {limit} tolerated "
        f"(restartLimit.serving): {deaths.message}"
    )


def told(view: View, arm: Arm) -> str:
    """What the candidate has been through so far, for the end of a sentence; empty if nothing."""
    stage = view.status.stage
    if stage is None:
        return ""
    limits = view.spec.restart_limit
    crashed = (pod for pod in _starting(stage, arm) if pod.crash)
    worst = max(crashed, key=lambda it: it.crash.restarts if it.crash else 0, default=None)
    said = f"; {counted(stage, limits.serving)}" if stage.deaths else ""
    if worst is None or worst.crash is None:
        return said
    how = f"{worst.crash.restarts} restarts" if worst.cause else worst.crash.message
    tolerated = f"{limits.startup} tolerated before it is ready (restartLimit.startup)"
    return f"{said}; pod {worst.name}: {how}; {tolerated}"
