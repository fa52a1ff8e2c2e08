"""What was written and what was rendered from it, kept as an immutable ControllerRevision."""

from lockstep.api.base import Manifest
from lockstep.core import names
from lockstep.core.children.owner import Owner, metadata
from lockstep.core.plan import StoreRevision


def controller_revision(owner: Owner, revision: StoreRevision) -> Manifest:
    """Render the object that remembers a revision; it has its ReplicaSet's name."""
    name = names.child_name(owner.key.name, revision.revision)
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": metadata(owner, name, revision.revision),
        "revision": revision.number,
        "data": {
            "scheme": revision.scheme,
            "inputs": revision.inputs,
            "template": revision.template,
            "authors": list(revision.authors),
        },
    }
