"""What a real API server refuses: by a policy, for a webhook that is away, a size or a quota."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.api import APPLY, MERGE, Manifest, Refused
from tests.apiserver.lab import DEADLINE, Lab, lab, reason_of, soon, template

pytestmark = pytest.mark.apiserver

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
NO_SURGE: dict[str, Any] = {
    "strategy": {
        "canary": {
            "maxSurge": 0,
            "stages": [{"name": "half", "weight": 50}, {"name": "full", "weight": 100}],
        }
    }
}
HOLDING: dict[str, Any] = {
    "strategy": {
        "canary": {
            "stages": [
                {"name": "half", "weight": 50, "soak": "15s"},
                {"name": "full", "weight": 100},
            ]
        }
    }
}


@pytest.fixture
async def world(api_server: Path, namespace: str, tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(api_server, namespace, tmp_path) as made:
        made.start()
        yield made


@asynccontextmanager
async def there(world: Lab, *objects: tuple[str, Manifest]) -> AsyncIterator[None]:
    """Objects of the whole cluster, for as long as the block lasts."""
    for plural, body in objects:
        await world.api("POST", f"{ADMISSION}/{plural}", body)
    try:
        yield
    finally:
        for plural, body in objects:
            await world.api("DELETE", f"{ADMISSION}/{plural}/{body['metadata']['name']}")


def policy(world: Lab, group: str, plural: str) -> tuple[tuple[str, Manifest], ...]:
    """Every new object of a kind needs the label team in this namespace."""
    name = f"team-{plural}-{world.namespace}"
    here = {"matchLabels": {"kubernetes.io/metadata.name": world.namespace}}
    rule = {
        "apiGroups": [group], "apiVersions": ["v1"],
        "operations": ["CREATE"], "resources": [plural],
    }  # fmt: skip
    validation = {
        "expression": "'team' in object.metadata.?labels.orValue({})",
        "message": f"every one of the {plural} needs a label team",
    }
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"namespaceSelector": here, "resourceRules": [rule]},
        "validations": [validation],
    }
    binding = {"policyName": name, "validationActions": ["Deny"]}
    return (
        ("validatingadmissionpolicies", {"metadata": {"name": name}, "spec": spec}),
        ("validatingadmissionpolicybindings", {"metadata": {"name": name}, "spec": binding}),
    )


async def active(world: Lab, path: str, body: Manifest) -> None:
    """Wait until the API server refuses this."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                await world.api("POST", path, body, dryRun="All")
            except Refused:
                return
            await asyncio.sleep(0.1)


SERVICE: Manifest = {"metadata": {"name": "probe"}, "spec": {"ports": [{"port": 80}]}}
BUDGET: Manifest = {"metadata": {"name": "probe"}, "spec": {"maxUnavailable": 1}}
POD: Manifest = {
    "metadata": {"name": "probe"},
    "spec": {"containers": [{"name": "it", "image": "example.com/it"}]},
}


async def test_a_service_that_a_policy_forbids_is_said_and_healed_by_its_label(world: Lab) -> None:
    async with there(world, *policy(world, "", "services")):
        await active(world, world.core("services"), SERVICE)
        await world.apply("1.0.0")
        status = await world.reason("WriteRefused")
        assert status["phase"] == "Degraded"
        assert status["message"].startswith("Service fraud could not be created: ")
        assert "every one of the services needs a label team" in status["message"]
        await world.until("the pods come up all the same", lambda it: it.get("replicas") == 2)
        await world.apply("1.0.0", service={"labels": {"team": "a"}})
        await world.healthy("1.0.0")


async def test_a_refused_budget_stops_neither_rollout_nor_restart(world: Lab) -> None:
    budgets = f"/apis/policy/v1/namespaces/{world.namespace}/poddisruptionbudgets"
    async with there(world, *policy(world, "policy", "poddisruptionbudgets")):
        await active(world, budgets, BUDGET)
        await world.apply("1.0.0")
        status = await world.healthy("1.0.0")
        pods = await world.pods()
        (said,) = [it for it in status["conditions"] if it["type"] == "Refused"]
        assert "PodDisruptionBudget fraud could not be created" in said["message"]
        await world.apply("1.0.0", restartAt=soon())
        await world.replaced(pods)
        await world.apply("2.0.0")
        await world.healthy("2.0.0")
        assert await world.told("WriteRefused", "needs a label team")
    await world.until("it heals by itself", lambda it: not _refused(it))
    assert await world.api.found(f"{budgets}/fraud")


def _refused(status: Manifest) -> bool:
    return any(it["type"] == "Refused" for it in status["conditions"])


async def test_a_restart_that_a_policy_forbids_says_which_and_not_to_make_room(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    pods = await world.pods()
    async with there(world, *policy(world, "", "pods")):
        await active(world, world.core("pods"), POD)
        await world.apply("1.0.0", restartAt=soon())
        status = await world.reason("FailedCreate")
        assert status["phase"] == "Degraded"
        assert f"ValidatingAdmissionPolicy team-pods-{world.namespace} refuses" in status["message"]
        assert "every one of the pods needs a label team" in status["message"]
        assert "add capacity" not in status["message"]
        assert pods.keys() <= (await world.pods()).keys(), "they go on answering"
    await world.replaced(pods)
    await world.healthy("1.0.0")


async def test_a_webhook_that_is_away_is_waited_for_with_its_sentence(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    await world.apply("2.0.0", **HOLDING)
    await world.until("half", lambda it: (it.get("stage") or {}).get("enteredAt"))
    hook = {
        "name": "inject.example.com",
        "clientConfig": {
            "service": {"name": "nobody", "namespace": world.namespace, "path": "/inject"}
        },
        "rules": [
            {
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "operations": ["CREATE"],
                "resources": ["pods"],
            }
        ],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": world.namespace}},
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    injector = {"metadata": {"name": f"injector-{world.namespace}"}, "webhooks": [hook]}
    async with there(world, ("mutatingwebhookconfigurations", injector)):
        pod = {"metadata": {"name": "one-more"}, "spec": template("1.0.0")["spec"]}
        await active(world, world.core("pods"), pod)
        status = await world.until("it waits", lambda it: "failed calling" in it["message"])
        assert status["phase"] == "Progressing"
        await asyncio.sleep(3)
        assert "rejected" not in await world.status()
    await world.healthy("2.0.0")


async def test_a_template_that_etcd_would_not_take_is_refused_before_it_starts(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    raw = world.model_deployment("2.0.0")
    env = [{"name": f"A{number}", "value": "x" * 42_000} for number in range(20)]
    raw["spec"]["template"]["spec"]["containers"][0]["env"] = env
    await world.api("PATCH", world.path(), raw, APPLY, fieldManager="test", force="true")
    status = await world.reason("TemplateTooLarge")
    assert "1,500,000 is the most" in status["message"]
    assert set((await world.pods()).values()) == {"1.0.0"}
    await world.apply("2.0.0")
    await world.healthy("2.0.0")


async def test_a_full_quota_is_enough_without_a_surge(world: Lab) -> None:
    await world.apply("1.0.0", **NO_SURGE)
    await world.healthy("1.0.0")
    quota = {"metadata": {"name": "two"}, "spec": {"hard": {"pods": "2"}}}
    await world.api("POST", world.core("resourcequotas"), quota)
    counting = asyncio.create_task(_counted(world))
    try:
        pod = {"metadata": {"name": "one-more"}, "spec": template("1.0.0")["spec"]}
        await active(world, world.core("pods"), pod)
        await world.apply("2.0.0", **NO_SURGE)
        await world.healthy("2.0.0")
    finally:
        counting.cancel()


async def _counted(world: Lab) -> None:
    """What the quota controller does."""
    while True:
        used = str(len(await world.pods()))
        counted = {"status": {"hard": {"pods": "2"}, "used": {"pods": used}}}
        with suppress(Refused):
            path = f"{world.core('resourcequotas')}/two/status"
            await world.api("PATCH", path, counted, MERGE)
        await asyncio.sleep(0.2)


async def test_a_lost_revision_of_stable_is_read_back_and_the_candidate_stays(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    await world.apply("2.0.0", **HOLDING)
    await world.until("half", lambda it: (it.get("stage") or {}).get("enteredAt"))
    stable = f"{world.apps('controllerrevisions')}/fraud-{world.id_of('1.0.0')}"
    await world.api("DELETE", stable)
    await world.until("the candidate stays", lambda it: reason_of(it) != "RevisionLost")
    status = await world.healthy("2.0.0")
    assert [it["outcome"] for it in status["history"]] == ["Promoted"] * 2
    assert await world.told("RevisionRebuilt", "1.0.0")
