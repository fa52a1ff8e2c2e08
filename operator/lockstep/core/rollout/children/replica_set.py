"""The ReplicaSet of one revision, and one Pod of it for a dry run. Its template never changes.

A ReplicaSet and not a Deployment: a revision's pods are never updated in place, so that all a
Deployment would add is a second controller. That one makes a rollout cost the API server four
tenths more, and an edit of the template by hand replaces every pod before it can be put back.
"""

from lockstep.api.base import EDITED_ANNOTATION, SURPLUS_ANNOTATION, Manifest
from lockstep.core import names
from lockstep.core.rollout.actions import PutReplicaSet
from lockstep.core.rollout.children.owner import (
    Owner,
    labels,
    metadata,
)

__all__ = ["Owner", "pod", "put", "replica_set"]


def replica_set(
    owner: Owner, revision: str, template: Manifest, replicas: int, min_ready_seconds: int
) -> Manifest:
    """Render the ReplicaSet of ``revision``.

    ``template`` is the stored one: a revision's pods are what they were on the first day.
    """
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": metadata(owner, names.child_name(owner.key.name, revision), revision),
        "spec": {
            "replicas": replicas,
            "minReadySeconds": min_ready_seconds,
            "selector": {"matchLabels": labels(owner, revision)},
            "template": template,
        },
    }


def put(owner: Owner, wanted: PutReplicaSet) -> Manifest:
    """Render a ReplicaSet as planned; it says itself what a restart has to know of it."""
    rendered = replica_set(
        owner,
        wanted.revision,
        wanted.template,
        wanted.replicas + wanted.surplus,
        wanted.min_ready_seconds,
    )
    known, notes = rendered["metadata"], _notes(wanted)
    if not notes:
        return rendered
    notes = {**known.get("annotations", {}), **notes}
    return {**rendered, "metadata": {**known, "annotations": notes}}


def _notes(wanted: PutReplicaSet) -> dict[str, str]:
    notes = {SURPLUS_ANNOTATION: str(wanted.surplus)} if wanted.surplus else {}
    if wanted.edited:
        notes[EDITED_ANNOTATION] = "/".join(at.isoformat() for at in wanted.edited)
    return notes


def pod(owner: Owner, revision: str, template: Manifest) -> Manifest:
    """One Pod as the ReplicaSet's controller would make it, to be tried and not stored."""
    name = names.child_name(owner.key.name, revision)
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
