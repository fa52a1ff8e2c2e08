"""Children beside a rollout, on a real API server: budget, owner, restart, autoscalers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.api import MERGE, Manifest
from tests.apiserver.kubelet import CRASHING, STARTING
from tests.apiserver.lab import DEADLINE, Lab, id_of, lab, reason_of

pytestmark = pytest.mark.apiserver

UID_NOTE = "lockstep.dev/owner-uid"
ORPHAN: dict[str, Any] = {"deletionPolicy": "Orphan"}
LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture
async def world(api_server: Path, namespace: str, tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(api_server, namespace, tmp_path) as made:
        made.start()
        yield made


async def reached(world: Lab, look: Callable[[], Awaitable[object]], wanted: object) -> None:
    """Wait until ``look`` gives ``wanted``."""
    seen = None
    try:
        async with asyncio.timeout(DEADLINE):
            while (seen := await look()) != wanted:
                world.check()
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{seen} is not {wanted}\n{await world.status()}") from None


def condition(status: Manifest, kind: str) -> Manifest:
    return next((it for it in status.get("conditions", ()) if it["type"] == kind), {})


def path_of(world: Lab, kind: str, name: str) -> str:
    policy = f"/apis/policy/v1/namespaces/{world.namespace}/poddisruptionbudgets"
    folders = {
        "Deployment": world.apps("deployments"),
        "ControllerRevision": world.apps("controllerrevisions"),
        "Service": world.core("services"),
        "PodDisruptionBudget": policy,
    }
    return f"{folders[kind]}/{name}"


def children(version: str) -> list[tuple[str, str]]:
    child = f"fraud-{id_of(version)}"
    named = [("Deployment", child), ("ControllerRevision", child)]
    return [*named, ("Service", "fraud"), ("PodDisruptionBudget", "fraud")]


async def owners(world: Lab, version: str) -> dict[str, tuple[bool, bool]]:
    """Of each child: whether it refers to an owner, and whether an annotation names one."""
    found = {}
    for kind, name in children(version):
        metadata = (await world.api("GET", path_of(world, kind, name)))["metadata"]
        noted = UID_NOTE in metadata.get("annotations", {})
        found[kind] = (bool(metadata.get("ownerReferences")), noted)
    return found


def everywhere(*, refers: bool) -> dict[str, tuple[bool, bool]]:
    return {kind: (refers, not refers) for kind, _ in children("1.0.0")}


# Budget


async def budget(world: Lab) -> Manifest | None:
    found = await world.api.found(path_of(world, "PodDisruptionBudget", "fraud"))
    return found["spec"] if found else None


RENDERED = {
    "maxUnavailable": "25%",
    "unhealthyPodEvictionPolicy": "AlwaysAllow",
    "selector": {"matchLabels": {"lockstep.dev/deployment": "fraud"}},
}
EDITS: dict[str, Manifest] = {
    "another number": {"maxUnavailable": 0},
    "the other field": {"maxUnavailable": None, "minAvailable": "100%"},
    "a selector that spares pods": {"selector": {"matchLabels": {"version": "1.0.0"}}},
    "another policy": {"unhealthyPodEvictionPolicy": "IfHealthyBudget"},
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
async def test_an_edited_budget_is_put_back_whole_and_told(world: Lab, edit: Manifest) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    await reached(world, lambda: budget(world), RENDERED)
    path = path_of(world, "PodDisruptionBudget", "fraud")
    await world.api("PATCH", path, {"spec": edit}, MERGE)
    await reached(world, lambda: budget(world), RENDERED)

    async def told() -> bool:
        return "ChildRestored" in await world.events()

    await reached(world, told, wanted=True)


async def test_a_budget_comes_and_goes_with_the_second_pod_and_survives_rollouts(
    world: Lab,
) -> None:
    await world.apply("1.0.0", replicas=1)
    await world.healthy("1.0.0")
    assert await budget(world) is None
    await world.apply("1.0.0", replicas=2)
    await reached(world, lambda: budget(world), RENDERED)
    made = await world.api("GET", path_of(world, "PodDisruptionBudget", "fraud"))
    await world.apply("2.0.0", replicas=2)
    await world.healthy("2.0.0")
    after = await world.api("GET", path_of(world, "PodDisruptionBudget", "fraud"))
    assert after["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    await world.api("DELETE", path_of(world, "PodDisruptionBudget", "fraud"))
    await reached(world, lambda: budget(world), RENDERED)
    await world.apply("2.0.0", replicas=1)
    await reached(world, lambda: budget(world), None)


async def test_a_budget_of_that_name_is_told_and_stops_no_rollout(world: Lab) -> None:
    path = path_of(world, "PodDisruptionBudget", "fraud")
    theirs = {"metadata": {"name": "fraud"}, "spec": {"maxUnavailable": 1, "selector": {}}}
    await world.api("POST", path.rpartition("/")[0], theirs)
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    await world.apply("2.0.0")
    status = await world.healthy("2.0.0")
    said = condition(status, "Conflict")
    assert (said["status"], said["reason"]) == ("True", "NameTaken")
    assert "PodDisruptionBudget fraud" in said["message"]
    assert (await world.api("GET", path))["spec"]["maxUnavailable"] == 1


# Deletion policy


async def orphaned(world: Lab) -> str:
    said = condition(await world.status(), "Orphaned")
    return f"{said.get('status', '')} {said.get('observedGeneration', '')}".strip()


async def test_the_policy_changes_the_owner_of_every_child_and_back(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    assert await owners(world, "1.0.0") == everywhere(refers=True)
    pods = await world.pods()

    generation = (await world.apply("1.0.0", **ORPHAN))["metadata"]["generation"]
    await reached(world, lambda: orphaned(world), f"True {generation}")
    assert await owners(world, "1.0.0") == everywhere(refers=False)
    await world.apply("2.0.0", **ORPHAN)
    await world.healthy("2.0.0")
    assert await owners(world, "2.0.0") == everywhere(refers=False)

    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    await reached(world, lambda: owners(world, "1.0.0"), everywhere(refers=True))
    await reached(world, lambda: orphaned(world), "")
    assert pods
    assert "ChildRestored" not in await world.events()


async def test_orphans_stay_and_are_never_adopted_again(world: Lab) -> None:
    first = await world.apply("1.0.0", **ORPHAN)
    await world.healthy("1.0.0")
    await reached(world, lambda: orphaned(world), "True 1")
    left, pods = await owners(world, "1.0.0"), await world.pods()
    await world.api("DELETE", world.path())

    again = await world.apply("1.0.0", **ORPHAN)
    assert again["metadata"]["uid"] != first["metadata"]["uid"]
    status = await world.reason("Conflict")
    assert f"fraud-{id_of('1.0.0')}" in condition(status, "Conflict")["message"]
    assert (await world.pods(), await owners(world, "1.0.0")) == (pods, left)
    for kind, name in children("1.0.0"):
        metadata = (await world.api("GET", path_of(world, kind, name)))["metadata"]
        assert metadata["annotations"][UID_NOTE] == first["metadata"]["uid"]

    await world.apply("2.0.0")
    await world.until("the Service named", lambda it: "Service fraud " in it.get("message", ""))
    assert await world.pods() == pods

    for kind, name in children("1.0.0"):
        await world.api("DELETE", path_of(world, kind, name))
    await world.healthy("2.0.0")
    assert await owners(world, "2.0.0") == everywhere(refers=True)


# Restart


def just_now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


async def uids(world: Lab) -> set[str]:
    return set(await world.pods())


async def test_a_restart_replaces_every_pod_once_and_is_no_revision(world: Lab) -> None:
    await world.apply("1.0.0")
    before = await world.healthy("1.0.0")
    pods = await uids(world)
    await world.apply("1.0.0", restartAt=LONG_AGO)
    await world.until("seen", lambda it: it.get("observedGeneration") == 2)
    assert await uids(world) == pods, "they are younger"

    now = just_now()
    world.kubelet.health[now] = STARTING
    await world.apply("1.0.0", restartAt=now)
    await world.reason("Restarting")
    del world.kubelet.health[now]
    await world.healthy("1.0.0")
    fresh = await uids(world)
    assert not fresh & pods
    after = await world.status()
    assert after["history"] == before["history"]
    assert after["stable"] == before["stable"]
    assert (await world.events()).count("Restarting") == 1

    await world.apply("1.0.0", restartAt=now, replicas=3)
    await world.until("three pods", lambda it: it.get("readyReplicas") == 3)
    three = await uids(world)
    assert fresh < three
    path = path_of(world, "Deployment", f"fraud-{id_of('1.0.0')}")
    restarted = (await world.api("GET", path))["spec"]["template"]
    await world.apply("1.0.0")
    await world.until("two pods", lambda it: it.get("readyReplicas") == 2)
    await world.healthy("1.0.0")
    assert await uids(world) <= three, "nothing was restarted again"
    assert (await world.api("GET", path))["spec"]["template"] == restarted

    await world.apply("2.0.0", restartAt=now)
    await world.healthy("2.0.0")
    child = await world.api("GET", path_of(world, "Deployment", f"fraud-{id_of('2.0.0')}"))
    assert "annotations" not in child["spec"]["template"]["metadata"]


async def test_a_restart_that_cannot_go_on_says_so_and_a_fix_ends_it(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    pods = await uids(world)
    now = just_now()
    world.kubelet.health[now] = CRASHING
    await world.apply("1.0.0", restartAt=now)
    status = await world.reason("CrashLoop")
    assert "restart" in status["message"]
    assert status["phase"] == "Degraded"
    assert condition(status, "Available")["status"] == "True"
    assert pods <= await uids(world)
    del world.kubelet.health[now]
    await world.healthy("1.0.0")
    assert not await uids(world) & pods


# Autoscalers


async def test_an_autoscaler_on_a_child_is_told_and_heals(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    folder = f"/apis/autoscaling/v2/namespaces/{world.namespace}/horizontalpodautoscalers"
    child = f"fraud-{id_of('1.0.0')}"
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": child}
    scaler = {"metadata": {"name": "cpu"}, "spec": {"scaleTargetRef": ref, "maxReplicas": 5}}
    await world.api("POST", folder, scaler)

    async def said() -> str:
        return str(condition(await world.status(), "Conflict").get("reason", ""))

    await reached(world, said, "AutoscalerOnChild")
    status = await world.status()
    assert (status["phase"], reason_of(status)) == ("Healthy", "Completed")
    target = {"apiVersion": "lockstep.dev/v1alpha1", "kind": "ModelDeployment", "name": "fraud"}
    patch = {"spec": {"scaleTargetRef": target}}
    await world.api("PATCH", f"{folder}/cpu", patch, MERGE)
    await reached(world, said, "")
    await world.api("PATCH", f"{folder}/cpu", {"spec": {"scaleTargetRef": ref}}, MERGE)
    await reached(world, said, "AutoscalerOnChild")
    await world.api("DELETE", f"{folder}/cpu")
    await reached(world, said, "")
