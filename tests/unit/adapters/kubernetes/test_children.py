"""Deployments, Services and ControllerRevisions as the cluster has them."""

import pytest

from lockstep.adapters.kubernetes import (
    controller_revisions,
    replica_sets,
    services,
)
from lockstep.api.base import Manifest

METADATA: Manifest = {
    "name": "fraud-r1",
    "namespace": "pay",
    "uid": "u1",
    "generation": 3,
    "resourceVersion": "12",
    "labels": {"lockstep.dev/deployment": "fraud", "lockstep.dev/revision": "r1"},
    "ownerReferences": [
        {"uid": "somebody", "name": "x"},
        {"uid": "uid-fraud", "name": "fraud", "controller": True},
    ],
}


def deployment(**status: object) -> Manifest:
    spec = {"replicas": 3, "minReadySeconds": 5, "selector": {}, "template": {}}
    return {"metadata": METADATA, "spec": spec, "status": {"observedGeneration": 3, **status}}


def test_of_one_generation_the_template_stays_the_one_that_is_shared() -> None:
    known = replica_sets.prune(deployment(availableReplicas=1))
    shared = known.body["spec"]["template"]
    again = replica_sets.renew(
        known, {**deployment(availableReplicas=2), "spec": {**deployment()["spec"], "template": {}}}
    )
    assert again.child.available == len(("one", "two"))
    assert again.body["spec"]["template"] is shared


@pytest.mark.parametrize("other", [{"generation": 4}, {"uid": "u2"}])
def test_of_another_generation_the_template_is_read(other: Manifest) -> None:
    known = replica_sets.prune(deployment())
    edited = {"metadata": METADATA | other, "spec": {**deployment()["spec"], "template": {"a": 1}}}
    assert replica_sets.renew(known, edited).body["spec"]["template"] == {"a": 1}


def failed(message: str, observed: int = 3) -> Manifest:
    condition = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": message,
    }
    return deployment(conditions=[condition], observedGeneration=observed)


def test_a_deployment_is_its_owners() -> None:
    record = replica_sets.prune(deployment(availableReplicas=2))
    assert record.meta.owner_uid == "uid-fraud"
    assert (record.child.revision, record.child.replicas, record.child.available) == ("r1", 3, 2)


LABELLED = {key: value for key, value in METADATA.items() if key != "ownerReferences"}
NOT_OURS: dict[str, Manifest] = {
    "no owner": LABELLED,
    "a name that no child has": {**METADATA, "name": "fraud-r1-x7k2p"},
    "an owner that does not control it": {**LABELLED, "ownerReferences": [{"uid": "uid-fraud"}]},
}


@pytest.mark.parametrize("metadata", NOT_OURS.values(), ids=NOT_OURS)
def test_of_what_only_carries_our_label_nothing_large_is_kept(metadata: Manifest) -> None:
    large = {**deployment(), "metadata": metadata}
    large["spec"] = {**large["spec"], "template": {"spec": {"x": "y" * 2**20}}}
    assert replica_sets.prune(large).body["spec"] == {}
    assert replica_sets.prune({**large, "metadata": METADATA}).body["spec"] == {
        field: large["spec"][field] for field in ("minReadySeconds", "selector", "template")
    }


def test_a_revision_without_an_owner_is_none() -> None:
    data = {"scheme": "1", "inputs": {}, "template": {}}
    raw = {"metadata": METADATA, "revision": 1, "data": data}
    assert controller_revisions.prune(raw).stored
    assert controller_revisions.prune({**raw, "metadata": LABELLED}).stored is None


def test_a_deployment_without_a_status_has_nothing_available() -> None:
    raw = {"metadata": METADATA, "spec": {"selector": {}, "template": {}}}
    child = replica_sets.prune(raw).child
    assert (child.replicas, child.available, child.create_failure) == (1, 0, None)


def test_a_scaling_that_was_not_looked_at_yet_is_no_outage() -> None:
    child = replica_sets.prune(deployment(availableReplicas=3, observedGeneration=2)).child
    assert child.available == 3


FAILURES: dict[str, tuple[str, str]] = {
    "quota": ('pods "x" is forbidden: exceeded quota: team, requested: pods=1', "QuotaExceeded"),
    "Pod Security": ('pods "x" is forbidden: violates PodSecurity "restricted:v1"', "PodSecurity"),
    "a missing ServiceAccount": (
        'pods "x" is forbidden: error looking up service account: serviceaccount "s" not found',
        "ServiceAccountMissing",
    ),
    "a webhook that nobody answers for": (
        (
            'Internal error occurred: failed calling webhook "inject.example.com": failed to call '
            'webhook: Post "https://nobody.team-a.svc:443/inject": service "nobody" not found'
        ),
        "ClusterUnavailable",
    ),
    "anything else": ("admission webhook said no", "FailedCreate"),
}


@pytest.mark.parametrize(("message", "reason"), FAILURES.values(), ids=FAILURES)
def test_pods_that_cannot_be_created(message: str, reason: str) -> None:
    trouble = replica_sets.prune(failed(message)).child.create_failure
    assert trouble is not None
    assert (trouble.reason, trouble.message) == (reason, message)


def test_a_failure_from_before_the_last_change_is_old() -> None:
    assert replica_sets.prune(failed("exceeded quota", observed=2)).child.create_failure is None


def test_a_service() -> None:
    spec = {"selector": {"a": "b"}, "ports": [{"port": 80}, {"port": 9090}], "clusterIP": "x"}
    record = services.prune({"metadata": METADATA, "spec": spec})
    assert record.selector == {"a": "b"}
    assert [port.port for port in record.ports] == [80, 9090]
    assert "clusterIP" not in record.body


MANAGERS: dict[str, tuple[list[Manifest], bool]] = {
    "we alone": ([{"manager": "lockstep", "fieldsV1": {"f:spec": {"f:replicas": {}}}}], False),
    "a person who scaled": (
        [
            {
                "manager": "kubectl",
                "subresource": "scale",
                "fieldsV1": {"f:spec": {"f:replicas": {}}},
            }
        ],
        True,
    ),
    "the controller's status": (
        [{"manager": "kube-controller-manager", "fieldsV1": {"f:status": {"f:replicas": {}}}}],
        False,
    ),
}


@pytest.mark.parametrize(("managers", "scaled"), MANAGERS.values(), ids=MANAGERS)
def test_who_scaled_it(managers: list[Manifest], *, scaled: bool) -> None:
    raw = deployment()
    raw["metadata"] = {**METADATA, "managedFields": managers}
    assert replica_sets.prune(raw).child.drifted is scaled


def test_who_redirected_callers() -> None:
    entry = {"manager": "kubectl-patch", "fieldsV1": {"f:spec": {"f:selector": {}}}}
    raw = {"metadata": {**METADATA, "managedFields": [entry]}, "spec": {"selector": {}}}
    assert services.prune(raw).redirected


def test_a_controller_revision() -> None:
    data = {"scheme": "1", "inputs": {"version": "1.0.0"}, "template": {"spec": {}}}
    stored = controller_revisions.prune({"metadata": METADATA, "data": data, "revision": 7}).stored
    assert stored is not None
    assert (stored.name, stored.revision, stored.number) == ("fraud-r1", "r1", 7)
    assert (stored.scheme, stored.inputs, stored.template) == tuple(data.values())
    assert stored.authors == ()


@pytest.mark.parametrize(("written", "authors"), [(["a", "b"], ("a", "b")), ("a", ()), (None, ())])
def test_who_is_behind_a_revision(written: object, authors: tuple[str, ...]) -> None:
    data = {"scheme": "1", "inputs": {}, "template": {}, "authors": written}
    stored = controller_revisions.prune({"metadata": METADATA, "data": data, "revision": 7}).stored
    assert stored is not None
    assert stored.authors == authors


@pytest.mark.parametrize("data", [None, {}, {"spec": {"template": {}}}])
def test_a_revision_in_another_form_is_none_of_ours(data: object) -> None:
    record = controller_revisions.prune({"metadata": METADATA, "data": data, "revision": 1})
    assert record.stored is None
