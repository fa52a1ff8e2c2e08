"""A Pod as the kubelet and the scheduler tell it, cut down to what a rollout has to know."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from lockstep.adapters.kubernetes import pod_waits
from lockstep.adapters.kubernetes.meta import Meta, condition, created, instant, meta
from lockstep.api.base import TEMPLATE_ANNOTATION, Manifest, cut
from lockstep.api.failures import FailureReason
from lockstep.core.facts import Trouble
from lockstep.core.pods import Crash, Ended, Going, Pod

_GATED: Final = "SchedulingGated"
_HOMELESS: Final = {"Unschedulable", _GATED}
_MESSAGE: Final = 500
_REASON: Final = 64
_FINALIZERS: Final = 5
_REASONS: Final = {
    "ImagePullBackOff": FailureReason.IMAGE_PULL_FAILED,
    "InvalidImageName": FailureReason.IMAGE_PULL_FAILED,
    "ErrImageNeverPull": FailureReason.IMAGE_PULL_FAILED,
    "CreateContainerConfigError": FailureReason.CONTAINER_CONFIG_ERROR,
    "CreateContainerError": FailureReason.CONTAINER_START_FAILED,
    "RunContainerError": FailureReason.CONTAINER_START_FAILED,
}
_DISRUPTED: Final = {
    "EvictionByEvictionAPI",
    "PreemptionByScheduler",
    "DeletionByTaintManager",
    "DeletionByPodGC",
}
"""The cluster takes the pod, whatever runs in it. A kubelet short of memory says something else."""
_NODE_GOES: Final = {"Terminated", "NodeShutdown", "Shutdown", "Preempting"}
_PULLING: Final = {"ErrImagePull", "ImagePullBackOff"}
_DIGEST = re.compile(r"unexpected (commit )?digest|digest mismatch")
_DIFFERS = re.compile(r"(did|does) not match")


@dataclass(frozen=True, slots=True)
class PodRecord:
    """``pod`` is None once it has finished: it serves nobody and will not again."""

    meta: Meta
    pod: Pod | None


def prune(raw: Manifest) -> PodRecord:
    """Read a Pod."""
    known = meta(raw)
    if raw.get("status", {}).get("phase") == "Succeeded":
        return PodRecord(known, None)
    return PodRecord(known, _pod(known, raw))


def _pod(known: Meta, raw: Manifest) -> Pod:
    owner = _replica_set_of(raw)
    scheduled = condition(raw, "PodScheduled")
    gates = _gates(raw, scheduled)
    homeless = scheduled.get("status") == "False" and scheduled.get("reason") in _HOMELESS
    since = scheduled.get("lastTransitionTime")
    return Pod(
        name=known.name,
        uid=known.uid,
        revision=known.revision,
        owner_uid="" if known.outlives else known.owner_uid,
        owner=owner,
        generated=bool(owner) and raw["metadata"].get("generateName") == f"{owner}-",
        mark=str((raw["metadata"].get("annotations") or {}).get(TEMPLATE_ANNOTATION, "")),
        ip=raw.get("status", {}).get("podIP"),
        ready=_is(raw, "Ready"),
        held=_is_held(raw),
        terminating=known.terminating,
        trouble=next(_troubles(raw), None),
        unschedulable=_cut(gates or scheduled.get("message", "")) if homeless else None,
        unschedulable_since=(instant(since) if since else created(raw)) if homeless else None,
        gated=bool(gates),
        wait=None if homeless else pod_waits.wait(raw),
        going=_going(raw),
        created=created(raw),
        restarts=sum(_restarts(it) for it in _containers(raw)),
        crash=_crash(raw),
        failed=_failure(raw),
        disrupted=_is_disrupted(raw),
    )


def _is(raw: Manifest, kind: str) -> bool:
    return bool(condition(raw, kind).get("status") == "True")


def _is_held(raw: Manifest) -> bool:
    """Whether nothing but a readiness gate keeps a pod from being ready."""
    gates = raw.get("spec", {}).get("readinessGates")
    return bool(gates) and _is(raw, "ContainersReady") and not _is(raw, "Ready")


def _failure(raw: Manifest) -> Ended | None:
    """Why the kubelet has given the pod up, or never took it: it will not run again."""
    status = raw.get("status", {})
    if status.get("phase") != "Failed":
        return None
    ended = next((it for it in map(_ended, _containers(raw)) if it.get("exitCode")), {})
    reason = status.get("reason") or ended.get("reason") or "Failed"
    code = f"a container ended with exit code {ended['exitCode']}" if ended else "it failed"
    return Ended(cut(str(reason), _REASON), _cut(status.get("message") or code))


def _is_disrupted(raw: Manifest) -> bool:
    target, reason = condition(raw, "DisruptionTarget"), raw.get("status", {}).get("reason", "")
    said = target.get("reason") if target.get("status") == "True" else ""
    by_kubelet = said == "TerminationByKubelet" and reason != "Evicted"
    return said in _DISRUPTED or by_kubelet or reason in _NODE_GOES


def _containers(raw: Manifest) -> Iterator[Manifest]:
    for kind in ("initContainerStatuses", "containerStatuses"):
        yield from raw.get("status", {}).get(kind) or ()


def _restarts(container: Manifest) -> int:
    return int(container.get("restartCount", 0))


def _ended(container: Manifest) -> Manifest:
    """How the container last ended, in failure if it ever did; empty while it never ended."""
    told = (container.get(state, {}).get("terminated") for state in ("state", "lastState"))
    ended: list[Manifest] = [it for it in told if it]
    return next((it for it in ended if it.get("exitCode")), ended[0] if ended else {})


def _crash(raw: Manifest) -> Crash | None:
    """The restarts of its containers, told of the one that ended last."""
    restarted = [it for it in _containers(raw) if _restarts(it)]
    if not restarted:
        return None
    last = max(restarted, key=lambda it: (_ended(it).get("finishedAt") or "", _restarts(it)))
    return Crash(
        restarts=max(map(_restarts, restarted)),
        down=any(map(_down, restarted)),
        reason=cut(str(_ended(last).get("reason", "")), _REASON),
        message=_crashes(last),
    )


def _going(raw: Manifest) -> Going | None:
    metadata = raw["metadata"]
    until = metadata.get("deletionTimestamp")
    if not until:
        return None
    return Going(
        until=instant(until),
        grace=timedelta(seconds=metadata.get("deletionGracePeriodSeconds") or 0),
        finalizers=tuple(metadata.get("finalizers") or ())[:_FINALIZERS],
        node=raw.get("spec", {}).get("nodeName") or "",
    )


def _gates(raw: Manifest, scheduled: Manifest) -> str:
    """Who keeps the scheduler from looking at it; the API server puts no time to that."""
    if scheduled.get("reason") != _GATED:
        return ""
    names = (gate["name"] for gate in raw.get("spec", {}).get("schedulingGates") or ())
    return f"gated by {', '.join(names) or 'a scheduling gate'}"


def _replica_set_of(raw: Manifest) -> str:
    """The name of the ReplicaSet that manages it, or empty."""
    owners = raw["metadata"].get("ownerReferences") or ()
    named = (it["name"] for it in owners if it.get("controller") and it["kind"] == "ReplicaSet")
    return str(next(named, ""))


def _troubles(raw: Manifest) -> Iterator[Trouble]:
    for container in _containers(raw):
        trouble = _trouble(container)
        if trouble:
            yield trouble


def _trouble(container: Manifest) -> Trouble | None:
    """What keeps one container from ever starting; None while it may just take its time."""
    waiting = container.get("state", {}).get("waiting") or {}
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    if reason in _PULLING and _names_other_content(message):
        return Trouble(FailureReason.DIGEST_MISMATCH, _cut(message))
    if reason in _REASONS:
        return Trouble(
            _REASONS[reason], _cut(message or f"container {container['name']}: {reason}")
        )
    return None


def _names_other_content(message: str) -> bool:
    """Two patterns instead of one with a gap: a registry that is quoted may say anything."""
    if _DIGEST.search(message):
        return True
    _, digest, rest = message.partition("digest ")
    return bool(digest) and _DIFFERS.search(rest) is not None


def _down(container: Manifest) -> bool:
    """The kubelet may say CrashLoopBackOff for no more than the instant before the next try."""
    state = container.get("state", {})
    backing_off = (state.get("waiting") or {}).get("reason") == "CrashLoopBackOff"
    return backing_off or (state.get("terminated") or {}).get("exitCode", 0) != 0


def _crashes(container: Manifest) -> str:
    last, restarts = _ended(container), _restarts(container)
    why = last.get("reason", "")
    named = f" ({why})" if why not in {"", "Error"} else ""
    said = f": {last['message'].strip()}" if last.get("message") else ""
    return _cut(
        f"container {container['name']} was restarted {_times(restarts)}, "
        f"last exit code {last.get('exitCode', 'unknown')}{named}{said}"
    )


def _times(restarts: int) -> str:
    return "once" if restarts == 1 else f"{restarts} times"


def _cut(message: str) -> str:
    return cut(message, _MESSAGE)
