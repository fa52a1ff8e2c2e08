"""The configuration files of the local node's programs, as pure functions from a layout to text."""

import json
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.control_plane import LOOPBACK
from tests.cluster.local.layout import (
    BRIDGE,
    CNI_PLUGINS,
    FIRST_POD,
    ISOLATED_PARENT,
    ISOLATED_RANGE,
    NODE,
    NODE_NAME,
    POD_RANGE,
    REGISTRY,
    Layout,
)
from tests.cluster.prometheus import reader

CNI_VERSION = "1.0.0"
DNS_READY_PORT = 18181


def registry(storage: Path) -> str:
    return yaml.safe_dump(
        {
            "version": "0.1",
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(storage)},
                "delete": {"enabled": True},
            },
            "http": {"addr": REGISTRY},
        }
    )


def registry_hosts() -> str:
    """Tells containerd that our registry speaks plain HTTP."""
    return f'server = "http://{REGISTRY}"\n\n[host."http://{REGISTRY}"]\n'


def pod_network(addresses: Path) -> str:
    """The network of ordinary pods: one bridge, this node as gateway, the way out masqueraded."""
    bridge = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(addresses),
            "ranges": [[{"subnet": POD_RANGE, "rangeStart": FIRST_POD, "gateway": NODE}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    return _network("lockstep-pods", bridge, portmap)


def isolated_network(addresses: Path) -> str:
    """The network of sealed pods: no gateway, no route, and not even each other.

    The bridge plugin would let two sealed pods talk. Private macvlans on a parent that is
    connected to nothing cannot reach their parent, each other or anything else.
    """
    macvlan = {
        "type": "macvlan",
        "master": ISOLATED_PARENT,
        "mode": "private",
        "ipam": {
            "type": "host-local",
            "dataDir": str(addresses),
            "ranges": [[{"subnet": ISOLATED_RANGE}]],
        },
    }
    return _network("lockstep-isolated", macvlan)


def _network(name: str, *plugins: dict[str, Any]) -> str:
    return json.dumps({"cniVersion": CNI_VERSION, "name": name, "plugins": plugins}, indent=2)


def containerd(layout: Layout) -> str:
    state = layout.state
    return f"""\
version = 3
root = "{state}/containerd/root"
state = "{state}/containerd/state"

[grpc]
  address = "{layout.socket}"

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  max_concurrent_downloads = 4
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "{layout.pause}"
  [plugins."io.containerd.cri.v1.images".registry]
    config_path = "{state}/certs.d"

[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true      # without CAP_SYS_RESOURCE runc dies otherwise
  netns_mounts_under_state_dir = true # or pods' network namespaces outlive the cluster
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["{CNI_PLUGINS}"]
    conf_dir = "{state}/cni/pods"
  [plugins."io.containerd.cri.v1.runtime".containerd]
    default_runtime_name = "runc"
{_runtime(layout, "runc", "pods")}{_runtime(layout, "isolated", "isolated")}"""


def _runtime(layout: Layout, name: str, network: str) -> str:
    table = f'plugins."io.containerd.cri.v1.runtime".containerd.runtimes.{name}'
    return f"""\
    [{table}]
      runtime_type = "io.containerd.runc.v2"
      cni_conf_dir = "{layout.state}/cni/{network}"
      [{table}.options]
        BinaryName = "{layout.programs["runc"]}"
        SystemdCgroup = false
"""


def kubelet(layout: Layout) -> str:
    pki = layout.plane.pki
    return _block(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": NODE,
            "clusterDNS": [NODE],
            "clusterDomain": "cluster.local",
            "containerRuntimeEndpoint": f"unix://{layout.socket}",
            "cgroupDriver": "cgroupfs",
            "failCgroupV1": False,
            "failSwapOn": False,
            "maxPods": 200,
            "serializeImagePulls": False,
            "registryPullQPS": 0,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(pki / "ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(pki / "kubelet.crt"),
            "tlsPrivateKeyFile": str(pki / "kubelet.key"),
            "resolvConf": str(layout.state / "resolv.conf"),
            "podLogsDir": str(layout.state / "pod-logs"),
            "volumePluginDir": str(layout.state / "kubelet" / "volume-plugins"),
            "enforceNodeAllocatable": ["pods"],
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "evictionHard": {
                "memory.available": "100Mi",
                "nodefs.available": "1%",
                "imagefs.available": "1%",
            },
        }
    )


def kube_proxy(kubeconfig: Path) -> str:
    return _block(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": str(kubeconfig)},
            "mode": "iptables",
            "iptables": {"minSyncPeriod": "200ms", "syncPeriod": "30s"},
            "clusterCIDR": POD_RANGE,
            "hostnameOverride": NODE_NAME,
            "nodePortAddresses": [f"{NODE}/32"],
            "healthzBindAddress": f"{LOOPBACK}:10256",
            "metricsBindAddress": f"{LOOPBACK}:10249",
            "conntrack": {
                "maxPerCore": 0,
                "min": 0,
                "tcpCloseWaitTimeout": "0s",
                "tcpEstablishedTimeout": "0s",
            },
        }
    )


def corefile(kubeconfig: Path) -> str:
    """Only names that are not the cluster's go on to the machine's resolver."""
    return f"""\
cluster.local:53 244.10.in-addr.arpa:53 245.10.in-addr.arpa:53 96.10.in-addr.arpa:53 {{
  bind {NODE}
  errors
  ready {LOOPBACK}:{DNS_READY_PORT}
  kubernetes cluster.local 244.10.in-addr.arpa 245.10.in-addr.arpa 96.10.in-addr.arpa {{
    kubeconfig {kubeconfig} lockstep
    ttl 5
  }}
}}
.:53 {{
  bind {NODE}
  errors
  forward . /etc/resolv.conf
  cache 30
}}
"""


def resolv_conf() -> str:
    return f"nameserver {NODE}\n"


def manifests() -> str:
    """What every local cluster holds from its first second."""
    user = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User"}
    objects: list[dict[str, Any]] = [
        {
            "apiVersion": "node.k8s.io/v1",
            "kind": "RuntimeClass",
            "metadata": {"name": "isolated"},
            "handler": "isolated",
        },
        *reader("lockstep-prometheus", {**user, "name": "prometheus"}),
        *_dns_reader({**user, "name": "coredns"}),
        _registry_hosting(),
    ]
    return yaml.safe_dump_all(objects, sort_keys=False)


def _dns_reader(subject: dict[str, str]) -> list[dict[str, Any]]:
    role, binding = reader("lockstep-coredns", subject)
    watch = ["get", "list", "watch"]
    role["rules"] = [
        {
            "apiGroups": [""],
            "resources": ["endpoints", "services", "pods", "namespaces"],
            "verbs": watch,
        },
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": watch},
    ]
    return [role, binding]


def _registry_hosting() -> dict[str, Any]:
    """KEP-1755: how tools find the registry beside a local cluster."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "local-registry-hosting", "namespace": "kube-public"},
        "data": {"localRegistryHosting.v1": f'host: "{REGISTRY}"\n'},
    }


def _block(told: dict[str, Any]) -> str:
    """Block style: the kubelet reads a flow mapping as JSON and fails."""
    return yaml.safe_dump(told, sort_keys=False, default_flow_style=False)
