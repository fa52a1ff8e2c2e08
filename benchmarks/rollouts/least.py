"""The least that moves callers of N ReplicaSets stage by stage: what no operator can do without.

One new ReplicaSet beside the old one, two steps, eight requests each: nothing is tried before, kept
for a crash, told, measured or decided. What an operator adds is the difference to this.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field

from benchmarks.rollouts import workload
from benchmarks.rollouts.plane import plane
from benchmarks.rollouts.took import Took, took
from benchmarks.rollouts.workload import REPLICAS, STAGES, Manifest, Users
from tests.apiserver.api import GROUP, MERGE
from tests.cluster.progress import Progress

PATIENCE_SECONDS = 600.0
CONNECTIONS = 32
OLD, NEW = "1.0.0", "2.0.0"


class Children:
    """How many pods of each ReplicaSet are available, as a watch tells it."""

    def __init__(self) -> None:
        self._now: dict[str, int] = {}
        self._changed: dict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def seen(self, it: Manifest) -> None:
        name, status = it["metadata"]["name"], it.get("status", {})
        self._now[name] = status.get("availableReplicas", 0)
        self._changed[name].set()

    async def available(self, name: str, count: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self._now.get(name, 0) != count:
                self._changed[name].clear()
                await self._changed[name].wait()


@dataclass(frozen=True, slots=True)
class Fleet:
    who: Users
    children: Children
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTIONS))

    async def create(self, number: int) -> None:
        """The ModelDeployment as users write it, and what an operator has made of it."""
        await self._ask("POST", workload.path(number), _model_deployment(number))
        await self._stand(number, OLD, REPLICAS)
        service = {"metadata": {"name": workload.name(number)}, "spec": _reached(number, OLD)}
        service["spec"]["ports"] = [{"port": 80}]
        await self._ask("POST", _path(number, "services"), service)
        await self.children.available(_child(number, OLD), REPLICAS)

    async def roll_out(self, number: int) -> None:
        async with self.gate:
            await workload.update(self.who, [number], NEW)
        await self._stand(number, NEW, 1)
        await self.children.available(_child(number, NEW), 1)
        await self._patch(number, "modeldeployments", "/status", {"status": {"message": "half"}})
        await self._scale(number, OLD, 1)
        await self._patch(number, "services", "", {"spec": _reached(number, None)})
        await self._scale(number, NEW, REPLICAS)
        await self.children.available(_child(number, NEW), REPLICAS)
        await self._patch(number, "services", "", {"spec": _reached(number, NEW)})
        gone = f"{_path(number, 'replicasets')}/{_child(number, OLD)}"
        await self._ask("DELETE", gone)
        await self._patch(number, "modeldeployments", "/status", {"status": {"message": "all"}})

    async def _stand(self, number: int, version: str, replicas: int) -> None:
        labels = {"app": workload.name(number), "version": version}
        template = _model_deployment(number)["spec"]["template"]
        spec = {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {**template, "metadata": {"labels": labels}},
        }
        body = {"metadata": {"name": _child(number, version)}, "spec": spec}
        await self._ask("POST", _path(number, "replicasets"), body)

    async def _scale(self, number: int, version: str, replicas: int) -> None:
        path = f"{_path(number, 'replicasets')}/{_child(number, version)}"
        await self._ask("PATCH", path, {"spec": {"replicas": replicas}})

    async def _patch(self, number: int, kind: str, part: str, body: Manifest) -> None:
        path = f"{_path(number, kind)}/{workload.name(number)}{part}"
        await self._ask("PATCH", path, body)

    async def _ask(self, method: str, path: str, body: Manifest | None = None) -> None:
        kind = MERGE if method == "PATCH" else "application/json"
        async with self.gate:
            await self.who.api(method, path, body, kind)


async def measure(n: int) -> Took:
    with Progress().step(f"the least for {n} ReplicaSets"), plane() as made:
        async with workload.users(made.admin) as who:
            fleet = Fleet(who, Children())
            async with who.watching("/apis/apps/v1/replicasets", fleet.children.seen):
                await workload.make_namespaces(who)
                await asyncio.gather(*(fleet.create(number) for number in range(n)))
                await asyncio.sleep(5)
                update = asyncio.gather(*(fleet.roll_out(number) for number in range(n)))
                return await took(made, n, update)


def _model_deployment(number: int) -> Manifest:
    return workload.model_deployment(number, OLD, STAGES)


def _child(number: int, version: str) -> str:
    return f"{workload.name(number)}-{version.replace('.', '-')}"


def _path(number: int, kind: str) -> str:
    group = {"replicasets": "/apis/apps/v1", "modeldeployments": GROUP}.get(kind, "/api/v1")
    return f"{group}/namespaces/{workload.namespace(number)}/{kind}"


def _reached(number: int, version: str | None) -> Manifest:
    """Whom callers reach; None is everybody."""
    return {"selector": {"app": workload.name(number), "version": version}}
