"""The policies and roles as they are shipped, on a test's API server as long as it needs them."""

import contextlib
from collections.abc import Iterator

import yaml

from tests.apiserver.conftest import Kubectl
from tests.apiserver.people import GROUP, Answer, Person, until
from tests.unit.api.manifests import DECISION, MODEL_DEPLOYMENT, change

SHIPPED = {
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "ClusterRole",
}


@contextlib.contextmanager
def governed(kubectl: Kubectl, admin: Person, folder: str) -> Iterator[None]:
    """Have what ``folder`` ships, active when the block begins and gone when it has ended."""
    rendered = yaml.safe_load_all(kubectl("kustomize", f"manifests/{folder}"))
    wanted = [it for it in rendered if it["kind"] in SHIPPED]
    text = yaml.safe_dump_all(wanted)
    stamps = any(it["kind"] == "MutatingAdmissionPolicy" for it in wanted)
    kubectl("apply", "-f", "-", stdin=text)
    try:
        _until_active(admin, stamps=stamps)
        yield
    finally:
        kubectl("delete", "--wait", "-f", "-", stdin=text)
        _until_gone(admin)


def _until_active(admin: Person, *, stamps: bool) -> None:
    until("decisions are guarded", lambda: _decide(admin, "nothing"), lambda it: it.code == 403)
    until("targets are guarded", lambda: _stale(admin), lambda it: it.code == 422)
    until("authors are guarded", lambda: _forge(admin), lambda it: stamps or it.code == 403)
    if stamps:
        until("authors are stamped", lambda: _forge(admin), lambda it: it.author == "admin")


def _until_gone(admin: Person) -> None:
    until("nobody guards decisions", lambda: _decide(admin, "nothing"), lambda it: it.ok)
    until("nobody guards targets", lambda: _stale(admin), lambda it: it.ok)
    until("nobody guards authors", lambda: _forge(admin), lambda it: it.author == "mallory")


def _decide(admin: Person, target: str, **spec: object) -> Answer:
    changes = {f"spec.{name}": value for name, value in spec.items()}
    decision = change(DECISION, {"spec.target.name": target, **changes})
    return admin.ask("POST", f"{GROUP}/namespaces/default/decisions?dryRun=All", decision)


def _stale(admin: Person) -> Answer:
    """The target has to be there: a policy with parameters says nothing without."""
    admin.ask("POST", f"{GROUP}/namespaces/default/modeldeployments", MODEL_DEPLOYMENT)
    return _decide(admin, "fraud", by="admin", groups=[])


def _forge(admin: Person) -> Answer:
    metadata = {"name": "forged", "annotations": {"lockstep.dev/author": "mallory"}}
    forged = change(MODEL_DEPLOYMENT, {"metadata": metadata})
    return admin.ask("POST", f"{GROUP}/namespaces/default/modeldeployments?dryRun=All", forged)
