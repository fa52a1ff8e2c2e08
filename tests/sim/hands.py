"""The operator's hands in the toy cluster: steps that are slow, are refused, and can be killed.

Each method is a line of the pass. A crash comes before the line, never in the middle of it.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from lockstep.core.facts import Foreign, Outage
from lockstep.core.key import Key
from lockstep.core.names import preview_name
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
from lockstep.core.rollout.needs import Needs
from lockstep.core.rollout.observed import Arm, ArmService, Budget, CallerService, Decided, Observed
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.routing import Only
from lockstep.errors import ForeignObjectError, LostRaceError, RefusedError, TransientError
from lockstep.shell.rollout.refusals import Refusals
from tests.sim.cluster import Cluster
from tests.sim.deciders import AUTHOR, DECISIONS
from tests.sim.obey import carried_out, is_weighted
from tests.sim.objects import ALIENS, ARM_SERVICES, PREVIEW, RESOURCE, SERVICE, Objects
from tests.sim.parts import Parts
from tests.sim.promises import keep
from tests.sim.resource import Resource, wire
from tests.sim.written import KEY

WRITE: Final = (0.002, 0.05)
"""Seconds that a write takes."""


class CrashError(BaseException):
    """The operator is killed; nothing may catch this but whoever starts it again."""


@dataclass(slots=True, kw_only=True)
class Watcher:
    """Told of everything the operator does; the promises and the transcript listen."""

    stored: Callable[[Observed, Plan], None] = lambda _, __: None
    acts: Callable[[Observed, Action], None] = lambda _, __: None
    told: Callable[[Observed, Plan], None] = lambda _, __: None


@dataclass(slots=True, kw_only=True)
class Hands:
    """``crashes``: numbers of the lines before which the operator dies."""

    objects: Objects
    cluster: Cluster
    parts: Parts
    rng: random.Random
    refusals: float = 0.0
    crashes: frozenset[int] = frozenset()
    watchers: list[Watcher] = field(default_factory=list)
    lines: int = 0
    writes: int = 0
    foreign: frozenset[Foreign] = frozenset()
    budget: Budget | None = None
    refusing: Callable[[Action], RefusedError | None] = lambda _: None
    held: Refusals = field(default_factory=Refusals)
    outage: Outage | None = None
    _version: int = 0
    _standing: Observed | None = None
    _noted: tuple[Observed, Plan] | None = None

    async def observe(self, key: Key) -> Observed | None:
        self._line()
        resource: Resource = self.objects.cache[RESOURCE]
        self._version = self.objects.cached_version(RESOURCE)
        service: CallerService | None = self.objects.cache.get(SERVICE)
        self._standing = Observed(
            key=key,
            uid="u",
            generation=resource.generation,
            spec=resource.spec,
            template=resource.template,
            status=resource.said,
            arms=self._arms(),
            service=service,
            preview=self.objects.cache.get(PREVIEW),
            arm_services=tuple(self.objects.of(ARM_SERVICES, cached=True).values()),
            stored=tuple(self.objects.of("stored", cached=True).values()),
            criteria=self.objects.cache.get(("criteria", ""), {}),
            foreign=tuple(self.foreign),
            budget=self.budget,
            author=AUTHOR,
            strangers=tuple(self.objects.of(ALIENS, cached=True).values()),
            decisions=self._decisions(),
            refused=self.held.known(),
            outage=self.outage,
        )
        return self._standing

    def _decisions(self) -> tuple[Decided, ...]:
        found: list[Decided] = list(self.objects.of(DECISIONS, cached=True).values())
        waiting = (it for it in found if it.outcome is None)
        return tuple(sorted(waiting, key=lambda it: (it.at, it.name)))

    def _arms(self) -> dict[str, Arm]:
        pods = self.objects.of("pods", cached=True).values()
        children = self.objects.of("replicasets", cached=True)
        revisions = dict.fromkeys([*children, *(pod.revision for pod in pods)])
        return {
            revision: Arm(
                revision=revision,
                replica_set=children.get(revision),
                pods=tuple(it for it in pods if it.revision == revision and not it.failed),
                failed=tuple(it for it in pods if it.revision == revision and it.failed),
            )
            for revision in revisions
        }

    async def ask(self, seen: Observed, needs: Needs) -> Observed:
        self._line()
        return replace(seen, answers=self.parts.answer(needs))

    def forget(self, key: Key) -> None:
        """The ModelDeployment of a story never goes."""

    async def store(self, seen: Observed, decided: Plan, now: datetime) -> None:
        del now
        self._line()
        written = wire(decided.status)
        if written == wire(seen.status):
            self._stored(seen, decided)
        else:
            self._write(lambda: self._patch(seen, decided, written))
            self.objects.learn(RESOURCE)

    def _stored(self, seen: Observed, decided: Plan) -> None:
        """Whoever watches knows it even where the operator does not hear of it."""
        for watcher in self.watchers:
            watcher.stored(seen, decided)

    def _patch(self, seen: Observed, decided: Plan, written: dict[str, Any]) -> None:
        if self.objects.versions[RESOURCE] != self._version:
            raise LostRaceError("the ModelDeployment was changed")
        held: Resource = self.objects.truth[RESOURCE]
        self.objects.put(RESOURCE, replace(held, status=written))
        self._stored(seen, decided)

    def planned(self, key: Key, actions: Iterable[Action]) -> None:
        self.held.planned(key, actions)

    async def act(self, seen: Observed, action: Action) -> timedelta | None:
        self._line()
        now, refusal = self.cluster.agenda.now(), self.refusing(action)
        left = self.held.left(seen, action, now)
        if left is not None:
            return left
        if refusal:
            return self.held.refused(seen, action, refusal, now)
        self._carried_out(seen, action)
        self.held.done(seen.key, action)
        return None

    def _carried_out(self, seen: Observed, action: Action) -> None:
        standing = self._standing or seen
        for watcher in self.watchers:
            watcher.acts(standing, action)
        self._carry_out(action)
        self._standing = carried_out(standing, action)

    def note(self, seen: Observed, decided: Plan) -> None:
        self._noted = seen, decided

    async def tell(self, key: Key) -> None:
        self._line()
        assert self._noted is not None
        assert self._noted[0].key == key
        for watcher in self.watchers:
            watcher.told(*self._noted)

    def _line(self) -> None:
        self.lines += 1
        if self.lines in self.crashes:
            raise CrashError(f"before line {self.lines}")

    def _write(self, write: Callable[[], None]) -> None:
        """One request: it takes its time, may be refused, may succeed without our hearing of it."""
        agenda = self.cluster.agenda
        agenda.run_until(agenda.seconds + self.rng.uniform(*WRITE))
        if self.cluster.out:
            raise TransientError("the API server did not answer within 10s")
        troubled = self.cluster.sick and self.rng.random() < self.refusals
        if troubled and self.rng.random() < 0.5:
            raise TransientError("HTTP 500: etcdserver: leader changed")
        self.writes += 1
        write()
        if troubled:
            raise TransientError("the API server did not answer within 10s")

    def _carry_out(self, action: Action) -> None:
        match action:
            case StoreRevision():
                self._store_revision(action)
            case NotePorts():
                self._note(action)
            case PutReplicaSet() | RemoveReplicaSet() | RemovePod():
                self._size(action)
            case SetTraffic():
                self._route(action)
            case SetPreview() | RemovePreview() | PutArmService() | RemoveArmService():
                self._of_one_revision(action)
            case PutBudget() | RemoveBudget() | SetOwnership():
                assert self._standing is not None
                self.budget = carried_out(self._standing, action).budget
            case StoreConfig() | PruneConfig():
                raise AssertionError("no template here reads a ConfigMap")
            case AnswerDecision():
                self._write(lambda: self._answer(action))
                self.objects.learn((DECISIONS, action.uid))
            case PruneRevision(name):
                self._write(lambda: self.objects.drop(("stored", name)))
                self.objects.learn(("stored", name))

    def _size(self, action: PutReplicaSet | RemoveReplicaSet | RemovePod) -> None:
        match action:
            case PutReplicaSet():
                self._put(action)
            case RemoveReplicaSet(revision):
                self._write(lambda: self.cluster.remove_replica_set(revision))
                self.objects.learn(("replicasets", revision))
            case RemovePod(name):
                self._write(lambda: self.cluster.terminate(name))
                self.objects.learn(("pods", name))

    def _of_one_revision(
        self, action: SetPreview | RemovePreview | PutArmService | RemoveArmService
    ) -> None:
        if isinstance(action, PutArmService | RemoveArmService):
            self._arm_service(action)
        else:
            self._preview(action)

    def _preview(self, action: SetPreview | RemovePreview) -> None:
        if isinstance(action, RemovePreview):
            self._write(lambda: self.objects.drop(PREVIEW))
        else:
            preview = CallerService(uid="v", routing=Only(action.revision), ports=action.ports)
            self.cluster.previewed_since.setdefault(action.revision, self.cluster.agenda.seconds)
            self._refuse_foreign("Service", preview_name(KEY.name))
            self._write(lambda: self.objects.put(PREVIEW, preview))
        self.objects.learn(PREVIEW)

    def _arm_service(self, action: PutArmService | RemoveArmService) -> None:
        key = (ARM_SERVICES, action.revision)
        if isinstance(action, RemoveArmService):
            self._write(lambda: self.objects.drop(key))
        else:
            self._refuse_foreign("Service", f"{KEY.name}-{action.revision}")
            there = ArmService(revision=action.revision, ports=action.ports)
            self._write(lambda: self.objects.put(key, there))
        self.objects.learn(key)

    def _answer(self, action: AnswerDecision) -> None:
        held: Decided | None = self.objects.truth.get((DECISIONS, action.uid))
        if held is not None:
            same = held.outcome in {None, action.outcome}
            keep("a Decision is answered once", same, f"{held.outcome}, then {action.outcome}")
            self.objects.put((DECISIONS, action.uid), replace(held, outcome=action.outcome))

    def _store_revision(self, action: StoreRevision) -> None:
        assert self._standing is not None
        after = carried_out(self._standing, action).stored[-1]
        key = ("stored", after.name)
        if key not in self.objects.truth:
            self._write(lambda: self.objects.put(key, after))
        self.objects.learn(key)

    def _note(self, action: NotePorts) -> None:
        key = ("stored", action.name)
        known = self.objects.truth.get(key)
        if known is not None:
            self._write(lambda: self.objects.put(key, replace(known, ports=action.ports)))
        self.objects.learn(key)

    def _put(self, action: PutReplicaSet) -> None:
        key = ("replicasets", action.revision)
        child = self.cluster.replica_set(action.revision)
        if action.exists and child is None:
            raise TransientError("the ReplicaSet is gone")
        if child and child.terminating:
            raise TransientError("the ReplicaSet is being deleted")
        self._refuse_foreign("ReplicaSet", f"{KEY.name}-{action.revision}")
        self._write(
            lambda: self.cluster.put_replica_set(
                action.revision,
                action.replicas,
                action.template,
                action.min_ready_seconds,
                action.surplus,
            )
        )
        self.objects.learn(key)

    def _route(self, action: SetTraffic) -> None:
        if action.exists and self.cluster.service() is None:
            raise TransientError("the Service is gone")
        self._refuse_foreign("Service", KEY.name)
        uid = self.cluster.uid_of_service()
        assert self._standing is not None
        waits = is_weighted(self._standing)
        service = CallerService(uid=uid, routing=action.routing, ports=action.ports, pending=waits)
        self._write(lambda: self.cluster.route(service))
        self.objects.learn(SERVICE)

    def _refuse_foreign(self, kind: str, name: str) -> None:
        if Foreign(kind, name) in self.foreign:
            raise ForeignObjectError(kind, name)
