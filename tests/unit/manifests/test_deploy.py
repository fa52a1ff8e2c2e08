from pathlib import Path
from typing import Any

import pytest

from tests.cluster import Cluster
from tests.e2e.deploy import available, complaints, kustomization, refusals

HERE = Cluster("local", Path("/k"), "reg:5000", "http://prom:9090", Path("/s"))


def test_what_differs_from_one_machine_to_the_next() -> None:
    told = kustomization("../overlay", f"reg:5000/operator@sha256:{'a' * 64}", HERE)
    [image], [settings] = told["images"], told["configMapGenerator"]
    assert told["resources"] == ["../overlay"]
    assert (image["newName"], image["digest"]) == ("reg:5000/operator", f"sha256:{'a' * 64}")
    assert settings["literals"] == ["LOCKSTEP_PROMETHEUS_URL=http://prom:9090"]


def deployment(generation: int = 2, **status: Any) -> dict[str, Any]:
    return {"metadata": {"generation": generation}, "spec": {"replicas": 1}, "status": status}


ONE = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
AVAILABLE: dict[str, tuple[dict[str, Any], bool]] = {
    "the new pod is available": (deployment(observedGeneration=2, **ONE), True),
    "the change was not looked at": (deployment(observedGeneration=1, **ONE), False),
    "the old pod is available": (
        deployment(observedGeneration=2, replicas=1, availableReplicas=1),
        False,
    ),
    "the new pod is not": (deployment(observedGeneration=2, replicas=1, updatedReplicas=1), False),
    "nothing yet": (deployment(), False),
}


@pytest.mark.parametrize(("found", "wanted"), AVAILABLE.values(), ids=AVAILABLE)
def test_available(found: dict[str, Any], wanted: object) -> None:
    assert available(found) is wanted


def pod(*conditions: dict[str, str], **container: Any) -> dict[str, Any]:
    statuses = [container] if container else []
    status = {"conditions": conditions, "containerStatuses": statuses}
    return {"metadata": {"name": "x"}, "status": status}


COMPLAINTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "all is well": (pod(ready=True, state={"running": {"startedAt": "noon"}}), []),
    "nothing is known": (pod(), []),
    "no node has room": (
        pod({"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}),
        ["x: 0/1 nodes are available"],
    ),
    "no image": (
        pod(state={"waiting": {"reason": "ErrImagePull", "message": "not found"}}),
        ["x: ErrImagePull not found"],
    ),
    "it ended": (pod(state={"terminated": {"reason": "Error"}}), ["x: Error"]),
    "it runs and is not ready": (
        pod(ready=False, state={"running": {"startedAt": "noon"}}),
        ["x: running since noon, not ready"],
    ),
}


@pytest.mark.parametrize(("found", "told"), COMPLAINTS.values(), ids=COMPLAINTS)
def test_complaints(found: dict[str, Any], told: list[str]) -> None:
    assert list(complaints(found)) == told


def test_a_pod_that_was_refused_is_told_with_the_reason() -> None:
    failed = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    assert list(refusals(deployment(conditions=[failed]))) == ["exceeded quota"]
    assert not list(refusals(deployment(conditions=[{**failed, "status": "False"}])))
