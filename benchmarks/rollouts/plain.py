"""A plain rolling update of N Deployments, nobody deciding: what the machine itself needs."""

import asyncio

from benchmarks.rollouts import workload
from benchmarks.rollouts.plane import plane
from benchmarks.rollouts.took import Took, took
from benchmarks.rollouts.workload import REPLICAS, Manifest, Users
from tests.apiserver.api import MERGE
from tests.cluster.progress import Progress

PATIENCE_SECONDS = 600.0


class Complete:
    """Which Deployments have had all of their pods at a generation, as a watch tells it."""

    def __init__(self) -> None:
        self.at: dict[int, set[str]] = {}

    def seen(self, it: Manifest) -> None:
        metadata, status = it["metadata"], it.get("status", {})
        current = status.get("observedGeneration") == metadata["generation"]
        counts = [status.get(f"{kind}eplicas") for kind in ("r", "updatedR", "availableR")]
        if current and counts == [REPLICAS] * 3:
            self.at.setdefault(metadata["generation"], set()).add(metadata["name"])

    async def all(self, generation: int, count: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.at.get(generation, ())) < count:
                await asyncio.sleep(0.05)


async def measure(n: int) -> Took:
    """The pods of a ModelDeployment, its Service, and no ModelDeployment."""
    with Progress().step(f"a plain rolling update of {n} Deployments"), plane() as made:
        async with workload.users(made.admin) as who:
            seen = Complete()
            async with who.watching("/apis/apps/v1/deployments", seen.seen):
                await workload.make_namespaces(who)
                await who.at_once(_create(who, number) for number in range(n))
                await seen.all(1, n)
                await asyncio.sleep(5)
                return await took(made, n, _all_updated(who, seen, n))


async def _all_updated(who: Users, seen: Complete, n: int) -> None:
    await who.at_once(_update(who, number) for number in range(n))
    await seen.all(2, n)


def _path(number: int) -> str:
    return f"/apis/apps/v1/namespaces/{workload.namespace(number)}/deployments"


async def _create(who: Users, number: int) -> None:
    name, labels = workload.name(number), {"app": workload.name(number)}
    template = workload.model_deployment(number, "1.0.0", [])["spec"]["template"]
    spec = {
        "replicas": REPLICAS,
        "selector": {"matchLabels": labels},
        "template": {**template, "metadata": {"labels": labels}},
    }
    await who.api("POST", _path(number), {"metadata": {"name": name}, "spec": spec})
    service = {"metadata": {"name": name}, "spec": {"selector": labels, "ports": [{"port": 80}]}}
    await who.api("POST", f"/api/v1/namespaces/{workload.namespace(number)}/services", service)


async def _update(who: Users, number: int) -> None:
    body = {"spec": {"template": {"metadata": {"annotations": {"version": "2.0.0"}}}}}
    await who.api("PATCH", f"{_path(number)}/{workload.name(number)}", body, MERGE)
