"""The sentences about children: what somebody edited, took, scales or owns, and what restarts."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from lockstep.api.base import API_VERSION, Manifest
from lockstep.api.model_deployment import KIND
from lockstep.api.model_deployment_status import RevisionStatus
from lockstep.api.service import ServedPort
from lockstep.core.facts import ChildRef, Foreign, Hand, Trouble
from lockstep.core.pods import Pod
from lockstep.core.rollout.messages import named
from lockstep.core.rollout.observed import Arm, Autoscaler, ChildReplicaSet


def name_conflict(foreign: Foreign) -> str:
    said = f"{foreign.kind} {foreign.name} exists and was not created by Lockstep, which leaves it"
    if foreign.kind == "Service":
        return (
            f"{said} unchanged; delete or rename it, or create a Decision Adopt to take it over: "
            "its traffic stays as it is until the first revision is ready"
        )
    return f"{said} unchanged; delete or rename it, and the rollout continues by itself"


CHILDREN_STAY = "no child has this object as owner: deleting it leaves all of them running"


def restored(child: str, hand: Hand | None) -> str:
    what = f" ({hand})" if hand else ""
    return f"{child} was edited manually{what} and is restored; change the ModelDeployment instead"


def restart(child: ChildReplicaSet, at: datetime) -> str:
    return (
        f"replacing the pods of ReplicaSet {child.name} that are older than "
        f"{at:%Y-%m-%dT%H:%M:%SZ} (spec.restartAt)"
    )


def restarting(stable: RevisionStatus, left: int, *, edited: bool) -> str:
    which = "created from a manually edited template" if edited else "older than spec.restartAt"
    pods = f"1 pod {which} remains" if left == 1 else f"{left} pods {which} remain"
    return f"{named(stable)} serves; {pods} to be replaced"


def pod_replaced(pod: Pod) -> str:
    return (
        f"replacing pod {pod.name}: ReplicaSet {pod.owner} adopted it by its labels, but it was "
        "not created from the revision's template"
    )


def restart_stuck(stable: RevisionStatus, arm: Arm, pod: str, trouble: Trouble) -> str:
    return (
        f"the restart of {named(stable)} is stuck, {arm.available} pods are still ready: pod "
        f"{pod}: {trouble.message}; fix what its pods read, or roll out a new revision"
    )


def autoscaler_on_child(name: str, autoscaler: Autoscaler) -> str:
    target = autoscaler.target
    return (
        f"HorizontalPodAutoscaler {autoscaler.name} scales {target.kind} {target.name}, whose "
        "size the rollout controls, so Lockstep resets it each time; set its scaleTargetRef to "
        f"{API_VERSION} {KIND} {name}"
    )


def budget_conflict(foreign: Foreign) -> str:
    return (
        f"{foreign.kind} {foreign.name} exists and was not created by Lockstep, which leaves it "
        "unchanged and creates no other; delete or rename it to get Lockstep's; rollouts continue"
    )


def still_owned(left: Sequence[ChildRef]) -> str:
    return (
        f"{_children(left)} would still be deleted with this object; wait until this condition is "
        "True before deleting it"
    )


def being_owned(left: Sequence[ChildRef]) -> str:
    return f"{_children(left)} would remain if this object were deleted now"


def _children(left: Sequence[ChildRef]) -> str:
    one = f"{left[0].kind} {left[0].name}"
    return one if len(left) == 1 else f"{one} and {len(left) - 1} more children"


def no_such_port(field: str, port: ServedPort, version: str, known: Iterable[Manifest]) -> str:
    named = [f"{it['name']} ({it['containerPort']})" for it in known if it.get("name")]
    return (
        f"{field} is {port.target_port}, but no container of version {version} has a "
        f"{port.protocol} port of that name (named ports: {', '.join(named[:8]) or 'none'}); "
        "correct the name, name the port in the template, or use its number"
    )


def ports_differ(stable: RevisionStatus, version: str, ours: ServedPort, theirs: ServedPort) -> str:
    return (
        f"port {theirs.port} of the Service maps to {_behind(ours)} in {named(stable)} and to "
        f"{_behind(theirs)} in version {version}: one Service cannot do both while traffic is "
        "split; use one port name in both templates and set targetPort to it, or move all "
        "traffic at once (strategy blueGreen, or only stages of weight 100 with maxSurge of at "
        f"least replicas); traffic stays on version {stable.version}"
    )


def _behind(port: ServedPort) -> str:
    return f"{port.target_port}{f' ({port.app_protocol})' if port.app_protocol else ''}"


def astray(name: str) -> str:
    return (
        f"Service {name} was edited to send traffic out of the cluster (type ExternalName) or to "
        "pods that are not ready (publishNotReadyAddresses); Lockstep is restoring it"
    )
