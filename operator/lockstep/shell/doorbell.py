"""kopf in a thread of its own, as it is embedded: its signals, tasks and watches stay there.

What it hears is handed over to the operator's event loop, in order.
"""

import asyncio
import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import aiohttp
import kopf

from lockstep.api.base import Manifest
from lockstep.clients.connection import Connection
from lockstep.clients.watching import Overheard
from lockstep.errors import InvariantError

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
    """Runs until it is cancelled, or ends by itself when kopf cannot go on."""

    def __init__(
        self, registry: kopf.OperatorRegistry, door: Door, namespaces: Collection[str]
    ) -> None:
        self._registry = registry
        self._door = door
        self._namespaces = tuple(namespaces)
        self._stop = threading.Event()

    async def listen(self) -> None:
        """Watch until cancelled.

        Raises:
            InvariantError: kopf ended by itself; without it nothing would be noticed any more.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="doorbell") as thread:
            ended = asyncio.wrap_future(thread.submit(self._listen))
            try:
                done, _ = await asyncio.wait({ended})
            finally:
                self._stop.set()
                await asyncio.wait({ended})
        failure = done.pop().exception()
        raise InvariantError(f"watching ended: {failure!r}") from failure

    def _listen(self) -> None:
        asyncio.run(
            kopf.operator(
                registry=self._registry,
                memo=kopf.Memo(door=self._door),
                standalone=True,
                clusterwide=not self._namespaces,
                namespaces=self._namespaces,
                stop_flag=self._stop,
            )
        )
