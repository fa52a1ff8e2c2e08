"""Children as manifests."""

from lockstep.core.children import controller_revision, replica_set, service
from lockstep.core.children.owner import Owner
from lockstep.core.key import Key
from lockstep.core.plan import StoreRevision

OWNER = Owner(key=Key("pay", "fraud"), uid="uid-fraud")
TEMPLATE = {
    "metadata": {
        "labels": {"lockstep.dev/deployment": "fraud", "lockstep.dev/revision": "7f9c2b1e"},
        "annotations": {"team": "fraud"},
    },
    "spec": {"containers": [{"name": "server", "image": "x"}]},
}
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
    got = service.service(OWNER, "fraud", {"lockstep.dev/deployment": "fraud"}, 80, "http")
    assert got["metadata"]["labels"] == {"lockstep.dev/deployment": "fraud"}
    assert got["spec"] == {
        "selector": {"lockstep.dev/deployment": "fraud"},
        "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}],
    }


def test_a_controller_revision_has_its_deployments_name() -> None:
    stored = StoreRevision(
        revision="7f9c2b1e",
        scheme="1",
        number=4,
        inputs={"version": "2.4.0"},
        template=TEMPLATE,
        authors=("alice",),
    )
    got = controller_revision.controller_revision(OWNER, stored)
    assert (got["metadata"]["name"], got["revision"]) == ("fraud-7f9c2b1e", 4)
    assert got["metadata"]["ownerReferences"] == [ITS_OWNER]
    assert got["data"] == {
        "scheme": "1",
        "inputs": {"version": "2.4.0"},
        "template": TEMPLATE,
        "authors": ["alice"],
    }
