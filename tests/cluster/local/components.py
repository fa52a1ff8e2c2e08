"""The processes of the local node: command line, files, and how each shows health."""

from tests.cluster import packages, prometheus
from tests.cluster.certificates import Leaf
from tests.cluster.control_plane import (
    LOOPBACK,
    api_server,
    controller_manager,
    etcd,
    leaves,
    scheduler,
)
from tests.cluster.go_tools import TOOLS
from tests.cluster.kwok import MARK
from tests.cluster.local import render
from tests.cluster.local.layout import (
    FAKE_NODE,
    FAKE_PODS,
    NODE,
    NODE_NAME,
    PROMETHEUS_PORT,
    REGISTRY,
    REGISTRY_PORT,
    Layout,
)
from tests.cluster.probe import Command, Http
from tests.cluster.processes import Component


def identities(layout: Layout) -> tuple[Leaf, ...]:
    """Everybody who has a certificate on the local node."""
    node = (f"DNS:{NODE_NAME}", f"IP:{NODE}", f"IP:{LOOPBACK}")
    return (
        *leaves(layout.plane),
        Leaf("kube-scheduler", "/CN=system:kube-scheduler"),
        Leaf("kubelet", f"/O=system:nodes/CN=system:node:{NODE_NAME}", node),
        Leaf("kube-proxy", "/CN=system:kube-proxy"),
        Leaf("coredns", "/CN=coredns"),
        Leaf("prometheus", "/CN=prometheus"),
        Leaf("kwok", "/O=system:masters/CN=kwok"),
    )


def components(layout: Layout) -> tuple[Component, ...]:
    """All of them, in the order in which they first start."""
    plane = layout.plane
    return (
        etcd(plane),
        api_server(plane),
        registry(layout),
        containerd(layout),
        controller_manager(plane),
        scheduler(plane),
        kubelet(layout),
        kube_proxy(layout),
        coredns(layout),
        prometheus_server(layout),
    )


def registry(layout: Layout) -> Component:
    config = layout.state / "registry.yaml"
    found = packages.find("docker-registry") or "/usr/bin/docker-registry"
    return Component(
        name="registry",
        argv=(str(found), "serve", str(config)),
        probe=Http(NODE, REGISTRY_PORT, "/v2/"),
        files={config: render.registry(layout.state / "registry")},
        env={"OTEL_TRACES_EXPORTER": "none"},
        port=(NODE, REGISTRY_PORT),
    )


def containerd(layout: Layout) -> Component:
    state, config = layout.state, layout.state / "containerd.toml"
    client = (str(layout.programs["ctr"]), "--address", str(layout.socket), "version")
    return Component(
        name="containerd",
        argv=(str(layout.programs["containerd"]), "--config", str(config), "--log-level", "warn"),
        probe=Command(client),
        files={
            config: render.containerd(layout),
            state / "certs.d" / REGISTRY / "hosts.toml": render.registry_hosts(),
            state / "cni" / "pods" / "10-pods.conflist": render.pod_network(state / "ipam"),
            state / "cni" / "isolated" / "10-isolated.conflist": render.isolated_network(
                state / "ipam"
            ),
        },
        env={"PATH": layout.path},
    )


def kubelet(layout: Layout) -> Component:
    state, pki = layout.state, layout.plane.pki
    config, kubeconfig = state / "kubelet.yaml", layout.plane.kubeconfig("kubelet")
    return Component(
        name="kubelet",
        argv=(
            str(layout.programs["kubelet"]),
            f"--config={config}",
            f"--kubeconfig={kubeconfig}",
            f"--hostname-override={NODE_NAME}",
            f"--node-ip={NODE}",
            f"--root-dir={state / 'kubelet'}",
        ),
        probe=Http(LOOPBACK, 10248, "/healthz"),
        needs=("containerd", "kube-apiserver"),
        files={config: render.kubelet(layout), state / "resolv.conf": render.resolv_conf()},
        reads=(kubeconfig, pki / "kubelet.crt", pki / "ca.crt"),
        env={"PATH": layout.path},
        port=(LOOPBACK, 10248),
    )


def kube_proxy(layout: Layout) -> Component:
    config = layout.state / "kube-proxy.yaml"
    kubeconfig = layout.plane.kubeconfig("kube-proxy")
    return Component(
        name="kube-proxy",
        argv=(str(layout.programs["kube-proxy"]), f"--config={config}"),
        probe=Http(LOOPBACK, 10256, "/healthz"),
        needs=("kube-apiserver",),
        files={config: render.kube_proxy(kubeconfig)},
        reads=(kubeconfig,),
        env={"PATH": layout.path},
        port=(LOOPBACK, 10256),
    )


def coredns(layout: Layout) -> Component:
    config, kubeconfig = layout.state / "Corefile", layout.plane.kubeconfig("coredns")
    return Component(
        name="coredns",
        argv=(str(layout.programs["coredns"]), "-conf", str(config)),
        probe=Http(LOOPBACK, render.DNS_READY_PORT, "/ready"),
        needs=("kube-apiserver",),
        files={config: render.corefile(kubeconfig)},
        reads=(kubeconfig,),
        port=(NODE, 53),
    )


def prometheus_server(layout: Layout) -> Component:
    state, config = layout.state, layout.state / "prometheus.yaml"
    kubeconfig = layout.plane.kubeconfig("prometheus")
    return Component(
        name="prometheus",
        argv=(
            str(layout.programs["prometheus"]),
            f"--config.file={config}",
            f"--storage.tsdb.path={state / 'prometheus'}",
            "--storage.tsdb.retention.time=12h",
            "--storage.tsdb.retention.size=1GB",
            f"--web.listen-address={NODE}:{PROMETHEUS_PORT}",
            "--log.level=warn",
        ),
        probe=Http(NODE, PROMETHEUS_PORT, "/-/ready"),
        needs=("kube-apiserver",),
        files={config: prometheus.configuration(str(kubeconfig))},
        reads=(kubeconfig,),
        port=(NODE, PROMETHEUS_PORT),
    )


def kwok(layout: Layout) -> Component:
    kubeconfig, stages = layout.plane.kubeconfig("kwok"), TOOLS / "kwok" / "stages.yaml"
    return Component(
        name="kwok",
        argv=(
            str(layout.programs["kwok"]),
            f"--kubeconfig={kubeconfig}",
            f"--config={stages}",
            "--manage-all-nodes=false",
            f"--manage-nodes-with-annotation-selector={MARK}=fake",
            "--node-lease-duration-seconds=40",
            f"--node-ip={FAKE_NODE}",
            f"--cidr={FAKE_PODS}",
            f"--server-address={LOOPBACK}:10247",
        ),
        probe=Http(LOOPBACK, 10247, "/healthz"),
        needs=("kube-apiserver",),
        reads=(kubeconfig, stages),
        port=(LOOPBACK, 10247),
    )
