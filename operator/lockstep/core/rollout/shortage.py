"""Why stable gets no pod: who says no, in whose words, and what there is to do about it."""

from typing import Final

from lockstep.api.failures import FailureReason
from lockstep.core.facts import Trouble
from lockstep.core.pods import Pod
from lockstep.core.refusals import refuser
from lockstep.core.rollout import restart
from lockstep.core.rollout.observed import Arm
from lockstep.core.rollout.stages import gives_way, max_surge
from lockstep.core.rollout.view import View

_WAITED_FOR: Final = {FailureReason.QUOTA_EXCEEDED, FailureReason.CLUSTER_UNAVAILABLE}
_ITS_WAY: Final = "strategy: {rolling: {maxSurge: 0, maxUnavailable: 1}}"


def refusal(stable: Arm) -> Trouble | None:
    """Why the cluster makes no pod, while one is missing."""
    child = stable.replica_set
    missing = child is not None and stable.present < child.replicas + child.surplus
    return child.create_failure if child and missing else None


def takes_a_person(refused: Trouble | None) -> bool:
    """Whether no wait helps: somebody forbids the pod, and it will be forbidden tomorrow."""
    return refused is not None and refused.reason not in _WAITED_FOR


def told(view: View, stable: Arm) -> str:
    """What to add to the message of a restart; nothing while nobody says no."""
    refused = refusal(stable)
    if refused:
        said = refused.message
        return f"; {refuser(said)} refuses an extra pod: {said}; {_ways_out(view, stable, refused)}"
    homeless = next((pod for pod in stable.pods if pod.unschedulable and not pod.terminating), None)
    return _no_place(view, stable, homeless) if homeless else ""


def _no_place(view: View, stable: Arm, pod: Pod) -> str:
    if pod.gated:
        ways = _or("wait for the controller that set the gate, or check it", view, stable)
        return f"; pod {pod.name} is {pod.unschedulable}; {ways}"
    ways = _or(f"add capacity{_in_place(view)}", view, stable)
    return f"; no room for an extra pod: {pod.unschedulable}; {ways}"


def way_out(refused: Trouble) -> str:
    """What ends a refusal, whatever the pod is wanted for."""
    match refused.reason:
        case FailureReason.QUOTA_EXCEEDED:
            return "free or raise the quota"
        case FailureReason.CLUSTER_UNAVAILABLE:
            return "fix the component that the message names"
        case _:
            return "change the object or the rule that forbids it"


def _ways_out(view: View, stable: Arm, refused: Trouble) -> str:
    room = _in_place(view) if refused.reason is FailureReason.QUOTA_EXCEEDED else ""
    return _or(f"{way_out(refused)}{room}", view, stable)


def _in_place(view: View) -> str:
    """How pods are replaced in their own places, where they are not and the strategy can."""
    spec = view.spec
    already = max_surge(spec) == 0 and (spec.replicas > 1 or gives_way(spec))
    if spec.strategy.blue_green or already:
        return ""
    if spec.replicas == 1:
        return f", or replace the pod without surge ({_ITS_WAY}; no pod answers meanwhile)"
    way = "strategy.canary.maxSurge: 0" if spec.strategy.canary else _ITS_WAY
    return f", or replace pods without surge ({way})"


def _or(ways: str, view: View, stable: Arm) -> str:
    """A restart that was asked for can be called off; pods of an edit are replaced in any case."""
    return f"{ways}, or remove spec.restartAt" if restart.due(view, stable) else ways
