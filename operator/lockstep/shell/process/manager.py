"""The life of one operator: listen, see everything, take the lease, work, let go."""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from lockstep.api.base import GROUP, VERSION
from lockstep.api.resources import RESOURCES
from lockstep.clients.kubernetes.api import Kube
from lockstep.clients.kubernetes.lease import Lease
from lockstep.errors import InvariantError, TransientError
from lockstep.shell.loop.workers import WorkerPool
from lockstep.shell.process.health import Health
from lockstep.shell.rollout.criteria import CriteriaStatus
from lockstep.shell.watch.caches import Caches
from lockstep.shell.watch.watching import Watching

_LOG: Final = logging.getLogger(__name__)
_OWN: Final = frozenset(it.plural for it in RESOURCES if it.group == GROUP)
_POLL: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    kube: Kube
    caches: Caches
    watching: Watching
    lease: Lease
    work: WorkerPool
    criteria: CriteriaStatus
    health: Health
    workers: int
    grace: timedelta

    async def live(self, stop: asyncio.Event) -> None:
        """Work until ``stop``.

        Raises:
            InvariantError: The lease or the watches were lost. The process must end: another
                operator may be working already.
        """
        if not await self._unless(stop, self._crds()):
            return
        listening = asyncio.create_task(self.watching.listen())
        leading = asyncio.create_task(self._lead())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({listening, leading, stopping}, return_when=asyncio.FIRST_COMPLETED)
            await self._drain(leading if stopping.done() else None)
        finally:
            await self.work.stop(timedelta(0))
            await _end(leading, stopping)
            await self.lease.release()
            await _end(listening)
        for task in (leading, listening):
            if not task.cancelled() and (error := task.exception()):
                raise error

    async def _drain(self, leading: asyncio.Task[None] | None) -> None:
        """Let passes under way end, as long as nobody else may work; without a lease, at once."""
        if leading is not None:
            draining = asyncio.create_task(self.work.stop(self.grace))
            await asyncio.wait({draining, leading}, return_when=asyncio.FIRST_COMPLETED)
            await _end(draining)
        await self.work.stop(timedelta(0))

    async def _lead(self) -> None:
        await self.caches.completed.wait()
        self.health.standing = "standing by"
        await self.lease.acquire()
        self.health.standing = "leading"
        self.work.start(self.workers)
        lost = asyncio.create_task(self.lease.hold())
        broken = asyncio.create_task(self.work.ended())
        telling = asyncio.create_task(self.criteria.run())
        tasks = {lost, broken, telling}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(*tasks)
        raise InvariantError("lost the lease" if lost in done else "a worker stopped")

    async def _crds(self) -> None:
        """Wait for our kinds: kopf looks once, and never watches what was not there."""
        said = False
        while True:
            try:
                missing = _OWN - await self.kube.served(GROUP, VERSION)
            except TransientError as error:
                missing = _OWN
                _LOG.warning("%s", error)
            if not missing:
                return
            if not said:
                _LOG.warning(
                    "waiting for CRDs that are not installed: %s", ", ".join(sorted(missing))
                )
            said = True
            await asyncio.sleep(_POLL.total_seconds())

    async def _unless(self, stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
        """Do ``work``, unless ``stop`` comes first; whether it was done."""
        doing, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                doing.result()
            return doing.done()
        finally:
            await _end(doing, stopping)


async def _end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait for them; what they raise is looked at elsewhere."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
