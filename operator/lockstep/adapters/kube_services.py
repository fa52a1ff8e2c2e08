"""The callers' Service as it stands in the cluster."""

from dataclasses import dataclass

from lockstep.adapters import kube_drift
from lockstep.adapters.kube import Meta, meta, taken
from lockstep.api.base import Manifest


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """``redirected``: somebody else wrote the selector.

    ``body`` keeps the fields that are ours as they stand, to be compared with what we render.
    """

    meta: Meta
    selector: dict[str, str]
    ports: frozenset[int]
    redirected: bool
    body: Manifest


def prune(raw: Manifest) -> ServiceRecord:
    """Read a Service."""
    spec = raw["spec"]
    return ServiceRecord(
        meta=meta(raw),
        selector=dict(spec.get("selector") or {}),
        ports=frozenset(port["port"] for port in spec.get("ports") or ()),
        redirected=taken(raw, "selector"),
        body=kube_drift.part(raw, kube_drift.SERVICE),
    )
