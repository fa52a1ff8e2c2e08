"""Why a pod does not answer, as its status says it."""

from typing import Any

import pytest

from lockstep.adapters.kubernetes.pods import prune
from lockstep.api.base import Manifest
from lockstep.core.pods import Pod, Wait

HTTP = {"httpGet": {"path": "/health", "port": 8080}}
SINCE = "2026-01-01T10:00:00Z"


def pod(status: Manifest | None = None, **spec: Any) -> Pod:
    conditions = [{"type": "Ready", "status": "False", "lastTransitionTime": SINCE}]
    given = status or {}
    found = prune(
        {
            "metadata": {"name": "p", "namespace": "n", "creationTimestamp": SINCE},
            "spec": {"containers": [{"name": "server"}], **spec},
            "status": {
                "phase": "Pending",
                **given,
                "conditions": [*given.get("conditions", ()), *conditions],
            },
        }
    ).pod
    assert found is not None
    return found


def running(**rest: Any) -> Manifest:
    return {"containerStatuses": [{"name": "server", "state": {"running": {}}, **rest}]}


def waits(reason: str, message: str = "", **rest: Any) -> Manifest:
    state = {"waiting": {"reason": reason, "message": message}}
    return {"containerStatuses": [{"name": "server", "state": state, **rest}]}


def probed(**probes: Any) -> dict[str, Any]:
    return {"containers": [{"name": "server", **probes}]}


ENDED = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
FIRST = {"initContainers": [{"name": "fetch"}]}
MAIN = waits("PodInitializing")["containerStatuses"]


def first(state: Manifest, **rest: Any) -> Manifest:
    return {
        "initContainerStatuses": [{"name": "fetch", "state": state, **rest}],
        "containerStatuses": MAIN,
    }


GATE = {"readinessGates": [{"conditionType": "lb.example.com/in"}]}
IN = {"containerStatuses": [{"name": "server", "state": {"running": {}}, "ready": True}]}
READY = {"type": "ContainersReady", "status": "True"}
OUT = {"type": "lb.example.com/in", "status": "False", "reason": "Draining", "message": "not yet"}

CASES: dict[str, tuple[Pod, Wait]] = {
    "nothing is there": (pod(), Wait("its containers are not created yet")),
    "a container is being made": (
        pod(waits("ContainerCreating")), Wait("container server is not created yet")),
    "the first failed pull says so at once": (
        pod(waits("ErrImagePull", "manifest unknown")),
        Wait(
            "container server is waiting, ErrImagePull: manifest unknown", wrong=True, plain=True)),
    "a reason without a message": (
        pod(waits("PreStartHookError")),
        Wait("container server is waiting, PreStartHookError: no message",
             wrong=True, plain=True)),
    "a readiness probe that is not passed, and what it asks": (
        pod(running(started=True), **probed(readinessProbe=HTTP)),
        Wait("container server does not pass its readiness probe (GET :8080/health)")),
    "a startup probe comes before": (
        pod(running(started=False),
            **probed(readinessProbe=HTTP, startupProbe={"tcpSocket": {"port": "web"}})),
        Wait("container server has not passed its startup probe (TCP :web)")),
    "a probe by gRPC": (
        pod(running(), **probed(readinessProbe={"grpc": {"port": 9000}})),
        Wait("container server does not pass its readiness probe (gRPC :9000)")),
    "a probe by command": (
        pod(running(), **probed(readinessProbe={"exec": {"command": ["cat", "/ok"]}})),
        Wait("container server does not pass its readiness probe (cat /ok)")),
    "a container without probe": (pod(running()), Wait("container server is not ready")),
    "what it died of before": (
        pod(running(lastState=ENDED), **probed(readinessProbe=HTTP)),
        Wait("container server does not pass its readiness probe (GET :8080/health); previously it "
             "ended with exit code 137 (OOMKilled)")),
    "it has ended and will be started again": (
        pod({"containerStatuses": [{"name": "server", "state": ENDED}]}),
        Wait("container server ended with exit code 137 (OOMKilled)", wrong=True, plain=True)),
    "backing off after one end": (
        pod(waits("CrashLoopBackOff", "back-off 10s", lastState=ENDED)),
        Wait("container server ended with exit code 137 (OOMKilled)", wrong=True, plain=True)),
    "an init container takes its time": (
        pod(first({"running": {}}), **FIRST),
        Wait("init container fetch is still running", plain=True)),
    "an init container is being made": (
        pod(first({"waiting": {"reason": "PodInitializing"}}), **FIRST),
        Wait("init container fetch is not created yet")),
    "an init container that stays has not started": (
        pod(first({"running": {}}, started=False),
            initContainers=[{"name": "fetch", "restartPolicy": "Always", "startupProbe": HTTP}]),
        Wait("container fetch has not passed its startup probe (GET :8080/health)")),
    "an init container failed": (
        pod(first({"terminated": {"exitCode": 1, "message": "no model\n"}}), **FIRST),
        Wait("container fetch ended with exit code 1: no model", wrong=True, plain=True)),
    "a readiness gate nobody has set": (
        pod({**IN, "conditions": [READY]}, **GATE),
        Wait("readiness gate lb.example.com/in is not True", plain=True)),
    "a readiness gate with a reason": (
        pod({**IN, "conditions": [READY, OUT]}, **GATE),
        Wait("readiness gate lb.example.com/in is not True, Draining: not yet", plain=True)),
    "only a condition has words": (
        pod({**IN, "conditions": [{"type": "ContainersReady", "status": "False",
                                   "reason": "ContainersNotReady", "message": "server"}]}),
        Wait("it is not ready, ContainersNotReady: server")),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "expected"), CASES.values(), ids=CASES)
def test_wait(seen: Pod, expected: Wait) -> None:
    assert seen.wait is not None
    assert (seen.wait.message, seen.wait.wrong, seen.wait.plain) == (
        expected.message, expected.wrong, expected.plain,
    )  # fmt: skip
    assert str(seen.wait.since) == "2026-01-01 10:00:00+00:00"


def test_a_ready_pod_waits_for_nothing() -> None:
    assert pod({"conditions": [{"type": "Ready", "status": "True"}]}).wait is None


def test_a_pod_without_a_node_waits_for_the_scheduler_alone() -> None:
    scheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    assert pod({"conditions": [scheduled]}).wait is None
