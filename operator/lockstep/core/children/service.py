"""The Services of callers and of the preview. Which pods they select is a router's business."""

from collections.abc import Mapping

from lockstep.api.base import Manifest
from lockstep.core.children.owner import Owner, metadata


def service(
    owner: Owner, name: str, selector: Mapping[str, str], port: int, target_port: int | str
) -> Manifest:
    """Render a Service; other fields stay the cluster's."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(owner, name),
        "spec": {
            "selector": dict(selector),
            "ports": ports(port, target_port),
        },
    }


def ports(port: int, target_port: int | str) -> list[Manifest]:
    return [{"name": "http", "port": port, "protocol": "TCP", "targetPort": target_port}]
