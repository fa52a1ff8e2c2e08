"""What the cluster does not allow: it is named, costs no caller anything, and heals by itself."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lockstep.api.model_deployment import Model
from lockstep.core.key import Key
from lockstep.core.rollout.revision import resolve
from tests.e2e import manifests
from tests.e2e.lab import Lab, revision
from tests.e2e.manifests import QUICK, Manifest, canary, names_of, quota, stage
from tests.e2e.states import condition, healthy, phase, rolled_back, says, truths

pytestmark = pytest.mark.e2e


def test_quota_is_waited_for_and_named(lab: Lab) -> None:
    plan = {"replicas": 2, "strategy": QUICK, "drain": "1s"}
    lab.apply(quota(2), lab.fraud("1.0.0", **plan))
    first = revision(lab.until(healthy("1.0.0")))
    lab.apply(lab.fraud("2.0.0", **plan))
    waiting = lab.until(phase("Progressing", "QuotaExceeded"))
    assert "exceeded quota: few-pods" in waiting["status"]["message"]
    assert truths(waiting)["SpecValid"] == "Unknown"
    assert truths(waiting)["Available"] == "True"
    lab.apply(quota(3))  # no more than the surge needs, while pods that drain still count
    lab.until(healthy("2.0.0"))

    stages = (stage("half", 50, "1s"), stage("full", 100))
    wide = {"replicas": 4, "strategy": canary(*stages, max_surge=2), "drain": "1s"}
    lab.apply(quota(5), lab.fraud("2.0.0", **wide))
    lab.until(healthy("2.0.0"))
    used = ("get", "quota/few-pods", "--output=jsonpath={.status.used.pods}")
    lab.wait("room again", lambda: lab.vanished(first) and lab.kubectl(*used) == "4", 20)
    lab.apply(lab.fraud("3.0.0", **wide, unschedulableGrace="12s"))  # it takes two pods more
    lab.until(says("no pod could be created: "), 15)
    lab.apply(quota(4))  # what stable gives up is no room, whenever the controller tries again
    lost = lab.until(rolled_back("3.0.0", "QuotaExceeded"))
    assert "exceeded quota: few-pods" in lost["status"]["message"]
    assert truths(lost)["Available"] == "True"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a ServiceAccount that is not there": (
        {"in_pod": {"serviceAccountName": "ghost"}},
        'serviceaccount "ghost" not found',
    ),
    "a field with a typo": (
        {"in_container": {"imagePullPolicyy": "Always"}},
        'unknown field "spec.template.spec.containers[0].imagePullPolicyy"',
    ),
    "a pod that Pod Security forbids": (
        {"in_pod": {"hostNetwork": True}},
        "violates PodSecurity",
    ),
}


def test_what_the_api_server_would_refuse_is_never_started(lab: Lab) -> None:
    plan = {"replicas": 2, "strategy": QUICK}
    lab.apply(lab.fraud("1.0.0", **plan))
    stable = revision(lab.until(healthy("1.0.0")))
    for changes, words in REFUSED.values():
        lab.apply(lab.fraud("2.0.0", **plan, **changes))
        refused = lab.until(says(words), 20)
        assert condition(refused, "SpecValid")["reason"] == "SpecRefused"
        assert truths(refused)["Available"] == "True"
        assert names_of(lab.replica_sets()) == {f"fraud-{stable}"}

    lab.apply(lab.fraud("2.0.0", **plan, in_pod={"serviceAccountName": "ghost"}))
    lab.until(says('serviceaccount "ghost" not found'), 20)
    lab.kubectl("create", "serviceaccount", "ghost")
    lab.until(healthy("2.0.0"))


SLOT = "e2e.lockstep.dev/slots"


@pytest.fixture
def three_slots(lab: Lab) -> Iterator[Manifest]:
    """An extended resource of which the whole cluster has three; gives what asks for one."""
    nodes = json.loads(lab.kubectl("get", "nodes", "--output=json"))["items"]
    ours = next(node for node in nodes if not node["spec"].get("taints"))["metadata"]["name"]
    path = "/status/capacity/" + SLOT.replace("/", "~1")
    patch = ("patch", "node", ours, "--subresource=status", "--type=json", "--patch")
    lab.kubectl(*patch, json.dumps([{"op": "add", "path": path, "value": "3"}]))
    yield {"resources": {"requests": {"cpu": "2m", SLOT: "1"}, "limits": {SLOT: "1"}}}
    lab.kubectl(*patch, json.dumps([{"op": "remove", "path": path}]))


def test_a_full_node_is_named_and_no_surge_gets_through(lab: Lab, three_slots: Manifest) -> None:
    def fraud(version: str, max_surge: int, **spec: object) -> Manifest:
        stages = (stage("third", 33, "2s"), stage("full", 100))
        strategy = canary(*stages, max_surge=max_surge)
        return lab.fraud(version, in_container=three_slots, replicas=3, strategy=strategy, **spec)

    lab.apply(fraud("1.0.0", 1))
    lab.until(healthy("1.0.0"))
    callers = lab.callers(new=20, kept=3)
    began = callers.now()
    lab.apply(fraud("2.0.0", 1, unschedulableGrace="20s"))
    waiting = lab.until(says("; the scheduler says: "), 15)
    assert f"1 Insufficient {SLOT}" in waiting["status"]["message"]
    lost = lab.until(rolled_back("2.0.0", "Unschedulable"), 30)
    assert f"Insufficient {SLOT}" in lost["status"]["message"]

    lab.apply(fraud("2.0.0", 0, retry="without surge", unschedulableGrace="3m"))
    lab.until(healthy("2.0.0"), 90)
    calls = callers.calls().between(began)
    lab.measured("new connections", f"{len(calls.new)} calls, {len(calls.new.unanswered)} errors")
    lab.measured(
        "kept-alive connections", f"{len(calls.kept)}, {len(calls.kept.unanswered)} errors"
    )
    assert not calls.unanswered, calls


THEIRS: dict[str, Manifest] = {
    "ControllerRevision": {"revision": 1, "data": {"of": "somebody else"}},
    "ReplicaSet": {
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "theirs"}},
            "template": {
                "metadata": {"labels": {"app": "theirs"}},
                "spec": {"containers": [{"name": "theirs", "image": "registry.invalid/theirs"}]},
            },
        }
    },
}


def test_objects_of_others_are_named_left_alone_and_waited_for(lab: Lab) -> None:
    plan = {"replicas": 2, "strategy": QUICK}
    lab.apply(manifests.service("fraud", {"app": "theirs"}))
    theirs = lab.find("Service", "fraud")
    wanted = lab.fraud("1.0.0", **plan)
    lab.apply(wanted)
    taken = lab.until(phase("Degraded", "Conflict"))
    assert "Service fraud exists and was not created by Lockstep" in taken["status"]["message"]
    assert truths(taken)["Conflict"] == "True"
    assert lab.find("Service", "fraud") == theirs
    lab.kubectl("delete", "service", "fraud")
    lab.until(healthy("1.0.0"))

    second = lab.fraud("2.0.0", **plan)
    name = f"fraud-{_revision(lab.namespace, second)}"
    for kind, fields in THEIRS.items():
        lab.apply({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, **fields})
        lab.apply(second)
        taken = lab.until(phase("Degraded", "Conflict"))
        assert f"{name} exists and was not created by Lockstep" in taken["status"]["message"]
        assert truths(taken)["Available"] == "True"
        lab.apply(wanted)
        lab.until(healthy("1.0.0"))
        lab.kubectl("delete", kind, name)
    lab.apply(second)
    lab.until(healthy("2.0.0"))


def _revision(namespace: str, wanted: Manifest) -> str:
    """What the operator will call it."""
    spec, key = wanted["spec"], Key("ModelDeployment", namespace, wanted["metadata"]["name"])
    return resolve(key, spec["template"], Model.model_validate(spec["model"]), ()).revision
