"""What the operator's account may write, and whoever has its token, on a real API server."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.apiserver.api import MERGE, Manifest
from tests.apiserver.conftest import Kubectl
from tests.apiserver.people import Answer, Person, until
from tests.apiserver.wire import Wire

pytestmark = pytest.mark.apiserver

ACCOUNT = "system:serviceaccount:lockstep-system:lockstep-operator"
FILE = Path("manifests/hardening/admission-operator.yaml")
ROLE = Path("manifests/base/cluster-role.yaml")
OURS = {"lockstep.dev/deployment": "fraud"}
SELECTOR = {"matchLabels": {"a": "b"}}
CONTAINERS = [{"name": "c", "image": "registry.example.com/x"}]
POD: Manifest = {"spec": {"containers": CONTAINERS}}
SERVICE: Manifest = {"spec": {"ports": [{"port": 80}]}}
SET: Manifest = {
    "spec": {"selector": SELECTOR, "template": {"metadata": {"labels": {"a": "b"}}, **POD}}
}


@dataclass(frozen=True, slots=True)
class Case:
    """One request; ``there``: the labels of the object that an administrator made before."""

    method: str
    plural: str
    body: Manifest
    says: str = ""
    labels: Manifest | None = None
    there: Manifest | None = None
    query: str = ""
    namespace: str = ""


CASES: dict[str, Case] = {
    "a pod is tried": Case("POST", "pods", POD, query="?dryRun=All"),
    "a pod is not made": Case("POST", "pods", POD, "creates no pod"),
    "a pod without our label is not tried": Case(
        "POST", "pods", POD, "only objects with the label", labels={}, query="?dryRun=All"
    ),
    "a child is made": Case("POST", "services", SERVICE),
    "a child without our label is not": Case(
        "POST", "services", SERVICE, "only objects with the label", labels={}
    ),
    "a ReplicaSet without our label is not": Case(
        "POST", "replicasets", SET, "only objects with the label", labels={}
    ),
    "somebody's ConfigMap is not changed": Case(
        "PATCH", "configmaps", {"data": {"a": "b"}}, "only objects with the label", there={}
    ),
    "nor made ours by a label": Case(
        "PATCH", "configmaps", {"metadata": {"labels": OURS}}, "only objects with", there={}
    ),
    "a child is changed": Case("PATCH", "services", {"spec": {"selector": {"a": "b"}}}, there=OURS),
    "somebody's Service is not deleted": Case(
        "DELETE", "services", {}, "only objects with the label", there={}
    ),
    "a child is deleted": Case("DELETE", "services", {}, there=OURS),
    "nothing is written in kube-system": Case(
        "POST", "services", SERVICE, "nothing in kube-*", namespace="kube-system"
    ),
}
PATHS = {"replicasets": "/apis/apps/v1"}
MADE: dict[str, Manifest] = {"services": SERVICE, "configmaps": {}}


@pytest.fixture(scope="module")
def wire(api_server: Path) -> Iterator[Wire]:
    with contextlib.closing(Wire.open(api_server)) as opened:
        yield opened


@pytest.fixture(scope="module")
def operator(wire: Wire, kubectl: Kubectl) -> Iterator[Person]:
    """The account with all its rights, and the policy that bounds them."""
    groups = ("system:serviceaccounts", "system:serviceaccounts:lockstep-system")
    person = Person(wire, ACCOUNT, groups)
    role = yaml.safe_load(ROLE.read_text())
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "lockstep-operator"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "lockstep-operator",
        },
        "subjects": [
            {
                "kind": "ServiceAccount",
                "name": "lockstep-operator",
                "namespace": "lockstep-system",
            }
        ],
    }
    text = yaml.safe_dump_all([*yaml.safe_load_all(FILE.read_text()), role, binding])
    kubectl("apply", "-f", "-", stdin=text)
    try:
        until("it is bounded", lambda: _try(person), lambda it: "with the label" in it.says)
        yield person
    finally:
        kubectl("delete", "--wait", "-f", "-", stdin=text)


def _try(person: Person) -> Answer:
    body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, **SERVICE}
    return person.ask("POST", "/api/v1/namespaces/default/services?dryRun=All", body)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_the_account_may_write(
    operator: Person, wire: Wire, namespace: str, case: Case
) -> None:
    admin = Person(wire)
    path = f"{PATHS.get(case.plural, '/api/v1')}/namespaces/{case.namespace or namespace}"
    path = f"{path}/{case.plural}"
    body: Manifest = {**case.body}
    if case.method == "POST":
        labels = OURS if case.labels is None else case.labels
        body["metadata"] = {"name": "thing", "labels": labels}
    if case.plural == "pods":  # what a ServiceAccount controller would have made
        account = {"metadata": {"name": "default"}}
        admin.ask("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", account)
    if case.there is not None:
        made = {**MADE[case.plural], "metadata": {"name": "thing", "labels": case.there}}
        admin.must("POST", path, made, "application/json")
    at = path if case.method == "POST" else f"{path}/thing"
    kind = MERGE if case.method == "PATCH" else "application/json"
    answer = operator.ask(case.method, at + case.query, body, kind)
    assert answer.ok == (not case.says), answer
    assert case.says in answer.says


def test_a_child_that_lost_its_label_gets_it_back(
    operator: Person, wire: Wire, namespace: str
) -> None:
    owner = {
        "apiVersion": "lockstep.dev/v1alpha1",
        "kind": "ModelDeployment",
        "name": "fraud",
        "uid": "1",
        "controller": True,
    }
    metadata = {"name": "thing", "ownerReferences": [owner]}
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    Person(wire).must("POST", path, {"metadata": metadata}, "application/json")
    assert operator.ask("PATCH", f"{path}/thing", {"metadata": {"labels": OURS}}, MERGE).ok
