"""Pods that carry our labels and that none of our ReplicaSets has made: what they keep waiting.

They prove and fail nothing and are never deleted. A Service selects by label, so callers meet those
whose labels it asks for; no step of a rollout brings them to one that they do not meet already.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from lockstep.api.base import DEPLOYMENT_LABEL
from lockstep.api.conditions import Reason
from lockstep.core.pods import Pod
from lockstep.core.rollout.actions import Action, RemovePod
from lockstep.core.rollout.observed import Arm
from lockstep.core.rollout.view import View

_NAMED: Final = 3


def beside(view: View) -> tuple[Pod, ...]:
    """Those that callers would meet as soon as the Service selects all revisions."""
    stable = view.status.stable.revision if view.status.stable else ""
    return tuple(pod for pod in view.observed.strangers if pod.ready and pod.revision != stable)


def within(view: View, arm: Arm) -> bool:
    """Whether callers of this revision would meet one."""
    return any(pod.ready and pod.revision == arm.revision for pod in view.observed.strangers)


def conflicts(view: View) -> Iterator[tuple[Reason, str]]:
    """Reason and sentence of the condition Conflict, for as long as such a pod is there."""
    staying = [pod for pod in view.observed.strangers if not pod.terminating]
    if staying:
        yield Reason.STRANGE_PODS, _strange(view.observed.key.name, staying)
    adopted = [pod for arm in view.observed.arms.values() for pod in _adopted_in(arm)]
    if adopted:
        yield Reason.ADOPTED_PODS, _adopted_said(adopted)


def replaced(view: View, actions: Iterable[Action]) -> Iterator[Pod]:
    """Pods made by hand that these actions take away."""
    removed = {it.uid for it in actions if isinstance(it, RemovePod)}
    for arm in view.observed.arms.values():
        yield from (pod for pod in _adopted_in(arm) if pod.uid in removed)


def _adopted_in(arm: Arm) -> Iterator[Pod]:
    child = arm.replica_set
    for pod in arm.pods:
        if child and pod.owner_uid == child.uid and not pod.made and not pod.terminating:
            yield pod


def _strange(name: str, pods: Sequence[Pod]) -> str:
    many = len(pods) > 1
    was, they = ("were", "they") if many else ("was", "it")
    return (
        f"{_pods(pods)} with the label {DEPLOYMENT_LABEL}={name} {was} not created by a ReplicaSet "
        f"of this ModelDeployment: Lockstep ignores {'them' if many else 'it'}, but {they} may "
        f"receive traffic; remove the label with: kubectl label pod {pods[0].name} "
        f"{DEPLOYMENT_LABEL}-"
    )


def _adopted_said(pods: Sequence[Pod]) -> str:
    was, them = ("were", "them") if len(pods) > 1 else ("was", "it")
    return (
        f"{_pods(pods)} {was} not created from the template of ReplicaSet {pods[0].owner}, which "
        f"adopted {them} by label: Lockstep does not count {them} and replaces {them}"
    )


def delay(view: View) -> str:
    """What a stage that does not get on has to do with them; empty where it has nothing."""
    there = beside(view)
    if not there:
        return ""
    have, were = ("have", "were") if len(there) > 1 else ("has", "was")
    return (
        f"; {_pods(there)} {have} the label {DEPLOYMENT_LABEL} but {were} not created by Lockstep "
        "and would receive traffic too: remove the label"
    )


def _pods(pods: Sequence[Pod]) -> str:
    names = ", ".join(sorted(pod.name for pod in pods)[:_NAMED])
    more = len(pods) - _NAMED
    return f"pod{'s' if len(pods) > 1 else ''} {names}" + (f" and {more} more" if more > 0 else "")
