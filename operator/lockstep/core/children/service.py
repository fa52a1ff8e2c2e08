"""The Service that callers use. Which pods it selects is a router's business, not this file's."""

from collections.abc import Mapping

from lockstep.api.base import Manifest
from lockstep.core.children.owner import Owner, metadata


def service(
    owner: Owner, selector: Mapping[str, str], port: int, target_port: int | str
) -> Manifest:
    """Render the Service named like its ModelDeployment; other fields stay the cluster's."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(owner, owner.key.name),
        "spec": {
            "selector": dict(selector),
            "ports": ports(port, target_port),
        },
    }


def ports(port: int, target_port: int | str) -> list[Manifest]:
    return [{"name": "http", "port": port, "protocol": "TCP", "targetPort": target_port}]
