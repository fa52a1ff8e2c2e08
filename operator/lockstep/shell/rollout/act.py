"""Act: one action, one request, and its answer into the cache at once. Nothing is decided here."""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, assert_never

from lockstep.adapters.routers import registry
from lockstep.adapters.routers.base import Router
from lockstep.clients.kubernetes.api import Kube
from lockstep.core.facts import Foreign
from lockstep.core.key import Key, Named
from lockstep.core.rollout.actions import (
    Action,
    AnswerDecision,
    NotePorts,
    PruneConfig,
    PruneRevision,
    PutArmService,
    PutBudget,
    PutReplicaSet,
    RemoveArmService,
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
from lockstep.core.rollout.children import controller_revision
from lockstep.core.rollout.children.controller_revision import ports_patch
from lockstep.core.rollout.children.owner import Owner
from lockstep.core.rollout.observed import Observed
from lockstep.errors import ForeignObjectError, RefusedError
from lockstep.shell.rollout import (
    budget_and_owners,
    config_maps,
    decisions,
    replica_sets,
    services,
)
from lockstep.shell.rollout.memory import Memory
from lockstep.shell.watch.caches import Caches

_LOG: Final = logging.getLogger(__name__)


class Act:
    """The fifth step of the walk; carrying an action out twice changes nothing."""

    def __init__(
        self,
        caches: Caches,
        memory: Memory,
        kube: Kube,
        routers: Mapping[str, Router],
        clock: Callable[[], datetime],
    ) -> None:
        self._caches = caches
        self._memory = memory
        self._kube = kube
        self._routers = routers
        self._clock = clock

    async def act(self, seen: Observed, action: Action) -> timedelta | None:
        """Carry out one action.

        Returns:
            How long until it is tried again where the API server refuses it; None when it is done.

        Raises:
            ForeignObjectError: The name is taken; it is remembered for the next look.
        """
        owner, refusals = (
            budget_and_owners.owner(seen.key, seen.uid, seen.spec),
            self._memory.of(seen.key).refusals,
        )
        left = refusals.left(seen, action, self._clock())
        if left is not None:
            return left
        try:
            await self._act(seen, owner, action)
        except RefusedError as error:
            return refusals.refused(seen, action, error, self._clock())
        except ForeignObjectError as error:
            conflict = Foreign(error.kind, error.name)
            self._memory.of(seen.key).foreign[conflict] = self._clock()
            raise
        refusals.done(seen.key, action)
        return None

    def planned(self, key: Key, actions: Iterable[Action]) -> None:
        """Take note of all that a pass is about to do."""
        self._memory.of(key).refusals.planned(key, actions)

    async def dismiss(self, key: Key, now: datetime) -> timedelta | None:
        """Refuse the Decisions about a ModelDeployment that does not exist."""
        return await decisions.dismiss(self._caches, self._kube, key, now)

    async def _act(self, seen: Observed, owner: Owner, action: Action) -> None:
        match action:
            case StoreRevision():
                await self._store_revision(owner, action)
            case NotePorts():
                await self._note_ports(owner.key, action)
            case PutReplicaSet() | RemoveReplicaSet() | RemovePod():
                await replica_sets.act(self._caches, self._memory, self._kube, owner, action)
            case (
                SetTraffic() | PutArmService() | RemoveArmService() | SetPreview() | RemovePreview()
            ):
                router = registry.chosen(self._routers, seen.spec)
                await services.act(self._caches, self._memory, self._kube, router, owner, action)
            case PutBudget() | RemoveBudget() | SetOwnership():
                await budget_and_owners.act(self._caches, self._memory, self._kube, owner, action)
            case StoreConfig() | PruneConfig():
                await config_maps.act(self._caches, self._kube, owner, action)
            case AnswerDecision():
                await decisions.answer(self._caches, self._kube, owner.key, action)
            case PruneRevision(name):
                await self._prune_revision(owner.key, name)
            case other:
                assert_never(other)

    async def _store_revision(self, owner: Owner, action: StoreRevision) -> None:
        manifest = controller_revision.controller_revision(owner, action)
        self._caches.on_write_response(await self._kube.create(manifest, owner.uid))
        _LOG.info("created ControllerRevision %s of %s", action.number, action.revision)

    async def _note_ports(self, key: Key, action: NotePorts) -> None:
        known = self._caches.revisions.get(Named(key.namespace, action.name))
        if known is None:
            return
        metadata = {"name": action.name, "namespace": key.namespace}
        patch = {"metadata": {"uid": known.meta.uid, **ports_patch(action.ports)}}
        named = {"kind": "ControllerRevision", "metadata": metadata}
        self._caches.on_write_response(await self._kube.merge(named, patch))
        _LOG.info("recorded the ports of ControllerRevision %s", action.name)

    async def _prune_revision(self, key: Key, name: str) -> None:
        known = self._caches.revisions.get(Named(key.namespace, name))
        if known is None:
            return
        await self._kube.delete("ControllerRevision", key.namespace, name, known.meta.uid)
        _LOG.info("deleted ControllerRevision %s", name)
