"""Watches of a namespace, against answers that are told; every wait is for a word of theirs."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from lockstep.clients.kubernetes.named_watches import SILENCE, NamedWatches
from lockstep.core.config import Kind, Source
from lockstep.errors import TransientError
from tests.integration.clients.scripted import connection

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


@dataclass(frozen=True, slots=True)
class Either:
    """One answer to lists, another to watches."""

    listed: Listed
    watched: Watched


Answer = Listed | Watched | Refusal | Either


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
        if isinstance(said, Either):
            said = said.watched if "watch" in request.query else said.listed
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
    named: NamedWatches
    counted: list[tuple[str, str, str]]
    told: list[str] = field(default_factory=list)

    def begins(self) -> None:
        self.told.append("begins")

    def changed(self, name: str) -> None:
        self.told.append(name)

    async def until(self, count: int) -> list[str]:
        """What was told, once that is so much."""
        async with asyncio.timeout(SOON):
            while len(self.told) < count:
                await asyncio.sleep(0.001)
        return self.told

    @property
    def verbs(self) -> list[str]:
        return [f"{verb} {code}" for verb, _, code in self.counted]


@asynccontextmanager
async def serving(
    *answers: Answer, most: int = 8, silence: timedelta = SILENCE
) -> AsyncIterator[Following]:
    server = Server(list(answers))
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    counted: list[tuple[str, str, str]] = []
    named = NamedWatches(
        connection(server.url),
        lambda *it: counted.append(it),
        pause=timedelta(milliseconds=1),
        most=most,
        turn=timedelta(milliseconds=10),
        silence=silence,
    )
    try:
        yield Following(server, named, counted)
    finally:
        await named.close()
        await runner.cleanup()


@asynccontextmanager
async def following(
    *answers: Answer, kind: Kind = Kind.CONFIG_MAP, silence: timedelta = SILENCE
) -> AsyncIterator[Following]:
    async with serving(*answers, silence=silence) as made:
        task = asyncio.create_task(made.named.follow("pay", kind, made))
        try:
            yield made
            assert not task.done(), "a watch never ends by itself"
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


LIST = Listed(5, (thing(4, mode="a"),))
STAYS = Watched(stays=True)
STORIES: dict[str, tuple[list[Answer], list[str], list[str]]] = {
    "it begins by asking how far the API server has come": (
        [LIST, STAYS],
        ["begins"],
        ["list 200"],
    ),
    "a watch tells what changes": (
        [LIST, Watched([event("MODIFIED", 6), event("DELETED", 7)], stays=True)],
        ["begins", "settings", "settings"],
        ["list 200", "watch 200"],
    ),
    "a bookmark is no change": (
        [LIST, Watched([event("BOOKMARK", 9), event("ADDED", 10)], stays=True)],
        ["begins", "settings"],
        ["list 200", "watch 200"],
    ),
    "a watch that ended goes on": (
        [LIST, Watched(), Watched([event("MODIFIED", 6)], stays=True)],
        ["begins", "settings"],
        ["list 200", "watch 200", "watch 200"],
    ),
    "after a cut it begins again": (
        [LIST, Watched([event("MODIFIED", 6)], cut=True), Listed(9), STAYS],
        ["begins", "settings", "begins"],
        ["list 200", "watch 200", "list 200"],
    ),
    "with a version that is too old as well": (
        [LIST, Refusal(410), Listed(9), STAYS],
        ["begins", "begins"],
        ["list 200", "watch 410", "list 200"],
    ),
    "and after an error event of that sense": (
        [LIST, Watched([{"type": "ERROR", "object": {"code": 410}}]), Listed(9), STAYS],
        ["begins", "begins"],
        ["list 200", "watch 200", "list 200"],
    ),
    "or of any other": (
        [LIST, Watched([{"type": "ERROR", "object": {"code": 500}}]), Listed(9), STAYS],
        ["begins", "begins"],
        ["list 200", "watch 200", "list 200"],
    ),
    "what is refused is asked for again": (
        [Refusal(403), Refusal(500), Refusal(429), LIST, STAYS],
        ["begins"],
        ["list 403", "list 500", "list 429", "list 200"],
    ),
    "what is no answer is no beginning": (
        [Refusal(200, "<html>"), Refusal(200, "{}"), Refusal(200, "[]"), LIST, STAYS],
        ["begins"],
        ["list 200", "list 200", "list 200", "list 200"],
    ),
    "an event of unknown shape neither": (
        [LIST, Watched([{"type": "MODIFIED"}]), Listed(9), STAYS],
        ["begins", "begins"],
        ["list 200", "watch 200", "list 200"],
    ),
}


@pytest.mark.parametrize(("answers", "told", "requests"), STORIES.values(), ids=STORIES)
async def test_follow(answers: list[Answer], told: list[str], requests: list[str]) -> None:
    async with following(*answers) as made:
        assert await made.until(len(told)) == told
        assert made.verbs[: len(requests)] == requests


async def test_a_watch_goes_on_where_the_last_one_ended() -> None:
    ended = Watched([event("MODIFIED", 6), event("BOOKMARK", 9)])
    last = Watched([event("MODIFIED", 12)], stays=True)
    async with following(LIST, ended, last) as made:
        await made.until(3)
        versions = [query.get("resourceVersion") for _, query, _ in made.server.asked]
    assert versions == [None, "5", "9"]


async def test_a_watch_that_falls_silent_is_opened_again_and_all_is_read() -> None:
    once = Watched([event("MODIFIED", 6)], stays=True)
    async with following(LIST, once, Listed(9), STAYS, silence=timedelta(milliseconds=50)) as made:
        assert await made.until(3) == ["begins", "settings", "begins"]


async def test_what_was_watched_once_and_is_not_any_more_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with following(LIST, Watched([event("MODIFIED", 6)]), Refusal(403)) as made:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(SOON):
            while made.verbs[-1:] != ["list 403"]:
                await asyncio.sleep(0.001)
        assert made.named.deaf() == []
        now = loop.time()
        monkeypatch.setattr(loop, "time", lambda: now + 400)
        assert made.named.deaf() == ["configmaps in pay"]
        monkeypatch.undo()
    assert made.named._followed == {}


async def test_what_was_never_watched_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with following(Refusal(403)) as made:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(SOON):
            while not made.verbs:
                await asyncio.sleep(0.001)
        now = loop.time()
        monkeypatch.setattr(loop, "time", lambda: now + 400)
        assert made.named.deaf() == []
        monkeypatch.undo()


@pytest.mark.parametrize("kind", list(Kind))
async def test_of_a_namespace_nothing_but_metadata_is_asked_for_and_nothing_is_listed(
    kind: Kind,
) -> None:
    answers = (LIST, Watched([event("MODIFIED", 6)], stays=True))
    async with following(*answers, kind=kind) as made:
        await made.until(2)
        (listed, limited, at_once), (watched, _, on) = made.server.asked
    assert listed == watched == f"/api/v1/namespaces/pay/{kind.lower()}s"
    assert limited == {"limit": "1"}
    assert [at_once, on] == [
        "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
        "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
    ]


READS: dict[Source, str] = {
    SETTINGS: "application/json",
    KEY: "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
}


@pytest.mark.parametrize(("source", "accept"), READS.items())
async def test_one_object_is_read_by_name_a_secret_without_its_content(
    source: Source, accept: str
) -> None:
    async with serving(LIST) as made:
        assert await made.named.read("pay", source) == thing(4, mode="a")
        (asked,) = made.server.asked
    assert asked[1:] == ({"fieldSelector": f"metadata.name={source.name}"}, accept)


async def test_what_is_not_there_is_none_and_what_is_not_known_is_an_error() -> None:
    async with serving(Listed(5), Refusal(500), Refusal(200, "<html>")) as made:
        assert await made.named.read("pay", SETTINGS) is None
        for _ in range(2):
            with pytest.raises(TransientError):
                await made.named.read("pay", SETTINGS)


async def test_a_line_may_be_a_mebibyte_long() -> None:
    large = event("MODIFIED", 6, mode="x" * 2**20)
    async with following(LIST, Watched([large, event("MODIFIED", 7)], stays=True)) as made:
        assert await made.until(3) == ["begins", "settings", "settings"]


async def test_where_more_is_watched_than_there_are_connections_for_all_take_turns(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What happens meanwhile is told in the next turn: a watch goes on where it was."""
    async with serving(Either(LIST, STAYS), most=2) as made:
        tasks = [
            asyncio.create_task(made.named.follow(f"team-{number}", Kind.SECRET, made))
            for number in range(5)
        ]
        async with asyncio.timeout(SOON):
            while len(set(watches(made))) < 5 or len(watches(made)) < 20:
                assert len(made.named._slots._held) <= 2
                await asyncio.sleep(0.001)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert made.told == ["begins"] * 5, "nobody had to begin again"
    assert "are watched in more than 2 namespaces" in caplog.text


def watches(made: Following) -> list[str]:
    return [path for path, query, _ in made.server.asked if "watch" in query]


async def test_a_server_that_is_away_is_waited_for() -> None:
    counted: list[str] = []
    named = NamedWatches(
        connection("http://127.0.0.1:9"), lambda *it: counted.append(it[2]), timedelta(0)
    )
    told = Following(Server([]), named, [])
    task = asyncio.create_task(named.follow("pay", Kind.CONFIG_MAP, told))
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
