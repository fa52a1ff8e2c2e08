"""An HTTP server on loopback that answers as told, and remembers what it was asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from kubernetes.aio.client import Configuration

from lockstep.clients.kubernetes.connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """One answer; ``code`` 0: the connection is cut; ``never``: it stays open and silent."""

    code: int = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    never: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: Any


@dataclass(slots=True)
class Scripted:
    """Answers in order; the last one is said again and again."""

    answers: list[Say]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)

    async def _answer(self, request: web.Request) -> web.Response:
        content = await request.read()
        body = json.loads(content) if content else None
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(Asked(request.method, request.path, dict(request.query), headers, body))
        say = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if say.code == 0 and request.transport:
            request.transport.abort()
        if say.never:
            await asyncio.Event().wait()
        text = say.body if isinstance(say.body, str) else json.dumps(say.body)
        return web.Response(status=say.code or 500, text=text, headers=dict(say.headers))


@asynccontextmanager
async def scripted(*answers: Say) -> AsyncIterator[Scripted]:
    server = Scripted(list(answers))
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server._answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()


def connection(url: str, token: str = "") -> Connection:
    keys = {"BearerToken": f"bearer {token}"} if token else {}
    return Connection(Configuration(host=url, api_key=keys), None, "lockstep-operator/test")


def status(code: int, reason: str, message: str = "because") -> Say:
    """An error as the API server says it."""
    return Say(code=code, body={"kind": "Status", "reason": reason, "message": message})


def verbs(asked: Sequence[Asked]) -> list[str]:
    return [f"{it.method} {it.path}" for it in asked]
