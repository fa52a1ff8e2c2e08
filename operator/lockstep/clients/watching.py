"""The HTTP session that kopf watches through, overheard: every list as a whole, every reconnection.

kopf tells what appears and changes, and what is deleted while it watches; what vanished between a
broken watch and the next list it does not tell. The list itself does.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Final

import aiohttp
from yarl import URL

from lockstep.adapters.kube import version
from lockstep.api.base import Manifest
from lockstep.clients.connection import Connection
from lockstep.clients.kube import Count

_OK: Final = 200

Listed = Callable[[str, str, list[Manifest], int], None]
"""Told of a whole list: plural, namespace (empty: all), objects, the list's version."""

Connected = Callable[[str, str], None]
"""Told when the API server has accepted a watch: plural, namespace (empty: all)."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a GET reads: a resource, in a namespace or in all of them."""

    plural: str
    namespace: str
    watch: bool
    page: bool


def target(url: URL) -> Target:
    """Read a request's URL: ``/apis/apps/v1/namespaces/payments/deployments?watch=true``."""
    parts = url.path.strip("/").split("/")
    namespaced = "namespaces" in parts[:-2]
    namespace = parts[parts.index("namespaces") + 1] if namespaced else ""
    return Target(
        plural=parts[-1],
        namespace=namespace,
        watch=url.query.get("watch") == "true",
        page="continue" in url.query,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Overheard:
    """Listens to a session; ``plurals`` are the resources whose lists matter."""

    plurals: frozenset[str]
    listed: Listed
    connected: Connected
    count: Count
    _pages: dict[tuple[str, str], list[Manifest]] = field(default_factory=dict)

    async def session(self, connection: Connection) -> aiohttp.ClientSession:
        """A session with today's credentials; whoever asked for it closes it."""
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(self._answered)
        trace.on_request_exception.append(self._failed)
        trace.on_response_chunk_received.append(self._received)
        trace.freeze()
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=connection.ssl_context),
            headers=await connection.headers(),
            trace_configs=[trace],
        )

    async def _answered(
        self,
        _session: aiohttp.ClientSession,
        context: SimpleNamespace,
        params: aiohttp.TraceRequestEndParams,
    ) -> None:
        to = target(params.url)
        context.status = params.response.status
        self._count(to, str(params.response.status))
        if to.watch and params.response.status == _OK:
            self.connected(to.plural, to.namespace)

    async def _failed(
        self,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestExceptionParams,
    ) -> None:
        to = target(params.url)
        self._count(to, "none")

    def _count(self, to: Target, code: str) -> None:
        """Whatever is not a resource of ours is kopf finding out what the API server serves."""
        if to.plural not in self.plurals:
            self.count("get", "discovery", code)
        else:
            self.count("watch" if to.watch else "list", to.plural, code)

    async def _received(
        self,
        _session: aiohttp.ClientSession,
        context: SimpleNamespace,
        params: aiohttp.TraceResponseChunkReceivedParams,
    ) -> None:
        """The whole body of an answer that is read at once, as kopf reads a list's page."""
        to = target(params.url)
        if to.watch or to.plural not in self.plurals or context.status != _OK:
            return
        body = json.loads(params.chunk)
        where = (to.plural, to.namespace)
        items = [*(self._pages.pop(where, []) if to.page else []), *(body.get("items") or ())]
        if body["metadata"].get("continue"):
            self._pages[where] = items
        else:
            self._pages.pop(where, None)
            self.listed(*where, items, version(body["metadata"].get("resourceVersion", "")))
