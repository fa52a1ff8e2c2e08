"""The HTTP session that kopf watches through: its lists, events and reconnections are read here.

kopf lists, watches, and begins again where it has to, and tells a handler of one object at a time:
never that a list was whole, so that what is not in it is gone. So what it asked for is taken on its
way, lists as a whole, and kopf gets to know how far it has come.

kopf ends for good, and cannot be ended cleanly, at the first answer that it does not know: HTML, an
error inside a watch, a 4xx. So it is given what it does know: a list that broke off, which it
begins again, and a watch that is too old, after which it lists.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any, Final, cast

import aiohttp
from yarl import URL

from lockstep.adapters.kubernetes.meta import version
from lockstep.api.base import Manifest
from lockstep.api.resources import EVERYTHING, Watch
from lockstep.clients.kopf import listing
from lockstep.clients.kopf.listing import NoListError
from lockstep.clients.kubernetes.api import Count
from lockstep.clients.kubernetes.connection import Connection

_LOG: Final = logging.getLogger(__name__)
_OK: Final = 200
_TOO_MANY: Final = 429
_KNOWN_TO_KOPF: Final = {401, 403, _TOO_MANY}
_SICK: Final = 500
_EXCERPT: Final = 200
_PAUSE_SECONDS: Final = 1.0
_TOO_OLD: Final = b'{"type":"ERROR","object":{"code":410}}\n'

Seen = Callable[[Watch, Manifest], Any]
"""Makes of an object what is kept of it, None where that is nothing; the object is let go."""

OnList = Callable[[Watch, str, list[Any], int], None]
"""Told of a whole list: watch, namespace (empty: all), what was kept, the list's version."""

OnEvent = Callable[[Watch, str, Any], None]
"""Told of one event of a watch: watch, ADDED, MODIFIED or DELETED, what was kept."""

Connected = Callable[[Watch, str], None]
"""Told when the API server has accepted a watch: watch, namespace (empty: all)."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a GET reads: what a watch is about, in a namespace or in all of them."""

    watch: Watch
    namespace: str
    streams: bool
    page: bool


def target(url: URL) -> Target:
    """Read a request's URL: ``/apis/apps/v1/namespaces/payments/deployments?watch=true``."""
    root, *parts = url.path.strip("/").split("/")
    group = parts.pop(0) if root == "apis" and parts else ""
    version, plural = (parts[0], parts[-1]) if len(parts) > 1 else ("", "")
    namespaced = "namespaces" in parts[:-2]
    return Target(
        watch=Watch(group, version, plural, url.query.get("labelSelector", EVERYTHING)),
        namespace=parts[parts.index("namespaces") + 1] if namespaced else "",
        streams=url.query.get("watch") == "true",
        page="continue" in url.query,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchEvents:
    """Listens to a session; ``watches`` are those that matter."""

    watches: frozenset[Watch]
    seen: Seen
    on_list: OnList
    on_event: OnEvent
    connected: Connected
    count: Count
    _pages: dict[tuple[Watch, str], list[Any]] = field(default_factory=dict)

    async def session(self, connection: Connection) -> aiohttp.ClientSession:
        """A session with today's credentials; whoever asked for it closes it."""
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(self._answered)
        trace.on_request_exception.append(self._failed)
        trace.freeze()
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=connection.ssl_context),
            headers=await connection.headers(),
            trace_configs=[trace],
            middlewares=[self._digestible],
        )

    async def _digestible(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """The answer to a list or watch, in a form that kopf goes on after."""
        to, response = target(request.url), await handler(request)
        if to.watch not in self.watches or _kopf_asks_again(response):
            return response
        if to.streams:
            refused = response.status != _OK
            lines = _Lines(response.content, to.watch, self._event, refused=refused)
            response.content, response.status = cast("Any", lines), _OK
            return response
        metadata = await self._listed(to, response)
        response.content = cast("Any", _Page(response.content, metadata))
        return response

    async def _listed(self, to: Target, response: aiohttp.ClientResponse) -> Manifest:
        """Take a page, object by object; gives the metadata of the list."""
        kept: list[Any] = []
        try:
            metadata = await _page(response, partial(self._keep, to.watch, kept))
        except NoListError as error:
            what = f"the list of {to.watch.plural} was answered with HTTP {response.status}"
            await _pause(what, error.said)
            raise aiohttp.ClientPayloadError("not a list") from error
        self._take(to, metadata, kept)
        return metadata

    def _keep(self, watch: Watch, kept: list[Any], raw: Manifest) -> None:
        seen = self.seen(watch, raw)
        if seen is not None:
            kept.append(seen)

    def _event(self, watch: Watch, kind: str, raw: Manifest) -> None:
        seen = self.seen(watch, raw)
        if seen is not None:
            self.on_event(watch, kind, seen)

    async def _answered(
        self,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestEndParams,
    ) -> None:
        to = target(params.url)
        self._count(to, str(params.response.status))
        if to.streams and to.watch in self.watches and params.response.status == _OK:
            self.connected(to.watch, to.namespace)

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
        if to.watch not in self.watches:
            self.count("get", "discovery", code)
        else:
            self.count("watch" if to.streams else "list", to.watch.plural, code)

    def _take(self, to: Target, metadata: Manifest, kept: list[Any]) -> None:
        """Tell of a list once its last page is there."""
        where = (to.watch, to.namespace)
        items = [*(self._pages.pop(where, []) if to.page else []), *kept]
        if metadata.get("continue"):
            self._pages[where] = items
        else:
            self._pages.pop(where, None)
            self.on_list(*where, items, version(metadata.get("resourceVersion", "")))


class _Instead:
    """A body that reads differently, and is the same in everything else that aiohttp asks of it."""

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (all the rest of a StreamReader)
        return getattr(self._content, name)


class _Page(_Instead):
    """The body of a list without what was listed: kopf goes on with the next page, or watches."""

    def __init__(self, content: aiohttp.StreamReader, metadata: Manifest) -> None:
        super().__init__(content)
        self._metadata = metadata

    async def read(self) -> bytes:
        return json.dumps({"metadata": self._metadata, "items": []}).encode()


class _Lines(_Instead):
    """The body of a watch: events are taken, and kopf reads how far they go.

    Whatever is no event says that the watch is too old.
    """

    def __init__(
        self, content: aiohttp.StreamReader, watch: Watch, on_event: OnEvent, *, refused: bool
    ) -> None:
        super().__init__(content)
        self._watch = watch
        self._on_event = on_event
        self._refused = refused

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        rest = b""
        async for data in self._content.iter_chunked(size):
            *lines, rest = (rest + data).split(b"\n")
            said: bytes | None = b""
            for line in filter(None, lines):
                said = self._said(line)
                if said is None:
                    await _pause(f"the watch of {self._watch.plural} failed", _text(line))
                    yield _TOO_OLD
                    return
            if said:
                yield said  # of the last line: what kopf remembers is how far it has come
        if self._refused or not (rest == b"" or rest.startswith(b"{")):
            await _pause(f"the watch of {self._watch.plural} failed", _text(rest))
            yield _TOO_OLD

    def _said(self, line: bytes) -> bytes | None:
        """What kopf reads instead of a line; None when it is no event."""
        if self._refused:
            return None
        match _json(line):
            case {"type": "ERROR", "object": {"code": 410}}:
                return line + b"\n"
            case {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(so_far)}}}:
                return _bookmark(so_far)
            case {
                "type": "ADDED" | "MODIFIED" | "DELETED" as kind,
                "object": {"metadata": {"name": str(), "resourceVersion": str(so_far)}} as raw,
            }:
                self._on_event(self._watch, kind, raw)
                return _bookmark(so_far)
            case _:
                return None


def _bookmark(so_far: str) -> bytes:
    told = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": so_far}}}
    return json.dumps(told).encode() + b"\n"


def _kopf_asks_again(response: aiohttp.ClientResponse) -> bool:
    """Whether kopf itself asks again after this answer, or logs in again."""
    wait = response.headers.get("Retry-After", "0")
    if response.status == _TOO_MANY and not wait.isdecimal():
        return False  # a date, at which kopf would end
    return response.status in _KNOWN_TO_KOPF or response.status >= _SICK


def _json(text: bytes) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


async def _page(response: aiohttp.ClientResponse, take: listing.Take) -> Manifest:
    if response.status != _OK:
        raise NoListError(_text(await response.content.read(_EXCERPT)))
    return await listing.read(response.content.iter_any(), take)


def _text(said: bytes) -> str:
    return said[:_EXCERPT].decode(errors="replace")


async def _pause(what: str, said: str) -> None:
    """Whoever answers like this is not helped by being asked at once."""
    excerpt = " ".join(said.split())
    _LOG.warning("%s (%s); retrying in %g s", what, excerpt, _PAUSE_SECONDS)
    await asyncio.sleep(_PAUSE_SECONDS)
