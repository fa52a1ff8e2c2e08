"""Why pods do not answer: what their status says and, after a while, what their Events say.

Events are listed, not watched: a cluster has more of them than of anything else. One pod is asked
about at a time, the less often the longer it waits.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from lockstep.core.pods import Pod
from lockstep.core.rollout.needs import PodEvents
from lockstep.core.rollout.observed import Arm, PodSaid
from lockstep.core.rollout.view import View, soonest

PATIENCE: Final = timedelta(seconds=10)
"""How long a pod may simply be starting, before anything is said or asked about it."""
_DOUBLINGS: Final = 5
_AT_LEAST_EVERY: Final = timedelta(minutes=5)


def told(view: View) -> View:
    """The same facts, in which pods that have waited for a while have their cause."""
    said, arms = view.observed.answers.said, view.observed.arms
    if not any(pod.wait for arm in arms.values() for pod in arm.pods):
        return view
    arms = {name: _explained(arm, view.now, said) for name, arm in arms.items()}
    return replace(view, observed=replace(view.observed, arms=arms))


def _explained(arm: Arm, now: datetime, said: PodSaid | None) -> Arm:
    if all(pod.wait is None for pod in arm.pods):
        return arm
    return replace(arm, pods=tuple(_with_cause(pod, now, said) for pod in arm.pods))


def _with_cause(pod: Pod, now: datetime, said: PodSaid | None) -> Pod:
    if pod.wait is None or pod.terminating or not (pod.wait.wrong or _waited(pod, now)):
        return pod
    words = f"; {said.sentence}" if said and said.uid == pod.uid and said.sentence else ""
    return replace(pod, cause=f"{pod.wait.message}{words}")


def _waited(pod: Pod, now: datetime) -> timedelta | None:
    """For how long a pod has waited longer than any might; None while it might."""
    since = pod.wait.since if pod.wait else None
    waited = now - since if since else 2 * PATIENCE
    return waited if waited >= PATIENCE else None


def question(view: View) -> PodEvents | None:
    """The pod whose Events are to be looked at; its turn says how often that was so before.

    At 10 s nothing is asked yet: in a crowd every pod waits that long, and the cluster is busy.
    """
    namespace = view.observed.key.namespace
    for pod in _waiting(view):
        waited = _waited(pod, view.now)
        if waited and pod.wait and not pod.wait.plain and _turn(waited):
            return PodEvents(namespace=namespace, uid=pod.uid, turn=_turn(waited))
    return None


def wait(view: View) -> timedelta | None:
    """When to look again: a pod's patience is over, or it is its turn again."""
    return soonest(*(_next(pod, view.now) for pod in _waiting(view)))


def _next(pod: Pod, now: datetime) -> timedelta | None:
    since, waited = pod.wait.since if pod.wait else None, _waited(pod, now)
    if since is None:
        return None
    if waited is None:
        return since + PATIENCE - now
    again = _begins(_turn(waited) + 1) - waited
    return None if pod.wait and pod.wait.plain else again


def _waiting(view: View) -> Iterator[Pod]:
    """Pods of the candidate, then of stable, that found a place and do not answer."""
    for arm in (view.candidate, view.stable):
        for pod in sorted(arm.pods, key=lambda it: it.name) if arm else ():
            if pod.wait and not (pod.terminating or pod.trouble or pod.unschedulable):
                yield pod


def _turn(waited: timedelta) -> int:
    """10 s, 20 s, 40 s and so on to 320 s, then every five minutes."""
    last = _begins(_DOUBLINGS)
    if waited >= last:
        return _DOUBLINGS + (waited - last) // _AT_LEAST_EVERY
    return int(waited / PATIENCE).bit_length() - 1


def _begins(turn: int) -> timedelta:
    doubled = PATIENCE * (1 << min(turn, _DOUBLINGS))
    return doubled + _AT_LEAST_EVERY * max(0, turn - _DOUBLINGS)
