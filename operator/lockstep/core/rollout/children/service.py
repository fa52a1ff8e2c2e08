"""The Services of callers and of the preview. Which pods they select is a router's business."""

from collections.abc import Mapping
from typing import Any

from lockstep.api.base import Manifest
from lockstep.api.changes import changed
from lockstep.api.service import Ports, ServedPort, Service, ServiceType
from lockstep.core.rollout.children.owner import Owner, metadata


def of_preview(asked: Service) -> Service:
    """What of spec.service is said of the preview's too: nobody from outside reaches it."""
    return changed(asked, type=None, annotations={})


def service(
    owner: Owner,
    name: str,
    selector: Mapping[str, str],
    ports: Ports,
    asked: Service,
    revision: str | None = None,
) -> Manifest:
    """Render a Service; other fields stay the cluster's.

    Args:
        owner: Whose it is.
        name: Its name.
        selector: The router's.
        ports: Of the revisions that it selects, whatever ``asked`` says of ports.
        asked: The rest of what is said of it.
        revision: Which one it is the Service of, if of a single one.
    """
    of = metadata(owner, name, revision)
    notes = {**asked.annotations, **of.get("annotations", {})}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            **of,
            "labels": {**asked.labels, **of["labels"]},
            **({"annotations": notes} if notes else {}),
        },
        "spec": {
            "selector": dict(selector),
            "ports": [_port(port, asked.type) for port in ports],
            "publishNotReadyAddresses": False,
            **({"type": asked.type.value} if asked.type else {}),
            **({"clusterIP": "None"} if asked.headless else {}),
        },
    }


def _port(port: ServedPort, kind: ServiceType | None) -> Manifest:
    written: dict[str, Any] = {
        "name": port.name,
        "port": port.port,
        "protocol": port.protocol,
        "targetPort": port.target_port,
    }
    if port.app_protocol:
        written["appProtocol"] = port.app_protocol
    if port.node_port and kind not in {None, ServiceType.CLUSTER_IP}:
        written["nodePort"] = port.node_port
    return written
