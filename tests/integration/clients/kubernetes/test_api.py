"""Few requests, each of the right form, and every failure sorted by what to do about it."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from lockstep.adapters.kubernetes.refusals import Refusal
from lockstep.api.base import Manifest
from lockstep.clients.kubernetes.api import Kube
from lockstep.core.refusals import Cause
from lockstep.errors import (
    ForeignObjectError,
    InvariantError,
    LostRaceError,
    RefusedError,
    TransientError,
)
from tests.integration.clients.scripted import Say, Scripted, connection, scripted, status, verbs
from tests.unit.shell.written import UID, child, model_deployment

DEPLOYMENT = child()
PATH = "/apis/apps/v1/namespaces/pay/replicasets"
TAKEN = status(409, "AlreadyExists")


@asynccontextmanager
async def kube(
    *answers: Say, counted: Counter[str] | None = None, patience: float = 5
) -> AsyncIterator[tuple[Kube, Scripted]]:
    counts: Counter[str] = counted if counted is not None else Counter()

    def count(verb: str, resource: str, code: str) -> None:
        counts[f"{verb} {resource} {code}"] += 1

    async with scripted(*answers) as server:
        client = Kube(
            connection(server.url, "secret"),
            count,
            connections=4,
            timeout=timedelta(seconds=patience),
        )
        try:
            yield client, server
        finally:
            await client.close()


def owned_by(uid: str, **metadata: object) -> Say:
    owner = {"uid": uid, "controller": True}
    return Say(
        body={
            **DEPLOYMENT,
            "metadata": {**DEPLOYMENT["metadata"], "ownerReferences": [owner], **metadata},
        }
    )


async def test_a_request_says_who_asks_and_is_counted() -> None:
    counted: Counter[str] = Counter()
    async with kube(Say(body=DEPLOYMENT), counted=counted) as (client, server):
        await client.read("ReplicaSet", "pay", "fraud-r1")
    (asked,) = server.asked
    assert asked.headers["user-agent"] == "lockstep-operator/test"
    assert asked.headers["authorization"] == "bearer secret"
    assert asked.path == f"{PATH}/fraud-r1"
    assert counted == {"get replicasets 200": 1}


async def test_nothing_there_is_none() -> None:
    async with kube(status(404, "NotFound")) as (client, _):
        assert await client.read("ReplicaSet", "pay", "x") is None


async def test_create_is_one_post() -> None:
    async with kube(Say(code=201, body=DEPLOYMENT)) as (client, server):
        assert await client.create(DEPLOYMENT, UID) == DEPLOYMENT
    assert verbs(server.asked) == [f"POST {PATH}"]
    assert server.asked[0].query == {"fieldManager": "lockstep"}
    assert server.asked[0].body == DEPLOYMENT


async def test_a_controller_revision_is_put_into_the_servers_own_form() -> None:
    metadata = {"name": "fraud-r1", "namespace": "pay"}
    revision: Manifest = {"kind": "ControllerRevision", "metadata": metadata, "data": {"b": 1}}
    async with kube(Say(code=201, body=revision)) as (client, server):
        await client.create(revision, UID)
    assert server.asked[0].headers["content-type"] == "application/yaml"
    assert server.asked[0].body == revision


async def test_an_object_of_somebody_else_is_never_adopted() -> None:
    async with kube(TAKEN, owned_by("somebody")) as (client, server):
        with pytest.raises(ForeignObjectError, match="ReplicaSet fraud-r1"):
            await client.create(DEPLOYMENT, UID)
    assert verbs(server.asked) == [f"POST {PATH}", f"GET {PATH}/fraud-r1"]


async def test_our_own_object_that_we_had_lost_sight_of_is_brought_into_shape() -> None:
    async with kube(TAKEN, owned_by(UID), Say(body=DEPLOYMENT)) as (client, server):
        await client.create(DEPLOYMENT, UID)
    assert verbs(server.asked)[-1] == f"PATCH {PATH}/fraud-r1"


async def test_a_revision_that_we_had_lost_sight_of_gets_its_labels_back() -> None:
    labels = {"lockstep.dev/deployment": "fraud"}
    metadata = {"name": "fraud-r1", "namespace": "pay", "labels": labels}
    revision: Manifest = {"kind": "ControllerRevision", "metadata": metadata, "data": {"b": 1}}
    async with kube(TAKEN, owned_by(UID), Say(body=revision)) as (client, server):
        await client.create(revision, UID)
    patch = server.asked[-1]
    assert patch.headers["content-type"] == "application/merge-patch+json"
    assert patch.body == {"metadata": {"uid": "uid-r1", "labels": labels}}


@pytest.mark.parametrize(
    "there", [status(404, "NotFound"), owned_by(UID, deletionTimestamp="2026-01-01T00:00:00Z")]
)
async def test_what_is_just_going_is_waited_for(there: Say) -> None:
    async with kube(TAKEN, there) as (client, _):
        with pytest.raises(TransientError, match="just going"):
            await client.create(DEPLOYMENT, UID)


async def test_apply_is_forced_and_names_the_uid() -> None:
    async with kube(Say(body=DEPLOYMENT)) as (client, server):
        await client.apply(DEPLOYMENT, "uid-r1")
    (asked,) = server.asked
    assert asked.headers["content-type"] == "application/apply-patch+yaml"
    assert asked.query == {"fieldManager": "lockstep", "force": "true"}
    assert asked.body["metadata"]["uid"] == "uid-r1"


async def test_single_items_of_a_list_are_changed_by_a_strategic_merge() -> None:
    async with kube(Say(body=DEPLOYMENT)) as (client, server):
        await client.merge_items(DEPLOYMENT, {"metadata": {"uid": "uid-r1"}})
    (asked,) = server.asked
    assert asked.headers["content-type"] == "application/strategic-merge-patch+json"
    assert (asked.path, asked.body) == (f"{PATH}/fraud-r1", {"metadata": {"uid": "uid-r1"}})


async def test_a_status_is_put_over_the_version_that_was_read() -> None:
    async with kube(Say(body=model_deployment())) as (client, server):
        await client.put_status("pay", "fraud", "41", {"phase": "Healthy"})
    (asked,) = server.asked
    assert asked.path.endswith("/namespaces/pay/modeldeployments/fraud/status")
    assert (asked.method, asked.headers["content-type"]) == ("PUT", "application/json")
    assert asked.body == {
        "apiVersion": "lockstep.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"namespace": "pay", "name": "fraud", "resourceVersion": "41"},
        "status": {"phase": "Healthy"},
    }


@pytest.mark.parametrize("code", [409, 404])
async def test_a_status_of_another_version_is_a_lost_race(code: int) -> None:
    async with kube(status(code, "Conflict")) as (client, _):
        with pytest.raises(LostRaceError):
            await client.put_status("pay", "fraud", "41", {})


DECISION: Manifest = {
    "kind": "Decision",
    "metadata": {"name": "hold", "namespace": "pay", "uid": "d1"},
    "status": {"outcome": "Applied"},
}


async def test_an_answer_is_for_one_uid() -> None:
    async with kube(Say(body=DECISION)) as (client, server):
        assert await client.patch_status(DECISION) == DECISION
    (asked,) = server.asked
    assert asked.path.endswith("/namespaces/pay/decisions/hold/status")
    assert asked.headers["content-type"] == "application/merge-patch+json"
    assert asked.body == {"metadata": {"uid": "d1"}, "status": {"outcome": "Applied"}}


@pytest.mark.parametrize("code", [404, 409])
async def test_who_is_gone_needs_no_answer(code: int) -> None:
    async with kube(status(code, "Gone")) as (client, _):
        assert await client.patch_status(DECISION) is None


async def test_delete_is_for_one_uid() -> None:
    async with kube(Say(), status(404, "NotFound"), status(409, "Conflict")) as (client, server):
        for _ in range(3):
            await client.delete("ReplicaSet", "pay", "fraud-r1", "uid-r1")
    assert server.asked[0].body == {
        "preconditions": {"uid": "uid-r1"},
        "propagationPolicy": "Background",
    }


async def test_a_name_that_is_taken_is_no_trouble_for_an_event() -> None:
    event: Manifest = {"kind": "Event", "metadata": {"name": "x", "namespace": "pay"}}
    async with kube(Say(code=201, body=event), TAKEN) as (client, _):
        assert await client.create_once(event) == event
        assert await client.create_once(event) is None


async def test_a_dry_run_is_strict_and_stores_nothing() -> None:
    async with kube(Say(code=201, body=DEPLOYMENT)) as (client, server):
        assert await client.dry_run(DEPLOYMENT) is None
    assert server.asked[0].query == {
        "dryRun": "All",
        "fieldValidation": "Strict",
        "fieldManager": "lockstep",
    }


async def test_a_refused_dry_run_is_an_answer() -> None:
    refused = status(403, "Forbidden", "exceeded quota: team")
    async with kube(status(400, "BadRequest", "unknown field"), refused) as (client, _):
        assert await client.dry_run(DEPLOYMENT) == Refusal("unknown field")
        assert await client.dry_run(DEPLOYMENT) == Refusal("exceeded quota: team", Cause.ROOM)


@pytest.mark.parametrize(
    ("code", "reason", "message"),
    [
        (500, "InternalError", 'Internal error occurred: failed calling webhook "inject"'),
        (504, "Timeout", "request did not complete within requested timeout"),
    ],
)
async def test_a_cluster_that_cannot_say_yes_to_a_dry_run_has_answered(
    code: int, reason: str, message: str
) -> None:
    async with kube(status(code, reason, message)) as (client, _):
        assert await client.dry_run(DEPLOYMENT) == Refusal(message, Cause.PLATFORM)


async def test_events_are_listed_as_asked() -> None:
    listed = {"kind": "EventList", "items": []}
    async with kube(Say(body=listed)) as (client, server):
        assert await client.events("pay", {"fieldSelector": "a=b", "limit": "5"}) == listed
    (asked,) = server.asked
    assert (asked.path, asked.query) == (
        "/api/v1/namespaces/pay/events", {"fieldSelector": "a=b", "limit": "5"},
    )  # fmt: skip


CALLS: dict[str, Callable[[Kube], Awaitable[object]]] = {
    "read": lambda client: client.read("ReplicaSet", "pay", "x"),
    "create": lambda client: client.create(DEPLOYMENT, UID),
    "apply": lambda client: client.apply(DEPLOYMENT, "uid-r1"),
    "delete": lambda client: client.delete("ReplicaSet", "pay", "x", "u"),
    "status": lambda client: client.put_status("pay", "fraud", "1", {}),
    "patch_status": lambda client: client.patch_status(DECISION),
    "events": lambda client: client.events("pay", {}),
    "served": lambda client: client.served("lockstep.dev", "v1alpha1"),
}
UNWELL: dict[str, tuple[Say, float, int]] = {
    "429 with a long wait": (Say(code=429, body={}, headers={"Retry-After": "7"}), 7, 1),
    "429 without a wait": (Say(code=429, body={}), 1, 2),
    "500": (status(500, "InternalError"), 1, 2),
    "503": (status(503, "ServiceUnavailable"), 1, 2),
    "504": (status(504, "Timeout"), 1, 1),
    "401": (status(401, "Unauthorized"), 1, 1),
    "a proxy's page": (Say(body="<html>welcome</html>"), 1, 2),
    "a proxy's error page": (Say(code=502, body="<html>bad gateway</html>"), 1, 2),
}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lockstep.clients.kubernetes.api._AT_ONCE", timedelta(milliseconds=1))


async def test_an_answer_that_was_lost_is_asked_for_once_more() -> None:
    lost, unwell = Say(code=0), status(503, "ServiceUnavailable")
    for first in (lost, unwell):
        async with kube(first, Say(body=DEPLOYMENT)) as (client, server):
            assert await client.apply(DEPLOYMENT, "uid-r1") == DEPLOYMENT
        assert len(server.asked) == 2


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(("say", "seconds", "tries"), UNWELL.values(), ids=UNWELL)
async def test_a_server_that_is_unwell_is_tried_again(
    call: Callable[[Kube], Awaitable[object]],
    say: Say,
    seconds: float,
    tries: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def renewed(*_: object) -> None:
        """The credentials were read again."""

    monkeypatch.setattr("lockstep.clients.kubernetes.connection._load", renewed)
    async with kube(say) as (client, server):
        with pytest.raises(TransientError) as caught:
            await call(client)
    assert caught.value.retry_after == timedelta(seconds=seconds)
    assert len(server.asked) == tries


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_silence_is_an_end_in_itself(call: Callable[[Kube], Awaitable[object]]) -> None:
    counted: Counter[str] = Counter()
    async with kube(Say(never=True), counted=counted, patience=0.05) as (client, _):
        with pytest.raises(TransientError, match="was not answered"):
            await call(client)
    assert all(key.endswith(" none") for key in counted)


async def test_nobody_listening_is_transient() -> None:
    way = connection("http://127.0.0.1:1")
    client = Kube(way, lambda *_: None, connections=1, timeout=timedelta(seconds=5))
    with pytest.raises(TransientError, match="was not answered"):
        await client.read("ReplicaSet", "pay", "x")
    await client.close()


REFUSALS: dict[str, tuple[Say, Cause]] = {
    "a policy": (status(422, "Invalid", "denied request: a label team"), Cause.SPEC),
    "a webhook that says no": (status(403, "Forbidden", "webhook denied"), Cause.SPEC),
    "too much at once": (status(413, "RequestEntityTooLarge", "too large"), Cause.SPEC),
    "more than etcd takes": (
        status(500, "", "etcdserver: request is too large"),
        Cause.SPEC,
    ),
    "a webhook that is away": (
        status(500, "InternalError", "Internal error occurred: failed calling webhook"),
        Cause.PLATFORM,
    ),
    "quota": (status(403, "Forbidden", "exceeded quota: team"), Cause.ROOM),
}


@pytest.mark.parametrize(("say", "cause"), REFUSALS.values(), ids=REFUSALS)
async def test_a_refused_write_has_its_sentence_and_who_can_end_it(say: Say, cause: Cause) -> None:
    async with kube(say) as (client, _):
        with pytest.raises(RefusedError) as caught:
            await client.apply(DEPLOYMENT, "uid-r1")
    assert (caught.value.said, caught.value.cause) == (say.body["message"], cause)


async def test_what_nobody_foresaw_is_a_broken_promise() -> None:
    async with kube(status(405, "MethodNotAllowed")) as (client, _):
        with pytest.raises(InvariantError, match="because"):
            await client.apply(DEPLOYMENT, "uid-r1")


async def test_which_kinds_of_a_group_are_served() -> None:
    served = {"resources": [{"name": "modeldeployments"}, {"name": "modeldeployments/status"}]}
    async with kube(Say(body=served), status(404, "NotFound")) as (client, _):
        assert "modeldeployments" in await client.served("lockstep.dev", "v1alpha1")
        assert await client.served("lockstep.dev", "v1alpha1") == frozenset()


async def test_which_groups_are_served() -> None:
    groups = {"groups": [{"name": "apps", "versions": []}, {"name": "lockstep.dev"}]}
    async with kube(Say(body=groups)) as (client, _):
        assert await client.groups() == {"apps", "lockstep.dev"}
