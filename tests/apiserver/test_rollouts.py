"""The operator on a real API server: what it writes, what it leaves alone, what it costs."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lockstep.core.rollout import revision
from tests.apiserver.api import APPLY, MERGE, Refused
from tests.apiserver.conftest import Kubectl
from tests.apiserver.kubelet import CRASHING, UNPULLED
from tests.apiserver.lab import DEADLINE, Lab, lab, reason_of, template

pytestmark = pytest.mark.apiserver

GATED: dict[str, Any] = {
    "strategy": {
        "canary": {
            "stages": [
                {"name": "half", "weight": 50, "soak": "3s", "exitCriteria": [{"name": "serving"}]}
            ]
        }
    }
}
SMOKE: dict[str, Any] = {
    "smokeTest": {
        "path": "/infer",
        "expect": {"jsonPath": "$.outputs[0].data[0]", "min": 0.8, "max": 0.9},
    }
}


@pytest.fixture
async def world(api_server: Path, namespace: str, tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(api_server, namespace, tmp_path) as made:
        made.start()
        yield made


async def test_a_canary_is_promoted_by_either_kind_of_apply(world: Lab, kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=json.dumps(world.model_deployment("1.0.0")))
    await world.healthy("1.0.0")
    kubectl("apply", "-f", "-", stdin=json.dumps(world.model_deployment("2.0.0")))
    await world.healthy("2.0.0")
    await world.apply("3.0.0")
    status = await world.healthy("3.0.0")
    assert [it["outcome"] for it in status["history"]] == ["Promoted"] * 3
    await world.callers_on("3.0.0")
    await world.only("3.0.0")


async def test_a_failed_gate_sends_every_caller_back(world: Lab) -> None:
    await world.criteria()
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    world.prometheus.sick.add(world.id_of("2.0.0"))
    await world.apply("2.0.0", **GATED)
    status = await world.reason("RolledBack")
    await world.callers_on("1.0.0")
    assert "errors was 0.3" in status["message"]
    assert status["stable"]["version"] == "1.0.0"


async def test_a_rejected_revision_is_tried_again_by_retry_alone(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    world.kubelet.health["2.0.0"] = CRASHING
    await world.apply("2.0.0", rollback={"keepFailed": "0s"})
    rejected = await world.reason("RolledBack")
    del world.kubelet.health["2.0.0"]
    await world.apply("2.0.0", rollback={"keepFailed": "0s"})
    await world.apply("2.0.0", rollback={"keepFailed": "0s"}, replicas=3)
    scaled = await world.until("3 pods of stable", lambda it: it.get("readyReplicas") == 3)
    assert scaled["message"] == rejected["message"]
    await world.apply("2.0.0", rollback={"keepFailed": "0s"}, retry="CHG-2")
    await world.healthy("2.0.0")


async def test_an_image_that_cannot_be_pulled_fails_fast_in_the_kubelets_words(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    world.kubelet.health["2.0.0"] = UNPULLED
    await world.apply("2.0.0")
    assert "manifest unknown" in (await world.reason("RolledBack"))["message"]


async def test_a_smoke_test_comes_before_the_first_caller(world: Lab) -> None:
    service = {"targetPort": world.prometheus.port}
    await world.apply("1.0.0", service=service, **SMOKE)
    await world.healthy("1.0.0")
    wrong: dict[str, Any] = {
        "smokeTest": {"path": "/infer", "expect": {"jsonPath": "$.outputs[0].data[0]", "max": 0.5}}
    }
    await world.apply("2.0.0", service=service, **wrong)
    status = await world.reason("RolledBack")
    assert "0.85" in status["message"]
    assert not any("StageEntered" in reason for reason in await world.events())


async def test_a_typo_in_the_template_is_named_before_anything_starts(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    raw = world.model_deployment("2.0.0")
    raw["spec"]["template"]["spec"]["containers"][0]["imagePullPolcy"] = "Always"
    query = {"fieldManager": "test", "force": "true"}
    await world.api("PATCH", world.path(), raw, APPLY, **query)
    status = await world.reason("SpecRefused")
    assert "imagePullPolcy" in status["message"]
    assert set((await world.pods()).values()) == {"1.0.0"}
    await world.apply("2.0.0")
    await world.healthy("2.0.0")


async def test_a_missing_service_account_is_named_and_heals(world: Lab) -> None:
    raw = world.model_deployment("1.0.0")
    raw["spec"]["template"]["spec"]["serviceAccountName"] = "fraud"
    query = {"fieldManager": "test", "force": "true"}
    await world.api("PATCH", world.path(), raw, APPLY, **query)
    assert "fraud" in (await world.reason("SpecRefused"))["message"]
    await world.api("POST", world.core("serviceaccounts"), {"metadata": {"name": "fraud"}})
    await world.healthy("1.0.0")


async def test_quota_is_waited_for(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    quota = {"metadata": {"name": "pods"}, "spec": {"hard": {"pods": "2"}}}
    made = await world.api("POST", world.core("resourcequotas"), quota)
    counted = {"status": {"hard": {"pods": "2"}, "used": {"pods": "2"}}}
    path = f"{world.core('resourcequotas')}/pods"
    await world.api("PATCH", f"{path}/status", counted, MERGE)
    await _full(world)
    await world.apply("2.0.0")
    assert "exceeded quota" in (await world.reason("QuotaExceeded"))["message"]
    assert made["metadata"]["name"] == "pods"
    await world.api("DELETE", path)
    await world.healthy("2.0.0")


async def _full(world: Lab) -> None:
    """Wait until the API server has heard of the quota that it was given."""
    pod = {"metadata": {"name": "one-more"}, "spec": template("1.0.0")["spec"]}

    async def refused() -> bool:
        try:
            await world.api("POST", world.core("pods"), pod, dryRun="All")
        except Refused as answer:
            return "exceeded quota" in str(answer)
        return False

    async with asyncio.timeout(DEADLINE):
        while not await refused():
            await asyncio.sleep(0.05)


async def test_missing_criteria_are_named_and_heal(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    await world.apply("2.0.0", **GATED)
    assert "ExitCriteria serving" in (await world.reason("CriteriaMissing"))["message"]
    await world.criteria()
    await world.healthy("2.0.0")


async def test_an_object_of_somebody_else_is_never_taken_over(world: Lab) -> None:
    theirs = {"metadata": {"name": "fraud"}, "spec": {"ports": [{"port": 1}]}}
    made = await world.api("POST", world.core("services"), theirs)
    await world.apply("1.0.0")
    status = await world.reason("Conflict")
    assert "Service fraud" in status["message"]
    there = await world.api("GET", f"{world.core('services')}/fraud")
    assert there["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    await world.api("DELETE", f"{world.core('services')}/fraud")
    await world.until("goes on", lambda it: it.get("phase") == "Healthy")


async def test_a_foreign_field_of_a_child_survives_and_ours_is_put_back(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    path = f"{world.apps('replicasets')}/fraud-{world.id_of('1.0.0')}"
    edit = {"metadata": {"labels": {"cost-center": "7"}}, "spec": {"replicas": 5}}
    await world.api("PATCH", path, edit, MERGE, fieldManager="somebody")

    async def mended() -> bool:
        there = await world.api("GET", path)
        return bool(there["spec"]["replicas"] == 2)

    async with asyncio.timeout(DEADLINE):
        while not await mended():
            await asyncio.sleep(0.05)
    there = await world.api("GET", path)
    assert there["metadata"]["labels"]["cost-center"] == "7"


async def test_the_users_object_is_never_written_but_for_its_status(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    await world.apply("2.0.0")
    await world.healthy("2.0.0")
    metadata = (await world.api("GET", world.path()))["metadata"]
    writers = {(it["manager"], it.get("subresource")) for it in metadata["managedFields"]}
    assert {manager for manager, part in writers if part is None} == {"test"}
    assert "finalizers" not in metadata
    assert "annotations" not in metadata


async def test_a_settled_deployment_costs_no_request(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    await world.apply("2.0.0")
    await world.healthy("2.0.0")
    await world.until("only its own pods", lambda status: status["replicas"] == 2)

    async def quiet(seconds: float) -> list[str]:
        start = len(world.proxy.seen)
        await asyncio.sleep(seconds)
        asked = [*world.proxy.seen[start:], *world.proxy.open]
        return [f"{it.method} {it.path}" for it in asked if not it.lease and not it.watch]

    async with asyncio.timeout(DEADLINE):
        while await quiet(2.0):
            pass
    assert await quiet(3.0) == []


async def test_one_broken_object_stops_no_other(world: Lab) -> None:
    world.kubelet.health["6.6.6"] = CRASHING
    await world.apply("6.6.6", name="broken")
    await world.reason("CrashLoop", name="broken")
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    assert reason_of(await world.status("broken")) == "CrashLoop"


async def test_an_operator_of_another_digest_scheme_restarts_no_pod(
    world: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    path = f"{world.apps('replicasets')}/fraud-{world.id_of('1.0.0')}"
    before, pods = await world.api("GET", path), await world.pods()
    await world.stop()
    monkeypatch.setattr(revision, "SCHEME", "3")
    world.start()
    await world.apply("1.0.0", replicas=3)
    await world.until("scaled by the new one", lambda it: it.get("readyReplicas") == 3)
    after = await world.api("GET", path)
    assert after["spec"]["template"] == before["spec"]["template"]
    assert pods.items() <= (await world.pods()).items()
    await world.apply("2.0.0", replicas=3)
    assert (await world.healthy("2.0.0"))["stable"]["revision"] == world.id_of("2.0.0")


async def test_a_deleted_deployment_leaves_the_queue_in_peace(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    await world.api("DELETE", world.path())
    with pytest.raises(Refused):
        await world.status()
    await world.apply("1.0.0", name="another")
    await world.healthy("1.0.0", name="another")
