"""A restart: pods older than spec.restartAt are replaced a few at a time, and no caller is lost.

So are pods that were made while somebody had edited their template, and pods that somebody made and
the ReplicaSet took in: they are not the revision.
A revision gets a few pods above its size; as they answer, old ones are removed and come back new.
Nothing is remembered of it: when a pod was made says whether it remains to be replaced.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from lockstep.core.pods import Pod
from lockstep.core.rollout.actions import RemovePod
from lockstep.core.rollout.observed import Arm, Span
from lockstep.core.rollout.stages import gives_way, max_surge, rolling_surge
from lockstep.core.rollout.view import View


def outdated(view: View, arm: Arm) -> tuple[Pod, ...]:
    """Pods that are still to be replaced, first those that answer nobody, then the oldest.

    What was kept of a failure stays as it failed. A pod says only in which second it was made.
    """
    rejected, child = view.status.rejected, arm.replica_set
    failed = rejected is not None and rejected.revision == arm.revision
    before, between = asked(view), child.edited if child else None
    if failed or (before is None and between is None and len(arm.made) == len(arm.pods)):
        return ()
    standing = [(pod.created, pod) for pod in _replaceable(arm) if pod.created]
    old = [
        (pod.ready, pod.made, created, pod.name, pod)
        for created, pod in standing
        if (before and created < before) or _within(between, created) or not pod.made
    ]
    return tuple(pod for *_, pod in sorted(old, key=lambda it: it[:4]))


def asked(view: View) -> datetime | None:
    """The second before which pods are too old; None while no restart is due."""
    at = view.spec.restart_at
    return at.replace(microsecond=0) if at and at <= view.now else None


def due(view: View, arm: Arm) -> bool:
    """Whether spec.restartAt is why pods are replaced, and not an edit alone."""
    before = asked(view)
    return before is not None and any(
        it.created and it.created < before for it in _replaceable(arm)
    )


def of_an_edit(arm: Arm, pod: Pod) -> bool:
    """Whether a pod was made while the template was somebody else's."""
    child = arm.replica_set
    if child is None or pod.created is None:
        return False
    return _within(child.edited, pod.created) or bool(child.edit and pod.created >= child.edit)


def edited(view: View, arm: Arm) -> Span | None:
    """When its template was somebody else's, once it is put back by this pass.

    An earlier edit is kept in mind only while a pod of it stands.
    """
    child = arm.replica_set
    if child is None or child.edit is None:
        return child.edited if child else None
    known = child.edited
    left = known and any(_within(known, pod.created) for pod in _replaceable(arm))
    since = min(child.edit, known[0]) if known and left else child.edit
    return since, max(view.now, child.edit)


def _within(span: Span | None, at: datetime | None) -> bool:
    return bool(span and at and span[0] <= at <= span[1])


def _replaceable(arm: Arm) -> Iterator[Pod]:
    """Pods that would come back; what else carries our labels is somebody else's."""
    child = arm.replica_set
    for pod in arm.pods:
        ours = child and pod.owner_uid == child.uid
        if ours and not pod.terminating:
            yield pod


def begins(view: View, arm: Arm) -> bool:
    """Whether no pod has been replaced yet: the new ones will read what there is now."""
    old, child = outdated(view, arm), arm.replica_set
    if child is None or not old or child.surplus or _rests(view, arm):
        return False
    extra = surplus(view, arm, child.replicas)
    return extra > 0 or len(old) == len(tuple(_replaceable(arm)))


def _rests(view: View, arm: Arm) -> bool:
    """Stable makes room while a stage is on its way: it may be the fix of a restart that failed."""
    stable, stage = view.status.stable, view.status.stage
    moving = stage is not None and stage.entered_at is None
    return moving and stable is not None and stable.revision == arm.revision


def surplus(view: View, arm: Arm, count: int) -> int:
    """Pods above ``count`` for as long as it takes: a quarter, but no more than the surge allows.

    Without a surge a place is freed first, but never the last one.
    """
    surge = max_surge(view.spec)
    in_place = surge == 0 and (count > 1 or gives_way(view.spec))
    if not count or in_place or _rests(view, arm) or not outdated(view, arm):
        return 0
    return min(max(surge, 1), rolling_surge(count))


def removals(view: View, counts: Mapping[str, int]) -> Iterator[RemovePod]:
    """Old pods that nobody will miss now, once their revision has the size that it shall have."""
    for arm in view.observed.arms.values():
        count, child = counts.get(arm.revision, 0), arm.replica_set
        more = surplus(view, arm, count)
        if child is None or child.edit or child.terminating or _rests(view, arm):
            continue
        if (child.replicas, child.surplus) == (count, more):
            for pod in _spare(view, arm, more):
                yield RemovePod(pod.name, pod.uid, arm.revision)


def _spare(view: View, arm: Arm, more: int) -> tuple[Pod, ...]:
    """Those that answer go beside others that do; those that do not, only a few at a time.

    What all of them lean on may be away for a moment, and new ones may be no better.
    """
    old = outdated(view, arm)
    sick, well = [pod for pod in old if not pod.ready], [pod for pod in old if pod.ready]
    few = max(0, max(1, more) - _coming(arm, old))
    enough = arm.wanted if more else arm.wanted - 1
    return (*sick[:few], *well[: max(0, _answering(arm) - enough)])


def _answering(arm: Arm) -> int:
    """A pod that was taken in answers callers like the others, until one is there in its stead."""
    reported = arm.replica_set.available if arm.replica_set else 0
    return min(arm.answering, reported)


def _coming(arm: Arm, old: tuple[Pod, ...]) -> int:
    """New pods that may still answer; one without a place waits for an old one to go."""
    child, fresh = arm.replica_set, [pod for pod in _replaceable(arm) if pod not in old]
    starting = sum(not pod.ready and not pod.unschedulable for pod in fresh)
    if child is None or child.create_failure:
        return starting
    return starting + max(0, child.replicas + child.surplus - len(old) - len(fresh))
