"""The played part of a cluster without nodes: Deployments get pods, and pods get well or do not."""

import asyncio
from contextlib import suppress
from typing import Any

import aiohttp

from tests.apiserver.api import MERGE, Api, Manifest, Refused

WELL = {"ready": True, "state": {"running": {}}}
CRASHING = {
    "ready": False,
    "restartCount": 3,
    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s"}},
    "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
}
STARTING = {"ready": False, "state": {"waiting": {"reason": "ContainerCreating"}}}
UNPULLED = {
    "ready": False,
    "state": {"waiting": {"reason": "ImagePullBackOff", "message": "manifest unknown"}},
}


class Kubelet:
    """Plays for one namespace; ``health`` says how pods of a version, or of a restart, are."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._deployments = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        self._pods = f"/api/v1/namespaces/{namespace}/pods"
        self.health: dict[str, Manifest] = {}
        self._numbers = 0

    async def play(self) -> None:
        """Until it is cancelled; what is refused is tried again, as a real one does."""
        while True:
            with suppress(Refused, aiohttp.ClientError, TimeoutError):
                await self._turn()
            await asyncio.sleep(0.05)

    async def _turn(self) -> None:
        deployments = await self._api.items(self._deployments)
        pods = await self._api.items(self._pods)
        for deployment in deployments:
            await self._manage(deployment, [it for it in pods if _of(it, deployment)])
        for pod in pods:
            if not any(_of(pod, deployment) for deployment in deployments):
                await self._remove(pod)

    async def _manage(self, deployment: Manifest, pods: list[Manifest]) -> None:
        wanted = deployment["spec"]["replicas"]
        old = [pod for pod in pods if _restarted(pod) != _restarted(deployment["spec"]["template"])]
        if old:
            await self._roll(deployment, pods, old)
        for _ in range(wanted - len(pods)):
            await self._create(deployment)
        surplus = 0 if old else max(0, len(pods) - wanted)
        for pod in sorted(pods, key=_is_ready)[:surplus]:
            await self._remove(pod)
        for pod in pods:
            await self._tend(pod)
        await self._report(deployment, pods, len(old))

    async def _create(self, deployment: Manifest) -> None:
        self._numbers += 1
        template = deployment["spec"]["template"]
        name = f"{deployment['metadata']['name']}-{self._numbers}"
        metadata = {**template["metadata"], "name": name}
        await self._api("POST", self._pods, {"metadata": metadata, "spec": template["spec"]})

    async def _remove(self, pod: Manifest) -> None:
        try:
            await self._api("DELETE", f"{self._pods}/{pod['metadata']['name']}")
        except Refused as refused:
            if refused.code != 404:
                raise

    async def _tend(self, pod: Manifest) -> None:
        well = self.health.get(pod["metadata"]["labels"]["version"], WELL)
        health = self.health.get(_restarted(pod), well)
        said = {"name": "server", "image": "i", "imageID": "i", "restartCount": 0, **health}
        if pod["status"].get("containerStatuses", [{}])[0].get("state") == said["state"]:
            return
        status: dict[str, Any] = {
            "phase": "Running",
            "podIP": "127.0.0.1",
            "podIPs": [{"ip": "127.0.0.1"}],
            "conditions": [
                {"type": "Ready", "status": "True" if health["ready"] else "False"},
                {"type": "PodScheduled", "status": "True"},
            ],
            "containerStatuses": [said],
        }
        await self._say(f"{self._pods}/{pod['metadata']['name']}", status)

    async def _roll(self, deployment: Manifest, pods: list[Manifest], old: list[Manifest]) -> None:
        """One pod more, then one of the old ones less, as a rolling update with a surge of 1."""
        wanted = deployment["spec"]["replicas"]
        if len(pods) == wanted:
            await self._create(deployment)
        elif sum(map(_is_ready, pods)) > wanted:
            await self._remove(old[0])

    async def _report(self, deployment: Manifest, pods: list[Manifest], old: int) -> None:
        ready = sum(map(_is_ready, pods))
        status = {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": len(pods),
            "updatedReplicas": len(pods) - old,
            "readyReplicas": ready,
            "availableReplicas": ready,
        }
        if any(deployment.get("status", {}).get(key, 0) != said for key, said in status.items()):
            await self._say(f"{self._deployments}/{deployment['metadata']['name']}", status)

    async def _say(self, path: str, status: Manifest) -> None:
        try:
            await self._api("PATCH", f"{path}/status", {"status": status}, MERGE)
        except Refused as refused:
            if refused.code != 404:
                raise


def _of(pod: Manifest, deployment: Manifest) -> bool:
    wanted = deployment["spec"]["selector"]["matchLabels"].items()
    labels: dict[str, str] = pod["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in wanted)


def _restarted(templated: Manifest) -> str:
    notes = templated["metadata"].get("annotations") or {}
    return str(notes.get("lockstep.dev/restarted-at", ""))


def _is_ready(pod: Manifest) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(it["type"] == "Ready" and it["status"] == "True" for it in conditions)
