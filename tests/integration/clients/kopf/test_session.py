"""What is overheard of a session."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from yarl import URL

from lockstep.api.base import Manifest
from lockstep.api.resources import Watch
from lockstep.clients.kopf.session import (
    Target,
    WatchEvents,
    target,
)
from tests.integration.clients.scripted import Say, Scripted, connection, scripted

PODS = Watch("", "v1", "pods")
TARGETS: dict[str, tuple[str, Target]] = {
    "everywhere": ("/api/v1/pods?limit=500", Target(PODS, "", streams=False, page=False)),
    "one namespace": (
        "/apis/apps/v1/namespaces/pay/replicasets?watch=true",
        Target(Watch("apps", "v1", "replicasets"), "pay", streams=True, page=False)),
    "a further page": ("/api/v1/pods?continue=abc", Target(PODS, "", streams=False, page=True)),
    "what has a label": (
        "/api/v1/pods?labelSelector=a.dev%2Fb&watch=true",
        Target(Watch("", "v1", "pods", "a.dev/b"), "", streams=True, page=False)),
    "a version of a group": (
        "/apis/apps/v1", Target(Watch("apps", "", ""), "", streams=False, page=False)),
    "namespaces themselves": (
        "/api/v1/namespaces", Target(Watch("", "v1", "namespaces"), "", streams=False, page=False)),
}  # fmt: skip


@pytest.mark.parametrize(("url", "expected"), TARGETS.values(), ids=TARGETS)
def test_target(url: str, expected: Target) -> None:
    assert target(URL(f"https://api:6443{url}")) == expected


@dataclass
class Ears:
    lists: list[tuple[Any, ...]] = field(default_factory=list)
    events: list[tuple[Watch, str, Manifest]] = field(default_factory=list)
    watches: list[tuple[Watch, str]] = field(default_factory=list)
    counted: list[str] = field(default_factory=list)


@asynccontextmanager
async def watch_events(
    *answers: Say,
) -> AsyncIterator[tuple[aiohttp.ClientSession, Scripted, Ears]]:
    ears = Ears()
    listener = WatchEvents(
        watches=frozenset({PODS}),
        seen=lambda _, raw: None if raw["metadata"]["name"] == "odd" else raw,
        on_list=lambda *told: ears.lists.append(told),
        on_event=lambda *told: ears.events.append(told),
        connected=lambda *told: ears.watches.append(told),
        count=lambda *told: ears.counted.append(" ".join(told)),
    )
    async with (
        scripted(*answers) as server,
        await listener.session(connection(server.url, "secret")) as session,
    ):
        yield session, server, ears


def pods(*names: str) -> list[Manifest]:
    return [{"metadata": {"name": name}} for name in names]


def page(*names: str, more: str = "", version: str = "7") -> Say:
    metadata = {"resourceVersion": version, **({"continue": more} if more else {})}
    return Say(body={"metadata": metadata, "items": pods(*names)})


async def get(session: aiohttp.ClientSession, server: Scripted, path: str) -> None:
    response = await session.get(server.url + path)
    await response.read()


async def test_a_list_is_told_as_a_whole() -> None:
    async with watch_events(page("a", "b")) as (session, server, ears):
        await get(session, server, "/api/v1/pods")
    assert ears.lists == [(PODS, "", pods("a", "b"), 7)]
    assert ears.counted == ["list pods 200"]
    assert server.asked[0].headers["authorization"] == "bearer secret"


async def test_an_empty_list_is_told_too() -> None:
    async with watch_events(page()) as (session, server, ears):
        await get(session, server, "/api/v1/namespaces/pay/pods")
    assert ears.lists == [(PODS, "pay", [], 7)]


async def test_pages_are_told_together_once_the_last_has_come() -> None:
    answers = (page("a", more="x"), page("b", more="y"), page("c"))
    async with watch_events(*answers) as (session, server, ears):
        await get(session, server, "/api/v1/pods")
        await get(session, server, "/api/v1/pods?continue=x")
        assert ears.lists == []
        await get(session, server, "/api/v1/pods?continue=y")
    assert ears.lists == [(PODS, "", pods("a", "b", "c"), 7)]


async def test_a_list_that_was_begun_anew_forgets_its_first_pages() -> None:
    answers = (page("old", more="x"), page("a", more="y"), page("b"))
    async with watch_events(*answers) as (session, server, ears):
        await get(session, server, "/api/v1/pods")
        await get(session, server, "/api/v1/pods")
        await get(session, server, "/api/v1/pods?continue=y")
    assert ears.lists == [(PODS, "", pods("a", "b"), 7)]


async def test_what_nothing_is_kept_of_is_not_told() -> None:
    async with watch_events(page("a", "odd")) as (session, server, ears):
        await get(session, server, "/api/v1/pods")
    assert ears.lists == [(PODS, "", pods("a"), 7)]


async def test_an_error_is_no_list() -> None:
    refused = Say(code=403, body={"metadata": {}, "items": []})
    async with watch_events(refused) as (session, server, ears):
        await get(session, server, "/api/v1/pods")
    assert (ears.lists, ears.counted) == ([], ["list pods 403"])


async def test_a_watch_that_was_accepted_is_told() -> None:
    async with watch_events(Say(), Say(code=429)) as (session, server, ears):
        await get(session, server, "/api/v1/pods?watch=true")
        await get(session, server, "/api/v1/pods?watch=true")
    assert ears.watches == [(PODS, "")]
    assert (ears.lists, ears.counted) == ([], ["watch pods 200", "watch pods 429"])


async def test_what_is_not_ours_is_only_counted() -> None:
    async with watch_events(Say(body={"resources": []})) as (session, server, ears):
        await get(session, server, "/apis/apps/v1")
    assert (ears.lists, ears.counted) == ([], ["get discovery 200"])


async def test_no_answer_is_counted() -> None:
    async with watch_events(Say()) as (session, _, ears):
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get("http://127.0.0.1:1/api/v1/pods?watch=true")
    assert ears.counted == ["watch pods none"]


async def test_of_a_list_kopf_gets_to_know_only_how_far_it_goes() -> None:
    async with (
        watch_events(page("a", more="x", version="8")) as (session, server, _),
        session.get(server.url + "/api/v1/pods") as reply,
    ):
        assert await reply.json(content_type=None) == {
            "metadata": {"resourceVersion": "8", "continue": "x"},
            "items": [],
        }


def event(kind: str, name: str, version: str) -> dict[str, Any]:
    return {"type": kind, "object": {"metadata": {"name": name, "resourceVersion": version}}}


def bookmark(version: str) -> dict[str, Any]:
    return {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": version}}}


TOO_OLD: dict[str, Any] = {"type": "ERROR", "object": {"code": 410}}
STREAMS: dict[str, tuple[list[Any], list[str], Any]] = {
    "events are taken and kopf reads how far they go": (
        [event("ADDED", "a", "7"), event("MODIFIED", "a", "8"), event("DELETED", "b", "9")],
        ["ADDED a", "MODIFIED a", "DELETED b"], bookmark("9")),
    "a bookmark is for kopf alone": ([bookmark("12")], [], bookmark("12")),
    "too old is for kopf alone": ([event("ADDED", "a", "7"), TOO_OLD], ["ADDED a"], TOO_OLD),
    "what comes before nonsense is taken, and then the watch is too old": (
        [event("ADDED", "a", "7"), {"type": "ADDED", "object": {}}, event("ADDED", "b", "8")],
        ["ADDED a"], TOO_OLD),
    "an event of an object without a version is nonsense": (
        [{"type": "ADDED", "object": {"metadata": {"name": "a"}}}], [], TOO_OLD),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "taken", "read"), STREAMS.values(), ids=STREAMS)
async def test_the_events_of_a_watch(
    lines: list[Any], taken: list[str], read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lockstep.clients.kopf.session._PAUSE_SECONDS", 0.0)
    content = "".join(json.dumps(line) + "\n" for line in lines)
    async with (
        watch_events(Say(body=content)) as (session, server, ears),
        session.get(server.url + "/api/v1/pods?watch=true") as reply,
    ):
        last = [data async for data in reply.content.iter_chunked(1 << 20)][-1]
    assert [f"{kind} {raw['metadata']['name']}" for _, kind, raw in ears.events] == taken
    assert json.loads(last) == read
