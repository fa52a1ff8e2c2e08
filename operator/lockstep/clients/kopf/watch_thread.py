"""kopf in a thread of its own, as it is embedded: its signals, tasks and watches stay there.

It watches a resource once, by all selectors that it is given together: who watches one resource by
two labels needs it twice.

What it hears is handed over to the operator's event loop, in order.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import aiohttp
import kopf

from lockstep.api.resources import Watch
from lockstep.clients.kopf.session import WatchEvents
from lockstep.clients.kubernetes.connection import Connection
from lockstep.errors import InvariantError

_LOG: Final = logging.getLogger(__name__)
_CLOSING: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchContext:
    """What the handlers get to know of the operator: where to knock, and how to log in."""

    connection: Connection
    watch_events: WatchEvents

    async def login(self) -> kopf.AiohttpSession:
        """A session with fresh credentials; kopf asks again when they are refused."""
        await self.connection.renew()
        session: aiohttp.ClientSession = await self.watch_events.session(self.connection)
        return kopf.AiohttpSession(server=self.connection.server, aiohttp_session=session)


RegistryOf = Callable[[Collection[Watch]], kopf.OperatorRegistry]
"""Makes the handlers by which kopf watches these, each resource once."""


def apart(watches: Iterable[Watch]) -> list[tuple[Watch, ...]]:
    """As few groups as there can be, in each of which no resource comes twice."""
    groups: list[dict[Watch, Watch]] = []
    for watch in watches:
        resource = watch._replace(selector="")
        group = next((it for it in groups if resource not in it), None)
        if group is None:
            groups.append(group := {})
        group[resource] = watch
    return [tuple(group.values()) for group in groups]


class WatchThread:
    """Runs until it is cancelled, or ends by itself when kopf cannot go on."""

    def __init__(
        self, registry: kopf.OperatorRegistry, context: WatchContext, namespaces: Collection[str]
    ) -> None:
        self._registry = registry
        self._context = context
        self._namespaces = tuple(namespaces)
        self._stop = threading.Event()

    async def listen(self) -> None:
        """Watch until cancelled.

        Raises:
            InvariantError: kopf ended by itself; without it nothing would be noticed any more.
        """
        loop = asyncio.get_running_loop()
        ended, closed = loop.create_future(), asyncio.Event()

        def listen() -> None:
            asyncio.run(self._kopf(lambda why: loop.call_soon_threadsafe(_resolve, ended, why)))
            loop.call_soon_threadsafe(closed.set)

        threading.Thread(target=listen, name="watch_thread", daemon=True).start()
        try:
            why = await ended
        finally:
            self._stop.set()
            await self._closed(closed)
        raise InvariantError(f"the watches stopped: {why}")

    async def _closed(self, closed: asyncio.Event) -> None:
        """Wait for kopf's tasks; some never end after a failure, and the process does without."""
        try:
            async with asyncio.timeout(_CLOSING.total_seconds()):
                await closed.wait()
        except TimeoutError:
            _LOG.warning("kopf did not stop within %g s", _CLOSING.total_seconds())

    async def _kopf(self, tell: Callable[[str], object]) -> None:
        """Run kopf, and tell why as soon as any part of it has ended."""
        ours = asyncio.all_tasks()
        asyncio.get_running_loop().set_exception_handler(_left_behind)
        tasks = await kopf.spawn_tasks(
            registry=self._registry,
            memo=kopf.Memo(context=self._context),
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            stop_flag=self._stop,
        )
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        tell("; ".join(f"{task.get_name()}: {_why(task)}" for task in done))
        self._stop.set()  # kopf waits for it in a thread of its own, which keeps its loop open
        await asyncio.gather(kopf.run_tasks(tasks, ignored=ours), return_exceptions=True)


def _left_behind(_: asyncio.AbstractEventLoop, context: Mapping[str, object]) -> None:
    """In a line: kopf leaves failed tasks behind, which are told whenever they are collected.

    Python 3.11 parses source for a traceback; in the middle of another parse that one then ends in
    ``SystemError: AST constructor recursion depth mismatch``, as pytest's did of what it imported.
    """
    _LOG.warning("kopf: %s: %r", context.get("message"), context.get("exception"))


def _why(task: asyncio.Task[object]) -> str:
    return repr(None if task.cancelled() else task.exception())


def _resolve(ended: asyncio.Future[str], why: str) -> None:
    if not ended.done():
        ended.set_result(why)
