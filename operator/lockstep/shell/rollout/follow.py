"""What a pass has to do before it observes: watch what it reads, forget what is gone, know again.

Observing only reads. Whatever it would wait for or write down on the way happens here: names that
were taken are looked up once more, users' config is watched, what is there no more is forgotten.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from lockstep.adapters.kubernetes import config_maps, drift, model_deployments
from lockstep.adapters.kubernetes.meta import meta
from lockstep.adapters.kubernetes.model_deployments import ModelDeploymentRecord
from lockstep.adapters.kubernetes.replica_sets import ReplicaSetRecord
from lockstep.api.base import Manifest
from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.model_deployment_status import ModelDeploymentStatus
from lockstep.clients.kubernetes.api import Kube
from lockstep.core.facts import Foreign, Unreadable
from lockstep.core.key import Key
from lockstep.core.rollout import belonging
from lockstep.core.rollout.children import replica_set
from lockstep.core.rollout.children.owner import Owner
from lockstep.core.rollout.observed import StoredRevision
from lockstep.shell.process.clock import Clock
from lockstep.shell.rollout import budget_and_owners
from lockstep.shell.rollout.clocks import counted_on
from lockstep.shell.rollout.memory import Memory, ObjectMemory
from lockstep.shell.watch.cache import Cache
from lockstep.shell.watch.caches import Caches
from lockstep.shell.watch.references import Configs

_REVISION: Final = "ControllerRevision"
FOREIGN_BELIEVED: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """One ModelDeployment of which all that a pass reads is known.

    ``stored``: what was stored of its revisions and is ours. ``stepped``: how far the clock was set
    since its status was written.
    """

    key: Key
    owner: Owner
    record: ModelDeploymentRecord
    status: ModelDeploymentStatus
    stepped: timedelta
    stored: tuple[StoredRevision, ...]
    foreign: tuple[Foreign, ...]


class Follow:
    """The first half of the first step of the walk."""

    def __init__(
        self, caches: Caches, memory: Memory, kube: Kube, clock: Clock, configs: Configs
    ) -> None:
        self._caches = caches
        self._memory = memory
        self._kube = kube
        self._clock = clock
        self._configs = configs

    async def follow(self, key: Key) -> Followed | None:
        """What is to be observed of ``key``; None when it is gone, going, or not all known yet.

        Nothing waits between the last look at a cache and the end: with what is observed then, and
        nothing awaited in between, it is of one moment.
        """
        record = self._caches.model_deployments.get(key.named)
        if record is None or record.meta.terminating:
            self._memory.forget(key)
            self._configs.forget(key)
            return None
        foreign = await self._foreign(key, record.meta.uid)
        record = self._caches.model_deployments.get(key.named)
        return None if record is None else self._followed(key, record, foreign)

    def _followed(
        self, key: Key, record: ModelDeploymentRecord, foreign: tuple[Foreign, ...]
    ) -> Followed | None:
        memory = self._memory.of(key)
        memory.version = record.meta.version
        memory.retain(self._children(key))
        owner = budget_and_owners.owner(key, record.meta.uid, record.spec)
        status, stepped = counted_on(self._clock, memory, record.wire, _planned(memory, record))
        stored, forged = self._stored(owner, status)
        if not self._configs.follow(key, config_maps.templates(record, stored)):
            return None
        for child in self._caches.sets(key, record.meta.uid):
            self._take_as_made(owner, record, child, stored)
        return Followed(
            key=key,
            owner=owner,
            record=record,
            status=status,
            stepped=stepped,
            stored=stored,
            foreign=(*foreign, *forged),
        )

    def _children(self, key: Key) -> set[str]:
        """Uids of all that may differ from what we render."""
        caches: tuple[Cache[Any], ...] = (
            self._caches.replica_sets,
            self._caches.services,
            self._caches.budgets,
            *self._caches.routes.values(),
        )
        return {record.meta.uid for cache in caches for record in cache.children(key)}

    def _stored(
        self, owner: Owner, status: ModelDeploymentStatus
    ) -> tuple[tuple[StoredRevision, ...], tuple[Foreign, ...]]:
        """What was stored, and what only looks like it: that is in the way of its name."""
        found = [
            record.stored
            for record in self._caches.revisions.children(owner.key)
            if record.stored and record.meta.owner_uid == owner.uid and not record.meta.terminating
        ]
        ours = tuple(it for it in found if belonging.is_own(owner.key, it, status))
        forged = tuple(Foreign(_REVISION, it.name) for it in found if it not in ours)
        return ours, forged

    def _take_as_made(
        self,
        owner: Owner,
        record: ModelDeploymentRecord,
        child: ReplicaSetRecord,
        stored: Collection[StoredRevision],
    ) -> None:
        """After a start: a template that nobody but us wrote is what a policy made of ours."""
        uid = child.meta.uid
        if not child.only_ours or self._memory.of(owner.key).has_seen(uid):
            return
        known = next((it for it in stored if it.revision == child.meta.revision), None)
        noop = self._memory.of(owner.key).was_noop(uid, child.meta.generation)
        if known is None or noop or isinstance(record.spec, Unreadable):
            return
        ours = rendered(owner, record.spec, child, known)
        spec = {**ours["spec"], "template": child.body["spec"].get("template")}
        if drift.stands({**ours, "spec": spec}, child.body):
            self._memory.of(owner.key).note_match(uid, ours, child.body)

    async def _foreign(self, key: Key, uid: str) -> tuple[Foreign, ...]:
        """Names known to be taken, each looked up again when that is no longer fresh."""
        known = self._memory.of(key).foreign
        for foreign, since in tuple(known.items()):
            if self._clock() < since + FOREIGN_BELIEVED:
                continue
            there = await self._kube.read(foreign.kind, key.namespace, foreign.name)
            if there is None or meta(there).owner_uid == uid:
                del known[foreign]
            else:
                known[foreign] = self._clock()
        return tuple(known)


def rendered(
    owner: Owner, spec: ModelDeploymentSpec, child: ReplicaSetRecord, known: StoredRevision
) -> Manifest:
    """What is ours of a revision's ReplicaSet."""
    manifest = replica_set.replica_set(
        owner, known.revision, known.template, child.child.replicas, spec.min_ready_seconds
    )
    return drift.part(manifest, drift.REPLICA_SET)


def _planned(memory: ObjectMemory, record: ModelDeploymentRecord) -> ModelDeploymentStatus:
    pending = memory.pending
    if pending and pending.uid == record.meta.uid and pending.wire == record.wire:
        return pending.status
    read = memory.read
    if read is None or read[0] is not record.wire:
        read = record.wire, model_deployments.read_status(record.wire)
        memory.read = read
    return read[1]
