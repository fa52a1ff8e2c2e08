"""kind cannot run where no engine is; its config and commands are checked as text."""

from pathlib import Path

import pytest
import yaml

from tests.cluster import kind
from tests.cluster.errors import ClusterError
from tests.cluster.model import Cluster

STATE = Path("/state")

COMMANDS: dict[str, str] = {
    "registry is running": "docker container inspect lockstep-registry",
    "start the registry": "docker run --detach --restart=always --publish 127.0.0.1:5001:5000 "
    "--network bridge --name lockstep-registry registry:3",
    "start the registry again": "docker start lockstep-registry",
    "list clusters": "kind get clusters",
    "create the cluster": "kind create cluster --name lockstep --config /state/kind.yaml "
    "--kubeconfig /state/kubeconfig --wait 120s",
    "start the node again": "docker start lockstep-control-plane",
    "make the registry folder": "docker exec lockstep-control-plane mkdir -p "
    "/etc/containerd/certs.d/localhost:5001",
    "tell the node of the registry": "docker exec --interactive lockstep-control-plane "
    "cp /dev/stdin /etc/containerd/certs.d/localhost:5001/hosts.toml",
    "networks of the registry": "docker inspect --format {{json .NetworkSettings.Networks}} "
    "lockstep-registry",
    "connect the registry": "docker network connect kind lockstep-registry",
    "write the kubeconfig": "kind export kubeconfig --name lockstep --kubeconfig /state/kubeconfig",
    "delete the cluster": "kind delete cluster --name lockstep --kubeconfig /state/kubeconfig",
    "remove the registry": "docker rm --force --volumes lockstep-registry",
}


def test_every_command_is_in_the_table() -> None:
    assert kind.commands("docker", "kind", STATE).keys() == COMMANDS.keys()


@pytest.mark.parametrize(("purpose", "line"), COMMANDS.items(), ids=COMMANDS)
def test_commands(purpose: str, line: str) -> None:
    assert " ".join(kind.commands("docker", "kind", STATE)[purpose]) == line


def test_the_config_has_one_node_with_audit_log_and_prometheus() -> None:
    told = yaml.safe_load(kind.config(STATE))
    (node,) = told["nodes"]
    patches = {patch["kind"]: patch for patch in map(yaml.safe_load, node["kubeadmConfigPatches"])}
    arguments = patches["ClusterConfiguration"]["apiServer"]["extraArgs"]
    volumes = patches["ClusterConfiguration"]["apiServer"]["extraVolumes"]
    mounts = {mount["containerPath"]: mount["hostPath"] for mount in node["extraMounts"]}

    assert (told["kind"], told["apiVersion"], told["name"]) == (
        "Cluster", "kind.x-k8s.io/v1alpha4", "lockstep")  # fmt: skip
    assert {volume["hostPath"] for volume in volumes} == mounts.keys()
    assert Path(arguments["audit-log-path"]).parent.as_posix() in mounts
    assert mounts["/var/log/lockstep"] == "/state/log"
    assert node["extraPortMappings"] == [
        {"containerPort": 30090, "hostPort": 9090, "listenAddress": "127.0.0.1"}
    ]
    assert patches["KubeletConfiguration"]["maxPods"] == 200


def test_what_is_pushed_to_localhost_is_pulled_by_the_containers_name() -> None:
    assert kind.registry_hosts() == '[host."http://lockstep-registry:5000"]\n'


def test_prometheus_may_read_pods_and_is_reached_by_its_node_port() -> None:
    objects = {one["kind"]: one for one in yaml.safe_load_all(kind.manifests())}
    assert objects["ClusterRoleBinding"]["subjects"] == [
        {"kind": "ServiceAccount", "name": "prometheus", "namespace": kind.NAMESPACE}
    ]
    assert objects["Service"]["spec"]["ports"] == [{"port": 9090, "nodePort": 30090}]
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "prometheus"
    assert pod["securityContext"]["runAsNonRoot"]


def test_only_prometheus_is_ours_to_stop() -> None:
    cluster = Cluster("kind", STATE / "kubeconfig", kind.REGISTRY, "", STATE)
    with pytest.raises(ClusterError, match="etcd of a kind cluster is kind's"):
        kind.scale(cluster, "etcd", 0)
