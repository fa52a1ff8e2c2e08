"""A router that splits requests by weight, on a real API server; its data plane is played.

Only tests have it: its kind stands in the table of resources, and every spec chooses it.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from lockstep import wiring
from lockstep.adapters.routers.registry import ROUTERS
from lockstep.api.base import DEPLOYMENT_LABEL
from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.resources import BY_KIND, Resource
from tests.apiserver.api import APPLY, MERGE, Manifest, Refused
from tests.apiserver.conftest import Kubectl
from tests.apiserver.lab import Lab, lab
from tests.weighted import KIND, WEIGHTED, WeightedRouter

pytestmark = pytest.mark.apiserver

ROW = Resource(
    group="routes.example.com",
    version="v1",
    plural="weightedroutes",
    kind=KIND,
    selectors=(DEPLOYMENT_LABEL,),
    verbs=("get", "list", "watch", "create", "patch", "delete"),
    optional=True,
)
ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
CRD: Manifest = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"{ROW.plural}.{ROW.group}"},
    "spec": {
        "group": ROW.group,
        "scope": "Namespaced",
        "names": {"plural": ROW.plural, "singular": "weightedroute", "kind": KIND},
        "versions": [
            {
                "name": ROW.version,
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": ANYTHING, "status": ANYTHING},
                    }
                },
            }
        ],
    },
}
GATED: dict[str, Any] = {
    "strategy": {
        "canary": {
            "stages": [
                {"name": "half", "weight": 50, "soak": "3s", "exitCriteria": [{"name": "serving"}]}
            ]
        }
    },
    "rollback": {"keepFailed": "0s"},
}


class Plane:
    """Takes in every route of a namespace, unless it is deaf; it remembers what it was told."""

    def __init__(self, world: Lab) -> None:
        self._api = world.api
        self.path = f"{ROW.api}/namespaces/{world.namespace}/{ROW.plural}"
        self.deaf = False
        self.told: list[dict[str, int]] = []

    async def play(self) -> None:
        while True:
            with suppress(Refused):  # a CRD that was just established is not served at once
                for route in await self._api.items(self.path):
                    await self._take_in(route)
            await asyncio.sleep(0.1)

    async def _take_in(self, route: Manifest) -> None:
        weights = weights_of(route)
        if weights and (not self.told or self.told[-1] != weights):
            self.told.append(weights)
        generation = route["metadata"]["generation"]
        conditions = (route.get("status") or {}).get("conditions") or [{}]
        if self.deaf or conditions[0].get("observedGeneration") == generation:
            return
        accepted = {"type": "Accepted", "status": "True", "observedGeneration": generation}
        path = f"{self.path}/{route['metadata']['name']}/status"
        await self._api("PATCH", path, {"status": {"conditions": [accepted]}}, MERGE)

    async def route(self) -> Manifest:
        return await self._api("GET", f"{self.path}/fraud")

    async def weights(self) -> dict[str, int]:
        return weights_of(await self.route())


def weights_of(route: Manifest) -> dict[str, int]:
    return {it["service"]: it["weight"] for it in route["spec"].get("backends") or ()}


@pytest.fixture
async def world(
    api_server: Path,
    namespace: str,
    tmp_path: Path,
    kubectl: Kubectl,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Lab]:
    kubectl("apply", "-f", "-", stdin=json.dumps(CRD))
    kubectl("wait", "--for=condition=Established", f"crd/{CRD['metadata']['name']}")
    monkeypatch.setitem(BY_KIND, KIND, ROW)
    monkeypatch.setattr(ModelDeploymentSpec, "traffic_method", WEIGHTED)
    monkeypatch.setattr(wiring, "ROUTERS", {**ROUTERS, WEIGHTED.name: WeightedRouter()})
    async with lab(api_server, namespace, tmp_path) as made:
        made.start()
        yield made


@pytest.fixture
async def plane(world: Lab) -> AsyncIterator[Plane]:
    made = Plane(world)
    playing = asyncio.create_task(made.play())
    yield made
    playing.cancel()
    with suppress(asyncio.CancelledError):
        await playing


async def test_requests_move_by_weight_and_what_others_wrote_stays(
    world: Lab, plane: Plane
) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    one, two = (f"fraud-{world.id_of(it)}" for it in ("1.0.0", "2.0.0"))
    theirs = {
        "apiVersion": f"{ROW.group}/{ROW.version}",
        "kind": KIND,
        "metadata": {"name": "fraud", "annotations": {"team": "ml"}},
        "spec": {"timeout": "3s"},
    }
    await world.api("PATCH", f"{plane.path}/fraud", theirs, APPLY, fieldManager="ml")
    await world.apply("2.0.0")
    status = await world.healthy("2.0.0")
    await world.reached(plane.weights, {two: 100})
    assert [{one: 100}, {one: 50, two: 50}, {two: 100}] == plane.told
    assert "weights" not in status
    await world.only("2.0.0")
    await world.reached(world.services, {"fraud", two})
    route = await plane.route()
    assert (route["spec"]["timeout"], route["metadata"]["annotations"]) == ("3s", {"team": "ml"})


async def test_callers_are_sent_back_and_no_pod_goes_before_the_data_plane_has_heard(
    world: Lab, plane: Plane
) -> None:
    await world.criteria()
    await world.apply("1.0.0", **GATED)
    await world.healthy("1.0.0")
    one, two = (f"fraud-{world.id_of(it)}" for it in ("1.0.0", "2.0.0"))
    world.prometheus.sick.add(world.id_of("2.0.0"))
    await world.apply("2.0.0", **GATED)
    await world.until("half", lambda it: (it.get("weights") or {}).get("actual") == 50)
    plane.deaf = True
    await world.reason("RolledBack")
    await world.reached(plane.weights, {one: 100})
    edited = await world.apply("2.0.0", **GATED, progressDeadline="9m")
    generation = edited["metadata"]["generation"]
    await world.until("one pass more", lambda it: it.get("observedGeneration") == generation)
    asked = {it["metadata"]["name"]: it["spec"]["replicas"] for it in await world.sets()}
    assert asked[two] > 0
    assert two in await world.services()
    plane.deaf = False
    await world.only("1.0.0")
    await world.reached(world.services, {"fraud", one})


async def test_weights_edited_by_hand_are_put_back(world: Lab, plane: Plane) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    one = f"fraud-{world.id_of('1.0.0')}"
    away = {"spec": {"backends": [{"service": one, "port": 9, "weight": 100}]}}
    await world.api("PATCH", f"{plane.path}/fraud", away, MERGE, fieldManager="kubectl-edit")

    async def port() -> int:
        return int((await plane.route())["spec"]["backends"][0]["port"])

    await world.reached(port, 80)

    async def told() -> bool:
        return await world.told("ChildRestored", "kubectl-edit")

    await world.reached(told, wanted=True)
