"""Why a pod does not answer yet, as far as its own status says it; nothing here is a failure."""

from collections.abc import Iterator
from typing import Final

from lockstep.adapters.kubernetes.meta import condition, created, instant
from lockstep.api.base import Manifest, cut
from lockstep.core.pods import Wait

_MESSAGE: Final = 500
_COMMAND: Final = 60
_SLOW: Final = {"", "ContainerCreating", "PodInitializing"}


def wait(raw: Manifest) -> Wait | None:
    """The first thing that a pod waits for; None once it is ready, or will never be."""
    ready = condition(raw, "Ready")
    if ready.get("status") == "True" or raw.get("status", {}).get("phase") == "Failed":
        return None
    since = ready.get("lastTransitionTime")
    found = next(_waits(raw), None) or Wait(_conditions(raw))
    return Wait(
        cut(found.message, _MESSAGE),
        since=instant(since) if since else created(raw),
        wrong=found.wrong,
        plain=found.plain,
    )


def _waits(raw: Manifest) -> Iterator[Wait]:
    """What is wrong comes first, then what has to be over first."""
    first, main = _containers(raw, "initContainer"), _containers(raw, "container")
    for status, _ in (*first, *main):
        yield from _stopped(status)
    for status, spec in first:
        yield from _before(status, spec)
    for status, spec in main:
        yield from _unready(status, spec)
    yield from _gates(raw)
    if not main:
        yield Wait("its containers are not created yet")


def _containers(raw: Manifest, kind: str) -> list[tuple[Manifest, Manifest]]:
    """Each container's status with what was asked for."""
    specs = {it["name"]: it for it in raw.get("spec", {}).get(f"{kind}s") or ()}
    statuses = raw.get("status", {}).get(f"{kind}Statuses") or ()
    return [(it, specs.get(it["name"], {})) for it in statuses]


def _stopped(status: Manifest) -> Iterator[Wait]:
    """It does not run, and says why."""
    name, state = status["name"], status.get("state", {})
    waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
    reason = waiting.get("reason", "")
    if reason == "CrashLoopBackOff":
        ended = (status.get("lastState") or {}).get("terminated") or {}
    if ended.get("exitCode", 0) != 0:
        yield Wait(f"container {name} {_end(ended)}", wrong=True, plain=True)
    elif waiting and reason not in _SLOW:
        said = waiting.get("message") or "no message"
        yield Wait(f"container {name} is waiting, {reason}: {said}", wrong=True, plain=True)


def _end(ended: Manifest) -> str:
    why = ended.get("reason", "")
    named = f" ({why})" if why not in {"", "Error"} else ""
    said = f": {ended['message'].strip()}" if ended.get("message") else ""
    return f"ended with exit code {ended['exitCode']}{named}{said}"


def _before(status: Manifest, spec: Manifest) -> Iterator[Wait]:
    """An init container has to end, one that stays to have started."""
    state, name = status.get("state", {}), status["name"]
    if "running" in state and spec.get("restartPolicy") != "Always":
        yield Wait(f"init container {name} is still running", plain=True)
    elif "running" in state and not status.get("started", True):
        yield Wait(f"container {name} has not passed its startup probe{_probe(spec, 'startup')}")
    elif "waiting" in state:
        yield Wait(f"init container {name} is not created yet")


def _unready(status: Manifest, spec: Manifest) -> Iterator[Wait]:
    name, before = status["name"], _ended_before(status)
    if status.get("ready"):
        return
    if "running" not in status.get("state", {}):
        yield Wait(f"container {name} is not created yet")
    elif not status.get("started", True) and "startupProbe" in spec:
        probe = _probe(spec, "startup")
        yield Wait(f"container {name} has not passed its startup probe{probe}{before}")
    elif "readinessProbe" in spec:
        probe = _probe(spec, "readiness")
        yield Wait(f"container {name} does not pass its readiness probe{probe}{before}")
    else:
        yield Wait(f"container {name} is not ready{before}")


def _ended_before(status: Manifest) -> str:
    ended = (status.get("lastState") or {}).get("terminated")
    return f"; previously it {_end(ended)}" if ended and ended.get("exitCode") else ""


def _probe(spec: Manifest, kind: str) -> str:
    """What a probe asks, in brackets: people look for the wrong port here."""
    probe = spec.get(f"{kind}Probe") or {}
    http = probe.get("httpGet")
    if http:
        return f" (GET :{http.get('port')}{http.get('path', '/')})"
    for field, name in (("tcpSocket", "TCP"), ("grpc", "gRPC")):
        if field in probe:
            return f" ({name} :{probe[field].get('port')})"
    command = " ".join(map(str, (probe.get("exec") or {}).get("command") or ()))
    return f" ({cut(command, _COMMAND)})" if command else ""


def _gates(raw: Manifest) -> Iterator[Wait]:
    """Conditions that somebody else sets: a load balancer's, a mesh's."""
    if condition(raw, "ContainersReady").get("status") != "True":
        return
    names = (it["conditionType"] for it in raw.get("spec", {}).get("readinessGates") or ())
    shut = [name for name in names if condition(raw, name).get("status") != "True"]
    if shut:
        words = next((_words(condition(raw, name)) for name in shut), "")
        yield Wait(f"readiness gate {', '.join(shut)} is not True{words}", plain=True)


def _conditions(raw: Manifest) -> str:
    kinds = ("PodReadyToStartContainers", "ContainersReady", "Ready")
    said = (_words(condition(raw, kind)) for kind in kinds)
    return f"it is not ready{next(filter(None, said), '')}"


def _words(of: Manifest) -> str:
    said = ": ".join(filter(None, (of.get("reason"), of.get("message"))))
    return f", {said}" if said else ""
