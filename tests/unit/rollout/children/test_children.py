"""Children as manifests."""

from typing import Any

import pytest

from lockstep.api.service import Service
from lockstep.core.key import Key
from lockstep.core.rollout.actions import StoreRevision
from lockstep.core.rollout.children import (
    controller_revision,
    replica_set,
    service,
)
from lockstep.core.rollout.children.owner import Owner

OWNER = Owner(key=Key("ModelDeployment", "pay", "fraud"), uid="uid-fraud")
TEMPLATE = {
    "metadata": {
        "labels": {"lockstep.dev/deployment": "fraud", "lockstep.dev/revision": "7f9c2b1e"},
        "annotations": {"team": "fraud"},
    },
    "spec": {"containers": [{"name": "server", "image": "x"}]},
}
OURS = {"lockstep.dev/deployment": "fraud"}
ITS_OWNER = {
    "apiVersion": "lockstep.dev/v1alpha1",
    "kind": "ModelDeployment",
    "name": "fraud",
    "uid": "uid-fraud",
    "controller": True,
    "blockOwnerDeletion": False,
}


def test_a_replica_set_selects_its_own_revision() -> None:
    got = replica_set.replica_set(OWNER, "7f9c2b1e", TEMPLATE, 3, 5)
    labels = {"lockstep.dev/deployment": "fraud", "lockstep.dev/revision": "7f9c2b1e"}
    assert got["metadata"] == {
        "name": "fraud-7f9c2b1e",
        "namespace": "pay",
        "labels": labels,
        "ownerReferences": [ITS_OWNER],
    }
    assert got["spec"] == {
        "replicas": 3,
        "minReadySeconds": 5,
        "selector": {"matchLabels": labels},
        "template": TEMPLATE,
    }


def test_the_pod_of_a_dry_run_is_what_the_replica_set_would_make() -> None:
    got = replica_set.pod(OWNER, "7f9c2b1e", TEMPLATE)
    assert got["metadata"] == {
        "generateName": "fraud-7f9c2b1e-",
        "namespace": "pay",
        "labels": {"lockstep.dev/deployment": "fraud", "lockstep.dev/revision": "7f9c2b1e"},
        "annotations": {"team": "fraud"},
    }
    assert got["spec"] == TEMPLATE["spec"]


def test_the_service_belongs_to_all_revisions() -> None:
    asked = Service(target_port="http")
    got = service.service(
        OWNER, "fraud", {"lockstep.dev/deployment": "fraud"}, asked.served(), asked
    )
    assert got["metadata"]["labels"] == {"lockstep.dev/deployment": "fraud"}
    assert got["spec"] == {
        "selector": {"lockstep.dev/deployment": "fraud"},
        "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}],
        "publishNotReadyAddresses": False,
    }


SAID: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "labels and annotations": (
        {"labels": {"team": "a"}, "annotations": {"mesh": "on"}},
        {"metadata.labels": {"team": "a", **OURS}, "metadata.annotations": {"mesh": "on"}},
    ),
    "a type, and a node's port with it": (
        {"type": "NodePort", "ports": [{"name": "a", "port": 80, "nodePort": 30080}]},
        {
            "spec.type": "NodePort",
            "spec.ports": [
                {"name": "a", "port": 80, "protocol": "TCP", "targetPort": 80, "nodePort": 30080}
            ],
        },
    ),
    "what is spoken": (
        {"ports": [{"name": "g", "port": 9, "targetPort": "grpc", "appProtocol": "grpc"}]},
        {
            "spec.ports": [
                {
                    "name": "g",
                    "port": 9,
                    "protocol": "TCP",
                    "targetPort": "grpc",
                    "appProtocol": "grpc",
                }
            ]
        },
    ),
    "no address": ({"headless": True}, {"spec.clusterIP": "None"}),
    "nothing more": (
        {},
        {"metadata.labels": OURS, "metadata.annotations": None, "spec.type": None},
    ),
}


@pytest.mark.parametrize(("raw", "rendered"), SAID.values(), ids=SAID)
def test_what_the_spec_says_of_the_service(raw: dict[str, Any], rendered: dict[str, Any]) -> None:
    asked = Service.model_validate(raw)
    got = service.service(OWNER, "fraud", {}, asked.served(), asked)
    for path, value in rendered.items():
        part, field = path.split(".")
        assert got[part].get(field) == value, path


def test_nobody_outside_reaches_a_preview() -> None:
    raw = {"type": "LoadBalancer", "annotations": {"lb": "public"}, "labels": {"team": "a"}}
    asked = service.of_preview(Service.model_validate(raw))
    got = service.service(OWNER, "fraud-candidate", {}, asked.served(), asked)
    assert "type" not in got["spec"]
    assert "annotations" not in got["metadata"]
    assert got["metadata"]["labels"]["team"] == "a", "a policy may ask every Service for its labels"


def test_a_controller_revision_has_its_deployments_name() -> None:
    stored = StoreRevision(
        revision="7f9c2b1e",
        scheme="1",
        number=4,
        inputs={"version": "2.4.0"},
        template=TEMPLATE,
        authors=("alice",),
        ports=Service().served(),
    )
    got = controller_revision.controller_revision(OWNER, stored)
    assert (got["metadata"]["name"], got["revision"]) == ("fraud-7f9c2b1e", 4)
    assert got["metadata"]["ownerReferences"] == [ITS_OWNER]
    assert got["data"] == {
        "scheme": "1",
        "inputs": {"version": "2.4.0"},
        "template": TEMPLATE,
        "authors": ["alice"],
        "ports": [{"name": "http", "port": 80, "targetPort": 8080}],
    }
