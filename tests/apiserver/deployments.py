"""The controller of Deployments, played: an earlier operator made them where we make ReplicaSets.

Its ReplicaSets carry the labels of their pods, and so ours; their owner is the Deployment.
"""

import hashlib
import json
from collections.abc import Iterable

from tests.apiserver.api import MERGE, Api, Manifest, Refused

HASH = "pod-template-hash"


def owned(candidates: Iterable[Manifest], owner: Manifest) -> list[Manifest]:
    """Those of which this object is the controller."""
    uid = owner["metadata"]["uid"]
    return [it for it in candidates if uid in {ref["uid"] for ref in controllers(it)}]


def controllers(raw: Manifest) -> list[Manifest]:
    """The reference to the controlling owner, if there is one."""
    return [it for it in raw["metadata"].get("ownerReferences") or () if it.get("controller")]


class Deployments:
    """Plays for one namespace; a rolling update has one pod more, and never one less."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        self._sets = f"/apis/apps/v1/namespaces/{namespace}/replicasets"

    async def turn(self, sets: list[Manifest]) -> None:
        """One look at everything; ``sets`` are all ReplicaSets of the namespace."""
        deployments = await self._api.items(self._path)
        for deployment in deployments:
            await self._manage(deployment, owned(sets, deployment))
        there = {it["metadata"]["uid"] for it in deployments}
        for one in sets:
            if any(
                it["kind"] == "Deployment" and it["uid"] not in there for it in controllers(one)
            ):
                await self._api("DELETE", f"{self._sets}/{one['metadata']['name']}")

    async def _manage(self, deployment: Manifest, sets: list[Manifest]) -> None:
        template, wanted = deployment["spec"]["template"], deployment["spec"]["replicas"]
        current = next((it for it in sets if _template(it) == template), None)
        others = [it for it in sets if it is not current]
        if current is None:
            await self._create(deployment, 1 if others else wanted)
        elif others:
            await self._roll(wanted, current, others)
        elif _size(current) != wanted:
            await self._scale(current, wanted)
        await self._report(deployment, current, sets)

    async def _roll(self, wanted: int, current: Manifest, others: list[Manifest]) -> None:
        """First what never became well goes, then one that is well for each new one that is."""
        total, well = sum(map(_size, (current, *others))), sum(map(_well, (current, *others)))
        for other in others:
            if _size(other) == 0:
                await self._api("DELETE", f"{self._sets}/{other['metadata']['name']}")
            elif _size(other) > _well(other):
                await self._scale(other, _well(other))
            elif well > wanted:
                await self._scale(other, _size(other) - 1)
                well -= 1
        if total <= wanted and _size(current) < wanted:
            await self._scale(current, _size(current) + 1)

    async def _create(self, deployment: Manifest, replicas: int) -> None:
        known, spec = deployment["metadata"], deployment["spec"]
        text = json.dumps(spec["template"], sort_keys=True)
        mark = {HASH: hashlib.sha256(text.encode()).hexdigest()[:10]}
        drawn = spec["template"]["metadata"]
        labels = {**drawn["labels"], **mark}
        reference = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": known["name"],
            "uid": known["uid"],
            "controller": True,
        }
        manifest = {
            "metadata": {
                "name": f"{known['name']}-{mark[HASH]}",
                "labels": labels,
                "annotations": known.get("annotations", {}),
                "ownerReferences": [reference],
            },
            "spec": {
                "replicas": replicas,
                "minReadySeconds": spec.get("minReadySeconds", 0),
                "selector": {"matchLabels": {**spec["selector"]["matchLabels"], **mark}},
                "template": {**spec["template"], "metadata": {**drawn, "labels": labels}},
            },
        }
        await self._api("POST", self._sets, manifest)

    async def _scale(self, one: Manifest, replicas: int) -> None:
        patch = {"spec": {"replicas": replicas}}
        await self._api("PATCH", f"{self._sets}/{one['metadata']['name']}", patch, MERGE)

    async def _report(
        self, deployment: Manifest, current: Manifest | None, sets: list[Manifest]
    ) -> None:
        status = {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": sum(it["status"].get("replicas", 0) for it in sets),
            "updatedReplicas": current["status"].get("replicas", 0) if current else 0,
            "readyReplicas": sum(it["status"].get("readyReplicas", 0) for it in sets),
            "availableReplicas": sum(map(_well, sets)),
        }
        if all(deployment["status"].get(key, 0) == said for key, said in status.items()):
            return
        path = f"{self._path}/{deployment['metadata']['name']}/status"
        try:
            await self._api("PATCH", path, {"status": status}, MERGE)
        except Refused as refused:
            if refused.code != 404:
                raise


def _template(one: Manifest) -> Manifest:
    """The Deployment's template, from which a ReplicaSet of it was made."""
    made = one["spec"]["template"]
    labels = {key: it for key, it in made["metadata"]["labels"].items() if key != HASH}
    return {**made, "metadata": {**made["metadata"], "labels": labels}}


def _size(one: Manifest) -> int:
    return int(one["spec"]["replicas"])


def _well(one: Manifest) -> int:
    return int(one["status"].get("availableReplicas", 0))
