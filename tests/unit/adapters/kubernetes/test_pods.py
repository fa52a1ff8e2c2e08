"""What a Pod's status means."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from lockstep.adapters.kubernetes.pods import prune
from lockstep.api.base import Manifest
from lockstep.api.failures import FailureReason
from lockstep.core.facts import Trouble
from lockstep.core.pods import Crash, Ended, Going

PULL = 'Back-off pulling image "r/x@sha256:aa": ErrImagePull: not found'


def raw(status: Manifest | None = None, **metadata: Any) -> Manifest:
    return {
        "metadata": {
            "name": "fraud-r1-abc",
            "namespace": "pay",
            "uid": "u1",
            "resourceVersion": "12",
            "labels": {"lockstep.dev/deployment": "fraud", "lockstep.dev/revision": "r1"},
            **metadata,
        },
        "status": {"phase": "Running", "podIP": "10.0.0.7", **(status or {})},
    }


def waiting(reason: str, message: str = "", **more: Any) -> Manifest:
    said = {"reason": reason, "message": message}
    return {"name": "server", "restartCount": 0, "state": {"waiting": said}, **more}


def crashing(restarts: int, code: int, reason: str = "Error", message: str = "") -> Manifest:
    ended = {"exitCode": code, "reason": reason, "message": message}
    return waiting(
        "CrashLoopBackOff", "back-off", restartCount=restarts, lastState={"terminated": ended}
    )


def ended(restarts: int, code: int) -> Manifest:
    """Down, and the kubelet has not said yet that it backs off: for half a minute at times."""
    state = {"terminated": {"exitCode": code, "reason": "Error"}}
    return {"name": "server", "restartCount": restarts, "state": state}


TROUBLES: dict[str, tuple[Manifest, Trouble | None]] = {
    "an image that cannot be pulled": (
        waiting("ImagePullBackOff", PULL), Trouble(FailureReason.IMAGE_PULL_FAILED, PULL)),
    "the first failed pull may be a blip": (waiting("ErrImagePull", "timeout"), None),
    "a digest that does not match never will": (
        waiting("ErrImagePull", "unexpected commit digest sha256:1, expected sha256:2"),
        Trouble(FailureReason.DIGEST_MISMATCH,
            "unexpected commit digest sha256:1, expected sha256:2")),
    "an image name that is none": (
        waiting("InvalidImageName", "bad"), Trouble(FailureReason.IMAGE_PULL_FAILED, "bad")),
    "an image that may not be pulled": (
        waiting("ErrImageNeverPull", "absent"), Trouble(FailureReason.IMAGE_PULL_FAILED, "absent")),
    "a missing secret": (
        waiting("CreateContainerConfigError", 'secret "s" not found'),
        Trouble(FailureReason.CONTAINER_CONFIG_ERROR, 'secret "s" not found')),
    "a command that does not exist": (
        waiting("RunContainerError", "exec: no such file"),
        Trouble(FailureReason.CONTAINER_START_FAILED, "exec: no such file")),
    "no message but the reason": (
        waiting("CreateContainerError"),
        Trouble(FailureReason.CONTAINER_START_FAILED, "container server: CreateContainerError")),
    "how often it crashed is for others to judge": (crashing(9, 1), None),
    "a container that is being created takes its time": (waiting("ContainerCreating"), None),
    "a container that runs": ({"name": "server", "state": {"running": {}}}, None),
}  # fmt: skip


LOOP = "container server was restarted"
SICK: dict[str, tuple[Manifest, str | None]] = {
    "one crash may be bad luck": (crashing(1, 1), None),
    "two are a loop": (crashing(2, 1), f"{LOOP} 2 times, last exit code 1"),
    "a second crash is a loop before the kubelet calls it one": (
        ended(2, 3), f"{LOOP} 2 times, last exit code 3"),
    "one restart is not a loop yet": (ended(1, 3), None),
    "an end without error is what init containers come to": (ended(2, 0), None),
    "a container out of memory is called so": (
        crashing(3, 137, "OOMKilled"), f"{LOOP} 3 times, last exit code 137 (OOMKilled)"),
    "last words are passed on": (
        crashing(2, 2, "Error", "no model\n"), f"{LOOP} 2 times, last exit code 2: no model"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["containerStatuses", "initContainerStatuses"])
@pytest.mark.parametrize(("container", "expected"), SICK.values(), ids=SICK)
def test_a_crash_loop(kind: str, container: Manifest, expected: str | None) -> None:
    pod = prune(raw({kind: [container]})).pod
    assert pod is not None
    assert pod.sick == (Trouble(FailureReason.CRASH_LOOP, expected) if expected else None)


def running(restarts: int, code: int, at: str, reason: str = "Error") -> Manifest:
    """Back again, with the time at which it last ended."""
    last = {"exitCode": code, "reason": reason, "finishedAt": at}
    state = {"running": {"startedAt": at}}
    return {
        "name": "server", "restartCount": restarts,
        "state": state, "lastState": {"terminated": last},
    }  # fmt: skip


def test_a_container_that_runs_again_still_tells_what_it_died_of() -> None:
    older = running(3, 1, "2026-01-01T10:00:00Z")
    newer = running(1, 137, "2026-01-01T10:00:05Z", "OOMKilled") | {"name": "sidecar"}
    sidecars = {"initContainerStatuses": [newer], "containerStatuses": [older]}
    pod = prune(raw(sidecars)).pod
    assert pod is not None
    assert pod.restarts == 4
    assert pod.crash == Crash(
        restarts=3,
        reason="OOMKilled",
        message="container sidecar was restarted once, last exit code 137 (OOMKilled)",
    )
    assert pod.sick is None


def test_an_init_container_that_came_through_tells_what_it_failed_of() -> None:
    failed = {"exitCode": 1, "reason": "Error", "message": "CUDA out of memory"}
    done = {"exitCode": 0, "reason": "Completed"}
    container = {
        "name": "warm", "restartCount": 3,
        "state": {"terminated": done}, "lastState": {"terminated": failed},
    }  # fmt: skip
    pod = prune(raw({"initContainerStatuses": [container]})).pod
    assert pod is not None
    assert pod.crash is not None
    assert pod.crash.message == (
        "container warm was restarted 3 times, last exit code 1: CUDA out of memory"
    )


def given_up(reason: str = "", message: str = "", target: str = "", **more: Any) -> Manifest:
    condition = {"type": "DisruptionTarget", "status": "True", "reason": target}
    said = {"phase": "Failed", "reason": reason, "message": message}
    return raw({**said, "conditions": [condition] if target else [], **more})


FAILED: dict[str, tuple[Manifest, str, str, bool]] = {
    "evicted for want of memory: something used it": (
        given_up("Evicted", "low on resource: memory", "TerminationByKubelet"),
        "Evicted", "low on resource: memory", False),
    "refused by the kubelet": (
        given_up("UnexpectedAdmissionError", "no gpu"),
        "UnexpectedAdmissionError", "no gpu", False),
    "its node is shut down": (
        given_up("Terminated", "node shutdown", "TerminationByKubelet"),
        "Terminated", "node shutdown", True),
    "somebody more important needs the place": (
        given_up("Preempting", "critical pod", ""), "Preempting", "critical pod", True),
    "its node is gone": (given_up("", "", "DeletionByPodGC"), "Failed", "it failed", True),
    "a container ended and nobody starts it again": (
        given_up(containerStatuses=[ended(0, 3)]), "Error",
        "a container ended with exit code 3", False),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "reason", "said", "away"), FAILED.values(), ids=FAILED)
def test_a_pod_that_failed(seen: Manifest, reason: str, said: str, *, away: bool) -> None:
    pod = prune(seen).pod
    assert pod is not None
    assert (pod.failed, pod.disrupted) == (Ended(reason, said), away)


DISRUPTIONS = {
    "EvictionByEvictionAPI": True,
    "PreemptionByScheduler": True,
    "DeletionByTaintManager": True,
    "": False,
}


@pytest.mark.parametrize(("reason", "away"), DISRUPTIONS.items())
def test_a_pod_that_the_cluster_takes_away(reason: str, *, away: bool) -> None:
    target = {"type": "DisruptionTarget", "status": "True", "reason": reason}
    pod = prune(raw({"conditions": [target]}, deletionTimestamp="2026-01-01T00:00:00Z")).pod
    assert pod is not None
    assert (pod.terminating, pod.disrupted, pod.failed) == (True, away, None)


@pytest.mark.parametrize("kind", ["containerStatuses", "initContainerStatuses"])
@pytest.mark.parametrize(("container", "expected"), TROUBLES.values(), ids=TROUBLES)
def test_trouble(kind: str, container: Manifest, expected: Trouble | None) -> None:
    pod = prune(raw({kind: [container]})).pod
    assert pod is not None
    assert pod.trouble == expected


def test_a_ready_pod() -> None:
    pod = prune(raw({"conditions": [{"type": "Ready", "status": "True"}]})).pod
    assert pod is not None
    assert (pod.ready, pod.terminating, pod.ip, pod.revision) == (True, False, "10.0.0.7", "r1")


HELD: dict[str, tuple[bool, str, str, bool]] = {
    "containers are ready, the gate is not": (True, "True", "False", True),
    "containers are not ready": (True, "False", "False", False),
    "the gate is open": (True, "True", "True", False),
    "without a gate it is a moment on the way": (False, "True", "False", False),
}


@pytest.mark.parametrize(("gated", "containers", "ready", "held"), HELD.values(), ids=HELD)
def test_a_pod_that_a_readiness_gate_holds(
    *, gated: bool, containers: str, ready: str, held: bool
) -> None:
    said = {"ContainersReady": containers, "Ready": ready}
    conditions = [{"type": kind, "status": status} for kind, status in said.items()]
    gates = [{"conditionType": "lb.example.com/in"}] if gated else []
    pod = prune({**raw({"conditions": conditions}), "spec": {"readinessGates": gates}}).pod
    assert pod is not None
    assert pod.held is held


def test_a_pod_on_its_way_out_may_still_be_ready() -> None:
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    pod = prune(raw(ready, deletionTimestamp="2026-01-01T00:00:00Z")).pod
    assert pod is not None
    assert (pod.ready, pod.terminating) == (True, True)


def test_a_pod_that_has_ended_is_no_pod() -> None:
    assert prune(raw({"phase": "Succeeded"})).pod is None


def test_the_schedulers_sentence_is_kept_with_its_time() -> None:
    scheduled = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/3 nodes are available: 3 Insufficient gpu.",
        "lastTransitionTime": "2026-01-01T10:00:00Z",
    }
    pod = prune(raw({"phase": "Pending", "conditions": [scheduled]})).pod
    assert pod is not None
    assert pod.unschedulable == "0/3 nodes are available: 3 Insufficient gpu."
    assert pod.unschedulable_since is not None
    assert pod.unschedulable_since.isoformat() == "2026-01-01T10:00:00+00:00"


def test_a_pod_held_back_by_gates_has_no_place_since_it_was_made() -> None:
    scheduled = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
    made = "2026-01-01T10:00:00Z"
    gates = [{"name": "queue.example.com/admission"}, {"name": "b"}]
    seen = {**raw({"conditions": [scheduled]}, creationTimestamp=made)}
    pod = prune({**seen, "spec": {"schedulingGates": gates}}).pod
    assert pod is not None
    assert (pod.gated, pod.unschedulable) == (True, "gated by queue.example.com/admission, b")
    assert pod.unschedulable_since == datetime.fromisoformat(made)


def test_a_long_message_is_cut() -> None:
    pod = prune(raw({"containerStatuses": [waiting("InvalidImageName", "x" * 2000)]})).pod
    assert pod is not None
    assert pod.trouble is not None
    assert len(pod.trouble.message) == 500


def test_a_pod_that_was_told_to_go_says_until_when_and_who_may_keep_it() -> None:
    at = "2026-01-01T10:00:00Z"
    keepers: Manifest = {"deletionGracePeriodSeconds": 150, "finalizers": ["a.example.com/x"]}
    seen = raw(deletionTimestamp=at, **keepers) | {"spec": {"nodeName": "n1"}}
    pod = prune(seen).pod
    assert pod is not None
    assert pod.going == Going(
        datetime.fromisoformat(at), timedelta(seconds=150), ("a.example.com/x",), "n1"
    )
    assert prune(raw()).pod is not None
