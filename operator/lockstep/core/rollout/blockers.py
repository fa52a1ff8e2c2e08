"""Who keeps a step from being reached: named, since when, and with a way out."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from lockstep.api.durations import format_duration
from lockstep.core.moments import clock
from lockstep.core.pods import Going, Pod
from lockstep.core.rollout.failures import obstacle, why
from lockstep.core.rollout.observed import Arm
from lockstep.core.rollout.replicas import Counts
from lockstep.core.rollout.stages import max_surge
from lockstep.core.rollout.view import View, soonest

_SLACK: Final = timedelta(seconds=30)
"""How long after its grace a pod may still be there without anything being wrong."""


def behind(view: View, stable: Arm, candidate: Arm, target: Counts) -> str:
    """The first thing that the step still lacks."""
    if stable.available < target.stable:
        missing = f"stable has {stable.available} of {target.stable} pods ready"
        return f"{missing}{why(stable)}{places(view, stable, target.stable)}"
    for arm in view.others:
        if arm.ready:
            return f"{arm.ready} pods of {_named(view, arm)} must be removed first"
    for arm, count, name in (
        (stable, target.stable, "stable"),
        (candidate, target.candidate, "the candidate"),
    ):
        if arm.present > count:
            return f"{name} has {arm.present} pods, target {count}{places(view, arm, count)}"
    if view.pending:
        return "the router has not confirmed the requested weights"
    return "the Service does not select the candidate yet"


def places(view: View, arm: Arm, target: int) -> str:
    """Who takes the place that pods of ``arm`` wait for; empty where nothing waits for one."""
    waits = arm.present < target and not max_surge(view.spec)
    if not waits and not obstacle(arm):
        return ""
    last = max(_going(view), key=lambda it: it[2].until, default=None)
    return f"; {_leaving(view, *last)}" if last else ""


def _going(view: View) -> Iterator[tuple[Arm, Pod, Going]]:
    for arm in view.observed.arms.values():
        for pod in arm.pods:
            if pod.going:
                yield arm, pod, pod.going


def _leaving(view: View, arm: Arm, pod: Pod, going: Going) -> str:
    whose = f"pod {pod.name} of {_named(view, arm)}"
    if view.now <= going.until + _SLACK:
        told = clock(going.until - going.grace, view.now)
        return (
            f"{whose} is still terminating: deleted at {told}, grace period "
            f"{format_duration(going.grace)} until {clock(going.until, view.now)}"
        )
    until = clock(going.until, view.now)
    return f"{whose} is still there after its grace period ({until}): {_way_out(pod, going)}"


def _way_out(pod: Pod, going: Going) -> str:
    if going.finalizers:
        names = ", ".join(going.finalizers)
        return f"finalizers block its deletion ({names}); their owner must remove them"
    node = f"node {going.node}" if going.node else "its node"
    return (
        f"{node} has not confirmed that it stopped; if the node is certainly down, "
        f"run kubectl delete pod {pod.name} --force"
    )


def _named(view: View, arm: Arm) -> str:
    known = (it for it in view.observed.stored if it.revision == arm.revision)
    version = next((f"version {it.inputs['version']} " for it in known), "")
    return f"{version}(revision {arm.revision})" if version else f"revision {arm.revision}"


def wait(view: View) -> timedelta | None:
    """When a pod on its way out will have been there for too long, while a trial may wait."""
    if view.status.candidate is None:
        return None
    ends = (going.until + _SLACK - view.now for _, _, going in _going(view))
    return soonest(*(end + timedelta(seconds=1) for end in ends if end >= timedelta(0)))
