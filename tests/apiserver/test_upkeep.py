"""Children beside a rollout, on a real API server: budget, owner, restart, autoscalers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.api import MERGE, STRATEGIC, Manifest
from tests.apiserver.kubelet import CRASHING, STARTING, WELL
from tests.apiserver.lab import Lab, lab, reason_of, soon, surplus_of, template
from tests.apiserver.witness import Witness, promises

pytestmark = pytest.mark.apiserver

UID_NOTE = "lockstep.dev/owner-uid"
ORPHAN: dict[str, Any] = {"deletionPolicy": "Orphan"}
LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture
async def world(api_server: Path, namespace: str, tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(api_server, namespace, tmp_path) as made:
        made.start()
        yield made


def condition(status: Manifest, kind: str) -> Manifest:
    return next((it for it in status.get("conditions", ()) if it["type"] == kind), {})


def path_of(world: Lab, kind: str, name: str) -> str:
    policy = f"/apis/policy/v1/namespaces/{world.namespace}/poddisruptionbudgets"
    folders = {
        "ReplicaSet": world.apps("replicasets"),
        "ControllerRevision": world.apps("controllerrevisions"),
        "Service": world.core("services"),
        "PodDisruptionBudget": policy,
    }
    return f"{folders[kind]}/{name}"


KINDS = ("ReplicaSet", "ControllerRevision", "Service", "PodDisruptionBudget")


def children(world: Lab, version: str) -> list[tuple[str, str]]:
    child = f"fraud-{world.id_of(version)}"
    named = [("ReplicaSet", child), ("ControllerRevision", child)]
    return [*named, ("Service", "fraud"), ("PodDisruptionBudget", "fraud")]


async def owners(world: Lab, version: str) -> dict[str, tuple[bool, bool]]:
    """Of each child: whether it refers to an owner, and whether an annotation names one."""
    found = {}
    for kind, name in children(world, version):
        metadata = (await world.api("GET", path_of(world, kind, name)))["metadata"]
        noted = UID_NOTE in metadata.get("annotations", {})
        found[kind] = (bool(metadata.get("ownerReferences")), noted)
    return found


def everywhere(*, refers: bool) -> dict[str, tuple[bool, bool]]:
    return dict.fromkeys(KINDS, (refers, not refers))


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
    await world.reached(lambda: budget(world), RENDERED)
    path = path_of(world, "PodDisruptionBudget", "fraud")
    await world.api("PATCH", path, {"spec": edit}, MERGE)
    await world.reached(lambda: budget(world), RENDERED)
    said = f"PodDisruptionBudget fraud was edited manually (spec.{next(iter(edit))}, by "
    await world.reached(lambda: world.told("ChildRestored", said), wanted=True)


async def test_a_budget_comes_and_goes_with_the_second_pod_and_survives_rollouts(
    world: Lab,
) -> None:
    await world.apply("1.0.0", replicas=1)
    await world.healthy("1.0.0")
    assert await budget(world) is None
    await world.apply("1.0.0", replicas=2)
    await world.reached(lambda: budget(world), RENDERED)
    made = await world.api("GET", path_of(world, "PodDisruptionBudget", "fraud"))
    await world.apply("2.0.0", replicas=2)
    await world.healthy("2.0.0")
    after = await world.api("GET", path_of(world, "PodDisruptionBudget", "fraud"))
    assert after["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    await world.api("DELETE", path_of(world, "PodDisruptionBudget", "fraud"))
    await world.reached(lambda: budget(world), RENDERED)
    await world.apply("2.0.0", replicas=1)
    await world.reached(lambda: budget(world), None)


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
    await world.reached(lambda: orphaned(world), f"True {generation}")
    assert await owners(world, "1.0.0") == everywhere(refers=False)
    await world.apply("2.0.0", **ORPHAN)
    await world.healthy("2.0.0")
    assert await owners(world, "2.0.0") == everywhere(refers=False)

    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    await world.reached(lambda: owners(world, "1.0.0"), everywhere(refers=True))
    await world.reached(lambda: orphaned(world), "")
    assert pods
    assert "ChildRestored" not in await world.events()


async def test_orphans_stay_and_are_not_taken_back_by_themselves(world: Lab) -> None:
    first = await world.apply("1.0.0", **ORPHAN)
    await world.healthy("1.0.0")
    await world.reached(lambda: orphaned(world), "True 1")
    left, pods = await owners(world, "1.0.0"), await world.pods()
    await world.api("DELETE", world.path())

    again = await world.apply("1.0.0", **ORPHAN)
    assert again["metadata"]["uid"] != first["metadata"]["uid"]
    status = await world.reason("Unowned")
    assert f"fraud-{world.id_of('1.0.0')}" in condition(status, "Conflict")["message"]
    assert (await world.pods(), await owners(world, "1.0.0")) == (pods, left)
    for kind, name in children(world, "1.0.0"):
        metadata = (await world.api("GET", path_of(world, kind, name)))["metadata"]
        assert metadata["annotations"][UID_NOTE] == first["metadata"]["uid"]

    await world.apply("2.0.0")
    await world.until("the Service named", lambda it: "Service fraud," in it.get("message", ""))
    assert await world.pods() == pods

    for kind, name in children(world, "1.0.0"):
        await world.api("DELETE", path_of(world, kind, name))
    await world.healthy("2.0.0")
    assert await owners(world, "2.0.0") == everywhere(refers=True)


# Restart


async def uids(world: Lab) -> set[str]:
    return set(await world.pods())


async def child_of(world: Lab, version: str) -> Manifest:
    return await world.api("GET", path_of(world, "ReplicaSet", f"fraud-{world.id_of(version)}"))


def surge(most: int) -> Manifest:
    return {"canary": {"stages": [{"name": "full", "weight": 100}], "maxSurge": most}}


PACES: dict[str, tuple[int, int, int, int]] = {
    "with a surplus nobody is missed": (4, 1, 4, 5),
    "a quarter is enough of a surplus": (5, 5, 5, 7),
    "without a surge one is removed first": (3, 0, 2, 3),
    "a single pod is never removed first": (1, 0, 1, 2),
}
"""Replicas and maxSurge; then how many pods are ready at least, and are there at most."""


@pytest.mark.parametrize(("replicas", "most", "least", "all_"), PACES.values(), ids=PACES)
async def test_a_restart_replaces_every_pod_once(
    world: Lab, replicas: int, most: int, least: int, all_: int
) -> None:
    spec: dict[str, Any] = {"replicas": replicas, "strategy": surge(most)}
    async with Witness(world.api, world.namespace).watching() as witness:
        await world.apply("1.0.0", **spec)
        await world.healthy("1.0.0")
        pods, template = await uids(world), (await child_of(world, "1.0.0"))["spec"]["template"]
        await world.apply("1.0.0", **spec, restartAt=soon())
        await world.replaced(pods)
        await world.healthy("1.0.0")
        await witness.heard_all()
    during = [it for it in witness.moments() if "restartAt" in it.deployment.get("spec", {})]
    assert min(it.well() for it in during) == least
    assert max(len(it.pods) for it in during) <= all_
    removed = witness.pods("DELETED")
    assert pods <= set(removed)
    assert len(removed) <= replicas + max(0, all_ - replicas), "none that was new, but a surplus"
    promises(witness.moments())
    child = await child_of(world, "1.0.0")
    assert (child["spec"]["replicas"], child["spec"]["template"]) == (replicas, template)
    assert not surplus_of(child)
    assert (await world.events()).count("Restarting") == 1


async def test_a_restart_is_no_revision_and_waits_for_pods_that_answer(world: Lab) -> None:
    await world.apply("1.0.0")
    before = await world.healthy("1.0.0")
    pods = await uids(world)
    only_these_are_well(world, pods, STARTING)
    await world.apply("1.0.0", restartAt=soon())
    await world.until("restarting", lambda it: reason_of(it) == "Restarting")

    async def surplus() -> str:
        return surplus_of(await child_of(world, "1.0.0"))

    await world.reached(surplus, "1")
    assert pods <= await uids(world)
    world.kubelet.health.clear()
    await world.replaced(pods)
    after = await world.healthy("1.0.0")
    assert (after["history"], after["stable"]) == (before["history"], before["stable"])


def only_these_are_well(world: Lab, pods: set[str], others: Manifest) -> None:
    world.kubelet.health |= {"1.0.0": others, **dict.fromkeys(pods, WELL)}


async def test_pods_that_are_younger_stay_whatever_else_changes(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    pods, at = await uids(world), soon()
    await world.apply("1.0.0", restartAt=LONG_AGO)
    await world.until("seen", lambda it: it.get("observedGeneration") == 2)
    assert await uids(world) == pods
    await world.apply("1.0.0", restartAt=at)
    await world.replaced(pods)
    await world.healthy("1.0.0")
    two = await uids(world)
    await world.apply("1.0.0", restartAt=at, replicas=3)
    await world.until("three pods", lambda it: it.get("readyReplicas") == 3)
    three = await uids(world)
    assert two < three
    await world.stop()
    world.start()
    await world.apply("1.0.0", replicas=3)
    await world.until("seen", lambda it: it.get("observedGeneration") == 5)
    assert await uids(world) == three
    await world.apply("2.0.0", restartAt=at, replicas=3)
    await world.healthy("2.0.0")
    await world.only("2.0.0")
    assert (await world.events()).count("Restarting") == 1


async def test_a_restart_that_was_done_asks_for_nothing_again(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    pods, at = await uids(world), soon()
    await world.apply("1.0.0", restartAt=at)
    await world.replaced(pods)
    await world.healthy("1.0.0")
    fresh, child = await uids(world), await child_of(world, "1.0.0")
    await world.stop()
    before = len(world.proxy.seen)
    world.start()
    await world.apply("1.0.0", restartAt=at, revisionHistoryLimit=9)
    await world.until("seen", lambda it: it.get("observedGeneration") == 3)
    asked = [it.path for it in world.proxy.seen[before:] if it.write]
    assert [it for it in asked if "/pods" in it or "/replicasets" in it] == []
    assert await uids(world) == fresh
    after = await child_of(world, "1.0.0")
    assert after["metadata"]["generation"] == child["metadata"]["generation"]


async def test_a_restart_that_cannot_go_on_says_so_and_a_fix_ends_it(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    pods = await uids(world)
    only_these_are_well(world, pods, CRASHING)
    await world.apply("1.0.0", restartAt=soon())
    status = await world.reason("CrashLoop")
    assert "restart" in status["message"]
    assert status["phase"] == "Degraded"
    assert condition(status, "Available")["status"] == "True"
    assert pods <= await uids(world)
    world.kubelet.health.clear()
    await world.replaced(pods)
    await world.healthy("1.0.0")


OTHER = "registry.example.com/other"


async def edit_the_template(world: Lab) -> Manifest:
    """The ReplicaSet as it was before; pods say only in which second they were made."""
    await asyncio.sleep(1)
    child = await child_of(world, "1.0.0")
    edited = [{"name": "server", "image": OTHER}]
    patch = {"spec": {"template": {"spec": {"containers": edited}}}}
    path = path_of(world, "ReplicaSet", child["metadata"]["name"])
    changed = await world.api("PATCH", path, patch, STRATEGIC)
    assert changed["spec"] != child["spec"]
    return child


async def test_an_edited_template_is_put_back_and_no_pod_is_replaced(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    pods, child = await uids(world), await edit_the_template(world)

    async def spec() -> Manifest:
        return dict((await child_of(world, "1.0.0"))["spec"])

    await world.reached(spec, child["spec"])
    name = f"ReplicaSet {child['metadata']['name']}"
    await world.reached(lambda: world.told("ChildRestored", name), wanted=True)
    assert await uids(world) == pods


async def pods_of(world: Lab) -> list[Manifest]:
    return await world.api.items(world.core("pods"))


async def images(world: Lab) -> dict[str, str]:
    pods = await pods_of(world)
    return {it["metadata"]["uid"]: it["spec"]["containers"][0]["image"] for it in pods}


async def test_a_pod_that_an_edit_has_made_while_nobody_looked_is_replaced(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    await world.stop()
    await edit_the_template(world)
    lost, kept = sorted(await uids(world))
    names = {it["metadata"]["uid"]: it["metadata"]["name"] for it in await pods_of(world)}
    await world.api("DELETE", f"{world.core('pods')}/{names[lost]}")

    async def edited() -> int:
        return list((await images(world)).values()).count(OTHER)

    await world.reached(edited, 1)
    made = await uids(world) - {kept}
    world.start()
    await world.replaced(made)
    await world.healthy("1.0.0")
    assert (await edited(), len(await uids(world))) == (0, 2)
    assert kept in await uids(world)


def with_a_port() -> Manifest:
    made = template("1.0.0")
    [server] = made["spec"]["containers"]
    return {**made, "spec": {"containers": [{**server, "ports": [{"containerPort": 8080}]}]}}


async def test_what_an_apply_does_not_take_back_is_written_no_more_and_no_pod_goes(
    world: Lab,
) -> None:
    """A port that somebody adds stays theirs: the list of them never is as we render it."""
    await world.apply("1.0.0", template=with_a_port())
    await world.healthy("1.0.0")
    await asyncio.sleep(1)
    [child] = await world.sets()
    path = path_of(world, "ReplicaSet", child["metadata"]["name"])
    ports = [{"containerPort": 9090, "protocol": "TCP"}]
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "server", "ports": ports}]}}}}
    await world.api("PATCH", path, patch, STRATEGIC)
    name = f"ReplicaSet {child['metadata']['name']}"
    await world.reached(lambda: world.told("ChildRestored", name), wanted=True)
    await asyncio.sleep(2)
    before, pods = len(world.proxy.seen), await uids(world)
    await world.apply("1.0.0", template=with_a_port(), replicas=3)
    await world.until("three pods", lambda it: it.get("readyReplicas") == 3)
    three = await uids(world)
    await asyncio.sleep(4)
    assert await uids(world) == three
    assert pods < three
    writes = [it for it in world.proxy.seen[before:] if it.write and "/replicasets" in it.path]
    assert len(writes) <= MOST_WRITES, [f"{it.method} {it.path}" for it in writes]


MOST_WRITES = 3
"""Scaled, put back, and found as good as it gets."""


# Autoscalers


async def test_an_autoscaler_on_a_child_is_told_and_heals(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    folder = f"/apis/autoscaling/v2/namespaces/{world.namespace}/horizontalpodautoscalers"
    child = f"fraud-{world.id_of('1.0.0')}"
    ref = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": child}
    scaler = {"metadata": {"name": "cpu"}, "spec": {"scaleTargetRef": ref, "maxReplicas": 5}}
    await world.api("POST", folder, scaler)

    async def said() -> str:
        return str(condition(await world.status(), "Conflict").get("reason", ""))

    await world.reached(said, "AutoscalerOnChild")
    status = await world.status()
    assert (status["phase"], reason_of(status)) == ("Healthy", "Completed")
    target = {"apiVersion": "lockstep.dev/v1alpha1", "kind": "ModelDeployment", "name": "fraud"}
    patch = {"spec": {"scaleTargetRef": target}}
    await world.api("PATCH", f"{folder}/cpu", patch, MERGE)
    await world.reached(said, "")
    await world.api("PATCH", f"{folder}/cpu", {"spec": {"scaleTargetRef": ref}}, MERGE)
    await world.reached(said, "AutoscalerOnChild")
    await world.api("DELETE", f"{folder}/cpu")
    await world.reached(said, "")
