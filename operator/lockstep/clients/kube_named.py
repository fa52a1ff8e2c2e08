"""Watches single objects by name, each with a request of its own. What is seen means nothing here.

kubernetes.aio.watch cannot ask for metadata alone, and no Secret's content shall ever get here.
"""

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final

import aiohttp

from lockstep.api.base import Manifest
from lockstep.clients.connection import Connection
from lockstep.clients.kube import Count
from lockstep.core.config import Kind, Source
from lockstep.errors import TransientError

_LOG: Final = logging.getLogger(__name__)
_WATCH_SECONDS: Final = (240, 480)
"""Shortest and longest life of one request: many that begin together shall not end together."""
_ANSWER: Final = timedelta(seconds=10)
_OVERDUE: Final = timedelta(seconds=30)
_PAUSE: Final = timedelta(milliseconds=250)
_LONGEST_PAUSE: Final = timedelta(seconds=15)
_SETTLED: Final = timedelta(seconds=5)
"""A watch that lived so long has worked."""

_METADATA: Final = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"
_PLURALS: Final[Mapping[Kind, str]] = {Kind.CONFIG_MAP: "configmaps", Kind.SECRET: "secrets"}
_SENTENCE: Final = 300

Seen = Callable[[Manifest | None], None]
"""Told of each state of the object that was noticed; None: there is none of this name."""


class _ExpiredError(Exception):
    """The API server does not know this version any more: list again."""


@dataclass(frozen=True, slots=True)
class _Target:
    namespace: str
    source: Source

    @property
    def plural(self) -> str:
        return _PLURALS[self.source.kind]

    @property
    def path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/{self.plural}"

    def accept(self, verb: str) -> str:
        """No fallback to whole objects: a server that cannot leave the content out says 406."""
        if self.source.kind is Kind.CONFIG_MAP:
            return "application/json"
        return _METADATA.format("List" if verb == "list" else "")

    def __str__(self) -> str:
        return f"{self.source.kind} {self.namespace}/{self.source.name}"


class NamedWatches:
    """One session for all of them; it is closed by who made it."""

    def __init__(self, connection: Connection, count: Count, pause: timedelta = _PAUSE) -> None:
        self._connection = connection
        self._count = count
        self._pause = pause
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session:
            await self._session.close()

    async def follow(self, namespace: str, source: Source, seen: Seen) -> None:
        """Tell ``seen`` what there is, and again whenever it may have changed; until cancelled."""
        target, loop = _Target(namespace, source), asyncio.get_running_loop()
        version, failures = "", 0
        while True:
            began = loop.time()
            try:
                version = version or await self._list(target, seen)
                version = await self._watch(target, version, seen)
            except _ExpiredError:
                version = ""
            except TransientError as error:
                version = ""  # whatever it was, a list tells how things stand
                _LOG.warning("%s cannot be watched: %s", target, error)
            lasted = loop.time() - began
            failures = 0 if lasted > _SETTLED.total_seconds() else failures + 1
            await asyncio.sleep(self._wait(failures).total_seconds())

    def _wait(self, failures: int) -> timedelta:
        """Twice as long each time, and never for all of them at the same moment."""
        longest = min(self._pause * (1 << min(failures, 20)), _LONGEST_PAUSE)
        return longest * random.uniform(0.5, 1)  # noqa: S311 (spreads load, guards nothing)

    async def _list(self, target: _Target, seen: Seen) -> str:
        """Tell what there is now; gives the version from which to watch on."""
        timeout = aiohttp.ClientTimeout(total=_ANSWER.total_seconds())
        async with self._get(target, "list", {}, timeout) as reply:
            body = json.loads(await reply.read())
            version = str(body["metadata"]["resourceVersion"])
            items = body.get("items") or ()
        seen(items[0] if items else None)
        return version

    async def _watch(self, target: _Target, version: str, seen: Seen) -> str:
        """Tell what changes until the API server ends the watch; gives the version it came to."""
        seconds = random.randint(*_WATCH_SECONDS)  # noqa: S311 (spreads load, guards nothing)
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
        }
        timeout = aiohttp.ClientTimeout(
            total=seconds + _OVERDUE.total_seconds(), connect=_ANSWER.total_seconds()
        )
        async with self._get(target, "watch", query, timeout) as reply:
            async for line in _lines(reply.content):
                version = _heard(json.loads(line), seen)
        return version

    @asynccontextmanager
    async def _get(
        self, target: _Target, verb: str, query: Mapping[str, str], patience: aiohttp.ClientTimeout
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        session = self._session = self._session or self._opened()
        headers = {**await self._connection.headers(), "Accept": target.accept(verb)}
        params = {"fieldSelector": f"metadata.name={target.source.name}", **query}
        url = f"{self._connection.server}{target.path}"
        code = "none"
        try:
            async with session.get(url, params=params, headers=headers, timeout=patience) as reply:
                code = str(reply.status)
                self._count(verb, target.plural, code)
                await self._refused(reply)
                yield reply
        except TimeoutError as error:
            raise TransientError("no answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise TransientError(str(error) or type(error).__name__) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TransientError("an answer of unknown shape") from error
        finally:
            if code == "none":
                self._count(verb, target.plural, code)

    async def _refused(self, reply: aiohttp.ClientResponse) -> None:
        if reply.status == HTTPStatus.OK:
            return
        if reply.status == HTTPStatus.GONE:
            raise _ExpiredError
        if reply.status == HTTPStatus.UNAUTHORIZED:
            await self._connection.renew()
        raise TransientError(f"HTTP {reply.status}: {(await reply.text())[:_SENTENCE]}")

    def _opened(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0, ssl=self._connection.ssl_context)
        return aiohttp.ClientSession(connector=connector)


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Whole lines, of whatever length: a ConfigMap may have a MiB."""
    parts: list[bytes] = []
    async for chunk in content.iter_any():
        *whole, rest = chunk.split(b"\n")
        for end in whole:
            yield b"".join((*parts, end))
            parts.clear()
        parts.append(rest)


def _heard(event: Manifest, seen: Seen) -> str:
    """Tell of one event of a watch; gives the version it brings."""
    kind, raw = event["type"], event["object"]
    if kind == "ERROR":
        if raw.get("code") == HTTPStatus.GONE:
            raise _ExpiredError
        raise TransientError(f"the watch failed: {raw.get('message', '')}"[:_SENTENCE])
    if kind != "BOOKMARK":
        seen(None if kind == "DELETED" else raw)
    return str(raw["metadata"]["resourceVersion"])
