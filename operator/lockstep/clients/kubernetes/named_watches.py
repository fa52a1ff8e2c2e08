"""Watches ConfigMaps or Secrets of a namespace by their metadata, and reads single ones by name.

A watch for each name would be a TLS connection each, a third of a MiB here and more in the API
server; a watch of whole objects would hold everybody's content. kubernetes.aio.watch cannot ask for
metadata alone, and a Secret's content is never asked for. Its annotations are metadata, and
client-side `kubectl apply` writes the content there: they are dropped unread.
"""

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final, Protocol

import aiohttp

from lockstep.api.base import Manifest
from lockstep.api.resources import BY_KIND
from lockstep.clients.jitter import jittered
from lockstep.clients.kubernetes.api import Count
from lockstep.clients.kubernetes.connection import Connection
from lockstep.core.backoff import backoff
from lockstep.core.config import Kind, Source
from lockstep.errors import TransientError

_LOG: Final = logging.getLogger(__name__)
MOST_WATCHES: Final = 128
"""Connections of watches at once: 40 MiB. Where more namespaces have something to watch, they take
turns."""
TURN: Final = timedelta(seconds=10)
MOST_READS: Final = 8
_WATCH_SECONDS: Final = (240, 480)
"""Shortest and longest life of one request: many that begin together shall not end together."""
_ANSWER: Final = timedelta(seconds=10)
_OVERDUE: Final = timedelta(seconds=30)
SILENCE: Final = timedelta(seconds=70)
"""The API server sends a bookmark a minute: whatever has said nothing for longer is cut off."""
_DEAF: Final = timedelta(minutes=6)
"""No watch that is well and ends goes unrenewed for so long."""
_PAUSE: Final = timedelta(milliseconds=250)
_LONGEST_PAUSE: Final = timedelta(seconds=15)
_SETTLED: Final = timedelta(seconds=5)
"""A watch that lived so long has worked."""

_JSON: Final = "application/json"
_METADATA: Final = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"
"""No fallback to whole objects: a server that cannot leave the content out says 406."""
_SENTENCE: Final = 300


class Place(Protocol):
    """Told of what may have changed in a namespace."""

    def begins(self) -> None:
        """From here on every change is told; what was before has to be read."""

    def changed(self, name: str) -> None:
        """An object of this name was made, changed or deleted."""


class _ExpiredError(Exception):
    """The API server does not know this version any more: begin again."""


@dataclass(frozen=True, slots=True)
class _Target:
    namespace: str
    kind: Kind

    @property
    def plural(self) -> str:
        return BY_KIND[self.kind].plural

    @property
    def path(self) -> str:
        return f"{BY_KIND[self.kind].api}/namespaces/{self.namespace}/{self.plural}"

    def __str__(self) -> str:
        return f"{self.plural} in {self.namespace}"


class _Slots:
    """A bounded number of watches; while more want one, each lasts for a turn."""

    def __init__(self, most: int, turn: timedelta) -> None:
        self._most = most
        self._turn_seconds = turn.total_seconds()
        self._free = asyncio.Semaphore(most)
        self._wanted = 0
        self._held: set[asyncio.Timeout] = set()

    @asynccontextmanager
    async def wanting(self) -> AsyncIterator[None]:
        self._wanted += 1
        if self._wanted == self._most + 1:
            _LOG.warning(
                "ConfigMaps and Secrets are watched in more than %d namespaces: the watches take "
                "turns of %g s, and changes are noticed that much later",
                self._most,
                self._turn_seconds,
            )
            for limit in self._held:
                limit.reschedule(self._end())
        try:
            yield
        finally:
            self._wanted -= 1

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """What is done in here may be broken off, which raises nothing."""
        async with self._free:
            try:
                async with asyncio.timeout_at(self._end()) as limit:
                    self._held.add(limit)
                    try:
                        yield
                    finally:
                        self._held.discard(limit)
            except TimeoutError:
                """It is somebody else's turn."""

    @property
    def crowded(self) -> bool:
        """Whether more want a watch than may have one."""
        return self._wanted > self._most

    def _end(self) -> float | None:
        if not self.crowded:
            return None
        turn = jittered(timedelta(seconds=self._turn_seconds))
        return asyncio.get_running_loop().time() + turn.total_seconds()


@dataclass(slots=True)
class _Progress:
    """How far a watch has come, empty where it has to begin, and when it was last heard of."""

    version: str = ""
    heard: float | None = None


class NamedWatches:
    """One session for all of them; it is closed by who made it."""

    def __init__(
        self,
        connection: Connection,
        count: Count,
        pause: timedelta = _PAUSE,
        *,
        most: int = MOST_WATCHES,
        turn: timedelta = TURN,
        silence: timedelta = SILENCE,
    ) -> None:
        self._connection = connection
        self._count = count
        self._pause = pause
        self._slots = _Slots(most, turn)
        self._silence_seconds = silence.total_seconds()
        self._followed: dict[_Target, _Progress] = {}
        self._reads = asyncio.Semaphore(MOST_READS)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session:
            await self._session.close()

    def deaf(self) -> list[str]:
        """What was watched once and is not any more; waiting for a turn is no fault."""
        if self._slots.crowded:
            return []
        limit = asyncio.get_running_loop().time() - _DEAF.total_seconds()
        followed = self._followed.items()
        return [str(it) for it, progress in followed if (progress.heard or limit) < limit]

    async def follow(self, namespace: str, kind: Kind, place: Place) -> None:
        """Tell ``place`` what changes there, until cancelled."""
        target = _Target(namespace, kind)
        self._followed[target] = progress = _Progress()
        try:
            await self._follow(target, progress, place)
        finally:
            if self._followed.get(target) is progress:
                del self._followed[target]

    async def _follow(self, target: _Target, progress: _Progress, place: Place) -> None:
        loop, failures = asyncio.get_running_loop(), 0
        async with self._slots.wanting():
            while True:
                began = loop.time()
                try:
                    await self._turn(target, progress, place)
                except _ExpiredError:
                    progress.version = ""
                except TransientError as error:
                    progress.version = ""  # whatever it was, all is read again
                    _LOG.warning("could not watch %s: %s", target, error)
                lasted = loop.time() - began
                failures = 0 if lasted > _SETTLED.total_seconds() else failures + 1
                await asyncio.sleep(self._wait(failures).total_seconds())

    async def read(self, namespace: str, source: Source) -> Manifest | None:
        """One object, a Secret without what it holds; None: there is none.

        Raises:
            TransientError: Nobody knows.
        """
        target, timeout = _Target(namespace, source.kind), _patience()
        selected = {"fieldSelector": f"metadata.name={source.name}"}
        accept = _JSON if source.kind is Kind.CONFIG_MAP else _METADATA.format("List")
        async with (
            self._reads,
            self._get(target, "list", selected, accept, timeout) as reply,
        ):
            items = json.loads(await reply.read()).get("items") or ()
            return items[0] if items else None

    def _wait(self, failures: int) -> timedelta:
        """Twice as long each time, and never for all of them at the same moment."""
        return jittered(backoff(failures + 1, base=self._pause, cap=_LONGEST_PAUSE))

    async def _turn(self, target: _Target, progress: _Progress, place: Place) -> None:
        if not progress.version:
            progress.version = await self._now(target)
            place.begins()
        async with self._slots.turn():
            await self._watch(target, progress, place)

    async def _now(self, target: _Target) -> str:
        """The version from which to watch on; nothing is listed but what it comes with."""
        accept = _METADATA.format("List")
        async with (
            self._reads,
            self._get(target, "list", {"limit": "1"}, accept, _patience()) as reply,
        ):
            return str(json.loads(await reply.read())["metadata"]["resourceVersion"])

    async def _watch(self, target: _Target, progress: _Progress, place: Place) -> None:
        """Tell what changes until the API server ends the watch."""
        seconds = random.randint(*_WATCH_SECONDS)  # noqa: S311 (spreads load, guards nothing)
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": progress.version,
            "timeoutSeconds": str(seconds),
        }
        timeout = aiohttp.ClientTimeout(
            total=seconds + _OVERDUE.total_seconds(),
            connect=_ANSWER.total_seconds(),
            sock_read=self._silence_seconds,
        )
        loop = asyncio.get_running_loop()
        async with self._get(target, "watch", query, _METADATA.format(""), timeout) as reply:
            progress.heard = loop.time()
            async for line in _lines(reply.content):
                progress.version = _heard(json.loads(line), place)
                progress.heard = loop.time()

    @asynccontextmanager
    async def _get(
        self,
        target: _Target,
        verb: str,
        params: Mapping[str, str],
        accept: str,
        patience: aiohttp.ClientTimeout,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        session = self._session = self._session or self._opened()
        headers = {**await self._connection.headers(), "Accept": accept}
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
        said = await reply.content.read(_SENTENCE)
        raise TransientError(f"HTTP {reply.status}: {said.decode(errors='replace')}")

    def _opened(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0, ssl=self._connection.ssl_context)
        return aiohttp.ClientSession(connector=connector)


def _patience() -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=_ANSWER.total_seconds())


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Whole lines, of whatever length: annotations may have a quarter of a MiB."""
    parts: list[bytes] = []
    async for chunk in content.iter_any():
        *whole, rest = chunk.split(b"\n")
        for end in whole:
            yield b"".join((*parts, end))
            parts.clear()
        parts.append(rest)


def _heard(event: Manifest, place: Place) -> str:
    """Tell of one event of a watch; gives the version it brings."""
    kind, raw = event["type"], event["object"]
    if kind == "ERROR":
        if raw.get("code") == HTTPStatus.GONE:
            raise _ExpiredError
        raise TransientError(f"the watch failed: {raw.get('message', '')}"[:_SENTENCE])
    metadata = raw["metadata"]
    if kind != "BOOKMARK":
        place.changed(str(metadata["name"]))
    return str(metadata["resourceVersion"])
