"""The Deployment of one revision, and one Pod of it for a dry run. Its template never changes."""

from lockstep.api.base import Manifest
from lockstep.core import names
from lockstep.core.children.owner import Owner, labels, metadata

__all__ = ["Owner", "deployment", "pod"]


def deployment(
    owner: Owner, revision: str, template: Manifest, replicas: int, min_ready_seconds: int
) -> Manifest:
    """Render the Deployment of ``revision``.

    ``template`` is the stored one: a revision's pods are what they were on the first day. The old
    ReplicaSets that a Deployment keeps for its own rollbacks would never be used.
    """
    name = names.deployment_name(owner.key.name, revision)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(owner, name, revision),
        "spec": {
            "replicas": replicas,
            "minReadySeconds": min_ready_seconds,
            "revisionHistoryLimit": 0,
            "selector": {"matchLabels": labels(owner, revision)},
            "template": template,
        },
    }


def pod(owner: Owner, revision: str, template: Manifest) -> Manifest:
    """One Pod as the Deployment's controller would make it, to be tried and not stored."""
    name = names.deployment_name(owner.key.name, revision)
    written = {key: value for key, value in template.get("metadata", {}).items() if value}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **written,
            "generateName": f"{name}-",
            "namespace": owner.key.namespace,
        },
        "spec": template["spec"],
    }
