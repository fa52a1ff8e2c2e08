"""Act: one action, one request, and its answer into the cache at once. Nothing is decided here."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, assert_never

from lockstep.adapters import kube_drift
from lockstep.adapters.kube import meta
from lockstep.adapters.kube_services import ServiceRecord
from lockstep.adapters.routers.base import Router
from lockstep.api.base import Manifest
from lockstep.clients.kube import Kube
from lockstep.core import names
from lockstep.core.children import controller_revision, service
from lockstep.core.children.owner import Owner
from lockstep.core.key import Key
from lockstep.core.observed import Foreign, Observed, Only, Routing
from lockstep.core.plan import (
    Action,
    AnswerDecision,
    PruneConfig,
    PruneRevision,
    PutBudget,
    PutReplicaSet,
    RemoveBudget,
    RemovePod,
    RemovePreview,
    RemoveReplicaSet,
    SetOwnership,
    SetPreview,
    SetTraffic,
    StoreConfig,
    StoreRevision,
)
from lockstep.errors import ForeignObjectError
from lockstep.shell import copies, decisions, sets, upkeep
from lockstep.shell.caches import Caches
from lockstep.shell.memory import Memory

_LOG: Final = logging.getLogger(__name__)


class Act:
    """The fifth step of the walk; carrying an action out twice changes nothing."""

    def __init__(
        self,
        caches: Caches,
        memory: Memory,
        kube: Kube,
        router: Router,
        clock: Callable[[], datetime],
    ) -> None:
        self._caches = caches
        self._memory = memory
        self._kube = kube
        self._router = router
        self._clock = clock

    async def act(self, seen: Observed, action: Action) -> None:
        """Carry out one action.

        Raises:
            ForeignObjectError: The name is taken; it is remembered for the next look.
        """
        owner = upkeep.owner(seen.key, seen.uid, seen.spec)
        try:
            await self._act(owner, action)
        except ForeignObjectError as error:
            self._memory.taken(seen.key, Foreign(error.kind, error.name), self._clock())
            raise

    async def dismiss(self, key: Key, now: datetime) -> timedelta | None:
        """Refuse the Decisions about a ModelDeployment that does not exist."""
        return await decisions.dismiss(self._caches, self._kube, key, now)

    async def _act(self, owner: Owner, action: Action) -> None:
        match action:
            case StoreRevision():
                await self._store_revision(owner, action)
            case PutReplicaSet() | RemoveReplicaSet() | RemovePod():
                await sets.act(self._caches, self._memory, self._kube, owner, action)
            case SetTraffic():
                await self._set_traffic(owner, action)
            case SetPreview() | RemovePreview():
                await self._preview(owner, action)
            case PutBudget() | RemoveBudget() | SetOwnership():
                await upkeep.act(self._caches, self._memory, self._kube, owner, action)
            case StoreConfig() | PruneConfig():
                await copies.act(self._caches, self._kube, owner, action)
            case AnswerDecision():
                await decisions.answer(self._caches, self._kube, owner.key, action)
            case PruneRevision(name):
                await self._prune_revision(owner.key, name)
            case other:
                assert_never(other)

    async def _store_revision(self, owner: Owner, action: StoreRevision) -> None:
        manifest = controller_revision.controller_revision(owner, action)
        self._caches.answered(await self._kube.create(manifest, owner.uid))
        _LOG.info("stored revision %s as number %s", action.revision, action.number)

    async def _set_traffic(self, owner: Owner, action: SetTraffic) -> None:
        name = owner.key.name
        selector = self._router.render(name, action.routing)
        manifest = service.service(owner, name, selector, action.port, action.target_port)
        await self._put_service(owner, manifest, action.port, exists=action.exists)
        _LOG.info("callers of Service %s reach %s", name, _whom(action.routing))

    async def _preview(self, owner: Owner, action: SetPreview | RemovePreview) -> None:
        match action:
            case SetPreview():
                await self._set_preview(owner, action)
            case RemovePreview():
                await self._remove_preview(owner.key)

    async def _set_preview(self, owner: Owner, action: SetPreview) -> None:
        name = names.preview_name(owner.key.name)
        selector = self._router.render(owner.key.name, Only(action.revision))
        manifest = service.service(owner, name, selector, action.port, action.target_port)
        await self._put_service(owner, manifest, action.port, exists=action.exists)
        _LOG.info("preview Service %s reaches %s", name, action.revision)

    async def _put_service(
        self, owner: Owner, manifest: Manifest, port: int, *, exists: bool
    ) -> None:
        name = Key(owner.key.namespace, manifest["metadata"]["name"])
        known = self._caches.services.get(name)
        if known is None or not exists:
            self._caches.answered(await self._kube.create(manifest, owner.uid))
            return
        if known.ports != {port}:
            await self._change_port(manifest, known)
        answer = await self._direct(manifest, known)
        fresh = meta(answer)
        if fresh.version == known.meta.version:
            self._memory.settle(owner.key, fresh.uid, fresh.version)
        self._caches.answered(answer)

    async def _direct(self, manifest: Manifest, known: ServiceRecord) -> Manifest:
        """Bring a Service into shape; where only the pods it selects differ, just that is sent."""
        ours = kube_drift.part(manifest, kube_drift.SERVICE)
        selector = manifest["spec"]["selector"]
        whole = known.redirected or not kube_drift.stands(ours, known.body)
        if whole or known.selector == selector:
            return await self._kube.apply(manifest, known.meta.uid)
        gone = dict.fromkeys(known.selector.keys() - selector.keys())
        patch = {"metadata": {"uid": known.meta.uid}, "spec": {"selector": {**gone, **selector}}}
        return await self._kube.merge(manifest, patch)

    async def _remove_preview(self, key: Key) -> None:
        name = names.preview_name(key.name)
        known = self._caches.services.get(Key(key.namespace, name))
        if known is None:
            return
        await self._kube.delete("Service", key.namespace, name, known.meta.uid)
        _LOG.info("deleted preview Service %s", name)

    async def _change_port(self, manifest: Manifest, known: ServiceRecord) -> None:
        """Replace the ports whole.

        An apply would leave the port that the first POST created, which the API server counts as
        another manager's, and refuse two ports of one name.
        """
        patch = {
            "metadata": {"uid": known.meta.uid},
            "spec": {"ports": manifest["spec"]["ports"]},
        }
        await self._kube.merge(manifest, patch)

    async def _prune_revision(self, key: Key, name: str) -> None:
        known = self._caches.revisions.get(Key(key.namespace, name))
        if known is None:
            return
        await self._kube.delete("ControllerRevision", key.namespace, name, known.meta.uid)
        _LOG.info("forgot revision %s", name)


def _whom(routing: Routing) -> str:
    return str(getattr(routing, "revision", type(routing).__name__.lower()))
