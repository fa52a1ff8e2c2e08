"""What a running cluster is to tests, demo and benchmarks, and where that is written down."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.errors import ClusterError

SCHEMA = "1"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that is up.

    Attributes:
        flavor: ``existing``, ``kind`` or ``local``.
        kubeconfig: An administrator's kubeconfig.
        registry: ``host:port`` of the registry, as the kubelet and we name it; empty if none.
        prometheus_url: Where Prometheus answers this machine (and, on local, pods).
        state: The folder that holds everything this cluster left on disk.
    """

    flavor: str
    kubeconfig: Path
    registry: str
    prometheus_url: str
    state: Path

    def audit_lines(self) -> Iterator[str]:
        """One JSON object per finished request, oldest first; only local and kind write them.

        The API server puts a full log aside under a name that sorts by its time, and begins anew.
        """
        folder = self.state / "log"
        with (folder / "audit.log").open(encoding="utf-8") as current:
            now = os.fstat(current.fileno())
            for file in sorted(folder.glob("audit-*.log")):
                if not os.path.samestat(file.stat(), now):  # it may be put aside just then
                    with file.open(encoding="utf-8") as lines:
                        yield from lines
            yield from current


def state_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the cluster keeps what it needs while it runs."""
    if told := environment.get("LOCKSTEP_CLUSTER_STATE"):
        return Path(told).absolute()
    base = environment.get("XDG_STATE_HOME") or Path(environment["HOME"], ".local", "state")
    return Path(base, "lockstep", "cluster").absolute()


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where binaries, wheels and root file systems outlive every cluster."""
    base = environment.get("XDG_CACHE_HOME") or Path(environment["HOME"], ".cache")
    return Path(base, "lockstep").absolute()


def boot_id() -> str:
    """Changes with every boot of this machine; empty where there is no /proc."""
    file = Path("/proc/sys/kernel/random/boot_id")
    return file.read_text().strip() if file.exists() else ""


def save(cluster: Cluster, base_image: str) -> None:
    """Write ``cluster.json``, the file by which everybody finds the cluster."""
    card = {
        "schema": SCHEMA,
        "flavor": cluster.flavor,
        "kubeconfig": str(cluster.kubeconfig),
        "registry": cluster.registry,
        "prometheusUrl": cluster.prometheus_url,
        "baseImage": base_image,
        "boot": boot_id(),
    }
    write(cluster.state / "cluster.json", json.dumps(card, indent=2) + "\n")


def load() -> Cluster:
    """The cluster that is up.

    Raises:
        ClusterError: None is.
    """
    state = state_folder()
    card = read_card(state)
    if card is None:
        raise ClusterError("no cluster is up: run `make cluster-up` first")
    return Cluster(
        card["flavor"], Path(card["kubeconfig"]), card["registry"], card["prometheusUrl"], state
    )


def read_card(state: Path) -> dict[str, str] | None:
    """``cluster.json``, or None when it is absent or from another boot of the machine."""
    try:
        card: dict[str, str] = json.loads((state / "cluster.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return card if card.get("schema") == SCHEMA and card.get("boot") == boot_id() else None


def write(file: Path, text: str, mode: int = 0o644) -> None:
    """Replace ``file`` in one step, so that a reader never sees half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    fresh.touch(mode=mode)
    fresh.write_text(text)
    fresh.replace(file)
