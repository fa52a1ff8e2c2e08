"""ConfigMaps and Secrets that a template reads, on a real API server."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.api import APPLY, MERGE, Manifest
from tests.apiserver.lab import DEADLINE, Lab, lab, reason_of, soon, template
from tests.apiserver.mischief import Silent
from tests.apiserver.proxy import Asked, Cut, Fault, Say

pytestmark = pytest.mark.apiserver

READS: dict[str, Any] = {"configMapRef": {"name": "settings"}}


@pytest.fixture
async def world(api_server: Path, namespace: str, tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(api_server, namespace, tmp_path) as made:
        made.start()
        yield made


def reading(version: str, *sources: Manifest) -> Manifest:
    written = template(version)
    written["spec"]["containers"][0]["envFrom"] = list(sources or [READS])
    return written


async def serve(world: Lab, version: str, *sources: Manifest, **spec: Any) -> None:
    """Apply a version whose pods read ``sources``, the ConfigMap settings unless told otherwise."""
    await world.apply(version, template=reading(version, *sources), **spec)


async def config(world: Lab, mode: str, name: str = "settings") -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": {"mode": mode},
    }
    path = f"{world.core('configmaps')}/{name}"
    await world.api("PATCH", path, manifest, APPLY, fieldManager="test", force="true")


async def secret(world: Lab, content: str) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "key"},
        "stringData": {"password": content},
    }
    path = f"{world.core('secrets')}/key"
    await world.api("PATCH", path, manifest, APPLY, fieldManager="test", force="true")


async def copies(world: Lab, name: str = "fraud") -> dict[str, str]:
    """What each copy holds, by its name."""
    query = {"labelSelector": f"lockstep.dev/deployment={name}"}
    found = await world.api.items(world.core("configmaps"), **query)
    assert all(it["immutable"] for it in found)
    return {it["metadata"]["name"]: it["data"]["mode"] for it in found}


async def stable_reads(world: Lab, name: str = "fraud") -> str:
    """The mode that new pods of stable would read."""
    revision = (await world.status(name))["stable"]["revision"]
    child = await world.api("GET", f"{world.apps('replicasets')}/{name}-{revision}")
    source = child["spec"]["template"]["spec"]["containers"][0]["envFrom"][0]
    copy = await world.api("GET", f"{world.core('configmaps')}/{source['configMapRef']['name']}")
    return str(copy["data"]["mode"])


def stable_of(status: Manifest) -> str:
    return str((status.get("stable") or {}).get("revision", ""))


def said(kind: str) -> Callable[[Manifest], Any]:
    def holds(status: Manifest) -> Any:
        return next((it for it in status.get("conditions", ()) if it["type"] == kind), None)

    return holds


async def eventually(world: Lab, holds: Callable[[], Awaitable[bool]]) -> None:
    """Poll what no status says."""
    async with asyncio.timeout(DEADLINE):
        while not await holds():
            world.check()
            await asyncio.sleep(0.05)


async def another(world: Lab, before: str, name: str = "fraud") -> str:
    """Wait until another revision is stable and nothing is on trial."""

    def holds(status: Manifest) -> bool:
        return status.get("phase") == "Healthy" and stable_of(status) not in {"", before}

    return stable_of(await world.until(f"another stable than {before}", holds, name))


async def test_changed_config_is_a_rollout_and_the_old_content_is_the_old_revision(
    world: Lab,
) -> None:
    await config(world, "careful")
    await serve(world, "1.0.0")
    first = stable_of(await world.healthy("1.0.0"))
    assert await copies(world) == {f"fraud-{first}-settings": "careful"}

    await config(world, "bold")
    second = await another(world, first)
    assert await stable_reads(world) == "bold"

    await config(world, "careful")
    assert await another(world, second) == first
    assert await stable_reads(world) == "careful"
    assert set(await copies(world)) == {f"fraud-{it}-settings" for it in (first, second)}


async def test_config_that_fails_is_taken_back_with_its_revision(world: Lab) -> None:
    stages = [{"name": "half", "weight": 50, "soak": "60s", "exitCriteria": [{"name": "serving"}]}]
    gated: dict[str, Any] = {"strategy": {"canary": {"stages": stages}}}
    await world.criteria()
    await config(world, "careful")
    await serve(world, "1.0.0", **gated)
    first = stable_of(await world.healthy("1.0.0"))
    pods = await world.pods()
    await config(world, "bold")
    trial = await world.until("on trial", lambda it: it.get("candidate"))
    candidate = trial["candidate"]["revision"]
    world.prometheus.sick.add(candidate)
    status = await world.reason("RolledBack")
    assert (stable_of(status), status["rejected"]["revision"]) == (first, candidate)
    assert await stable_reads(world) == "careful"
    assert pods.keys() & (await world.pods()).keys(), "stable's pods were not restarted"
    await config(world, "careful")
    back = await world.until("as it was", lambda it: it.get("phase") == "Healthy")
    assert stable_of(back) == first


async def test_an_operator_that_starts_anew_starts_no_rollout(world: Lab) -> None:
    await config(world, "careful")
    await secret(world, "one")
    await serve(world, "1.0.0", READS, {"secretRef": {"name": "key"}})
    before = await world.healthy("1.0.0")
    await world.stop()

    dice = itertools.count()

    def late(asked: Asked) -> Fault | None:
        return Say(500) if about_config(asked) and next(dice) < 4 else None

    world.proxy.rule = late
    world.start()
    await world.apply(
        "1.0.0", template=reading("1.0.0", READS, {"secretRef": {"name": "key"}}), replicas=3
    )
    after = await world.until("3 pods", lambda it: it.get("readyReplicas") == 3)
    assert stable_of(after) == stable_of(before)
    assert [it["outcome"] for it in after["history"]] == ["Promoted"]
    assert (await world.events()).count("RolloutStarted") <= 1
    assert len(await copies(world)) == 1
    assert not said("SecretRotated")(after)


MISSING: dict[str, tuple[Manifest, str]] = {
    "ConfigMap": (READS, "ConfigMapMissing"),
    "Secret": ({"secretRef": {"name": "key"}}, "SecretMissing"),
}


@pytest.mark.parametrize("kind", MISSING)
async def test_what_is_missing_is_named_and_heals(world: Lab, kind: str) -> None:
    source, reason = MISSING[kind]
    await serve(world, "1.0.0", source)
    status = await world.reason(reason)
    field = next(iter(source))
    assert f"spec.template.spec.containers[0].envFrom[0].{field} reads {kind}" in status["message"]
    assert said("SpecValid")(status)["status"] == "False"
    assert not await world.api.items(world.apps("replicasets"))
    await (config(world, "careful") if kind == "ConfigMap" else secret(world, "one"))
    await world.healthy("1.0.0")


async def test_what_is_optional_may_be_absent_and_is_a_change_when_it_comes(world: Lab) -> None:
    optional = {"configMapRef": {"name": "settings", "optional": True}}
    await serve(world, "1.0.0", optional, {"secretRef": {"name": "key", "optional": True}})
    first = stable_of(await world.healthy("1.0.0"))
    assert not await copies(world)
    await config(world, "bold")
    await another(world, first)
    assert await stable_reads(world) == "bold"


async def test_a_config_map_that_vanishes_disturbs_nobody(world: Lab) -> None:
    await config(world, "careful")
    await serve(world, "1.0.0")
    before = stable_of(await world.healthy("1.0.0"))
    await world.api("DELETE", f"{world.core('configmaps')}/settings")
    await serve(world, "1.0.0", replicas=3)
    after = await world.until("3 pods", lambda it: it.get("readyReplicas") == 3)
    assert stable_of(after) == before
    assert said("SpecValid")(after)["status"] == "True"
    await serve(world, "2.0.0", replicas=3)
    await world.reason("ConfigMapMissing")
    await config(world, "careful")
    await world.healthy("2.0.0")


async def test_copies_go_with_the_history(world: Lab) -> None:
    first, revisions = "", []
    for mode in ("a", "b", "c"):
        await config(world, mode)
        await serve(world, "1.0.0", revisionHistoryLimit=1)
        first = await another(world, first)
        revisions.append(first)
    kept = {f"fraud-{revision}-settings" for revision in revisions[1:]}

    async def pruned() -> bool:
        return set(await copies(world)) == kept

    await eventually(world, pruned)


async def test_a_copy_that_was_deleted_is_made_anew_or_missed(world: Lab) -> None:
    await config(world, "careful")
    await serve(world, "1.0.0", strategy={"canary": {"stages": [{"name": "all", "weight": 100}]}})
    first = stable_of(await world.healthy("1.0.0"))
    pods, path = await world.pods(), f"{world.core('configmaps')}/fraud-{first}-settings"

    async def labelled() -> bool:
        there = await world.api.found(path)
        return there is not None and "labels" in there["metadata"]

    await world.api("DELETE", path)
    await eventually(world, labelled)
    assert await stable_reads(world) == "careful"
    await world.api("PATCH", path, {"metadata": {"labels": None}}, MERGE)
    await eventually(world, labelled)

    await serve(world, "1.0.0", paused=True)
    await world.until("held", lambda it: "a new revision will not start" in it["message"])
    await config(world, "bold")
    await world.reason("Paused")
    await world.api("DELETE", path)
    status = await world.until("lost", said("ConfigLost"))
    assert f"ConfigMap fraud-{first}-settings" in said("ConfigLost")(status)["message"]
    assert await world.pods() == pods
    await config(world, "careful")
    await world.until("found", lambda it: not said("ConfigLost")(it))
    await eventually(world, labelled)
    assert await stable_reads(world) == "careful"
    assert await world.pods() == pods


async def test_a_copys_name_that_is_taken_is_a_conflict_and_stays_as_it_is(world: Lab) -> None:
    await config(world, "careful")
    await serve(world, "1.0.0")
    first = stable_of(await world.healthy("1.0.0"))
    await config(world, "bold")
    second = await another(world, first)
    await config(world, "careful")
    await another(world, second)
    name = f"fraud-{second}-settings"
    await world.api("DELETE", f"{world.core('configmaps')}/{name}")
    await config(world, "mine", name)
    await config(world, "bold")
    status = await world.reason("Conflict")
    assert name in status["message"]
    assert stable_of(status) == first
    theirs = await world.api("GET", f"{world.core('configmaps')}/{name}")
    assert (theirs["data"], theirs["metadata"].get("labels")) == ({"mode": "mine"}, None)


async def test_a_secret_that_changed_is_told_until_the_pods_are_others(world: Lab) -> None:
    key = {"secretRef": {"name": "key"}}
    await secret(world, "one")
    await serve(world, "1.0.0", key)
    before = await world.healthy("1.0.0")
    assert [it["name"] for it in before["secrets"]] == ["key"]
    assert not said("SecretRotated")(before)

    await secret(world, "two")
    status = await world.until("rotated", said("SecretRotated"))
    message = said("SecretRotated")(status)["message"]
    assert "Secret key changed" in message
    assert f"kubectl patch mldep fraud -n {world.namespace}" in message
    assert (status["phase"], stable_of(status)) == ("Healthy", stable_of(before))
    await serve(world, "2.0.0", key)
    status = await world.healthy("2.0.0")
    assert not said("SecretRotated")(status)


async def test_a_restart_takes_note_of_the_secrets_anew(world: Lab) -> None:
    key = {"secretRef": {"name": "key"}}
    await secret(world, "one")
    await serve(world, "1.0.0", key)
    await world.healthy("1.0.0")
    await secret(world, "two")
    await world.until("rotated", said("SecretRotated"))
    await serve(world, "1.0.0", key, restartAt=soon())
    await world.until("said no more", lambda it: not said("SecretRotated")(it))


async def test_no_content_of_a_secret_is_ever_asked_for(world: Lab) -> None:
    await secret(world, "one")
    await serve(world, "1.0.0", {"secretRef": {"name": "key"}})
    await world.healthy("1.0.0")
    asked = [it for it in world.proxy.seen if it.path.endswith("/secrets")]
    assert asked
    assert {it.accept.partition("=PartialObjectMetadata")[1] for it in asked} == {
        "=PartialObjectMetadata"
    }
    assert not [it for it in world.proxy.seen if "/secrets/" in it.path]


async def test_a_namespace_costs_one_watch_for_each_kind_whatever_is_read_there(world: Lab) -> None:
    await secret(world, "one")
    for number in range(5):
        await config(world, "careful", f"settings-{number}")
        sources = [{"configMapRef": {"name": f"settings-{it}"}} for it in range(number + 1)]
        written = reading("1.0.0", *sources, {"secretRef": {"name": "key"}})
        await world.apply("1.0.0", f"model-{number}", template=written)
    for number in range(5):
        await world.healthy("1.0.0", f"model-{number}")
    assert sorted(it.path.split("/")[-1] for it in watches(world)) == ["configmaps", "secrets"]
    assert {it.accept for it in watches(world)} == {
        "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    }
    names = [it.query["fieldSelector"] for it in world.proxy.seen if "fieldSelector" in it.query]
    assert sorted(names) == sorted({*names}), "each is read once, whoever reads it"


async def test_two_that_read_the_same_share_a_watch_and_both_move(world: Lab) -> None:
    await config(world, "careful")
    for name in ("fraud", "churn"):
        await world.apply("1.0.0", name, template=reading("1.0.0"))
    before = {name: stable_of(await world.healthy("1.0.0", name)) for name in ("fraud", "churn")}
    assert len(watches(world)) == 1
    await config(world, "bold")
    for name, revision in before.items():
        await another(world, revision, name)
        assert list((await copies(world, name)).values()).count("bold") == 1


async def test_an_idle_operator_asks_nothing_about_config(world: Lab) -> None:
    await config(world, "careful")
    await serve(world, "1.0.0")
    status = await world.healthy("1.0.0")
    seen = len([it for it in world.proxy.seen if "/configmaps" in it.path])
    await serve(world, "1.0.0", replicas=3)
    await world.until("3 pods", lambda it: it.get("readyReplicas") == 3)
    assert len([it for it in world.proxy.seen if "/configmaps" in it.path]) == seen
    assert reason_of(status) == "Completed"


def about_config(asked: Asked) -> bool:
    return "PartialObjectMetadata" in asked.accept or "fieldSelector" in asked.query


def watches(world: Lab) -> list[Asked]:
    """Those of users' config that are under way."""
    return [it for it in world.proxy.open if it.watch and about_config(it)]


async def test_watches_that_break_lose_no_change(world: Lab) -> None:
    await config(world, "0")
    await serve(world, "1.0.0")
    revision = stable_of(await world.healthy("1.0.0"))
    faults: list[Fault] = [Cut(), Say(410), Say(500), Cut()]

    def rule(asked: Asked) -> Fault | None:
        met = about_config(asked) and faults
        return faults.pop() if met else None

    world.proxy.rule = rule
    for watch in watches(world):
        world.proxy.cut(watch)
    await config(world, "1")
    await another(world, revision)
    assert await stable_reads(world) == "1"
    assert not faults, "every fault was met"


async def test_watches_end_with_their_last_reader(world: Lab) -> None:
    await config(world, "careful")
    await secret(world, "one")
    await serve(world, "1.0.0", READS, {"secretRef": {"name": "key"}})
    await world.healthy("1.0.0")
    assert len(watches(world)) == 2
    await world.api("DELETE", world.path())

    async def silent() -> bool:
        return not watches(world)

    await eventually(world, silent)


@pytest.mark.soak
async def test_a_watch_of_config_that_goes_silent_is_noticed(world: Lab) -> None:
    """Nothing is heard of ConfigMaps from one moment on; a minute later all are read again."""
    await config(world, "careful")
    await serve(world, "1.0.0")
    first = stable_of(await world.healthy("1.0.0"))
    silenced: list[Asked] = []

    def rule(asked: Asked) -> Fault | None:
        if silenced or not asked.watch or "PartialObjectMetadata" not in asked.accept:
            return None
        silenced.append(asked)
        return Silent()

    world.proxy.rule = rule
    for asked in [it for it in world.proxy.open if it.watch and "Partial" in it.accept]:
        world.proxy.cut(asked)
    await eventually(world, lambda: _silenced(silenced))
    await config(world, "bold")
    await another(world, first)
    assert await stable_reads(world) == "bold"


async def _silenced(asked: list[Asked]) -> bool:
    return bool(asked)
