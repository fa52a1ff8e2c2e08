"""Decides which kind of cluster this machine gets, and says why."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from tests.cluster.errors import ClusterError
from tests.cluster.shell import succeeds

Flavor = Literal["existing", "kind", "local"]

ENGINES = ("docker", "podman")


@dataclass(frozen=True, slots=True)
class Machine:
    """What the choice depends on."""

    told: str
    engine: str | None
    linux: bool
    root: bool


@dataclass(frozen=True, slots=True)
class Picked:
    """A flavor and the sentence that explains it."""

    flavor: Flavor
    why: str


def pick(machine: Machine) -> Picked:
    """The kind of cluster for ``machine``.

    Raises:
        ClusterError: It can have none; says what is missing.
    """
    if machine.told:
        return _told(machine)
    if machine.engine:
        return Picked("kind", f"kind, because the container engine {machine.engine} answers")
    if machine.linux and machine.root:
        return Picked(
            "local", "local, because no container engine answers and we are root on Linux"
        )
    raise ClusterError(
        "no cluster can be started here: start a container engine (docker or podman) for kind, "
        + ("or run as root" if machine.linux else "or use a Linux machine as root")
        + ", or set CLUSTER=existing to use the current kubeconfig context"
    )


def _told(machine: Machine) -> Picked:
    match machine.told:
        case "existing":
            return Picked("existing", "existing, because CLUSTER=existing says so")
        case "kind" if machine.engine:
            return Picked("kind", f"kind on {machine.engine}, because CLUSTER=kind says so")
        case "kind":
            raise ClusterError("CLUSTER=kind needs a container engine, and none answers")
        case "local" if machine.linux and machine.root:
            return Picked("local", "local, because CLUSTER=local says so")
        case "local":
            raise ClusterError("CLUSTER=local needs Linux and root")
        case other:
            known = ", ".join(get_args(Flavor))
            raise ClusterError(f"CLUSTER={other} is not one of {known}")


def machine(environment: Mapping[str, str] = os.environ) -> Machine:
    """Look at this machine. Engines are asked only when the answer can matter."""
    told = environment.get("CLUSTER", "")
    asked = ENGINES if told in {"", "kind"} else ()
    return Machine(
        told=told,
        engine=next((name for name in asked if succeeds([name, "info"])), None),
        linux=sys.platform == "linux",
        root=os.geteuid() == 0,
    )
