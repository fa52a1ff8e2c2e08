"""Whose child an object is: the labels and the ownerReference that every child carries.

Never who made an object: that is told by comparing uids, in adapters.
"""

from dataclasses import dataclass

from lockstep.api.base import API_VERSION, DEPLOYMENT_LABEL, REVISION_LABEL, Manifest
from lockstep.api.model_deployment import KIND
from lockstep.core.key import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The ModelDeployment that a child belongs to."""

    key: Key
    uid: str


def labels(owner: Owner, revision: str | None = None) -> dict[str, str]:
    """Labels of a child; a child of all revisions (the Service) names none."""
    of_all = {DEPLOYMENT_LABEL: owner.key.name}
    return of_all if revision is None else {**of_all, REVISION_LABEL: revision}


def metadata(owner: Owner, name: str, revision: str | None = None) -> Manifest:
    """Metadata of a child: it goes when its owner goes, and never holds its owner back."""
    return {
        "name": name,
        "namespace": owner.key.namespace,
        "labels": labels(owner, revision),
        "ownerReferences": [
            {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "name": owner.key.name,
                "uid": owner.uid,
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ],
    }
