"""What pods come from, as the shell asks for it: ReplicaSets, and Deployments of before."""

import copy
from dataclasses import replace

from lockstep.api.base import DEPLOYMENT_LABEL, REVISION_LABEL, Manifest
from lockstep.api.service import Service
from lockstep.core.rollout.actions import (
    PutReplicaSet,
    RemovePod,
    SetTraffic,
)
from lockstep.core.rollout.observed import ChildReplicaSet, Observed
from lockstep.core.rollout.routing import Only
from tests.unit.shell.fakes import Bench
from tests.unit.shell.rollout.test_observe import REVISION
from tests.unit.shell.written import FRAUD, child, model_deployment, rendered_template

SURPLUS = "lockstep.dev/surplus"
OLD_TEMPLATE = {
    **rendered_template(),
    "metadata": {
        **rendered_template()["metadata"],
        "annotations": {"lockstep.dev/restarted-at": "2026-01-01T00:00:00Z"},
    },
}


def put(replicas: int = 2, surplus: int = 0, min_ready: int = 0) -> PutReplicaSet:
    return PutReplicaSet(
        revision="r1",
        replicas=replicas,
        template=rendered_template(),
        min_ready_seconds=min_ready,
        exists=True,
        surplus=surplus,
    )


def pod() -> Manifest:
    ready = {"type": "Ready", "status": "True"}
    return {
        "kind": "Pod",
        "metadata": {
            "name": "fraud-r1-x",
            "namespace": FRAUD.namespace,
            "uid": "uid-x",
            "resourceVersion": "9",
            "labels": {DEPLOYMENT_LABEL: FRAUD.name, REVISION_LABEL: "r1"},
            "generateName": "fraud-r1-",
            "ownerReferences": [
                {"kind": "ReplicaSet", "name": "fraud-r1", "uid": "uid-r1", "controller": True}
            ],
        },
        "status": {"conditions": [ready]},
    }


async def test_a_surplus_comes_and_goes_with_the_size_in_one_request_each() -> None:
    bench = Bench().see(model_deployment(), child())
    await bench.act.act(await bench.look(), put(surplus=1))
    there = bench.kube.objects["ReplicaSet", "fraud-r1"]
    assert (there["spec"]["replicas"], there["metadata"]["annotations"]) == (3, {SURPLUS: "1"})
    found = (await bench.look()).arm("r1").replica_set
    assert found is not None
    assert (found.replicas, found.surplus) == (2, 1)
    await bench.act.act(await bench.look(), put())
    there = bench.kube.objects["ReplicaSet", "fraud-r1"]
    assert (there["spec"]["replicas"], there["metadata"]["annotations"]) == (2, {})
    assert bench.kube.log == ["merge ReplicaSet fraud-r1"] * 2


async def test_a_pod_that_was_told_to_go_is_known_to_go_at_once() -> None:
    bench = Bench().see(model_deployment(), child(), pod())
    seen = await bench.look()
    assert seen.arm("r1").present == 1
    await bench.act.act(seen, RemovePod("fraud-r1-x", "uid-x", "r1"))
    assert bench.kube.log == ["delete Pod fraud-r1-x"]
    assert (await bench.look()).arm("r1").present == 0


async def test_what_a_deployment_left_behind_is_no_child() -> None:
    left = child()
    left["metadata"] |= {"name": "fraud-r1-5d4f8b", "uid": "left"}
    seen = await Bench().see(model_deployment(), left).look()
    assert seen.arm("r1").replica_set is None


def mirrored(raw: Manifest) -> Manifest:
    """What a policy makes of it that takes images from a mirror."""
    fields: Manifest = {"f:spec": {"f:template": {}, "f:replicas": {}}}
    metadata = {**raw["metadata"], "managedFields": [{"manager": "lockstep", "fieldsV1": fields}]}
    spec = copy.deepcopy(raw["spec"])
    for container in spec["template"]["spec"]["containers"]:
        container["image"] = "mirror.example.com/any"
    return {**raw, "metadata": metadata, "spec": spec}


async def created_under_a_policy() -> Bench:
    bench = Bench().see(model_deployment(), REVISION)
    bench.kube.policy = mirrored
    await bench.act.act(await bench.look(), replace(put(), exists=False))
    return bench


def one_arm(seen: Observed) -> ChildReplicaSet:
    child = seen.arm("r1").replica_set
    assert child is not None
    return child


async def test_what_a_policy_makes_of_our_own_write_is_no_edit() -> None:
    bench = await created_under_a_policy()
    assert not one_arm(await bench.look()).drifted
    await bench.act.act(await bench.look(), put(replicas=5))
    assert bench.kube.log == ["create ReplicaSet fraud-r1", "merge ReplicaSet fraud-r1"]
    assert not one_arm(await bench.look()).drifted, "another size is no other template"


async def test_an_edit_by_hand_under_a_policy_is_seen_and_put_back_once() -> None:
    bench = await created_under_a_policy()
    edited = copy.deepcopy(bench.kube.objects["ReplicaSet", "fraud-r1"])
    edited["spec"]["template"]["spec"]["containers"][0]["image"] = "somebody/elses"
    theirs = {"manager": "kubectl", "fieldsV1": {"f:spec": {"f:template": {}}}}
    edited["metadata"] |= {"resourceVersion": "500", "generation": 9}
    edited["metadata"]["managedFields"] = [*edited["metadata"]["managedFields"], theirs]
    bench.kube.have(edited)
    assert one_arm(await bench.see(edited).look()).drifted
    bench.kube.version = 600
    await bench.act.act(await bench.look(), put())
    assert not one_arm(await bench.look()).drifted


async def test_after_a_start_a_template_that_only_we_wrote_is_as_a_policy_made_it() -> None:
    bench = await created_under_a_policy()
    standing = bench.kube.objects["ReplicaSet", "fraud-r1"]
    started = Bench().see(model_deployment(), REVISION, standing)
    assert not one_arm(await started.look()).drifted
    asked = Bench().see(model_deployment(minReadySeconds=9), REVISION, standing)
    assert one_arm(await asked.look()).drifted, "what the spec changes is still brought about"


async def test_what_a_policy_makes_of_the_service_is_no_edit_either() -> None:
    def labelled(raw: Manifest) -> Manifest:
        entry = {"manager": "lockstep", "fieldsV1": {}}
        metadata = {**raw["metadata"], "managedFields": [entry]}
        port = {**raw["spec"]["ports"][0], "appProtocol": "http"}
        return {**raw, "metadata": metadata, "spec": {**raw["spec"], "ports": [port]}}

    bench = Bench().see(model_deployment())
    bench.kube.policy = labelled
    ports = Service().served()
    traffic = SetTraffic(routing=Only("r1"), ports=ports, exists=False)
    await bench.act.act(await bench.look(), traffic)
    seen = (await bench.look()).service
    assert seen is not None
    assert (seen.ports, seen.drifted) == (ports, False)
