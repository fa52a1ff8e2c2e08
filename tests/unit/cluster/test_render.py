"""The files of the local node say what cost time to find out."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster import prometheus
from tests.cluster.certificates import Leaf, extensions
from tests.cluster.control_plane import audit_policy, kubeconfig
from tests.cluster.go_tools import LOCAL, TOOLS
from tests.cluster.local import render
from tests.cluster.local.components import components, identities, kwok
from tests.cluster.local.layout import NODE, Layout
from tests.cluster.probe import Http
from tests.cluster.processes import Component

STATE = Path("/state")
LAYOUT = Layout(
    STATE, {name: Path("/cache", name) for name in (*LOCAL, "kwok")}, "reg/pause@sha256:0"
)
ALL = {one.name: one for one in (*components(LAYOUT), kwok(LAYOUT))}


def flags(component: Component) -> dict[str, str]:
    pairs = (word.removeprefix("--").partition("=") for word in component.argv if "=" in word)
    return {name: value for name, _, value in pairs}


FLAGS: dict[str, tuple[str, str, str]] = {
    "the API server publishes an address that is not loopback": (
        "kube-apiserver", "advertise-address", NODE),
    "the API server stays off the machine's own network": ("kube-apiserver", "bind-address", NODE),
    "kubelets are Nodes, not administrators": ("kube-apiserver", "authorization-mode", "Node,RBAC"),
    "kubelets are reached by address": (
        "kube-apiserver", "kubelet-preferred-address-types", "InternalIP"),
    "requests are counted from the audit log": (
        "kube-apiserver", "audit-log-path", "/state/log/audit.log"),
    "the audit log is bounded": ("kube-apiserver", "audit-log-maxbackup", "2"),
    "a single controller manager elects nobody": (
        "kube-controller-manager", "leader-elect", "false"),
    "the node has a name of ours": ("kubelet", "hostname-override", "lockstep-node"),
    "fake pods get addresses that stay in": ("kwok", "cidr", "10.245.128.1/17"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "flag", "value"), FLAGS.values(), ids=FLAGS)
def test_flags(name: str, flag: str, value: str) -> None:
    assert flags(ALL[name])[flag] == value


def test_every_component_needs_only_components_before_it() -> None:
    names = [one.name for one in components(LAYOUT)]
    late = [
        (one.name, need)
        for one in components(LAYOUT)
        for need in one.needs
        if names.index(need) > names.index(one.name)
    ]
    assert late == []


def test_no_two_components_listen_on_one_port() -> None:
    ports = [one.port for one in ALL.values() if one.port]
    assert len(ports) == len(set(ports))


def test_what_a_component_is_asked_is_where_it_listens() -> None:
    asked = {
        one.name: (one.probe.port, one.port) for one in ALL.values() if isinstance(one.probe, Http)
    }
    asked.pop("coredns")  # it serves names on one port and tells that it is ready on another
    assert [name for name, (port, told) in asked.items() if told and told[1] != port] == []


def test_whoever_reads_a_kubeconfig_has_an_identity() -> None:
    named = {leaf.name for leaf in identities(LAYOUT)}
    reads = {
        file.stem for one in ALL.values() for file in one.reads if file.parent.name == "kubeconfigs"
    }
    assert reads <= named


def test_everything_written_is_below_the_state_folder() -> None:
    files = [file for one in ALL.values() for file in one.files]
    assert [file for file in files if not file.is_relative_to(STATE)] == []


def test_containerd_knows_two_runtimes_with_networks_of_their_own() -> None:
    told = tomllib.loads(render.containerd(LAYOUT))
    runtime = told["plugins"]["io.containerd.cri.v1.runtime"]
    networks = {
        name: one["cni_conf_dir"] for name, one in runtime["containerd"]["runtimes"].items()
    }
    assert networks == {"runc": "/state/cni/pods", "isolated": "/state/cni/isolated"}
    assert runtime["restrict_oom_score_adj"]
    assert runtime["netns_mounts_under_state_dir"]
    images = told["plugins"]["io.containerd.cri.v1.images"]
    assert images["pinned_images"]["sandbox"] == "reg/pause@sha256:0"


def test_the_kubelet_is_told_in_block_style_and_accepts_this_machine() -> None:
    told = render.kubelet(LAYOUT)
    parsed = yaml.safe_load(told)
    assert not told.startswith("{")
    assert (parsed["failCgroupV1"], parsed["failSwapOn"]) == (False, False)
    assert parsed["imageGCHighThresholdPercent"] == 100


def test_isolated_pods_have_neither_gateway_nor_routes_nor_neighbours() -> None:
    (plugin,) = json.loads(render.isolated_network(STATE / "ipam"))["plugins"]
    assert (plugin["type"], plugin["mode"]) == ("macvlan", "private")
    assert plugin["ipam"].keys() == {"type", "dataDir", "ranges"}
    assert plugin["ipam"]["ranges"] == [[{"subnet": "10.245.0.0/24"}]]


def test_pods_get_addresses_that_are_forgotten_with_the_cluster() -> None:
    bridge, _ = json.loads(render.pod_network(STATE / "ipam"))["plugins"]
    assert bridge["ipam"]["dataDir"] == "/state/ipam"


def test_names_of_the_cluster_never_reach_the_machines_resolver() -> None:
    ours, others = render.corefile(STATE / "k").split(".:53")
    assert "kubernetes cluster.local 244.10.in-addr.arpa" in ours
    assert "forward" not in ours
    assert "forward . /etc/resolv.conf" in others


def test_the_name_server_is_built_with_the_plugins_that_its_configuration_names() -> None:
    lines = render.corefile(STATE / "k").splitlines()
    named = {line.split()[0] for line in lines if re.match(r"  \w", line)}
    built = re.findall(r'_ ".*/plugin/(\w+)"', (TOOLS / "coredns" / "main.go").read_text())
    assert named == set(built)


def test_the_audit_log_has_one_line_per_request() -> None:
    told = yaml.safe_load(audit_policy())
    assert told["omitStages"] == ["RequestReceived", "ResponseStarted", "Panic"]
    assert told["rules"] == [{"level": "Metadata"}]


def test_a_kubeconfig_holds_its_certificates() -> None:
    told = yaml.safe_load(kubeconfig("https://a:1", b"ca", b"crt", b"key"))
    assert told["clusters"][0]["cluster"] == {
        "server": "https://a:1",
        "certificate-authority-data": "Y2E=",
    }
    assert told["users"][0]["user"]["client-key-data"] == "a2V5"


def relabelled(rule_target: str) -> dict[str, Any]:
    (rule,) = (rule for rule in prometheus.RELABELLING if rule.get("target_label") == rule_target)
    return rule


@pytest.mark.parametrize(
    ("label", "source"),
    [
        ("revision", "__meta_kubernetes_pod_label_lockstep_dev_revision"),
        ("model_deployment", "__meta_kubernetes_pod_label_lockstep_dev_deployment"),
        ("namespace", "__meta_kubernetes_namespace"),
        ("pod", "__meta_kubernetes_pod_name"),
    ],
)
def test_prometheus_names_what_queries_ask_for(label: str, source: str) -> None:
    assert relabelled(label)["source_labels"] == [source]


def test_prometheus_uses_its_own_service_account_without_a_kubeconfig() -> None:
    (outside,) = yaml.safe_load(prometheus.configuration("/k"))["scrape_configs"]
    (inside,) = yaml.safe_load(prometheus.configuration())["scrape_configs"]
    assert outside["kubernetes_sd_configs"] == [{"role": "pod", "kubeconfig_file": "/k"}]
    assert inside["kubernetes_sd_configs"] == [{"role": "pod"}]


EXTENSIONS: dict[str, tuple[Leaf, str]] = {
    "a server is a client, too": (
        Leaf("s", "/CN=s", ("DNS:s", "IP:127.0.0.1")),
        "extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=DNS:s,IP:127.0.0.1\n"),
    "a client is only that": (Leaf("c", "/CN=c"), "extendedKeyUsage=clientAuth\n"),
}  # fmt: skip


@pytest.mark.parametrize(("leaf", "ending"), EXTENSIONS.values(), ids=EXTENSIONS)
def test_extensions(leaf: Leaf, ending: str) -> None:
    told = extensions(leaf)
    assert told.startswith("basicConstraints=critical,CA:FALSE\n")
    assert told.endswith(ending)
