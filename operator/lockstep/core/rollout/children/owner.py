"""Whose child an object is: the labels, and the ownerReference or annotation of every child.

Never who made an object: that is told by comparing uids, in adapters.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from lockstep.api.base import (
    API_VERSION,
    DEPLOYMENT_LABEL,
    OWNER_ANNOTATION,
    REVISION_LABEL,
    Manifest,
)
from lockstep.api.model_deployment import KIND, DeletionPolicy
from lockstep.core.key import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The ModelDeployment that a child belongs to; ``policy``: what its deletion means to it."""

    key: Key
    uid: str
    policy: DeletionPolicy = DeletionPolicy.DELETE


def labels(owner: Owner, revision: str | None = None) -> dict[str, str]:
    """Labels of a child; a child of all revisions (the Service) names none."""
    of_all = {DEPLOYMENT_LABEL: owner.key.name}
    return of_all if revision is None else {**of_all, REVISION_LABEL: revision}


def metadata(owner: Owner, name: str, revision: str | None = None) -> Manifest:
    """Metadata of a child; it never holds its owner back."""
    return {
        "name": name,
        "namespace": owner.key.namespace,
        "labels": labels(owner, revision),
        **_belonging(owner),
    }


def _belonging(owner: Owner) -> Manifest:
    """A child that outlives its owner has no ownerReference: the garbage collector would take it.

    The annotation is there for nothing else, so that children under Delete stay as they are.
    """
    if owner.policy is DeletionPolicy.ORPHAN:
        return {"annotations": {OWNER_ANNOTATION: owner.uid}}
    return {"ownerReferences": [_reference(owner)]}


def belonging_patch(owner: Owner) -> Manifest:
    """What changes in a child's metadata (as a strategic merge) when the policy has changed.

    An apply would not do: it leaves the ownerReference that the first POST wrote, which the API
    server counts as another manager's.
    """
    if owner.policy is DeletionPolicy.ORPHAN:
        return {
            "annotations": {OWNER_ANNOTATION: owner.uid},
            "ownerReferences": [{"$patch": "delete", "uid": owner.uid}],
        }
    return {
        "annotations": {OWNER_ANNOTATION: None},
        "ownerReferences": [_reference(owner)],
    }


def whole_belonging(owner: Owner, there: Iterable[Manifest]) -> Manifest:
    """The same for an object whose lists can only be replaced whole: no kind of a CRD has others.

    Args:
        owner: Whose it is.
        there: The ownerReferences that it has.
    """
    others = [it for it in there if it.get("uid") != owner.uid]
    if owner.policy is DeletionPolicy.ORPHAN:
        return {"annotations": {OWNER_ANNOTATION: owner.uid}, "ownerReferences": others}
    return {
        "annotations": {OWNER_ANNOTATION: None},
        "ownerReferences": [*others, _reference(owner)],
    }


def _reference(owner: Owner) -> Manifest:
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": owner.key.name,
        "uid": owner.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
