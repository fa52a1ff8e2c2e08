"""A way to the API server that can be told to misbehave, and that counts what goes through it."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from lockstep.clients.kubernetes.connection import Connection

WRITES = {"POST", "PUT", "PATCH", "DELETE"}


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One request as the operator sent it."""

    method: str
    path: str
    watch: bool
    dry_run: bool
    query: Mapping[str, str] = field(default_factory=dict)
    accept: str = ""

    @property
    def lease(self) -> bool:
        return "/leases" in self.path

    @property
    def write(self) -> bool:
        return self.method in WRITES and not self.lease and not self.dry_run


@dataclass(frozen=True, slots=True)
class Say:
    """Answer this instead of asking the API server."""

    code: int
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hang:
    """Never answer."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Close the connection; with ``after`` the request was carried out before that."""

    after: bool = False


class Bend(ABC):
    """The API server's own answer, bent on its way."""

    @abstractmethod
    async def answer(self, request: web.Request, asked: Asked, ask: "Ask") -> web.StreamResponse:
        """What the operator gets to see; ``ask`` asks the API server."""


Ask = Callable[[web.Request], AbstractAsyncContextManager[aiohttp.ClientResponse]]
Fault = Say | Hang | Cut | Bend
Rule = Callable[[Asked], Fault | None]


def _well(_: Asked) -> Fault | None:
    return None


class Proxy:
    """``rule`` names the fault of a request, or None; ``seen`` is everything that was asked."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.rule: Rule = _well
        self.seen: list[Asked] = []
        self.address = ""
        self.open: dict[Asked, web.Request] = {}

    def cut(self, asked: Asked) -> None:
        """End a request that is under way."""
        transport = self.open[asked].transport
        if transport:
            transport.abort()

    def heal(self) -> None:
        self.rule = _well

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        connector = aiohttp.TCPConnector(
            limit=0, ssl=self._connection.ssl_context, enable_cleanup_closed=True
        )
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as self._session:
            app = web.Application(client_max_size=2**24)
            app.router.add_route("*", "/{path:.*}", self._handle)
            runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            self.address = f"http://{host}:{port}"
            try:
                yield
            finally:
                await runner.cleanup()
                while self.open:  # they were cancelled: each closes its way to the API server
                    await asyncio.sleep(0)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        asked = Asked(
            request.method,
            request.path,
            watch=request.query.get("watch") == "true",
            dry_run="dryRun" in request.query,
            query=dict(request.query),
            accept=request.headers.get("Accept", ""),
        )
        self.seen.append(asked)
        self.open[asked] = request
        try:
            return await self._answer(asked, request)
        finally:
            del self.open[asked]

    async def _answer(self, asked: Asked, request: web.Request) -> web.StreamResponse:
        match self.rule(asked):
            case None:
                return await self._pass(request)
            case Say(code, headers):
                body = {"kind": "Status", "status": "Failure", "code": code, "message": "a fault"}
                return web.json_response(body, status=code, headers=headers)
            case Bend() as bend:
                return await bend.answer(request, asked, self._ask)
            case Hang():
                await asyncio.Event().wait()
            case Cut(after):
                if after:
                    await self._pass(request, silent=True)
                assert request.transport is not None
                request.transport.abort()
        raise web.HTTPServiceUnavailable

    @asynccontextmanager
    async def _ask(self, request: web.Request) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {
            name: value
            for name, value in request.headers.items()
            if name in {"Content-Type", "Accept", "User-Agent"}
        }
        async with self._session.request(
            request.method,
            f"{self._connection.server}{request.path_qs}",
            data=await request.read() or None,
            headers=headers,
        ) as reply:
            yield reply

    async def _pass(self, request: web.Request, *, silent: bool = False) -> web.StreamResponse:
        async with self._ask(request) as reply:
            out = web.StreamResponse(status=reply.status)
            out.content_type = reply.content_type
            if silent:
                await reply.read()
                return out
            await out.prepare(request)
            with suppress(ConnectionError):
                async for chunk in reply.content.iter_any():
                    await out.write(chunk)
                await out.write_eof()
            return out
