"""The played part of a cluster without nodes: ReplicaSets get pods, and pods get well or do not."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import aiohttp

from tests.apiserver.api import MERGE, Api, Manifest, Refused

WELL = {"ready": True, "state": {"running": {}}}
CRASHING = {
    "ready": False,
    "restartCount": 7,
    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s"}},
    "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
}
STARTING = {"ready": False, "state": {"waiting": {"reason": "ContainerCreating"}}}
UNPULLED = {
    "ready": False,
    "state": {"waiting": {"reason": "ImagePullBackOff", "message": "manifest unknown"}},
}


def owned(candidates: Iterable[Manifest], owner: Manifest) -> list[Manifest]:
    """Those of which this object is the controller."""
    uid = owner["metadata"]["uid"]
    return [it for it in candidates if uid in {ref["uid"] for ref in controllers(it)}]


def controllers(raw: Manifest) -> list[Manifest]:
    """The reference to the controlling owner, if there is one."""
    return [it for it in raw["metadata"].get("ownerReferences") or () if it.get("controller")]


class Kubelet:
    """Plays for one namespace; ``health`` says how pods of a version, or the pod of a uid, are."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._sets = f"/apis/apps/v1/namespaces/{namespace}/replicasets"
        self._pods = f"/api/v1/namespaces/{namespace}/pods"
        self.health: dict[str, Manifest] = {}

    async def play(self) -> None:
        """Until it is cancelled; what is refused is tried again, as a real one does."""
        while True:
            with suppress(Refused, aiohttp.ClientError, TimeoutError):
                await self._turn()
            await asyncio.sleep(0.05)

    async def _turn(self) -> None:
        sets = await self._api.items(self._sets)
        pods = await self._api.items(self._pods)
        for one in sets:
            for pod in pods:
                if not controllers(pod) and _matches(one, pod):
                    await self._adopt(one, pod)
            await self._manage(one, owned(pods, one))
        kept = {pod["metadata"]["uid"] for one in sets for pod in owned(pods, one)}
        for pod in pods:
            if _of_a_set(pod) and pod["metadata"]["uid"] not in kept:
                await self._remove(pod)

    async def _manage(self, one: Manifest, pods: list[Manifest]) -> None:
        """The first to go are those that are not ready, then the youngest."""
        wanted, refusal = one["spec"]["replicas"], ""
        for _ in range(wanted - len(pods)):
            refusal = refusal or await self._refused(one)
        youngest = sorted(pods, key=_created, reverse=True)
        for pod in sorted(youngest, key=_is_ready)[: max(0, len(pods) - wanted)]:
            await self._remove(pod)
        for pod in pods:
            await self._tend(pod)
        await self._report(one, pods, refusal)

    async def _refused(self, one: Manifest) -> str:
        """Make a pod; why the API server would not have it, or nothing."""
        try:
            await self._create(one)
        except Refused as refused:
            return refused.message
        return ""

    async def _adopt(self, one: Manifest, pod: Manifest) -> None:
        """A ReplicaSet takes in whatever its labels match and nobody manages yet."""
        pod["metadata"]["ownerReferences"] = [_reference(one)]
        patch = {"metadata": {"ownerReferences": [_reference(one)]}}
        await self._api("PATCH", f"{self._pods}/{pod['metadata']['name']}", patch, MERGE)

    async def _create(self, one: Manifest) -> None:
        name, template = one["metadata"]["name"], one["spec"]["template"]
        metadata = {
            **template["metadata"],
            "generateName": f"{name}-",
            "ownerReferences": [_reference(one)],
        }
        await self._api("POST", self._pods, {"metadata": metadata, "spec": template["spec"]})

    async def _remove(self, pod: Manifest) -> None:
        try:
            await self._api("DELETE", f"{self._pods}/{pod['metadata']['name']}")
        except Refused as refused:
            if refused.code != 404:
                raise

    async def _tend(self, pod: Manifest) -> None:
        of_version = self.health.get(pod["metadata"]["labels"].get("version", ""), WELL)
        health = self.health.get(pod["metadata"]["uid"], of_version)
        said = {"name": "server", "image": "i", "imageID": "i", "restartCount": 0, **health}
        known = pod["status"].get("containerStatuses", [{}])[0]
        if all(known.get(field) == said[field] for field in ("state", "restartCount")):
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

    async def _report(self, one: Manifest, pods: list[Manifest], refusal: str) -> None:
        ready = sum(map(_is_ready, pods))
        status = {
            "observedGeneration": one["metadata"]["generation"],
            "replicas": len(pods),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "conditions": [_failed(refusal)] if refusal else None,
        }
        if any((one["status"].get(key) or None) != (said or None) for key, said in status.items()):
            await self._say(f"{self._sets}/{one['metadata']['name']}", status)

    async def _say(self, path: str, status: Manifest) -> None:
        try:
            await self._api("PATCH", f"{path}/status", {"status": status}, MERGE)
        except Refused as refused:
            if refused.code != 404:
                raise


def _reference(one: Manifest) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": one["metadata"]["name"],
        "uid": one["metadata"]["uid"],
        "controller": True,
    }


def _matches(one: Manifest, pod: Manifest) -> bool:
    labels = pod["metadata"].get("labels") or {}
    return bool(one["spec"]["selector"]["matchLabels"].items() <= labels.items())


def _of_a_set(pod: Manifest) -> bool:
    return any(it["kind"] == "ReplicaSet" for it in controllers(pod))


def _failed(refusal: str) -> Manifest:
    return {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": refusal,
    }


def _created(pod: Manifest) -> str:
    return str(pod["metadata"]["creationTimestamp"])


def _is_ready(pod: Manifest) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(it["type"] == "Ready" and it["status"] == "True" for it in conditions)
