"""The callers' Service as it stands in the cluster, and what a write of ours changes in it.

What stands and what a later write would touch are asked in one place: nothing that others added is
let stand now and taken away later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lockstep.adapters.kubernetes import drift
from lockstep.adapters.kubernetes.meta import (
    MANAGER,
    Meta,
    last_client,
    meta,
    overwritten,
)
from lockstep.api.base import OWN_PREFIX, Manifest
from lockstep.api.service import Ports, ServedPort, alike

_MAPS: Final = ("labels", "annotations")
_ELSEWHERE: Final = "ExternalName"


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """``redirected``: somebody else wrote the selector; ``edited``: or some of the ports.

    ``client``: through what anybody else wrote it last. ``astray``: callers are sent out of the
    cluster, or to pods that are not ready. ``body`` keeps what else may be ours as it stands,
    ``owned`` the keys of labels and annotations that we wrote.
    """

    meta: Meta
    selector: dict[str, str]
    ports: Ports
    redirected: bool
    edited: bool
    astray: bool
    body: Manifest
    owned: Mapping[str, frozenset[str]]
    client: str = ""


def prune(raw: Manifest) -> ServiceRecord:
    """Read a Service."""
    spec = raw["spec"]
    return ServiceRecord(
        meta=meta(raw),
        selector=dict(spec.get("selector") or {}),
        ports=ports(raw),
        redirected=overwritten(raw, "selector"),
        edited=overwritten(raw, "ports"),
        astray=spec.get("type") == _ELSEWHERE or bool(spec.get("publishNotReadyAddresses")),
        body=compared(raw),
        owned={field: frozenset(_owned(raw, field)) for field in _MAPS},
        client=last_client(raw),
    )


def ports(raw: Manifest) -> Ports:
    """The ports of a Service, found or rendered."""
    return tuple(map(_port, raw["spec"].get("ports") or ()))


def _port(raw: Manifest) -> ServedPort:
    return ServedPort(
        name=raw.get("name") or "",
        port=raw["port"],
        target_port=raw.get("targetPort") or raw["port"],
        protocol=raw.get("protocol") or "TCP",
        app_protocol=raw.get("appProtocol") or "",
        node_port=raw.get("nodePort") or None,
    )


def compared(raw: Manifest) -> Manifest:
    """What may be ours of a Service, found or rendered, beside its selector and ports."""
    metadata, spec = raw["metadata"], raw["spec"]
    return {
        **{field: metadata.get(field) or {} for field in _MAPS},
        **({"type": spec["type"]} if spec.get("type") else {}),
    }


def _owned(raw: Manifest, field: str) -> set[str]:
    """The keys of a map of its metadata that we wrote, but for those that are always ours."""
    found: set[str] = set()
    for entry in raw["metadata"].get("managedFields") or ():
        if entry.get("manager") == MANAGER:
            written = entry.get("fieldsV1", {}).get("f:metadata", {}).get(f"f:{field}", {})
            found |= {key.removeprefix("f:") for key in written if key.startswith("f:")}
    return {key for key in found if not key.startswith(OWN_PREFIX)}


def stands(rendered: Manifest, known: ServiceRecord) -> bool:
    """Whether a Service is as rendered, whomever it selects at which ports."""
    ours = compared(rendered)
    gone = any(_gone(ours, known, field) for field in _MAPS)
    return not known.astray and not gone and drift.stands(ours, known.body)


def difference(rendered: Manifest, known: ServiceRecord) -> str:
    """The first thing that is not as rendered, selector and ports aside; empty if nothing is."""
    if known.astray:
        away = known.body.get("type") == _ELSEWHERE
        return "spec.type" if away else "spec.publishNotReadyAddresses"
    ours = compared(rendered)
    found = drift.difference(ours, known.body)
    gone = (f"metadata.{at}.{key}" for at in _MAPS for key in _gone(ours, known, at))
    return f"spec.{found}" if found == "type" else found or next(gone, "")


def patch(rendered: Manifest, known: ServiceRecord) -> Manifest:
    """What of a rendered Service differs from the one that stands, as a merge patch of it."""
    metadata: Manifest = {}
    spec: Manifest = {}
    if not stands(rendered, known):
        ours = compared(rendered)
        metadata = {field: {**_gone(ours, known, field), **ours[field]} for field in _MAPS}
        kind = ours.get("type") or ("ClusterIP" if known.body.get("type") == _ELSEWHERE else None)
        spec = {"publishNotReadyAddresses": False, "externalName": None}
        spec |= {"type": kind} if kind else {}
    selector = rendered["spec"]["selector"]
    if known.selector != selector:
        gone = dict.fromkeys(known.selector.keys() - selector.keys())
        spec["selector"] = {**gone, **selector}
    if not alike(ports(rendered), known.ports):
        spec["ports"] = rendered["spec"]["ports"]
    changes: dict[str, Any] = {"spec": spec} if spec else {}
    if metadata or spec:
        changes["metadata"] = {**metadata, "uid": known.meta.uid}
    return changes


def _gone(ours: Manifest, known: ServiceRecord, field: str) -> dict[str, None]:
    """What we wrote once and render no more; what others wrote stays."""
    there = known.owned[field] & known.body[field].keys()
    return dict.fromkeys(sorted(there - ours[field].keys()))
