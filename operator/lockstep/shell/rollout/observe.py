"""Look: from the caches and the shell's memory to one frozen Observed.

It makes no request, but for a name that was taken: that is looked up again after a while.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from lockstep.adapters.kubernetes import (
    config_maps,
    drift,
    model_deployments,
)
from lockstep.adapters.kubernetes.meta import meta
from lockstep.adapters.kubernetes.model_deployments import ModelDeploymentRecord
from lockstep.adapters.kubernetes.replica_sets import ReplicaSetRecord
from lockstep.adapters.routers.base import Router
from lockstep.api.base import Manifest
from lockstep.api.model_deployment import CriteriaRef
from lockstep.api.model_deployment_status import ModelDeploymentStatus
from lockstep.clients.kubernetes.api import Kube
from lockstep.core.facts import (
    Criteria,
    Foreign,
    Hand,
    Unreadable,
)
from lockstep.core.key import Key
from lockstep.core.rollout import belonging
from lockstep.core.rollout.children import replica_set
from lockstep.core.rollout.children.owner import Owner
from lockstep.core.rollout.observed import (
    Arm,
    ChildReplicaSet,
    ConfigCopy,
    Observed,
    Pod,
    StoredRevision,
)
from lockstep.shell.process.clock import Clock
from lockstep.shell.rollout import (
    budget_and_owners,
    decisions,
    services,
)
from lockstep.shell.rollout.clocks import counted_on
from lockstep.shell.rollout.memory import Memory
from lockstep.shell.watch.caches import Caches
from lockstep.shell.watch.references import Configs

_REVISION: Final = "ControllerRevision"
FOREIGN_BELIEVED: Final = timedelta(seconds=30)


class Observe:
    """The first step of the walk."""

    def __init__(
        self,
        caches: Caches,
        memory: Memory,
        kube: Kube,
        router: Router,
        clock: Clock,
        configs: Configs,
    ) -> None:
        self._caches = caches
        self._memory = memory
        self._kube = kube
        self._router = router
        self._clock = clock
        self._configs = configs

    async def observe(self, key: Key) -> Observed | None:
        """What is known of ``key`` now; None when it is gone or going."""
        record = self._caches.model_deployments.get(key.named)
        if record is None or record.meta.terminating:
            self._memory.forget(key)
            self._configs.forget(key)
            return None
        foreign = await self._foreign(key, record.meta.uid)
        return self._observed(key, foreign)

    def _observed(self, key: Key, foreign: tuple[Foreign, ...]) -> Observed | None:
        """All of it in one breath: nothing here waits, so that it all belongs together."""
        record = self._caches.model_deployments.get(key.named)
        if record is None:
            return None
        self._memory.versions[key] = record.meta.version
        self._memory.retain(key, self._children(key))
        owner = budget_and_owners.owner(key, record.meta.uid, record.spec)
        status, stepped = self._status(key, record)
        stored, forged = self._stored(owner, status)
        if not self._configs.follow(key, config_maps.templates(record, stored)):
            return None
        arms, strangers = self._arms(owner, record, {it.revision: it for it in stored})
        callers, preview = services.find(
            self._caches, self._memory, self._router, owner, record.spec
        )
        return Observed(
            key=key,
            uid=record.meta.uid,
            generation=record.meta.generation,
            spec=record.spec,
            template=record.template,
            status=status,
            stepped=stepped,
            outage=self._clock.outage,
            arms=arms,
            strangers=strangers,
            service=callers,
            preview=preview,
            stored=stored,
            criteria=self._criteria(key, record),
            foreign=(*foreign, *forged),
            author=record.author,
            authors=record.authors,
            decisions=decisions.waiting(self._caches, key),
            configs=self._configs.digests(key),
            edits=self._configs.edits(key),
            copies=self._copies(owner),
            secrets=self._configs.secrets(key),
            budget=budget_and_owners.find_budget(self._caches, self._memory, owner),
            autoscalers=budget_and_owners.autoscalers(self._caches, owner),
            misowned=budget_and_owners.misowned(self._caches, owner),
            refused=self._memory.refusals.known(key),
            unowned=budget_and_owners.unowned(self._caches, owner),
        )

    def _status(
        self, key: Key, record: ModelDeploymentRecord
    ) -> tuple[ModelDeploymentStatus, timedelta]:
        planned = self._planned(key, record)
        return counted_on(self._clock, self._memory, key, record.wire, planned)

    def _planned(self, key: Key, record: ModelDeploymentRecord) -> ModelDeploymentStatus:
        pending = self._memory.pending.get(key)
        if pending and pending.uid == record.meta.uid and pending.wire == record.wire:
            return pending.status
        read = self._memory.read.get(key)
        if read is None or read[0] is not record.wire:
            read = record.wire, model_deployments.read_status(record.wire)
            self._memory.read[key] = read
        return read[1]

    def _children(self, key: Key) -> set[str]:
        """Uids of all that may differ from what we render."""
        caches = (
            self._caches.replica_sets,
            self._caches.services,
            self._caches.budgets,
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

    def _arms(
        self, owner: Owner, record: ModelDeploymentRecord, stored: dict[str, StoredRevision]
    ) -> tuple[dict[str, Arm], tuple[Pod, ...]]:
        pods = (seen.pod for seen in self._caches.pods.children(owner.key) if seen.pod)
        children = {
            child.meta.revision: self._child(owner, record, child, stored)
            for child in self._caches.sets(owner.key, owner.uid)
        }
        templates = {revision: known.template for revision, known in stored.items()}
        return belonging.sorted_out(owner.key, pods, children, templates)

    def _child(
        self,
        owner: Owner,
        record: ModelDeploymentRecord,
        child: ReplicaSetRecord,
        stored: dict[str, StoredRevision],
    ) -> ChildReplicaSet:
        known = stored.get(child.meta.revision)
        noop = self._memory.was_noop(owner.key, child.meta.uid, child.meta.generation)
        if known is None:
            own = child.body["spec"].get("template")
            return replace(child.child, edit=None, template=own)
        if isinstance(record.spec, Unreadable):
            return replace(child.child, edit=None)
        if noop:
            return replace(child.child, edit=None, drifted=False)
        rendered = replica_set.replica_set(
            owner,
            known.revision,
            known.template,
            child.child.replicas,
            record.spec.min_ready_seconds,
        )
        ours = drift.part(rendered, drift.REPLICA_SET)
        self._take_as_made(owner.key, child, ours)
        stands = self._stands(owner.key, child.meta.uid, ours, child.body)
        theirs, mine = child.body["spec"].get("template"), ours["spec"]["template"]
        edit = None if stands or drift.stands(mine, theirs) else child.child.edit
        drifted = child.child.drifted or not stands
        what = "spec.replicas" if stands else drift.difference(ours, child.body)
        hand = Hand(what, child.client) if drifted else None
        return replace(child.child, drifted=drifted, edit=edit, hand=hand)

    def _take_as_made(self, key: Key, child: ReplicaSetRecord, ours: Manifest) -> None:
        """After a start: a template that nobody but us wrote is what a policy made of ours."""
        if not child.only_ours or self._memory.has_seen(key, child.meta.uid):
            return
        spec = {**ours["spec"], "template": child.body["spec"].get("template")}
        if drift.stands({**ours, "spec": spec}, child.body):
            self._memory.note_match(key, child.meta.uid, ours, child.body)

    def _stands(self, key: Key, uid: str, ours: Manifest, theirs: Manifest) -> bool:
        """Compared field by field only when either side is another than when it last matched."""
        if self._memory.matches(key, uid, ours, theirs):
            return True
        stands = drift.stands(ours, theirs)
        if stands:
            self._memory.note_match(key, uid, ours, theirs)
        return stands

    def _copies(self, owner: Owner) -> tuple[ConfigCopy, ...]:
        return tuple(
            record.copy
            for record in self._caches.copies.children(owner.key)
            if record.copy and record.meta.owner_uid == owner.uid and not record.meta.terminating
        )

    def _criteria(
        self, key: Key, record: ModelDeploymentRecord
    ) -> dict[CriteriaRef, Criteria | Unreadable]:
        found = {ref: self._caches.criteria(key, ref) for ref in record.criteria()}
        return {ref: seen.criteria for ref, seen in found.items() if seen}

    async def _foreign(self, key: Key, uid: str) -> tuple[Foreign, ...]:
        """Names known to be taken, each looked up again when that is no longer fresh."""
        known = self._memory.foreign.get(key, {})
        for foreign, since in tuple(known.items()):
            if self._clock() < since + FOREIGN_BELIEVED:
                continue
            there = await self._kube.read(foreign.kind, key.namespace, foreign.name)
            if there is None or meta(there).owner_uid == uid:
                del known[foreign]
            else:
                known[foreign] = self._clock()
        return tuple(known)
