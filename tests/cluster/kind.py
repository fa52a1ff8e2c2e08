"""A cluster in a container engine, by kind: its config, its registry, its command table.

Config, registry and image loading are those of kind's own documentation, for kind 0.33, which
merges `extraArgs` given as a map into the kubeadm config of Kubernetes 1.36. The machines that
this project is developed on have no container engine: commands and config are tested as text,
they have not been run.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.cluster import go_tools, packages, prometheus
from tests.cluster.base import base_image
from tests.cluster.control_plane import audit_policy
from tests.cluster.errors import ClusterError
from tests.cluster.model import Cluster, save, write
from tests.cluster.pick import machine
from tests.cluster.probe import Http
from tests.cluster.progress import Progress
from tests.cluster.shell import run, succeeds

NAME = "lockstep"
REGISTRY_NAME = "lockstep-registry"
REGISTRY_PORT = 5001
REGISTRY = f"localhost:{REGISTRY_PORT}"
REGISTRY_IMAGE = "registry:3"
PROMETHEUS_IMAGE = "prom/prometheus:v3.15.0"
PROMETHEUS_PORT = 9090
PROMETHEUS_NODE_PORT = 30090
NAMESPACE = "lockstep-monitoring"
READY_SECONDS = 180


def config(state: Path) -> str:
    """The kind cluster: one node, a registry folder, an audit log, Prometheus on a port of ours."""
    mounts = [
        {"hostPath": str(state / "audit-policy.yaml"), "containerPath": "/etc/lockstep/audit.yaml"},
        {"hostPath": str(state / "log"), "containerPath": "/var/log/lockstep"},
    ]
    port = {
        "containerPort": PROMETHEUS_NODE_PORT,
        "hostPort": PROMETHEUS_PORT,
        "listenAddress": "127.0.0.1",
    }
    node = {
        "role": "control-plane",
        "extraMounts": mounts,
        "extraPortMappings": [port],
        "kubeadmConfigPatches": [audited(), many_pods()],
    }
    return yaml.safe_dump(
        {
            "kind": "Cluster",
            "apiVersion": "kind.x-k8s.io/v1alpha4",
            "name": NAME,
            "nodes": [node],
        },
        sort_keys=False,
    )


def audited() -> str:
    """kubeadm's words for an audit log whose policy and file are mounted from the host."""
    arguments = {
        "audit-policy-file": "/etc/lockstep/audit.yaml",
        "audit-log-path": "/var/log/lockstep/audit.log",
        "audit-log-maxsize": "200",
        "audit-log-maxbackup": "2",
    }
    volumes = [
        {
            "name": "audit-policy",
            "hostPath": "/etc/lockstep/audit.yaml",
            "mountPath": "/etc/lockstep/audit.yaml",
            "readOnly": True,
            "pathType": "File",
        },
        {
            "name": "audit-log",
            "hostPath": "/var/log/lockstep",
            "mountPath": "/var/log/lockstep",
            "readOnly": False,
            "pathType": "DirectoryOrCreate",
        },
    ]
    told = {
        "kind": "ClusterConfiguration",
        "apiServer": {"extraArgs": arguments, "extraVolumes": volumes},
    }
    return yaml.safe_dump(told, sort_keys=False)


def many_pods() -> str:
    told = {"kind": "KubeletConfiguration", "maxPods": 200, "serializeImagePulls": False}
    return yaml.safe_dump(told, sort_keys=False)


def commands(engine: str, kind: str, state: Path) -> dict[str, list[str]]:
    """Everything that is asked of the engine and of kind, by what it is for."""
    folder = f"/etc/containerd/certs.d/{REGISTRY}"
    node = f"{NAME}-control-plane"
    published = f"127.0.0.1:{REGISTRY_PORT}:5000"
    return {
        "registry is running": [engine, "container", "inspect", REGISTRY_NAME],
        "start the registry": [
            engine,
            "run",
            "--detach",
            "--restart=always",
            "--publish",
            published,
            "--network",
            "bridge",
            "--name",
            REGISTRY_NAME,
            REGISTRY_IMAGE,
        ],
        "start the registry again": [engine, "start", REGISTRY_NAME],
        "list clusters": [kind, "get", "clusters"],
        "create the cluster": [
            kind,
            "create",
            "cluster",
            "--name",
            NAME,
            "--config",
            str(state / "kind.yaml"),
            "--kubeconfig",
            str(state / "kubeconfig"),
            "--wait",
            "120s",
        ],
        "start the node again": [engine, "start", node],
        "make the registry folder": [engine, "exec", node, "mkdir", "-p", folder],
        "tell the node of the registry": [
            engine,
            "exec",
            "--interactive",
            node,
            "cp",
            "/dev/stdin",
            f"{folder}/hosts.toml",
        ],
        "networks of the registry": [
            engine,
            "inspect",
            "--format",
            "{{json .NetworkSettings.Networks}}",
            REGISTRY_NAME,
        ],
        "connect the registry": [engine, "network", "connect", "kind", REGISTRY_NAME],
        "write the kubeconfig": [
            kind,
            "export",
            "kubeconfig",
            "--name",
            NAME,
            "--kubeconfig",
            str(state / "kubeconfig"),
        ],
        "delete the cluster": [
            kind,
            "delete",
            "cluster",
            "--name",
            NAME,
            "--kubeconfig",
            str(state / "kubeconfig"),
        ],
        "remove the registry": [engine, "rm", "--force", "--volumes", REGISTRY_NAME],
    }


def registry_hosts() -> str:
    """The node's localhost is not ours: what is pushed to it is pulled by the container's name."""
    return f'[host."http://{REGISTRY_NAME}:5000"]\n'


def manifests() -> str:
    """Prometheus with the local cluster's scrape configuration, and where the registry is."""
    subject = {"kind": "ServiceAccount", "name": "prometheus", "namespace": NAMESPACE}
    objects: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        _named("v1", "ServiceAccount"),
        *prometheus.reader("lockstep-prometheus", subject),
        {
            **_named("v1", "ConfigMap"),
            "data": {"prometheus.yml": prometheus.configuration()},
        },
        {**_named("apps/v1", "Deployment"), "spec": _deployment()},
        {
            **_named("v1", "Service"),
            "spec": {
                "type": "NodePort",
                "selector": {"app": "prometheus"},
                "ports": [{"port": PROMETHEUS_PORT, "nodePort": PROMETHEUS_NODE_PORT}],
            },
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "local-registry-hosting", "namespace": "kube-public"},
            "data": {"localRegistryHosting.v1": f'host: "{REGISTRY}"\n'},
        },
    ]
    return yaml.safe_dump_all(objects, sort_keys=False)


def _named(version: str, kind: str) -> dict[str, Any]:
    metadata = {"name": "prometheus", "namespace": NAMESPACE}
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


def _deployment() -> dict[str, Any]:
    container = {
        "name": "prometheus",
        "image": PROMETHEUS_IMAGE,
        "args": ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"],
        "ports": [{"containerPort": PROMETHEUS_PORT}],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": PROMETHEUS_PORT}},
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/prometheus"},
            {"name": "data", "mountPath": "/prometheus"},
        ],
    }
    volumes = [
        {"name": "config", "configMap": {"name": "prometheus"}},
        {"name": "data", "emptyDir": {}},
    ]
    pod = {
        "serviceAccountName": "prometheus",
        "containers": [container],
        "volumes": volumes,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65534, "fsGroup": 65534},
    }
    return {
        "replicas": 1,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": {"app": "prometheus"}},
        "template": {"metadata": {"labels": {"app": "prometheus"}}, "spec": pod},
    }


def up(state: Path, extras: Sequence[str], progress: Progress) -> Cluster:
    """Create what is missing: registry, cluster, the way between them, Prometheus.

    Raises:
        ClusterError: A step failed, or an extra is wanted that only local has.
    """
    if extras:
        raise ClusterError(f"{', '.join(extras)} is not set up on kind; use CLUSTER=local")
    table = _table(state, progress)
    write(state / "audit-policy.yaml", audit_policy())
    write(state / "kind.yaml", config(state))
    (state / "log").mkdir(parents=True, exist_ok=True)
    _registry(table)
    _nodes(table, progress)
    run(
        table["tell the node of the registry"],
        what="telling kind's node of the registry",
        stdin=registry_hosts(),
    )
    _connect(table)
    cluster = Cluster(
        "kind", state / "kubeconfig", REGISTRY, f"http://127.0.0.1:{PROMETHEUS_PORT}", state
    )
    _kubectl(
        cluster, "apply", "--server-side", "--force-conflicts", "--filename", "-", stdin=manifests()
    )
    _wait_ready(cluster)
    save(cluster, base_image(cluster))
    return cluster


def _table(state: Path, progress: Progress) -> dict[str, list[str]]:
    engine = machine({"CLUSTER": "kind"}).engine
    if engine is None:
        raise ClusterError("kind needs a container engine (docker or podman), and none answers")
    found = packages.find("kind") or go_tools.ensure(["kind"], progress)["kind"]
    return commands(engine, str(found), state)


def _registry(table: dict[str, list[str]]) -> None:
    if not succeeds(table["registry is running"]):
        run(table["start the registry"], what="starting the registry")
    run(table["start the registry again"], what="starting the registry again")


def _nodes(table: dict[str, list[str]], progress: Progress) -> None:
    if NAME in run(table["list clusters"], what="listing kind's clusters").split():
        run(table["start the node again"], what="starting kind's node")
        run(table["write the kubeconfig"], what="writing kind's kubeconfig")
    else:
        with progress.step("creating the kind cluster"):
            run(table["create the cluster"], what="creating the kind cluster")
    run(table["make the registry folder"], what="preparing kind's node for the registry")


def _connect(table: dict[str, list[str]]) -> None:
    networks = json.loads(run(table["networks of the registry"], what="reading networks"))
    if "kind" not in networks:
        run(table["connect the registry"], what="connecting the registry to kind's network")


def _kubectl(cluster: Cluster, *words: str, stdin: str = "") -> str:
    return run(
        ["kubectl", "--kubeconfig", cluster.kubeconfig, *words],
        what=f"kubectl {words[0]}",
        stdin=stdin,
    )


def _wait_ready(cluster: Cluster) -> None:
    _kubectl(cluster, "wait", "--for=condition=Ready", "node", "--all", "--timeout=120s")
    prometheus_ready = Http("127.0.0.1", PROMETHEUS_PORT, "/-/ready")
    until = time.monotonic() + READY_SECONDS
    while not prometheus_ready.answers():
        if time.monotonic() > until:
            raise ClusterError(f"Prometheus did not answer within {READY_SECONDS} s")
        time.sleep(1)


def down(state: Path, progress: Progress) -> None:
    """Delete cluster and registry."""
    table = _table(state, progress)
    run(table["delete the cluster"], what="deleting the kind cluster")
    succeeds(table["remove the registry"])
    for name in ("cluster.json", "kubeconfig"):
        (state / name).unlink(missing_ok=True)


def scale(cluster: Cluster, component: str, replicas: int) -> None:
    """Stop or start the one component that is ours in a kind cluster."""
    if component != "prometheus":
        raise ClusterError(f"{component} of a kind cluster is kind's; only prometheus is ours")
    where = ("--namespace", NAMESPACE)
    _kubectl(cluster, "scale", "deployment/prometheus", f"--replicas={replicas}", *where)
    _kubectl(cluster, "rollout", "status", "deployment/prometheus", "--timeout=120s", *where)
    if replicas:
        _wait_ready(cluster)
    else:
        _kubectl(cluster, "wait", "--for=delete", "pod", "--selector=app=prometheus", *where)
