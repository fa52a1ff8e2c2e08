"""kopf in a thread of its own, as it is embedded: its signals, tasks and watches stay there.

What it hears is handed over to the operator's event loop, in order.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import aiohttp
import kopf

from lockstep.api.base import Manifest
from lockstep.clients.connection import Connection
from lockstep.clients.watching import Overheard
from lockstep.errors import InvariantError
from lockstep.shell.backoff import backoff

_LOG: Final = logging.getLogger(__name__)
_CLOSING: Final = timedelta(seconds=5)
_CALM: Final = timedelta(minutes=1)
"""A kopf that listened for so long has not failed again, but anew."""

Heard = Callable[[str, str | None, Manifest], None]
"""Told of one event of a watch: plural, kopf's event type, the object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What the handlers get to know of the operator: where to knock, and how to log in."""

    connection: Connection
    overheard: Overheard
    heard: Heard

    async def login(self) -> kopf.AiohttpSession:
        """A session with fresh credentials; kopf asks again when they are refused."""
        await self.connection.renew()
        session: aiohttp.ClientSession = await self.overheard.session(self.connection)
        return kopf.AiohttpSession(server=self.connection.server, aiohttp_session=session)


class Doorbell:
    """Runs until it is cancelled.

    kopf ends at the first answer that is no JSON, an error inside a watch, or a refused list; a
    process that ended with it would soon wait minutes for its next start. It is started anew here.
    """

    def __init__(
        self, registry: kopf.OperatorRegistry, door: Door, namespaces: Collection[str]
    ) -> None:
        self._registry = registry
        self._door = door
        self._namespaces = tuple(namespaces)

    async def listen(self) -> None:
        """Watch until cancelled.

        Raises:
            InvariantError: kopf ended by itself and some of it still runs; only the process's own
                end stops that.
        """
        loop, failures = asyncio.get_running_loop(), 0
        while True:
            began, stop = loop.time(), threading.Event()
            why = await self._listen(stop)
            calm = loop.time() - began > _CALM.total_seconds()
            failures = 1 if calm else failures + 1
            wait = backoff(failures).total_seconds()
            _LOG.warning("watching ended: %s; it begins anew in %.3g s", why, wait)
            await asyncio.sleep(wait)

    async def _listen(self, stop: threading.Event) -> str:
        """Watch until kopf ends by itself; says why it did."""
        loop = asyncio.get_running_loop()
        ended, closed = loop.create_future(), asyncio.Event()

        def tell(why: str) -> None:
            loop.call_soon_threadsafe(_resolve, ended, why)

        def listen() -> None:
            asyncio.run(self._kopf(stop, tell))
            loop.call_soon_threadsafe(closed.set)

        threading.Thread(target=listen, name="doorbell", daemon=True).start()
        try:
            why: str = await ended
        finally:
            stop.set()
            all_of_it = await self._closed(closed)
        if not all_of_it:
            raise InvariantError(f"watching ended: {why}")
        return why

    async def _closed(self, closed: asyncio.Event) -> bool:
        """Wait for kopf's tasks; whether all have ended, which after a failure some never do."""
        try:
            async with asyncio.timeout(_CLOSING.total_seconds()):
                await closed.wait()
        except TimeoutError:
            _LOG.warning("kopf did not end within %g s", _CLOSING.total_seconds())
            return False
        return True

    async def _kopf(self, stop: threading.Event, tell: Callable[[str], object]) -> None:
        """Run kopf, and tell why as soon as any part of it has ended."""
        ours = asyncio.all_tasks()
        tasks = await kopf.spawn_tasks(
            registry=self._registry,
            memo=kopf.Memo(door=self._door),
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            stop_flag=stop,
        )
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        tell("; ".join(f"{task.get_name()}: {_why(task)}" for task in done))
        stop.set()  # kopf waits for it in a thread of its own, which keeps its loop open
        await asyncio.gather(kopf.run_tasks(tasks, ignored=ours), return_exceptions=True)


def _why(task: asyncio.Task[object]) -> str:
    return repr(None if task.cancelled() else task.exception())


def _resolve(ended: asyncio.Future[str], why: str) -> None:
    if not ended.done():
        ended.set_result(why)
