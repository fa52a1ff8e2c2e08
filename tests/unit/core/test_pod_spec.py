"""A port's name is looked for where Kubernetes looks for it."""

from typing import Any

import pytest

from lockstep.core import pod_spec

HTTP = {"name": "http", "containerPort": 8080}


def of(*containers: dict[str, Any], beside: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"containers": list(containers), "initContainers": list(beside)}


PORTS: dict[str, tuple[dict[str, Any], int | None]] = {
    "a container's": (of({"name": "server", "ports": [HTTP]}), 8080),
    "a native sidecar's": (
        of({"name": "server"}, beside=({"ports": [HTTP], "restartPolicy": "Always"},)),
        8080,
    ),
    "an init container has ended when callers come": (
        of({"name": "server"}, beside=({"ports": [HTTP]},)),
        None,
    ),
    "another protocol's port of the same name is another port": (
        of({"ports": [{**HTTP, "protocol": "UDP"}, {**HTTP, "containerPort": 9090}]}),
        9090,
    ),
    "a container's comes before a sidecar's": (
        of(
            {"ports": [HTTP]},
            beside=({"ports": [{**HTTP, "containerPort": 1}], "restartPolicy": "Always"},),
        ),
        8080,
    ),
    "nobody's": (of({"name": "server"}), None),
    "what is no list of ports has none": (of({"ports": "http"}), None),
    "what is no port is none": (of({"ports": [{"name": "http", "containerPort": "?"}]}), None),
}


@pytest.mark.parametrize(("spec", "number"), PORTS.values(), ids=PORTS)
def test_port(spec: dict[str, Any], number: int | None) -> None:
    assert pod_spec.port(spec, "http") == number
    assert pod_spec.port(spec, 8081) == 8081, "a number is a port, named or not"
