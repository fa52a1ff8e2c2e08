"""Uses a cluster that is there already: only when told, and changing nothing by itself."""

import os
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.base import base_image
from tests.cluster.errors import ClusterError
from tests.cluster.model import Cluster, save, write
from tests.cluster.shell import run

REGISTRY = "LOCKSTEP_REGISTRY"
PROMETHEUS = "LOCKSTEP_PROMETHEUS_URL"


def up(state: Path, environment: Mapping[str, str] = os.environ) -> Cluster:
    """Pin the current context, so that a later `kubectl config use-context` moves nothing.

    Raises:
        ClusterError: There is no context, its API server does not answer, or a setting is missing.
    """
    registry, prometheus = (needed(name, environment) for name in (REGISTRY, PROMETHEUS))
    view = ["kubectl", "config", "view", "--raw", "--minify", "--flatten"]
    write(state / "kubeconfig", run(view, what="reading the current kubeconfig context"), 0o600)
    cluster = Cluster("existing", state / "kubeconfig", registry, prometheus, state)
    run(
        ["kubectl", "--kubeconfig", cluster.kubeconfig, "get", "--raw", "/readyz"],
        what="asking the API server of the current context",
        timeout_seconds=30,
    )
    save(cluster, base_image(cluster))
    return cluster


def needed(name: str, environment: Mapping[str, str]) -> str:
    """A setting without which an existing cluster is of no use to the tests."""
    if value := environment.get(name, ""):
        return value
    wanted = {
        REGISTRY: "the registry (host:port or host/path) that we push to and its nodes pull from",
        PROMETHEUS: "the address of a Prometheus that scrapes annotated pods of that cluster",
    }
    raise ClusterError(f"CLUSTER=existing needs {name}: {wanted[name]}")


def down(state: Path) -> None:
    """Forget the cluster; it was there before us."""
    for name in ("cluster.json", "kubeconfig"):
        (state / name).unlink(missing_ok=True)
