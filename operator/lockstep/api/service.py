"""The Service that callers use: its ports, and what else may be said about it."""

from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import Field

from lockstep.api.base import (
    OWN_PREFIX,
    Cut,
    DnsLabel,
    KeyedBy,
    Port,
    Rule,
    Rules,
    Seen,
    Spec,
    TargetPort,
    blank,
)

MOST_PORTS: Final = 16
SHORT_NAME: Final = "http"
"""What the port of the short form is called."""


class Protocol(StrEnum):
    TCP = "TCP"
    UDP = "UDP"
    SCTP = "SCTP"


class ServiceType(StrEnum):
    CLUSTER_IP = "ClusterIP"
    NODE_PORT = "NodePort"
    LOAD_BALANCER = "LoadBalancer"


class ServedPort(Seen):
    """A port of the Service, and what is behind it in the pods of one revision."""

    name: Annotated[str, Cut(63)] = blank()
    """What it is called."""
    port: Annotated[int, Field(ge=0, le=65535)]
    """The port of the Service."""
    target_port: int | str
    """The port of the pod, by number or name."""
    protocol: Annotated[str, Cut(4)] = Protocol.TCP.value
    """TCP, UDP or SCTP."""
    app_protocol: Annotated[str, Cut(63)] = blank()
    """What is spoken there, where the spec says it."""
    node_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """The port on every node, where the spec asks for one."""


Ports = tuple[ServedPort, ...]


def alike(ours: Ports, theirs: Ports) -> bool:
    """Whether a Service has these ports and no others; the cluster may have added nodes' ports."""
    told = {it.name: it for it in theirs}
    return len(ours) == len(theirs) and all(_as_asked(it, told.get(it.name)) for it in ours)


def _as_asked(port: ServedPort, there: ServedPort | None) -> bool:
    if there is None or port.node_port:
        return port == there
    return dict(port) == {**dict(there), "node_port": None}


class ServicePort(Spec):
    """One port of the Service."""

    name: DnsLabel
    """Name of the port, unique."""
    port: Port
    """The port of the Service."""
    target_port: TargetPort | None = None
    """The port of the pod, by number or name. Default: the same number as port."""
    protocol: Protocol = Protocol.TCP
    """TCP, UDP or SCTP."""
    app_protocol: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """What is spoken there, for meshes and gateways: `http`, `grpc`, `kubernetes.io/h2c`."""
    node_port: Port | None = None
    """The port on every node, with type NodePort or LoadBalancer. Default: the cluster
    picks one."""


LONGEST_KEY: Final = 317  # a prefix of 253 characters, a slash and a name of 63
_OWN_KEYS: Final = Rule(
    f"self.all(key, key.size() <= {LONGEST_KEY} && !key.startsWith('{OWN_PREFIX}'))",
    f"keys that begin with {OWN_PREFIX} are set by the operator, and none is above "
    f"{LONGEST_KEY} characters",
    lambda entries: all(
        len(key) <= LONGEST_KEY and not key.startswith(OWN_PREFIX) for key in entries
    ),
)
_PORTS_DIFFER: Final = Rule(
    "self.all(one, self.exists_one(other, other.port == one.port && "
    "(has(other.protocol) ? other.protocol : 'TCP') "
    "== (has(one.protocol) ? one.protocol : 'TCP')))",
    "two ports must not have the same number and protocol",
    lambda ports: len({(it.port, it.protocol) for it in ports}) == len(ports),
)
HEADLESS_STAYS: Final = Rule(
    "(has(self.headless) && self.headless) == (has(oldSelf.headless) && oldSelf.headless)",
    "headless cannot be changed: a Service keeps its clusterIP for its lifetime",
    lambda _: True,  # about two versions of one object
)


class Service(Spec):
    """The Service that clients use. It has the name of the ModelDeployment.

    Its ports belong to the revision that they were rolled out with and move with its callers.
    """

    port: Port = 80
    """The port of the Service, if there is only one."""
    target_port: TargetPort = 8080
    """The port of the pod, by number or name. A name may map to another number in each
    revision, so traffic can be split between them."""
    ports: Annotated[
        tuple[ServicePort, ...], Field(max_length=MOST_PORTS), KeyedBy(("name",)), _PORTS_DIFFER
    ] = ()
    """Several ports, or one with a name of its own, instead of port and targetPort, which then say
    nothing. The smoke test asks the first one."""
    type: ServiceType | None = None
    """ClusterIP, NodePort or LoadBalancer. Default: ClusterIP, or the type it was edited to."""
    headless: bool = False
    """The Service has no address of its own: its name resolves to the ready
    pods, and the client picks one."""
    labels: Annotated[
        dict[str, Annotated[str, Field(max_length=63)]], Field(max_length=64), _OWN_KEYS
    ] = Field(default_factory=dict)
    """Labels of the Service and of the preview's."""
    annotations: Annotated[
        dict[str, Annotated[str, Field(max_length=16384)]], Field(max_length=64), _OWN_KEYS
    ] = Field(default_factory=dict)
    """Annotations of the Service."""

    RULES: ClassVar[Rules] = (
        Rule(
            "!has(self.headless) || !self.headless || !has(self.type) || self.type == 'ClusterIP'",
            "headless needs type ClusterIP",
            lambda it: not it.headless or it.type in {None, ServiceType.CLUSTER_IP},
        ),
        Rule(
            "!has(self.ports) || self.ports.all(it, !has(it.nodePort)) "
            "|| has(self.type) && self.type != 'ClusterIP'",
            "nodePort needs type NodePort or LoadBalancer",
            lambda it: (
                all(port.node_port is None for port in it.ports)
                or it.type in {ServiceType.NODE_PORT, ServiceType.LOAD_BALANCER}
            ),
        ),
        HEADLESS_STAYS,
    )

    def served(self) -> Ports:
        """The ports as they are asked for, whichever form they are written in."""
        if not self.ports:
            short = ServedPort(name=SHORT_NAME, port=self.port, target_port=self.target_port)
            return (short,)
        return tuple(map(_served, self.ports))


def _served(port: ServicePort) -> ServedPort:
    return ServedPort(
        name=port.name,
        port=port.port,
        target_port=port.port if port.target_port is None else port.target_port,
        protocol=port.protocol.value,
        app_protocol=port.app_protocol or "",
        node_port=port.node_port,
    )
