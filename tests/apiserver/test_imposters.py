"""Pods and children that an ordinary user passes off as ours, on a real API server.

They may do nothing that the built-in role `edit` does not let them; the operator runs as it is.
"""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.api import MERGE, Manifest
from tests.apiserver.conftest import Kubectl
from tests.apiserver.kubelet import STARTING
from tests.apiserver.lab import Lab, lab, reason_of, soon

pytestmark = pytest.mark.apiserver

DEV = "dev@example.com"
DEPLOYMENT, REVISION = "lockstep.dev/deployment", "lockstep.dev/revision"
EDITS = [
    {
        "apiGroups": [""],
        "resources": ["pods", "configmaps", "services"],
        "verbs": ["create", "get", "patch", "delete"],
    },
    {"apiGroups": ["apps"], "resources": ["replicasets"], "verbs": ["create", "get", "patch"]},
]
READY = [{"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "True"}]
CRASHED = {
    "name": "server",
    "image": "i",
    "imageID": "i",
    "ready": False,
    "restartCount": 7,
    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s"}},
    "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}},
}

Make = Callable[[Manifest], None]


@pytest.fixture
async def world(api_server: Path, namespace: str, tmp_path: Path) -> AsyncIterator[Lab]:
    """1.0.0 is stable."""
    async with lab(api_server, namespace, tmp_path) as made:
        made.start()
        await made.apply("1.0.0")
        await made.healthy("1.0.0")
        yield made


@pytest.fixture
async def make(world: Lab, kubectl: Kubectl) -> Make:
    """Create an object as somebody who may edit in the namespace and nothing else."""
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{world.namespace}"
    await world.api("POST", f"{rbac}/roles", {"metadata": {"name": "edits"}, "rules": EDITS})
    api = "rbac.authorization.k8s.io"
    binding = {
        "metadata": {"name": "dev-edits"},
        "roleRef": {"apiGroup": api, "kind": "Role", "name": "edits"},
        "subjects": [{"apiGroup": api, "kind": "User", "name": DEV}],
    }
    await world.api("POST", f"{rbac}/rolebindings", binding)

    def create(manifest: Manifest) -> None:
        text = json.dumps(manifest)
        kubectl("create", f"--as={DEV}", "-n", world.namespace, "-f", "-", stdin=text)

    return create


def pod(name: str, labels: dict[str, str], **metadata: Any) -> Manifest:
    container = {"name": "server", "image": "registry.example.com/of/somebody:else"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"version": "by-hand", **labels}, **metadata},
        "spec": {"containers": [container]},
    }


def of(world: Lab, version: str) -> dict[str, str]:
    return {DEPLOYMENT: "fraud", REVISION: world.id_of(version)}


async def become(world: Lab, name: str, *, ready: bool) -> None:
    """What its kubelet says of a pod that no ReplicaSet of ours manages."""
    said = {"conditions": READY} if ready else {"containerStatuses": [CRASHED]}
    status = {"phase": "Running", "podIP": "127.0.0.9", "podIPs": [{"ip": "127.0.0.9"}], **said}
    path = f"{world.core('pods')}/{name}/status"
    await world.api("PATCH", path, {"status": status}, MERGE)


def conflict(status: Manifest) -> tuple[str, str]:
    found = [it for it in status.get("conditions", ()) if it["type"] == "Conflict"]
    return (found[0]["reason"], found[0]["message"]) if found else ("", "")


async def conflicts(world: Lab, reason: str) -> str:
    status = await world.until(reason, lambda it: conflict(it)[0] == reason)
    return conflict(status)[1]


async def test_a_pod_made_beforehand_is_taken_in_and_does_not_answer_for_the_revision(
    world: Lab, make: Make
) -> None:
    world.kubelet.health["2.0.0"] = STARTING
    make(pod("aaa", of(world, "2.0.0")))
    assert "pod aaa" in await conflicts(world, "StrangePods")
    await world.apply("2.0.0")
    assert "pod aaa was not created from the template" in await conflicts(world, "AdoptedPods")
    await world.callers_on("1.0.0")
    assert not (await world.status())["candidate"].get("smokeTested")
    del world.kubelet.health["2.0.0"]
    status = await world.healthy("2.0.0")
    assert [it["outcome"] for it in status["history"]] == ["Promoted", "Promoted"]
    await world.only("2.0.0")


async def test_somebody_elses_pod_that_crashes_rejects_nothing(world: Lab, make: Make) -> None:
    make({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine"}})
    uid = (await world.api("GET", f"{world.core('configmaps')}/mine"))["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "mine", "uid": uid}
    controlled = [{**owner, "controller": True}]
    make(pod("crash", of(world, "2.0.0"), ownerReferences=controlled))
    await become(world, "crash", ready=False)
    await world.apply("2.0.0")
    status = await world.healthy("2.0.0")
    assert [it["outcome"] for it in status["history"]] == ["Promoted", "Promoted"]
    assert "pod crash with the label" in conflict(status)[1]
    assert "by-hand" in (await world.pods()).values(), "it is left alone"


@pytest.mark.parametrize("named", [False, True], ids=["deployment", "and the candidate"])
async def test_nobody_is_sent_to_somebody_elses_pod_and_what_it_stops_is_said(
    world: Lab, make: Make, kubectl: Kubectl, *, named: bool
) -> None:
    controlled = {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "n", "controller": True}
    labels = of(world, "2.0.0") if named else {DEPLOYMENT: "fraud"}
    make(pod("debug", labels, ownerReferences=[controlled]))
    await become(world, "debug", ready=True)
    await world.apply("2.0.0")
    status = await world.until("is told", lambda it: "pod debug has the label" in it["message"])
    assert (reason_of(status), (await world.selector())[REVISION]) == (
        "Moving",
        world.id_of("1.0.0"),
    )
    assert conflict(status)[0] == "StrangePods"
    line = conflict(status)[1].rpartition("remove the label with: kubectl ")[2]
    kubectl(*line.split(), f"--as={DEV}", "-n", world.namespace)
    assert conflict(await world.healthy("2.0.0")) == ("", "")


async def test_a_restart_takes_no_pod_of_somebody_else(world: Lab, make: Make) -> None:
    controlled = {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "n", "controller": True}
    make(pod("beside", of(world, "1.0.0"), ownerReferences=[controlled]))
    await become(world, "beside", ready=True)
    before = {uid for uid, version in (await world.pods()).items() if version == "1.0.0"}
    await world.apply("1.0.0", restartAt=soon())
    await world.replaced(before)
    assert "by-hand" in (await world.pods()).values()
    assert (await world.healthy("1.0.0"))["readyReplicas"] == 2


async def test_a_replica_set_made_beforehand_runs_nothing_of_its_own(
    world: Lab, make: Make
) -> None:
    """With the name of a revision to come, and a reference to its owner."""
    uid = (await world.api("GET", world.path()))["metadata"]["uid"]
    owner = {
        "apiVersion": "lockstep.dev/v1alpha1",
        "kind": "ModelDeployment",
        "name": "fraud",
        "uid": uid,
        "controller": True,
    }
    labels = of(world, "2.0.0")
    theirs = pod("ignored", labels)
    make(
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"fraud-{labels[REVISION]}",
                "labels": labels,
                "ownerReferences": [owner],
            },
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": theirs["metadata"]["labels"]}, **_spec(theirs)},
            },
        }
    )
    await world.apply("2.0.0")
    status = await world.healthy("2.0.0")
    assert [it["outcome"] for it in status["history"]] == ["Promoted", "Promoted"]
    await world.only("2.0.0")


def _spec(theirs: Manifest) -> Manifest:
    return {"spec": theirs["spec"]}
