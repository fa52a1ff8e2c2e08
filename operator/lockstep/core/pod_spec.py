"""What a pod has, whoever wrote its template: the containers that stay, and their ports.

A template may hold anything: what is not of the form that Kubernetes knows is not there.
"""

from collections.abc import Iterator
from typing import Any

from lockstep.api.base import Manifest


def containers(spec: Manifest) -> list[Manifest]:
    """All that run beside each other: a native sidecar is a container that starts first."""
    early = (it for it in _dicts(spec.get("initContainers")) if it.get("restartPolicy") == "Always")
    return [*_dicts(spec.get("containers")), *early]


def every_container(spec: Manifest) -> list[Manifest]:
    """Those that run first as well."""
    return [*_dicts(spec.get("containers")), *_dicts(spec.get("initContainers"))]


def port(spec: Manifest, target: int | str, protocol: str = "TCP") -> int | None:
    """The number of a port that a Service sends callers to; None where no container has it."""
    if isinstance(target, int):
        return target
    found = (it["containerPort"] for it in ports(spec, protocol) if it.get("name") == target)
    return next(found, None)


def ports(spec: Manifest, protocol: str = "TCP") -> Iterator[Manifest]:
    """The ports that containers name, in the order in which a Service looks for them."""
    for container in containers(spec):
        for it in _dicts(container.get("ports")):
            number = isinstance(it.get("containerPort"), int)
            if number and (it.get("protocol") or "TCP") == protocol:
                yield it


def _dicts(written: Any) -> list[Manifest]:  # noqa: ANN401 (whatever a user wrote)
    return [it for it in written if isinstance(it, dict)] if isinstance(written, list) else []
