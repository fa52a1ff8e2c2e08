"""Objects as the API server has them, for tests of the shell."""

from typing import Any

from lockstep.api.base import API_VERSION, DEPLOYMENT_LABEL, REVISION_LABEL, Manifest
from lockstep.api.service import Service
from lockstep.core.key import Key
from lockstep.core.rollout.children import replica_set, service
from lockstep.core.rollout.children.owner import Owner

FRAUD = Key("ModelDeployment", "pay", "fraud")
UID = "uid-fraud"
OWNER = Owner(key=FRAUD, uid=UID)
IMAGE = f"registry.example/fraud@sha256:{'a' * 64}"
TEMPLATE: Manifest = {"spec": {"containers": [{"name": "server", "image": IMAGE}]}}


def model_deployment(version: int = 10, status: Manifest | None = None, **spec: Any) -> Manifest:
    written = {
        "model": {"version": "1.0.0"},
        "replicas": 2,
        "template": TEMPLATE,
        "strategy": {"rolling": {}},
        **spec,
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelDeployment",
        "metadata": {
            "name": FRAUD.name,
            "namespace": FRAUD.namespace,
            "uid": UID,
            "generation": 1,
            "resourceVersion": str(version),
        },
        "spec": written,
        "status": status or {},
    }


def standing(manifest: Manifest, uid: str, version: int = 10, generation: int = 1) -> Manifest:
    """A rendered object as it came back from the API server."""
    metadata = {
        **manifest["metadata"],
        "uid": uid,
        "resourceVersion": str(version),
        "generation": generation,
    }
    return {**manifest, "metadata": metadata}


def child(revision: str = "r1", replicas: int = 2, version: int = 10) -> Manifest:
    rendered = replica_set.replica_set(OWNER, revision, rendered_template(revision), replicas, 0)
    return standing(rendered, f"uid-{revision}", version)


def rendered_template(revision: str = "r1") -> Manifest:
    labels = {DEPLOYMENT_LABEL: FRAUD.name, REVISION_LABEL: revision}
    return {"metadata": {"labels": labels}, **TEMPLATE}


def callers(selector: dict[str, str], version: int = 10) -> Manifest:
    return standing(
        service.service(OWNER, FRAUD.name, selector, Service().served(), Service()),
        "uid-svc",
        version,
    )
