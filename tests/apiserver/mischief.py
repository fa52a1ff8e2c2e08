"""An API server that misbehaves in every way we know of, by dice that a seed decides."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from tests.apiserver.proxy import Ask, Asked, Bend, Cut, Fault, Hang, Say

HTML = "<html><body>502 Bad Gateway</body></html>"
NO_LEADER = {"code": 500, "message": "etcdserver: no leader"}
TOO_OLD = {"code": 410, "message": "too old resource version"}


@dataclass(frozen=True, slots=True)
class Late(Bend):
    """The answer comes after a while."""

    seconds: float

    async def answer(self, request: web.Request, asked: Asked, ask: Ask) -> web.StreamResponse:
        del asked
        await asyncio.sleep(self.seconds)
        async with ask(request) as reply:
            return web.Response(
                body=await reply.read(), status=reply.status, content_type=reply.content_type
            )


@dataclass(frozen=True, slots=True)
class Page(Bend):
    """Something between us and the server answers with a page, as if all were well."""

    async def answer(self, request: web.Request, asked: Asked, ask: Ask) -> web.StreamResponse:
        del request, asked, ask
        return web.Response(text=HTML, content_type="text/html")


@dataclass(frozen=True, slots=True)
class Half(Bend):
    """The request is carried out and the answer ends in the middle."""

    async def answer(self, request: web.Request, asked: Asked, ask: Ask) -> web.StreamResponse:
        del asked
        async with ask(request) as reply:
            body = await reply.read()
        out = web.StreamResponse(status=reply.status)
        out.content_type, out.content_length = reply.content_type, len(body)
        await out.prepare(request)
        await out.write(body[: len(body) // 2])
        assert request.transport is not None
        request.transport.close()
        return out


@dataclass(frozen=True, slots=True)
class Stale(Bend):
    """A list as it was some lists ago, resourceVersion and all; every list is kept for that."""

    kept: dict[str, list[bytes]] = field(default_factory=dict)
    back: int = 3

    async def answer(self, request: web.Request, asked: Asked, ask: Ask) -> web.StreamResponse:
        async with ask(request) as reply:
            body = await reply.read()
        if reply.status != 200:
            return web.Response(body=body, status=reply.status, content_type=reply.content_type)
        lists = self.kept.setdefault(asked.path, [])
        lists.append(body)
        return web.Response(body=lists[-self.back :][0], content_type=reply.content_type)


@dataclass(frozen=True, slots=True)
class Unsteady(Bend):
    """A watch whose events come twice or in another order, until it ends badly."""

    dice: random.Random

    async def answer(self, request: web.Request, asked: Asked, ask: Ask) -> web.StreamResponse:
        del asked
        async with ask(request) as reply:
            out = web.StreamResponse(status=reply.status)
            out.content_type = reply.content_type
            await out.prepare(request)
            with suppress(ConnectionError):
                left = self.dice.choice((1, 3, 10, 40))
                async for lines in _bursts(reply):
                    await out.write(b"".join(_shuffled(lines, self.dice)))
                    left -= 1
                    if not left:
                        break
                await self._end(request, out)
        return out

    async def _end(self, request: web.Request, out: web.StreamResponse) -> None:
        match self.dice.choice(("closed", "cut", "old", "sick", "page", "half")):
            case "old":
                await out.write(_event("ERROR", TOO_OLD))
            case "sick":
                await out.write(_event("ERROR", NO_LEADER))
            case "page":
                await out.write(HTML.encode() + b"\n")
            case "half":
                await out.write(b'{"type":"MODIFIED","object":{"metadata":{"na')
            case "cut":
                assert request.transport is not None
                request.transport.abort()
            case _:
                await out.write_eof()


@dataclass(frozen=True, slots=True)
class Silent(Bend):
    """A watch that is accepted and never says a word."""

    async def answer(self, request: web.Request, asked: Asked, ask: Ask) -> web.StreamResponse:
        del asked, ask
        out = web.StreamResponse()
        await out.prepare(request)
        await asyncio.Event().wait()
        return out


def _event(kind: str, told: object) -> bytes:
    return json.dumps({"type": kind, "object": told}, separators=(",", ":")).encode() + b"\n"


async def _bursts(reply: aiohttp.ClientResponse) -> AsyncIterator[list[bytes]]:
    """The events that came at once."""
    rest = b""
    async for chunk in reply.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        if lines:
            yield [line + b"\n" for line in lines]


def _shuffled(lines: list[bytes], dice: random.Random) -> list[bytes]:
    """Some twice, and in another order; none is lost, for no API server goes on after that."""
    told = lines + [line for line in lines if dice.random() < 0.15]
    if dice.random() < 0.5:
        dice.shuffle(told)
    return told


@dataclass(slots=True)
class Mischief:
    """The rule of a proxy: which request meets which fault follows from ``seed`` and their order.

    ``told`` counts what was done to whom.
    """

    seed: int
    share: float = 0.25
    stale: Stale = field(default_factory=Stale)
    told: dict[str, int] = field(default_factory=dict)
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)

    def __call__(self, asked: Asked) -> Fault | None:
        fault = self._fault(asked)
        if fault is not None:
            name = type(fault).__name__ + (str(fault.code) if isinstance(fault, Say) else "")
            self.told[name] = self.told.get(name, 0) + 1
        return fault

    def _fault(self, asked: Asked) -> Fault | None:
        if asked.watch:
            return self._roll(_OF_WATCHES, 1.0) or Unsteady(random.Random(self.dice.random()))
        if asked.lease:
            return self._roll(_OF_ALL, self.share / 3)
        if asked.method == "GET" and "/namespaces/" not in asked.path:
            return self._roll(_OF_ALL, self.share)  # what is served, which is asked once
        if asked.method == "GET":
            return self._roll((*_OF_ALL, Page(), Half(), Say(410)), self.share) or self.stale
        return self._roll((*_OF_ALL, *_OF_WRITES), self.share)

    def _roll(self, faults: Sequence[Fault | None], share: float) -> Fault | None:
        return self.dice.choice(faults) if self.dice.random() < share else None


_OF_ALL: tuple[Fault, ...] = (
    Say(429, {"Retry-After": "1"}),
    Say(429),
    Say(500),
    Say(503),
    Cut(),
    Late(0.3),
    Late(1.0),
)
_OF_WRITES: tuple[Fault, ...] = (Say(409), Cut(after=True), Half(), Page(), Hang())
_OF_WATCHES: tuple[Fault | None, ...] = (
    Say(410), Say(429), Say(503), Cut(), Page(), *(None,) * 15,
)  # fmt: skip
"""Mostly the watch is accepted, and unsteady."""
