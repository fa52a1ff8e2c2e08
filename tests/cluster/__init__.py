"""The real Kubernetes of tests, demo and benchmarks: find it, feed it images, break it."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from tests.cluster import existing, go_tools, kind
from tests.cluster.api_server import api_server, clear_abandoned
from tests.cluster.base import base_image
from tests.cluster.errors import ClusterError
from tests.cluster.images import build_image
from tests.cluster.kwok import kwok_nodes
from tests.cluster.local import lifecycle as local
from tests.cluster.model import Cluster, load, read_card, state_folder
from tests.cluster.pick import Flavor, machine, pick
from tests.cluster.progress import Progress
from tests.cluster.wheels import wheelhouse

EXTRAS = ("kwok",)


def up(extras: Sequence[str] = (), progress: Progress | None = None) -> Cluster:
    """Bring the cluster up, or mend it, or find that nothing is to be done.

    Args:
        extras: ``kwok`` for fake nodes.
        progress: Where the steps are told; standard error if absent.

    Raises:
        ClusterError: It cannot; says why in one sentence.
    """
    told = progress or Progress()
    if unknown := set(extras) - set(EXTRAS):
        raise ClusterError(f"{', '.join(sorted(unknown))} is not one of {', '.join(EXTRAS)}")
    picked = pick(machine())
    told.say(f"using {picked.why}")
    _refuse_another(picked.flavor)
    match picked.flavor:
        case "existing":
            return existing.up(state_folder())
        case "kind":
            return kind.up(state_folder(), extras, told)
        case "local":
            return local.up(state_folder(), extras, told)


def outlook() -> timedelta:
    """How long the programs that ``up`` has to build usually take; zero where it builds none.

    Raises:
        ClusterError: No cluster can be had here.
    """
    return local.outlook() if pick(machine()).flavor == "local" else timedelta()


def _refuse_another(flavor: Flavor) -> None:
    card = read_card(state_folder())
    if card and card["flavor"] != flavor:
        raise ClusterError(
            f"a cluster of kind {card['flavor']} is up: run `make cluster-down` first"
        )


def down(progress: Progress | None = None) -> None:
    """Take the cluster down and leave nothing of it on the machine."""
    told = progress or Progress()
    clear_abandoned()
    match flavor(state_folder()):
        case "existing":
            existing.down(state_folder())
        case "kind":
            kind.down(state_folder(), told)
        case "local":
            local.down(state_folder(), told)
        case None:
            told.say("no cluster is up")


def flavor(state: Path) -> Flavor | None:
    """What was brought up in ``state``, also when it did not survive a reboot or half a start."""
    card = read_card(state)
    match card and card["flavor"]:
        case "existing":
            return "existing"
        case "kind":
            return "kind"
        case _:
            return "local" if (state / "pki").exists() else None


def stop(cluster: Cluster, component: str) -> None:
    """Stop one component, ``prometheus`` for example."""
    match cluster.flavor:
        case "local":
            local.stop(cluster.state, component)
        case "kind":
            kind.scale(cluster, component, 0)
        case other:
            raise ClusterError(f"components of an {other} cluster are not ours to stop")


def kill(cluster: Cluster, component: str) -> None:
    """End one component as a crash does; where its process is not ours it is only stopped."""
    if cluster.flavor == "local":
        local.kill(cluster.state, component)
    else:
        stop(cluster, component)


def start(cluster: Cluster, component: str) -> None:
    """Start one component again and wait until it answers."""
    match cluster.flavor:
        case "local":
            local.start(cluster.state, component)
        case "kind":
            kind.scale(cluster, component, 1)
        case other:
            raise ClusterError(f"components of an {other} cluster are not ours to start")


ensure = go_tools.ensure

__all__ = [
    "Cluster",
    "ClusterError",
    "api_server",
    "base_image",
    "build_image",
    "down",
    "ensure",
    "kill",
    "kwok_nodes",
    "load",
    "outlook",
    "start",
    "stop",
    "up",
    "wheelhouse",
]
