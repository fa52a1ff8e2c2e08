"""A Pod as the kubelet and the scheduler tell it, cut down to what a rollout has to know."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lockstep.adapters import kube_pod_waits
from lockstep.adapters.kube import Meta, condition, created, instant, meta
from lockstep.api.base import Manifest, cut
from lockstep.core.observed import Pod, Trouble

_CRASHES: Final = 2
_GATED: Final = "SchedulingGated"
_HOMELESS: Final = {"Unschedulable", _GATED}
_MESSAGE: Final = 500
_REASONS: Final = {
    "ImagePullBackOff": "ImagePullFailed",
    "InvalidImageName": "ImagePullFailed",
    "ErrImageNeverPull": "ImagePullFailed",
    "CreateContainerConfigError": "ContainerConfigError",
    "CreateContainerError": "ContainerStartFailed",
    "RunContainerError": "ContainerStartFailed",
}
_PULLING: Final = {"ErrImagePull", "ImagePullBackOff"}
_DIGEST = re.compile(r"unexpected (commit )?digest|digest mismatch|digest .*(did|does) not match")


@dataclass(frozen=True, slots=True)
class PodRecord:
    """``pod`` is None once it has finished or failed: it serves nobody and will not again."""

    meta: Meta
    pod: Pod | None


def prune(raw: Manifest) -> PodRecord:
    """Read a Pod."""
    known = meta(raw)
    if raw.get("status", {}).get("phase") in {"Failed", "Succeeded"}:
        return PodRecord(known, None)
    return PodRecord(known, _pod(known, raw))


def _pod(known: Meta, raw: Manifest) -> Pod:
    scheduled = condition(raw, "PodScheduled")
    gates = _gates(raw, scheduled)
    homeless = scheduled.get("status") == "False" and scheduled.get("reason") in _HOMELESS
    since = scheduled.get("lastTransitionTime")
    return Pod(
        name=known.name,
        uid=known.uid,
        revision=known.revision,
        owner_uid="" if known.outlives else known.owner_uid,
        ip=raw.get("status", {}).get("podIP"),
        ready=condition(raw, "Ready").get("status") == "True",
        terminating=known.terminating,
        trouble=next(_troubles(raw), None),
        unschedulable=_cut(gates or scheduled.get("message", "")) if homeless else None,
        unschedulable_since=(instant(since) if since else created(raw)) if homeless else None,
        gated=bool(gates),
        wait=None if homeless else kube_pod_waits.wait(raw),
        created=created(raw),
    )


def _gates(raw: Manifest, scheduled: Manifest) -> str:
    """Who keeps the scheduler from looking at it; the API server puts no time to that."""
    if scheduled.get("reason") != _GATED:
        return ""
    names = (gate["name"] for gate in raw.get("spec", {}).get("schedulingGates") or ())
    return f"gated by {', '.join(names) or 'a scheduling gate'}"


def _troubles(raw: Manifest) -> Iterator[Trouble]:
    status = raw.get("status", {})
    for kind in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(kind) or ():
            trouble = _trouble(container)
            if trouble:
                yield trouble


def _trouble(container: Manifest) -> Trouble | None:
    """What keeps one container from ever starting; None while it may just take its time."""
    waiting = container.get("state", {}).get("waiting") or {}
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    if reason in _PULLING and _DIGEST.search(message):
        return Trouble("DigestMismatch", _cut(message))
    if reason in _REASONS:
        return Trouble(
            _REASONS[reason], _cut(message or f"container {container['name']}: {reason}")
        )
    if _down(container) and container.get("restartCount", 0) >= _CRASHES:
        return Trouble("CrashLoop", _crashes(container))
    return None


def _down(container: Manifest) -> bool:
    """The kubelet may say CrashLoopBackOff for no more than the instant before the next try."""
    state = container.get("state", {})
    backing_off = (state.get("waiting") or {}).get("reason") == "CrashLoopBackOff"
    return backing_off or (state.get("terminated") or {}).get("exitCode", 0) != 0


def _crashes(container: Manifest) -> str:
    ended = (container.get(state, {}).get("terminated") for state in ("state", "lastState"))
    last: Manifest = next(filter(None, ended), {})
    why = last.get("reason", "")
    named = f" ({why})" if why not in {"", "Error"} else ""
    said = f": {last['message'].strip()}" if last.get("message") else ""
    return _cut(
        f"container {container['name']} was restarted {container['restartCount']} times, "
        f"last exit code {last.get('exitCode', 'unknown')}{named}{said}"
    )


def _cut(message: str) -> str:
    return cut(message, _MESSAGE)
