"""A restart: pods older than spec.restartAt are replaced a few at a time, and no caller is lost.

So are pods that were made while somebody had edited their template: they are not the revision.
A revision gets a few pods above its size; as they answer, old ones are removed and come back new.
Nothing is remembered of it: when a pod was made says whether it is still to be replaced.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from lockstep.core.observed import DEPLOYMENT, Arm, ChildReplicaSet, Pod, Span
from lockstep.core.plan import RemovePod
from lockstep.core.rollout.stages import max_surge, rolling_surge
from lockstep.core.rollout.view import View


def outdated(view: View, arm: Arm) -> tuple[Pod, ...]:
    """Pods that are still to be replaced, first those that answer nobody, then the oldest.

    What was kept of a failure stays as it failed. A pod says only in which second it was made.
    """
    rejected, child = view.memory.rejected, arm.replica_set
    failed = rejected is not None and rejected.revision == arm.revision
    before, between = asked(view), child.edited if child else None
    if failed or (before is None and between is None):
        return ()
    standing = [(pod.created, pod) for pod in _replaceable(arm) if pod.created]
    old = [
        (pod.ready, created, pod.name, pod)
        for created, pod in standing
        if (before and created < before) or (between and between[0] <= created <= between[1])
    ]
    return tuple(pod for *_, pod in sorted(old, key=lambda it: it[:3]))


def asked(view: View) -> datetime | None:
    """The second before which pods are too old; None while no restart is due."""
    at = view.spec.restart_at
    return at.replace(microsecond=0) if at and at <= view.now else None


def due(view: View, arm: Arm) -> bool:
    """Whether spec.restartAt is why pods are replaced, and not an edit alone."""
    before = asked(view)
    return before is not None and any(it.created and it.created < before for it in arm.pods)


def edited(view: View, child: ChildReplicaSet) -> Span | None:
    """When its template was somebody else's, once it is put back by this pass."""
    if child.edit is None or child.kind == DEPLOYMENT:
        return child.edited
    since = min(child.edit, child.edited[0]) if child.edited else child.edit
    return since, view.now


def _replaceable(arm: Arm) -> Iterator[Pod]:
    """Pods that would come back; what else carries our labels is somebody else's."""
    child = arm.replica_set
    for pod in arm.pods:
        ours = child and pod.owner_uid and (child.kind == DEPLOYMENT or pod.owner_uid == child.uid)
        if ours and not pod.terminating:
            yield pod


def begins(view: View, arm: Arm) -> bool:
    """Whether no pod has been replaced yet: the new ones will read what there is now."""
    old = outdated(view, arm)
    return bool(old) and len(old) == len(tuple(_replaceable(arm)))


def surplus(view: View, arm: Arm, count: int) -> int:
    """Pods above ``count`` for as long as it takes: a quarter, but no more than the surge allows.

    Without a surge a place is freed first, but never the last one.
    """
    surge = max_surge(view.spec)
    if not count or not outdated(view, arm) or (surge == 0 and count > 1):
        return 0
    return min(max(surge, 1), rolling_surge(count))


def removals(view: View, counts: Mapping[str, int]) -> Iterator[RemovePod]:
    """Old pods that nobody will miss now, once their revision has the size that it shall have."""
    for arm in view.observed.arms.values():
        count, child = counts.get(arm.revision, 0), arm.replica_set
        more = surplus(view, arm, count)
        if child is None or (child.replicas, child.surplus) != (count, more):
            continue
        old = outdated(view, arm)
        sick = sum(not pod.ready for pod in old)
        spare = max(0, arm.available - (count if more else count - 1))
        for pod in old[: sick + spare]:
            yield RemovePod(pod.name, pod.uid, arm.revision)
