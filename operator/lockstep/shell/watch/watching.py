"""Keeps up every watch; that of an optional resource begins as soon as the API server has it."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from lockstep.api.resources import Resource, Watch
from lockstep.clients.kopf.watch_thread import RegistryOf, WatchContext, WatchThread, apart
from lockstep.errors import TransientError
from lockstep.shell.watch.informers import Informers

_LOG: Final = logging.getLogger(__name__)
_SOON: Final = timedelta(seconds=2)
_OPTIONAL_EVERY: Final = timedelta(minutes=1)
"""How often an API server is asked for what it was without."""


class Discovery(Protocol):
    """What an API server serves."""

    async def groups(self) -> frozenset[str]: ...

    async def served(self, group: str, version: str) -> frozenset[str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    discovery: Discovery
    informers: Informers
    registry_of: RegistryOf
    context: WatchContext
    namespaces: Collection[str]

    async def listen(self) -> None:
        """Watch until cancelled.

        Raises:
            InvariantError: A watch ended by itself.
        """
        optional = {it.resource for it in self.informers.informers if it.resource.optional}
        found = await self._first(optional)
        missing = optional - found
        self.informers.absent(_watches(missing))
        required = {it.resource for it in self.informers.informers} - optional
        listening = self._start(required | found)
        try:
            while True:
                timeout = _OPTIONAL_EVERY.total_seconds() if missing else None
                ended, _ = await asyncio.wait(
                    listening, timeout=timeout, return_when=asyncio.FIRST_COMPLETED
                )
                for task in ended:
                    task.result()
                found = await self._served(missing)
                missing -= found
                listening |= self._start(found)
        finally:
            for task in listening:
                task.cancel()
            await asyncio.gather(*listening, return_exceptions=True)

    def _start(self, resources: Collection[Resource]) -> set[asyncio.Task[None]]:
        threads = [
            WatchThread(self.registry_of(watches), self.context, self.namespaces)
            for watches in apart(self._expected(resources))
        ]
        return {asyncio.create_task(thread.listen()) for thread in threads}

    def _expected(self, resources: Collection[Resource]) -> list[Watch]:
        return [it.watch for it in self.informers.informers if it.resource in resources]

    async def _first(self, optional: Collection[Resource]) -> set[Resource]:
        """What of it is there when we begin; nothing is watched before that is known."""
        while True:
            try:
                return await self._asked(optional)
            except TransientError as error:
                _LOG.warning("%s", error)
                await asyncio.sleep(_SOON.total_seconds())

    async def _served(self, missing: Collection[Resource]) -> set[Resource]:
        """What of it is there by now, as far as the API server says."""
        try:
            return await self._asked(missing)
        except TransientError as error:
            _LOG.warning("%s", error)
            return set()

    async def _asked(self, wanted: Collection[Resource]) -> set[Resource]:
        """One request while no group of them is there, which kopf has to find there as well."""
        groups = await self.discovery.groups() if wanted else frozenset()
        versions: dict[tuple[str, str], set[Resource]] = defaultdict(set)
        for resource in wanted:
            if resource.group in groups:
                versions[resource.group, resource.version].add(resource)
        found: set[Resource] = set()
        for version, resources in versions.items():
            served = await self.discovery.served(*version)
            found |= {it for it in resources if it.plural in served}
        return found


def _watches(resources: Iterable[Resource]) -> set[Watch]:
    return {watch for resource in resources for watch in resource.watches}
