"""A Deployment that an earlier operator made in a ReplicaSet's stead: kept until its revision goes.

It is applied no more: that would take the time of its last restart from its template, and so
restart it again.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.api import APPLY, MERGE, STRATEGIC, Manifest
from tests.apiserver.kubelet import STARTING, WELL
from tests.apiserver.lab import Lab, lab, soon, surplus_of
from tests.apiserver.proxy import Asked
from tests.apiserver.witness import Witness, promises

pytestmark = pytest.mark.apiserver

RESTARTED = {"lockstep.dev/restarted-at": "2026-01-01T00:00:00Z"}


@pytest.fixture
async def world(api_server: Path, namespace: str, tmp_path: Path) -> AsyncIterator[Lab]:
    """1.0.0 is stable, and its pods come from a Deployment that was once restarted."""
    async with lab(api_server, namespace, tmp_path) as made:
        made.start()
        await made.apply("1.0.0")
        await made.healthy("1.0.0")
        await made.stop()
        await as_an_earlier_operator_left_it(made)
        made.proxy.seen.clear()
        made.start()
        yield made


def child_of(world: Lab) -> str:
    return f"fraud-{world.id_of('1.0.0')}"


async def as_an_earlier_operator_left_it(world: Lab) -> None:
    child = await world.api("GET", f"{world.apps('replicasets')}/{child_of(world)}")
    stored = await world.api("GET", f"{world.apps('controllerrevisions')}/{child_of(world)}")
    template = as_rendered_then(stored["data"]["template"])
    manifest = rendered(child["metadata"], template)
    ours = {"fieldManager": "lockstep"}
    kept = {key: stored["metadata"][key] for key in ("name", "labels", "ownerReferences")}
    before = {**stored, "metadata": kept, "data": {**stored["data"], "template": template}}
    await world.api("DELETE", f"{world.apps('controllerrevisions')}/{child_of(world)}")
    await world.api("POST", world.apps("controllerrevisions"), before, **ours)
    await world.api("POST", world.apps("deployments"), manifest, **ours)
    await world.api("PATCH", path(world), restarted(manifest), APPLY, force="true", **ours)
    await world.reached(lambda: available(world), 2)
    await world.api("DELETE", f"{world.apps('replicasets')}/{child_of(world)}")
    await world.reached(lambda: restarted_pods(world), 2)
    await world.reached(lambda: count(world), 2)


def as_rendered_then(template: Manifest) -> Manifest:
    """Without what only a later operator adds to it."""
    labels = dict(template["metadata"]["labels"])
    labels.pop("pod-template-hash", None)
    return {**template, "metadata": {"labels": labels}}


def rendered(known: Manifest, template: Manifest) -> Manifest:
    """As an operator that made Deployments did."""
    kept = ("name", "namespace", "labels", "ownerReferences")
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {key: known[key] for key in kept},
        "spec": {
            "replicas": 2,
            "minReadySeconds": 0,
            "progressDeadlineSeconds": 2147483647,
            "revisionHistoryLimit": 0,
            "selector": {"matchLabels": known["labels"]},
            "template": template,
        },
    }


def restarted(manifest: Manifest) -> Manifest:
    """What such an operator applied for a restart."""
    template = manifest["spec"]["template"]
    metadata = {**template["metadata"], "annotations": RESTARTED}
    pace = {"maxSurge": 1, "maxUnavailable": 0}
    strategy = {"type": "RollingUpdate", "rollingUpdate": pace}
    spec = {"template": {**template, "metadata": metadata}, "strategy": strategy}
    return {**manifest, "spec": {**manifest["spec"], **spec}}


def path(world: Lab) -> str:
    return f"{world.apps('deployments')}/{child_of(world)}"


async def deployment(world: Lab) -> Manifest:
    return await world.api("GET", path(world))


async def available(world: Lab) -> int:
    return int((await deployment(world))["status"].get("availableReplicas", 0))


async def count(world: Lab) -> int:
    return len(await world.pods())


async def restarted_pods(world: Lab) -> int:
    pods = await world.api.items(world.core("pods"))
    return sum(it["metadata"].get("annotations") == RESTARTED for it in pods)


async def sets(world: Lab) -> list[tuple[str, str]]:
    return [(it["kind"], it["metadata"]["name"]) for it in await world.sets()]


def written(world: Lab) -> list[Asked]:
    """What the operator has written of what pods come from."""
    kinds = ("/deployments", "/replicasets")
    return [it for it in world.proxy.seen if it.write and any(kind in it.path for kind in kinds)]


async def looked_at(world: Lab, generation: int) -> None:
    await world.until("seen", lambda it: it.get("observedGeneration") == generation)


async def test_it_is_left_as_it_is(world: Lab) -> None:
    before, pods = await deployment(world), await world.pods()
    await world.apply("1.0.0", revisionHistoryLimit=9)
    await looked_at(world, 2)
    await world.healthy("1.0.0")
    after = await deployment(world)
    assert (after["metadata"]["generation"], after["spec"]) == (
        before["metadata"]["generation"], before["spec"],
    )  # fmt: skip
    assert (written(world), await sets(world)) == ([], [("Deployment", child_of(world))])
    assert await world.pods() == pods


async def test_it_is_scaled_and_no_pod_of_it_restarts(world: Lab) -> None:
    before, pods = await deployment(world), await world.pods()
    await world.apply("1.0.0", replicas=3)
    await world.until("three pods", lambda it: it.get("readyReplicas") == 3)
    after = await deployment(world)
    assert after["spec"] == {**before["spec"], "replicas": 3}
    assert pods.items() < (await world.pods()).items()
    assert await sets(world) == [("Deployment", child_of(world))]
    await world.apply("1.0.0", replicas=1)
    await world.reached(lambda: count(world), 1)
    assert (await deployment(world))["spec"] == {**before["spec"], "replicas": 1}
    assert (await world.pods()).items() < pods.items()


OTHER_IMAGE = {"name": "server", "image": "registry.example.com/other"}
EDITS: dict[str, Manifest] = {
    "its size": {"replicas": 5},
    "when its pods are available": {"minReadySeconds": 7},
    "what its pods run": {"template": {"spec": {"containers": [OTHER_IMAGE]}}},
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
async def test_an_edit_is_put_back_and_no_pod_restarts(world: Lab, edit: Manifest) -> None:
    before, pods = await deployment(world), await world.pods()
    await world.apply("1.0.0", revisionHistoryLimit=9)
    await looked_at(world, 2)
    world.kubelet.health |= {"1.0.0": STARTING, **dict.fromkeys(pods, WELL)}
    await world.api("PATCH", path(world), {"spec": edit}, STRATEGIC, fieldManager="somebody")

    async def spec() -> Manifest:
        return dict((await deployment(world))["spec"])

    await world.reached(spec, before["spec"])
    await world.reached(
        lambda: world.told("ChildRestored", f"Deployment {child_of(world)}"), wanted=True
    )
    await world.reached(world.pods, pods)
    assert not [it for it in written(world) if it.method != "PATCH" or "force" in it.query]


async def test_its_pods_are_replaced_by_age_and_its_template_stays(world: Lab) -> None:
    before, pods = await deployment(world), await world.pods()
    await world.apply("1.0.0", restartAt=soon())
    await world.replaced(pods)
    await world.healthy("1.0.0")
    after = await deployment(world)
    assert (after["spec"], surplus_of(after)) == (before["spec"], "")
    assert (await world.events()).count("Restarting") == 1
    assert await sets(world) == [("Deployment", child_of(world))]


async def test_it_goes_with_its_revision_and_the_next_has_a_replica_set(world: Lab) -> None:
    async with Witness(world.api, world.namespace).watching() as witness:
        await world.apply("1.0.0", revisionHistoryLimit=9)
        await looked_at(world, 2)
        await world.apply("2.0.0")
        await world.healthy("2.0.0")
        await world.only("2.0.0")
        await witness.heard_all()
    promises(witness.moments())
    name = f"fraud-{world.id_of('2.0.0')}"
    assert await sets(world) == [("ReplicaSet", name)]
    named = {(it.method, it.path.rpartition("/")[2]) for it in written(world)}
    assert named == {
        ("POST", "replicasets"),
        ("PATCH", name),
        ("PATCH", child_of(world)),
        ("DELETE", child_of(world)),
    }
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    await world.only("1.0.0")
    assert await sets(world) == [("ReplicaSet", child_of(world))]


async def test_it_is_where_a_failed_candidate_goes_back_to(world: Lab) -> None:
    await world.criteria()
    pods = await world.pods()
    world.prometheus.sick.add(world.id_of("2.0.0"))
    half = {"name": "half", "weight": 50, "soak": "60s", "exitCriteria": [{"name": "serving"}]}
    spec: dict[str, Any] = {"strategy": {"canary": {"stages": [half]}}}
    await world.apply("2.0.0", rollback={"keepFailed": "1s"}, **spec)
    await world.reason("RolledBack")
    await world.callers_on("1.0.0")
    await world.only("1.0.0")
    await world.reached(lambda: count(world), 2)
    assert pods.keys() & (await world.pods()).keys()
    assert await sets(world) == [("Deployment", child_of(world))]


async def test_it_changes_its_owner_and_back(world: Lab) -> None:
    pods = await world.pods()

    async def owned() -> tuple[bool, bool]:
        metadata = (await deployment(world))["metadata"]
        noted = "lockstep.dev/owner-uid" in metadata.get("annotations", {})
        return bool(metadata.get("ownerReferences")), noted

    await world.apply("1.0.0", deletionPolicy="Orphan")
    await world.reached(owned, (False, True))
    await world.apply("1.0.0", deletionPolicy="Delete")
    await world.reached(owned, (True, False))
    await world.healthy("1.0.0")
    assert (await world.pods(), await sets(world)) == (pods, [("Deployment", child_of(world))])


async def test_an_autoscaler_on_it_is_told(world: Lab) -> None:
    folder = f"/apis/autoscaling/v2/namespaces/{world.namespace}/horizontalpodautoscalers"
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": child_of(world)}
    scaler = {"metadata": {"name": "cpu"}, "spec": {"scaleTargetRef": ref, "maxReplicas": 5}}
    await world.api("POST", folder, scaler)

    def told(status: Manifest) -> bool:
        return any(
            it["reason"] == "AutoscalerOnChild" and f"Deployment {child_of(world)}" in it["message"]
            for it in status["conditions"]
        )

    await world.until("told", told)
    other = {"spec": {"scaleTargetRef": {**ref, "kind": "ReplicaSet"}}}
    await world.api("PATCH", f"{folder}/cpu", other, MERGE)
    await world.until("told no more", lambda it: not told(it))
