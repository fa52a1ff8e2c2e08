"""From caches and memory to one frozen Observed: nothing is written, nothing awaited."""

from collections.abc import Mapping
from dataclasses import replace

from lockstep.adapters.kubernetes import drift
from lockstep.adapters.kubernetes.model_deployments import ModelDeploymentRecord
from lockstep.adapters.kubernetes.replica_sets import ReplicaSetRecord
from lockstep.adapters.routers.base import Router
from lockstep.api.strategy import CriteriaRef
from lockstep.core.facts import Criteria, Hand, Unreadable
from lockstep.core.key import Key
from lockstep.core.pods import Pod
from lockstep.core.rollout import belonging
from lockstep.core.rollout.children.owner import Owner
from lockstep.core.rollout.observed import (
    Arm,
    ChildReplicaSet,
    ConfigCopy,
    Observed,
    StoredRevision,
)
from lockstep.shell.process.clock import Clock
from lockstep.shell.rollout import budget_and_owners, decisions, services
from lockstep.shell.rollout.follow import Followed, rendered
from lockstep.shell.rollout.memory import Memory
from lockstep.shell.watch.caches import Caches
from lockstep.shell.watch.references import Configs


class Observe:
    """The second half of the first step of the walk."""

    def __init__(
        self,
        caches: Caches,
        memory: Memory,
        routers: Mapping[str, Router],
        clock: Clock,
        configs: Configs,
    ) -> None:
        self._caches = caches
        self._memory = memory
        self._routers = routers
        self._clock = clock
        self._configs = configs

    def observe(self, followed: Followed) -> Observed:
        """All of it in one breath: nothing here waits, so that it all belongs together."""
        key, owner, record = followed.key, followed.owner, followed.record
        stored = followed.stored
        arms, strangers = self._arms(owner, record, {it.revision: it for it in stored})
        callers, preview = services.find(
            self._caches, self._memory, self._routers, owner, record.spec
        )
        return Observed(
            key=key,
            uid=record.meta.uid,
            generation=record.meta.generation,
            spec=record.spec,
            template=record.template,
            status=followed.status,
            stepped=followed.stepped,
            outage=self._clock.outage,
            arms=arms,
            strangers=strangers,
            service=callers,
            preview=preview,
            arm_services=tuple(services.arms(self._caches, self._memory, owner, record.spec)),
            stored=stored,
            criteria=self._criteria(key, record),
            foreign=followed.foreign,
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
            refused=self._memory.of(key).refusals.known(),
            unowned=budget_and_owners.unowned(self._caches, owner),
        )

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
        known, uid = stored.get(child.meta.revision), child.meta.uid
        if known is None:
            own = child.body["spec"].get("template")
            return replace(child.child, edit=None, template=own)
        if isinstance(record.spec, Unreadable):
            return replace(child.child, edit=None)
        if self._memory.of(owner.key).was_noop(uid, child.meta.generation):
            return replace(child.child, edit=None, drifted=False)
        ours = rendered(owner, record.spec, child, known)
        stands = self._memory.of(owner.key).stands(uid, ours, child.body)
        theirs, mine = child.body["spec"].get("template"), ours["spec"]["template"]
        edit = None if stands or drift.stands(mine, theirs) else child.child.edit
        drifted = child.child.drifted or not stands
        what = "spec.replicas" if stands else drift.difference(ours, child.body)
        hand = Hand(what, child.client) if drifted else None
        return replace(child.child, drifted=drifted, edit=edit, hand=hand)

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
