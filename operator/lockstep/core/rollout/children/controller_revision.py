"""What was written and what was rendered from it, kept as an immutable ControllerRevision."""

import json

from lockstep.api.base import PORTS_ANNOTATION, Manifest
from lockstep.api.service import Ports, ServedPort
from lockstep.core import names
from lockstep.core.rollout.actions import StoreRevision
from lockstep.core.rollout.children.owner import Owner, metadata


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
            "ports": [_port(it) for it in revision.ports],
        },
    }


def ports_patch(ports: Ports) -> Manifest:
    """What changes in its metadata when its ports do: its data never does."""
    return {"annotations": {PORTS_ANNOTATION: json.dumps([_port(it) for it in ports])}}


def _port(port: ServedPort) -> Manifest:
    return port.model_dump(mode="json", by_alias=True, exclude_defaults=True)
