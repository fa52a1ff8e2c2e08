"""The command lines of etcd, API server, controller manager and scheduler, as pure functions."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.cluster.certificates import Leaf
from tests.cluster.probe import Http
from tests.cluster.processes import Component

SERVICES = "10.96.0.0/16"
FIRST_SERVICE = "10.96.0.1"
LOOPBACK = "127.0.0.1"
SERVER_NAMES = tuple(
    f"DNS:{name}"
    for name in ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """Where a control plane lives.

    Attributes:
        programs: Path of each program by name.
        state: The folder for certificates, data and logs.
        address: Where the API server listens; everything else stays on loopback.
        port: The API server's port; the other ports follow.
        api_server_flags: Added to the API server's command line.
    """

    programs: Mapping[str, Path]
    state: Path
    address: str
    port: int = 6443
    etcd_port: int = 2379
    etcd_peer_port: int = 2380
    controller_port: int = 10257
    scheduler_port: int = 10259
    api_server_flags: Sequence[str] = field(default_factory=tuple)

    @property
    def pki(self) -> Path:
        return self.state / "pki"

    @property
    def server(self) -> str:
        return f"https://{self.address}:{self.port}"

    def kubeconfig(self, identity: str) -> Path:
        return self.state / "kubeconfigs" / f"{identity}.yaml"


def leaves(plane: ControlPlane) -> tuple[Leaf, ...]:
    """The certificates that a control plane alone needs."""
    addresses = dict.fromkeys((LOOPBACK, FIRST_SERVICE, plane.address))
    return (
        Leaf("apiserver", "/CN=kube-apiserver", (*SERVER_NAMES, *(f"IP:{a}" for a in addresses))),
        Leaf("admin", "/O=system:masters/CN=admin"),
        Leaf("kube-controller-manager", "/CN=system:kube-controller-manager"),
    )


def kubeconfig(server: str, ca: bytes, certificate: bytes, key: bytes) -> str:
    """A kubeconfig that holds all it needs, so that it can be copied."""
    told = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lockstep",
        "contexts": [{"name": "lockstep", "context": {"cluster": "lockstep", "user": "lockstep"}}],
        "clusters": [
            {
                "name": "lockstep",
                "cluster": {"server": server, "certificate-authority-data": _text(ca)},
            }
        ],
        "users": [
            {
                "name": "lockstep",
                "user": {
                    "client-certificate-data": _text(certificate),
                    "client-key-data": _text(key),
                },
            }
        ],
    }
    return yaml.safe_dump(told, sort_keys=False)


def _text(pem: bytes) -> str:
    return base64.b64encode(pem).decode()


def audit_policy() -> str:
    """Who asked what, once per request, when it was answered: benchmarks count from it."""
    return yaml.safe_dump(
        {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived", "ResponseStarted", "Panic"],
            "rules": [{"level": "Metadata"}],
        }
    )


def etcd(plane: ControlPlane) -> Component:
    clients = f"http://{LOOPBACK}:{plane.etcd_port}"
    peers = f"http://{LOOPBACK}:{plane.etcd_peer_port}"
    return Component(
        name="etcd",
        argv=(
            str(plane.programs["etcd"]),
            f"--data-dir={plane.state / 'etcd'}",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",  # what a test cluster writes need not outlive a power cut
            "--log-level=warn",
        ),
        probe=Http(LOOPBACK, plane.etcd_port, "/health"),
        port=(LOOPBACK, plane.etcd_port),
    )


def api_server(plane: ControlPlane) -> Component:
    pki = plane.pki
    policy = plane.state / "audit-policy.yaml"
    return Component(
        name="kube-apiserver",
        argv=(
            str(plane.programs["kube-apiserver"]),
            f"--etcd-servers=http://{LOOPBACK}:{plane.etcd_port}",
            f"--bind-address={plane.address}",
            f"--advertise-address={plane.address}",
            f"--secure-port={plane.port}",
            f"--service-cluster-ip-range={SERVICES}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            f"--client-ca-file={pki / 'ca.crt'}",
            f"--tls-cert-file={pki / 'apiserver.crt'}",
            f"--tls-private-key-file={pki / 'apiserver.key'}",
            f"--service-account-key-file={pki / 'sa.pub'}",
            f"--service-account-signing-key-file={pki / 'sa.key'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--kubelet-client-certificate={pki / 'admin.crt'}",
            f"--kubelet-client-key={pki / 'admin.key'}",
            f"--kubelet-certificate-authority={pki / 'ca.crt'}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--audit-policy-file={policy}",
            f"--audit-log-path={plane.state / 'log' / 'audit.log'}",
            "--audit-log-maxsize=200",
            "--audit-log-maxbackup=2",
            *plane.api_server_flags,
        ),
        probe=Http(plane.address, plane.port, "/readyz", tls=True, ca=pki / "ca.crt"),
        needs=("etcd",),
        files={policy: audit_policy()},
        reads=(pki / "ca.crt", pki / "apiserver.crt", pki / "admin.crt", pki / "sa.pub"),
        port=(plane.address, plane.port),
    )


def controller_manager(plane: ControlPlane, controllers: Sequence[str] = ()) -> Component:
    """The controller manager; all default controllers unless ``controllers`` names some."""
    pki, config = plane.pki, plane.kubeconfig("kube-controller-manager")
    return Component(
        name="kube-controller-manager",
        argv=(
            str(plane.programs["kube-controller-manager"]),
            f"--kubeconfig={config}",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={plane.controller_port}",
            f"--service-account-private-key-file={pki / 'sa.key'}",
            f"--root-ca-file={pki / 'ca.crt'}",
            "--use-service-account-credentials=true",
            f"--cluster-signing-cert-file={pki / 'ca.crt'}",
            f"--cluster-signing-key-file={pki / 'ca.key'}",
            "--leader-elect=false",
            *((f"--controllers={','.join(controllers)}",) if controllers else ()),
        ),
        probe=Http(LOOPBACK, plane.controller_port, "/healthz", tls=True),
        needs=("kube-apiserver",),
        reads=(config, pki / "ca.crt", pki / "sa.key"),
        port=(LOOPBACK, plane.controller_port),
    )


def scheduler(plane: ControlPlane) -> Component:
    config = plane.kubeconfig("kube-scheduler")
    return Component(
        name="kube-scheduler",
        argv=(
            str(plane.programs["kube-scheduler"]),
            f"--kubeconfig={config}",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={plane.scheduler_port}",
            "--leader-elect=false",
        ),
        probe=Http(LOOPBACK, plane.scheduler_port, "/healthz", tls=True),
        needs=("kube-apiserver",),
        reads=(config,),
        port=(LOOPBACK, plane.scheduler_port),
    )
