"""ModelDeployments that come, roll, roll back, are decided about and go, as long as is wanted."""

import asyncio
import itertools
from collections import Counter

from tests.apiserver.api import GROUP, Manifest, Refused
from tests.apiserver.lab import Lab, template

GATED = {
    "canary": {
        "stages": [
            {"name": "half", "weight": 50, "soak": "2s", "exitCriteria": [{"name": "serving"}]},
            {"name": "full", "weight": 100},
        ]
    }
}
QUICKLY = {"rollback": {"keepFailed": "1s"}, "strategy": GATED, "revisionHistoryLimit": 1}
GOOD, BETTER, SICK = "1.0.0", "2.0.0", "3.0.0"


class Churn:
    """``ended`` counts what was lived through, by what it was."""

    def __init__(self, world: Lab) -> None:
        self._world = world
        self._numbers = itertools.count(1)
        self.ended: Counter[str] = Counter()

    async def keep(self, slots: int) -> None:
        """So many lives at a time, one after another, until it is cancelled."""
        await self._world.criteria(interval="1s", minSamples=1)
        async with asyncio.TaskGroup() as group:
            for _ in range(slots):
                group.create_task(self._lives())

    async def _lives(self) -> None:
        while True:
            name = f"m{next(self._numbers)}"
            await self._life(name)
            self.ended["lives"] += 1

    async def _life(self, name: str) -> None:
        """Created, promoted, rolled back, held and let go by a person, deleted with children."""
        world = self._world
        config = {"metadata": {"name": name}, "data": {"threshold": "0.5"}}
        await world.api("POST", world.core("configmaps"), config)
        await world.apply(GOOD, name, **_reading(name, GOOD))
        await world.healthy(GOOD, name)
        await world.apply(BETTER, name, **_reading(name, BETTER))
        await world.healthy(BETTER, name)
        self.ended["promotions"] += 1
        await world.apply(SICK, name, **_reading(name, SICK))
        status = await world.until("on trial", _on_trial, name)
        world.prometheus.sick.add(status["candidate"]["revision"])
        await world.reason("RolledBack", name)
        world.prometheus.sick.discard(status["candidate"]["revision"])
        self.ended["rollbacks"] += 1
        await self._decide(name, "Pause")
        await self._decide(name, "Resume")
        await world.api("DELETE", world.path(name))
        await world.api("DELETE", f"{world.core('configmaps')}/{name}")
        await self._collected(name)

    async def _decide(self, name: str, act: str) -> None:
        spec = {
            "target": {"kind": "ModelDeployment", "name": name},
            "act": act,
            "by": "system:admin",
            "reason": "to see that nothing of it stays in memory",
        }
        path = f"{GROUP}/namespaces/{self._world.namespace}/decisions"
        metadata = {"name": f"{name}-{act.lower()}"}
        await self._world.api("POST", path, _decision(metadata, spec))
        self.ended["decisions"] += 1
        await self._world.api("DELETE", f"{path}/{metadata['name']}")

    async def _collected(self, name: str) -> None:
        """What the garbage collector does in a whole cluster."""
        world, label = self._world, {"labelSelector": f"lockstep.dev/deployment={name}"}
        kept = ("replicasets", "controllerrevisions")
        paths = [world.apps(plural) for plural in kept] + [world.core("services")]
        paths += [world.core("configmaps"), _budgets(world)]
        for path in paths:
            for child in await world.api.items(path, **label):
                await _gone(world, f"{path}/{child['metadata']['name']}")
        while await world.api.items(world.core("pods"), **label):
            await asyncio.sleep(0.2)


def _reading(config: str, version: str) -> Manifest:
    """A spec whose pods read a ConfigMap."""
    made = template(version)
    made["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": config}}]
    return {**QUICKLY, "template": made}


def _on_trial(status: Manifest) -> bool:
    return bool((status.get("candidate") or {}).get("version") == SICK)


def _budgets(world: Lab) -> str:
    return f"/apis/policy/v1/namespaces/{world.namespace}/poddisruptionbudgets"


async def _gone(world: Lab, path: str) -> None:
    try:
        await world.api("DELETE", path)
    except Refused as refused:
        if refused.code != 404:
            raise


def _decision(metadata: Manifest, spec: Manifest) -> Manifest:
    return {
        "apiVersion": "lockstep.dev/v1alpha1",
        "kind": "Decision",
        "metadata": metadata,
        "spec": spec,
    }
