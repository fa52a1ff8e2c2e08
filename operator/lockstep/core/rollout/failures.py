"""What is wrong with a candidate that waiting will not mend, in the cluster's own words."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from lockstep.api.durations import format_duration
from lockstep.api.failures import FailureReason
from lockstep.core import names
from lockstep.core.facts import Trouble, Verb
from lockstep.core.pods import Pod
from lockstep.core.refusals import REASONS
from lockstep.core.rollout import standing
from lockstep.core.rollout.observed import Arm
from lockstep.core.rollout.view import View, soonest


@dataclass(frozen=True, slots=True)
class Failure:
    """``final``: no wait and no pause helps, the revision itself gave a wrong answer."""

    reason: FailureReason
    message: str
    final: bool = False


def failure(view: View, arm: Arm) -> Failure | None:
    """The first thing that fails the candidate now; None while it may still get well."""
    return next(_failures(view, arm), None)


def _failures(view: View, arm: Arm) -> Iterator[Failure]:
    smoke = view.observed.answers.smoke
    if smoke and smoke.problem and smoke.revision == arm.revision:
        yield Failure(FailureReason.SMOKE_TEST_FAILED, f"smoke test: {smoke.problem}", final=True)
    yield from _unwritten(view, arm)
    yield from _not_created(view, arm)
    for pod in _staying(arm):
        if pod.trouble:
            yield Failure(pod.trouble.reason, f"pod {pod.name}: {pod.trouble.message}")
    for reason, message in standing.complaints(view, arm):
        yield Failure(reason, message)
    yield from _unschedulable(view, arm)
    yield from _no_progress(view, arm)


def _unwritten(view: View, arm: Arm) -> Iterator[Failure]:
    """What a revision needs to have pods at all, and nobody may write."""
    child = names.child_name(view.observed.key.name, arm.revision)
    for it in view.observed.refused:
        mine = it.write.name == child or it.write.name.startswith(f"{child}-")
        if mine and it.write.verb is Verb.CREATED:
            yield from _in_time(view, REASONS[it.cause], str(it.write), it.message)
        elif mine and it.write.verb is Verb.CHANGED and _waited(view, view.spec.progress_deadline):
            yield Failure(REASONS[it.cause], f"{it.write}: {it.message}")


def _not_created(view: View, arm: Arm) -> Iterator[Failure]:
    refused = _refused(arm)
    if refused:
        yield from _in_time(view, refused.reason, "no pod could be created", refused.message)


def _in_time(view: View, reason: FailureReason, what: str, said: str) -> Iterator[Failure]:
    """What the cluster says of itself is nobody's fault, but it is not waited for for ever."""
    limit = _patience(view, reason)
    if limit is None:
        yield Failure(reason, f"{what}: {said}")
    elif _waited(view, limit):
        yield Failure(reason, f"{what} within {format_duration(limit)}: {said}")


def _patience(view: View, reason: FailureReason) -> timedelta | None:
    """How long a refusal may end by itself; None: it takes a person."""
    limits = {
        FailureReason.QUOTA_EXCEEDED: grace(view),
        FailureReason.CLUSTER_UNAVAILABLE: view.spec.progress_deadline,
    }
    return limits.get(reason)


def _refused(arm: Arm) -> Trouble | None:
    """Why the cluster makes no pod, while one is missing."""
    missing = arm.replica_set is not None and arm.present < arm.wanted
    return arm.replica_set.create_failure if arm.replica_set and missing else None


def _waited(view: View, limit: timedelta) -> bool:
    """Whether the progress clock has run for ``limit``."""
    since = view.status.stage.progress_at if view.status.stage else None
    return since is not None and view.now >= since + limit


def _staying(arm: Arm) -> list[Pod]:
    """What is somebody else's fails nobody, whatever it is labelled."""
    return list(arm.made)


def grace(view: View) -> timedelta:
    """How long a pod may find no node, or no quota: pods that drain still take both."""
    given = view.spec.unschedulable_grace
    return view.spec.progress_deadline if given is None else given


def _unschedulable(view: View, arm: Arm) -> Iterator[Failure]:
    """A pod above those that are wanted, which a restart makes for a while, may wait for ever."""
    homeless = [pod for pod in _staying(arm) if pod.unschedulable_since]
    if arm.present - len(homeless) >= arm.wanted:
        return
    for pod in homeless:
        if pod.unschedulable_since and view.now >= pod.unschedulable_since + grace(view):
            waited = format_duration(grace(view))
            yield Failure(
                FailureReason.UNSCHEDULABLE,
                f"pod {pod.name} was not scheduled within {waited}: {pod.unschedulable}",
            )


def _no_progress(view: View, arm: Arm) -> Iterator[Failure]:
    stage = view.status.stage
    since = stage.progress_at if stage and stage.progress_ready is not None else None
    if since is None or obstacle(arm):
        return
    deadline = view.spec.progress_deadline
    if view.now >= since + deadline:
        yield Failure(
            FailureReason.PROGRESS_DEADLINE_EXCEEDED,
            f"{arm.available} of {arm.wanted} pods were available and no further pod became "
            f"available within {format_duration(deadline)}{_waits(arm)}",
        )


def next_failure(view: View, arm: Arm) -> timedelta | None:
    """When waiting any longer would turn into a failure; what is overdue is awaited no more."""
    since = view.status.stage.progress_at if view.status.stage else None
    refused = _refused(arm)
    limit = (refused and _patience(view, refused.reason)) or view.spec.progress_deadline
    ends = [since + limit] if since else []
    ends += [
        pod.unschedulable_since + grace(view) for pod in _staying(arm) if pod.unschedulable_since
    ]
    left = (end - view.now for end in ends if end > view.now)
    return soonest(standing.next_complaint(view, arm), *left)


def obstacle(arm: Arm) -> str:
    """Why pods are missing, when the scheduler or a quota says it; empty otherwise."""
    refused = _refused(arm)
    if refused:
        return f"; no pod could be created: {refused.message}"
    homeless = next((pod for pod in _staying(arm) if pod.unschedulable), None)
    if homeless is None:
        return ""
    if homeless.gated:
        return f"; pod {homeless.name} is {homeless.unschedulable}"
    return f"; the scheduler says: {homeless.unschedulable}"


def why(arm: Arm) -> str:
    """Why pods are missing or do not answer, as far as the cluster says it."""
    return obstacle(arm) or _waits(arm)


def _waits(arm: Arm) -> str:
    waiting = next((pod for pod in _staying(arm) if pod.cause and not pod.ready), None)
    return f"; pod {waiting.name}: {waiting.cause}" if waiting else ""
