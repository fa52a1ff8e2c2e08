"""Watches of single objects, against answers that are told; every wait is for a sighting."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from lockstep.clients.kube_named import NamedWatches
from lockstep.core.config import Kind, Source
from tests.unit.clients.scripted import connection

SOON = 5.0
SETTINGS = Source(Kind.CONFIG_MAP, "settings")
KEY = Source(Kind.SECRET, "key")
Raw = dict[str, Any]


def thing(version: int, **content: str) -> Raw:
    return {"metadata": {"name": "settings", "resourceVersion": str(version)}, "data": content}


def event(kind: str, version: int, **content: str) -> Raw:
    return {"type": kind, "object": thing(version, **content)}


@dataclass(frozen=True, slots=True)
class Listed:
    """An answer to a list."""

    version: int
    items: tuple[Raw, ...] = ()


@dataclass(frozen=True, slots=True)
class Watched:
    """An answer to a watch: events, then the end; ``cut``: without one; ``stays``: no end."""

    events: Sequence[Raw] = ()
    cut: bool = False
    stays: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    code: int
    text: str = "{}"


Answer = Listed | Watched | Refusal


@dataclass
class Server:
    """Says its answers in their order; the last one again and again."""

    answers: list[Answer]
    url: str = ""
    asked: list[tuple[str, dict[str, str], str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        accept = request.headers.get("Accept", "")
        self.asked.append((request.path, dict(request.query), accept))
        said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        match said:
            case Listed(version, items):
                metadata = {"resourceVersion": str(version)}
                return web.json_response({"metadata": metadata, "items": list(items)})
            case Refusal(code, text):
                return web.Response(status=code, text=text)
            case Watched():
                return await self._stream(request, said)

    async def _stream(self, request: web.Request, said: Watched) -> web.StreamResponse:
        out = web.StreamResponse()
        await out.prepare(request)
        for one in said.events:
            line = json.dumps(one).encode() + b"\n"
            for half in (line[: len(line) // 2], line[len(line) // 2 :]):
                await out.write(half)
        if said.stays:
            await asyncio.Event().wait()
        if said.cut and request.transport:
            request.transport.abort()
        return out


@dataclass
class Following:
    """What was told, and the requests behind it."""

    server: Server
    counted: list[tuple[str, str, str]]
    told: list[Raw | None] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def seen(self, raw: Raw | None) -> None:
        self.told.append(raw)

    async def until(self, count: int) -> list[Any]:
        """What the objects held, once so many sightings were told."""
        async with asyncio.timeout(SOON):
            while len(self.told) < count:
                await asyncio.sleep(0.001)
        return [None if raw is None else raw["data"].get("mode") for raw in self.told]

    @property
    def verbs(self) -> list[str]:
        return [f"{verb} {code}" for verb, _, code in self.counted]


@asynccontextmanager
async def following(*answers: Answer, source: Source = SETTINGS) -> AsyncIterator[Following]:
    server = Server(list(answers))
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    counted: list[tuple[str, str, str]] = []
    named = NamedWatches(
        connection(server.url), lambda *it: counted.append(it), pause=timedelta(milliseconds=1)
    )
    made = Following(server, counted)
    task = asyncio.create_task(named.follow("pay", source, made.seen))
    try:
        yield made
        assert not task.done(), "a watch never ends by itself"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await named.close()
        await runner.cleanup()


LIST = Listed(5, (thing(4, mode="a"),))
STAYS = Watched(stays=True)
STORIES: dict[str, tuple[list[Answer], list[str | None], list[str]]] = {
    "a list tells how things stand": ([LIST, STAYS], ["a"], ["list 200"]),
    "an object that is not there is told as well": ([Listed(5), STAYS], [None], ["list 200"]),
    "a watch tells changes": (
        [LIST, Watched([event("MODIFIED", 6, mode="b"), event("DELETED", 7)], stays=True)],
        ["a", "b", None],
        ["list 200", "watch 200"],
    ),
    "a bookmark is no change": (
        [LIST, Watched([event("BOOKMARK", 9), event("ADDED", 10, mode="b")], stays=True)],
        ["a", "b"],
        ["list 200", "watch 200"],
    ),
    "a watch that ended goes on": (
        [LIST, Watched(), Watched([event("MODIFIED", 6, mode="b")], stays=True)],
        ["a", "b"],
        ["list 200", "watch 200", "watch 200"],
    ),
    "after a cut everything is looked at again": (
        [LIST, Watched([event("MODIFIED", 6, mode="b")], cut=True), Listed(9), STAYS],
        ["a", "b", None],
        ["list 200", "watch 200", "list 200"],
    ),
    "a version that is too old is followed by a list": (
        [LIST, Refusal(410), Listed(9, (thing(8, mode="b"),)), STAYS],
        ["a", "b"],
        ["list 200", "watch 410", "list 200"],
    ),
    "an error event of that sense as well": (
        [LIST, Watched([{"type": "ERROR", "object": {"code": 410}}]), Listed(9), STAYS],
        ["a", None],
        ["list 200", "watch 200", "list 200"],
    ),
    "any other error event too": (
        [LIST, Watched([{"type": "ERROR", "object": {"code": 500}}]), Listed(9), STAYS],
        ["a", None],
        ["list 200", "watch 200", "list 200"],
    ),
    "what is refused is asked for again": (
        [Refusal(403), Refusal(500), Refusal(429), LIST, STAYS],
        ["a"],
        ["list 403", "list 500", "list 429", "list 200"],
    ),
    "what is no answer is no sighting": (
        [Refusal(200, "<html>"), Refusal(200, "{}"), Refusal(200, "[]"), LIST, STAYS],
        ["a"],
        ["list 200", "list 200", "list 200", "list 200"],
    ),
    "an event of unknown shape neither": (
        [LIST, Watched([{"type": "MODIFIED"}]), Listed(9), STAYS],
        ["a", None],
        ["list 200", "watch 200", "list 200"],
    ),
}


@pytest.mark.parametrize(("answers", "told", "requests"), STORIES.values(), ids=STORIES)
async def test_follow(answers: list[Answer], told: list[str | None], requests: list[str]) -> None:
    async with following(*answers) as made:
        assert await made.until(len(told)) == told
        assert made.verbs[: len(requests)] == requests


async def test_a_watch_goes_on_where_the_last_one_ended() -> None:
    ended = Watched([event("MODIFIED", 6, mode="b"), event("BOOKMARK", 9)])
    last = Watched([event("MODIFIED", 12, mode="c")], stays=True)
    async with following(LIST, ended, last) as made:
        await made.until(3)
        versions = [query.get("resourceVersion") for _, query, _ in made.server.asked]
    assert versions == [None, "5", "9"]


async def test_one_object_is_asked_for_and_no_other() -> None:
    async with following(LIST, Watched([event("MODIFIED", 6)], stays=True)) as made:
        await made.until(2)
        paths = {path for path, _, _ in made.server.asked}
        selectors = {query["fieldSelector"] for _, query, _ in made.server.asked}
    assert (paths, selectors) == (
        {"/api/v1/namespaces/pay/configmaps"},
        {"metadata.name=settings"},
    )


async def test_of_a_secret_nothing_but_metadata_is_asked_for() -> None:
    answers = (LIST, Watched([event("MODIFIED", 6)], stays=True))
    async with following(*answers, source=KEY) as made:
        await made.until(2)
        accepted = [accept for _, _, accept in made.server.asked]
    assert accepted == [
        "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
        "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
    ]


async def test_a_line_may_be_a_mebibyte_long() -> None:
    large = event("MODIFIED", 6, mode="x" * 2**20)
    async with following(LIST, Watched([large, event("MODIFIED", 7, mode="b")], stays=True)) as it:
        assert [len(mode) for mode in await it.until(3)] == [1, 2**20, 1]


async def test_a_server_that_is_away_is_waited_for() -> None:
    counted: list[str] = []
    named = NamedWatches(
        connection("http://127.0.0.1:9"), lambda *it: counted.append(it[2]), timedelta(0)
    )
    task = asyncio.create_task(named.follow("pay", SETTINGS, lambda _: None))
    async with asyncio.timeout(SOON):
        while len(counted) < 3:
            await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await named.close()
    assert set(counted) == {"none"}


def test_pauses_grow_to_a_bound_and_are_never_quite_the_same() -> None:
    named = NamedWatches(connection("http://x"), lambda *_: None)
    for failures, longest in ((0, 0.25), (1, 0.5), (3, 2.0), (50, 15.0)):
        pauses = {named._wait(failures).total_seconds() for _ in range(50)}
        assert longest / 2 <= min(pauses) < max(pauses) <= longest
