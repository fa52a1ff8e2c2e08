"""A plain rolling update of N Deployments, nobody deciding: what the machine itself needs."""

import asyncio
import os
import time
from dataclasses import dataclass

from benchmarks.rollouts import workload
from benchmarks.rollouts.plane import plane
from benchmarks.rollouts.process import cpu_seconds
from benchmarks.rollouts.workload import REPLICAS, Manifest, Users
from tests.apiserver.api import MERGE
from tests.cluster.progress import Progress

PATIENCE_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    n: int
    wall_seconds: float
    api_server_cpu_ms_each: float
    load: float


class Complete:
    """When each Deployment has had all of its pods at a generation, as a watch tells it."""

    def __init__(self) -> None:
        self.at: dict[int, dict[str, float]] = {}

    def seen(self, it: Manifest) -> None:
        metadata, status = it["metadata"], it.get("status", {})
        current = status.get("observedGeneration") == metadata["generation"]
        counts = [status.get(f"{kind}eplicas") for kind in ("r", "updatedR", "availableR")]
        if current and counts == [REPLICAS] * 3:
            done = self.at.setdefault(metadata["generation"], {})
            done.setdefault(metadata["name"], time.monotonic())

    async def all(self, generation: int, count: int) -> float:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.at.get(generation, {})) < count:
                await asyncio.sleep(0.1)
        return max(self.at[generation].values())


async def measure(n: int) -> Plain:
    """The pods of a ModelDeployment, its Service, and no ModelDeployment."""
    with Progress().step(f"a plain rolling update of {n} Deployments"), plane() as made:
        async with workload.users(made.admin) as who:
            seen, server = Complete(), made.pid("kube-apiserver")
            async with who.watching("/apis/apps/v1/deployments", seen.seen):
                await workload.make_namespaces(who)
                await who.at_once(_create(who, number) for number in range(n))
                await seen.all(1, n)
                await asyncio.sleep(5)
                began, cpu = time.monotonic(), cpu_seconds(server)
                await who.at_once(_update(who, number) for number in range(n))
                wall = await seen.all(2, n) - began
                return Plain(
                    n=n,
                    wall_seconds=round(wall, 1),
                    api_server_cpu_ms_each=round(1000 * (cpu_seconds(server) - cpu) / n),
                    load=round(os.getloadavg()[0], 1),
                )


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
