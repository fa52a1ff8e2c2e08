"""Addresses, ports and folders of the local node. All it writes is below one state folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.control_plane import SERVICES, ControlPlane

NODE_NAME = "lockstep-node"
NODE = "10.244.0.1"
POD_RANGE = "10.244.0.0/24"
FIRST_POD = "10.244.0.10"
ISOLATED_RANGE = "10.245.0.0/24"
FAKE_NODE = "10.245.127.1"  # of KWOK's pods and nodes: addresses that nobody has, kept in
FAKE_PODS = "10.245.128.1/17"
KEPT_IN = (SERVICES, "10.244.0.0/15")  # no packet for these ever leaves the machine
BRIDGE = "lockstep0"
ISOLATED_PARENT = "lockstep1"
INTERFACES = (BRIDGE, ISOLATED_PARENT)
REGISTRY_PORT = 5000
PROMETHEUS_PORT = 9090
REGISTRY = f"{NODE}:{REGISTRY_PORT}"
PROMETHEUS_URL = f"http://{NODE}:{PROMETHEUS_PORT}"
CNI_PLUGINS = Path("/usr/lib/cni")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of one local cluster are.

    Attributes:
        state: The folder that holds all of it.
        programs: Path of each program by name.
        pause: The image that holds a pod's namespaces, by digest.
    """

    state: Path
    programs: Mapping[str, Path]
    pause: str = ""

    @property
    def plane(self) -> ControlPlane:
        return ControlPlane(programs=self.programs, state=self.state, address=NODE)

    @property
    def socket(self) -> Path:
        """containerd's. Its path also tells the shims of our pods from those of anybody else."""
        return self.state / "run" / "containerd.sock"

    @property
    def path(self) -> str:
        return f"{self.state / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


#: Folders that belong to one life of the cluster; wiped before the next. What is not here
#: (certificates, the registry's blobs, image builds) only saves time and may stay.
OF_ONE_LIFE = (
    "etcd",
    "run",
    "pids",
    "containerd",
    "kubelet",
    "pod-logs",
    "ipam",
    "prometheus",
    "applied",
)
