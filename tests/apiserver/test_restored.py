"""A namespace that came back from a backup: other uids, no owner, no status. Callers are served."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.api import GROUP, STRATEGIC, Manifest
from tests.apiserver.kubelet import STARTING
from tests.apiserver.lab import DEADLINE, Lab, lab, reason_of

pytestmark = pytest.mark.apiserver

KEPT = ("name", "namespace", "labels", "annotations")


@pytest.fixture
async def world(api_server: Path, namespace: str, tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(api_server, namespace, tmp_path) as made:
        made.start()
        yield made


def folders(world: Lab) -> list[str]:
    budgets = f"/apis/policy/v1/namespaces/{world.namespace}/poddisruptionbudgets"
    sets, revisions = world.apps("replicasets"), world.apps("controllerrevisions")
    return [sets, revisions, budgets, world.core("services"), world.path().rpartition("/")[0]]


def saved(raw: Manifest) -> Manifest:
    """What a backup keeps of an object."""
    metadata = {key: raw["metadata"][key] for key in KEPT if key in raw["metadata"]}
    body = {key: value for key, value in raw.items() if key not in {"metadata", "status"}}
    if "spec" in body:
        body["spec"] = {k: v for k, v in body["spec"].items() if not k.startswith("clusterIP")}
    return {**body, "metadata": metadata}


async def restore(world: Lab) -> None:
    """Everything goes and comes back as it was saved, but for the pods."""
    backup = [(at, saved(it)) for at in folders(world) for it in await world.api.items(at)]
    for at, one in reversed(backup):
        await world.api("DELETE", f"{at}/{one['metadata']['name']}")
    async with asyncio.timeout(DEADLINE):
        while [it for at in folders(world) for it in await world.api.items(at)]:
            await asyncio.sleep(0.05)
    for at, one in backup:
        await world.api("POST", at, one)


async def decide(world: Lab, act: str) -> None:
    spec = {"target": {"name": "fraud"}, "act": act, "by": "admin", "reason": "restored"}
    decision: dict[str, Any] = {
        "apiVersion": "lockstep.dev/v1alpha1",
        "kind": "Decision",
        "metadata": {"generateName": "fraud-adopt-"},
        "spec": spec,
    }
    await world.api("POST", f"{GROUP}/namespaces/{world.namespace}/decisions", decision)


async def test_one_decision_takes_everything_back_and_rollouts_go_on(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    selected = await world.selector()
    await restore(world)

    child = f"fraud-{world.id_of('1.0.0')}"
    named = ("ReplicaSet " + child, "ControllerRevision " + child, "Service fraud", "Budget fraud")
    await world.until("all named", lambda it: all(name in it.get("message", "") for name in named))
    assert reason_of(await world.status()) == "Unowned"
    assert await world.selector() == selected

    pods = await world.pods()
    await decide(world, "Adopt")
    await world.healthy("1.0.0")
    assert await world.pods() == pods
    assert await world.selector() == selected

    await world.apply("2.0.0")
    await world.healthy("2.0.0")


async def test_an_owner_reference_that_was_cut_off_is_told_and_given_back(world: Lab) -> None:
    await world.apply("1.0.0")
    status = await world.healthy("1.0.0")
    child = f"{world.apps('replicasets')}/fraud-{status['stable']['revision']}"
    owner = (await world.api("GET", child))["metadata"]["ownerReferences"][0]["uid"]
    cut = {"metadata": {"ownerReferences": [{"$patch": "delete", "uid": owner}]}}
    await world.api("PATCH", child, cut, STRATEGIC)

    await world.reason("Unowned")
    pods = await world.pods()
    await decide(world, "Adopt")
    await world.healthy("1.0.0")
    assert (await world.api("GET", child))["metadata"]["ownerReferences"][0]["uid"] == owner
    assert await world.pods() == pods
    assert reason_of(await world.status()) == "Completed"


async def test_a_service_from_before_is_taken_over_and_its_callers_stay_until_all_is_ready(
    world: Lab,
) -> None:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    before = {"metadata": {"name": "fraud"}, "spec": {"selector": {"app": "old"}, "ports": ports}}
    made = await world.api("POST", world.core("services"), before)
    world.kubelet.health["1.0.0"] = STARTING
    await world.apply("1.0.0")
    status = await world.reason("Conflict")
    assert "create a Decision Adopt" in status["message"]

    await decide(world, "Adopt")
    await world.until("pods are asked for", lambda status: status.get("stage"))
    assert await world.selector() == {"app": "old"}

    world.kubelet.health.clear()
    await world.healthy("1.0.0")
    await world.callers_on("1.0.0")
    after = await world.api("GET", f"{world.core('services')}/fraud")
    assert after["metadata"]["uid"] == made["metadata"]["uid"]
    assert "app" not in after["spec"]["selector"]
