"""A cluster to measure on: real etcd, API server, controllers and scheduler; nodes are KWOK's.

Everything that is not Lockstep gets room enough not to be what is measured: more requests a second
for controller manager and scheduler, more workers for the controllers. Nothing of Lockstep does.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from tests import cluster
from tests.cluster.certificates import Leaf
from tests.cluster.control_plane import LOOPBACK, ControlPlane, controller_manager, scheduler
from tests.cluster.go_tools import CONTROL_PLANE, TOOLS
from tests.cluster.identities import introduce
from tests.cluster.kwok import MARK, fake_node
from tests.cluster.probe import Http, free_ports
from tests.cluster.processes import Book, Component
from tests.cluster.progress import Progress
from tests.cluster.shell import run
from tests.cluster.supervise import mend

NODES = 20
_AUDIT = Path(__file__).with_name("audit.yaml")
OPERATOR = "lockstep-operator"
SYSTEM = "lockstep-system"
_FAST = ("--kube-api-qps=2000", "--kube-api-burst=4000")
_WORKERS = tuple(
    f"--concurrent-{kind}-syncs=20"
    for kind in ("deployment", "replicaset", "service-endpoint", "endpoint")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """Where it is: ``admin`` for us, ``operator`` with the rights that manifests/ give."""

    state: Path
    admin: Path
    operator: Path

    def pid(self, component: str) -> int:
        """The process of ``kube-apiserver``, ``etcd`` and so on."""
        known = Book(self.state).process(component)
        assert known, f"{component} does not run"
        return known.pid

    def audit(self) -> Iterator[str]:
        """One JSON object per finished request, oldest first."""
        return cluster.Cluster("local", self.admin, "", "", self.state).audit_lines()

    def start(self, component: Component) -> None:
        """Run one more program until the plane goes."""
        mend([component], Book(self.state), Progress())


@contextmanager
def plane() -> Iterator[Plane]:
    """A cluster with CRDs and the operator's rights, gone when the block ends."""
    with cluster.api_server(flags=(f"--audit-policy-file={_AUDIT}",)) as kubeconfig:
        made = _complete(kubeconfig)
        try:
            _furnish(made)
            yield made
        finally:
            _end(made.state)


def _complete(kubeconfig: Path) -> Plane:
    home, progress = kubeconfig.parent, Progress()
    programs = cluster.ensure([*CONTROL_PLANE, "kube-scheduler", "kubectl", "kwok"])
    server = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    controllers, schedulers, kwoks = free_ports(3)
    control = ControlPlane(
        programs=programs,
        state=home,
        address=LOOPBACK,
        port=urlsplit(server).port or 0,
        controller_port=controllers,
        scheduler_port=schedulers,
    )
    account = f"system:serviceaccount:{SYSTEM}:{OPERATOR}"
    introduce(
        control,
        (
            Leaf("kube-controller-manager", "/CN=system:kube-controller-manager"),
            Leaf("kube-scheduler", "/CN=system:kube-scheduler"),
            Leaf("kwok", "/O=system:masters/CN=kwok"),
            Leaf("admin", "/O=system:masters/CN=admin"),
            Leaf("operator", f"/O=system:serviceaccounts/CN={account}"),
        ),
    )
    manager, placing = controller_manager(control), scheduler(control)
    manager = replace(manager, argv=(*manager.argv, *_FAST, *_WORKERS), needs=())
    placing = replace(placing, argv=(*placing.argv, *_FAST), needs=())
    mend([manager, placing, _kwok(control, kwoks)], Book(home), progress)
    return Plane(state=home, admin=kubeconfig, operator=control.kubeconfig("operator"))


def _kwok(control: ControlPlane, port: int) -> Component:
    return Component(
        name="kwok",
        argv=(
            str(control.programs["kwok"]),
            f"--kubeconfig={control.kubeconfig('kwok')}",
            f"--config={TOOLS / 'kwok' / 'stages.yaml'}",
            "--manage-all-nodes=false",
            f"--manage-nodes-with-annotation-selector={MARK}=fake",
            "--node-lease-duration-seconds=40",
            "--cidr=10.245.0.0/16",
            f"--server-address={LOOPBACK}:{port}",
        ),
        probe=Http(LOOPBACK, port, "/healthz"),
    )


def kubectl(made: Plane, *words: str, stdin: str = "") -> str:
    """Run kubectl as the administrator."""
    program = cluster.ensure(["kubectl"])["kubectl"]
    return run(
        [program, "--kubeconfig", made.admin, *words], what=f"kubectl {words[0]}", stdin=stdin
    )


def _furnish(made: Plane) -> None:
    """Nodes that run anything, and manifests/ without the operator itself, which is a process."""
    rendered = yaml.safe_load_all(kubectl(made, "kustomize", "manifests/base"))
    manifests = [it for it in rendered if it["kind"] != "Deployment"]
    nodes = [{**fake_node(number), "spec": {}} for number in range(NODES)]
    for objects in (
        [it for it in manifests if it["kind"] in {"Namespace", "CustomResourceDefinition"}],
        [*manifests, *nodes],
    ):
        bundle = {"apiVersion": "v1", "kind": "List", "items": objects}
        kubectl(made, "apply", "--server-side", "-f", "-", stdin=json.dumps(bundle))
    for kind in ("crd", "node"):
        condition = "Established" if kind == "crd" else "Ready"
        kubectl(made, "wait", f"--for=condition={condition}", kind, "--all", "--timeout=60s")


def _end(state: Path) -> None:
    book = Book(state)
    for name in book.names():
        if name not in {"kube-apiserver", "etcd"}:
            book.stop(name, grace_seconds=0.5)


def machine() -> str:
    """The machine in one line, for whoever reads the numbers."""
    model = next(
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    system = os.uname()
    return f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB, {system.sysname} {system.release}"
