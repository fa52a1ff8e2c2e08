"""An API server in a dict, and the shell's parts around it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from lockstep.adapters.kubernetes.model_deployments import write_status
from lockstep.adapters.kubernetes.refusals import Refusal
from lockstep.adapters.routers.base import Router
from lockstep.adapters.routers.registry import ROUTERS
from lockstep.api.base import Manifest
from lockstep.api.model_deployment_status import ModelDeploymentStatus
from lockstep.api.resources import BY_KIND, RESOURCES, Watch
from lockstep.clients.kubernetes.api import Kube
from lockstep.clients.kubernetes.named_watches import Place
from lockstep.core.config import Kind, Source
from lockstep.core.rollout.observed import Observed
from lockstep.core.rollout.plan import Plan
from lockstep.errors import ForeignObjectError, LostRaceError
from lockstep.shell.process.clock import Clock
from lockstep.shell.rollout.act import Act
from lockstep.shell.rollout.follow import Follow
from lockstep.shell.rollout.memory import Memory
from lockstep.shell.rollout.observe import Observe
from lockstep.shell.rollout.store import Store
from lockstep.shell.rollout.tell import Tell
from lockstep.shell.telemetry.metrics import Metrics
from lockstep.shell.watch.cache import Seen
from lockstep.shell.watch.caches import Caches
from lockstep.shell.watch.references import Configs
from tests.unit.shell.written import FRAUD

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class FakeKube:
    """Keeps objects, counts versions, and remembers what it was asked.

    ``unknown``: fields of a status that its CRD does not have. ``policy``: what is made of each
    write. ``refusals``: by kind, what every write of it ends in; ``status`` stands for one of a
    status.
    """

    objects: dict[tuple[str, str], Manifest] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    version: int = 100
    refusal: Refusal | None = None
    told: Manifest = field(default_factory=dict)
    trouble: Exception | None = None
    refusals: dict[str, Exception] = field(default_factory=dict)
    recorded: list[Manifest] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    policy: Callable[[Manifest], Manifest] = lambda raw: raw

    def have(self, raw: Manifest) -> None:
        self.objects[raw["kind"], raw["metadata"]["name"]] = raw

    def _write(self, raw: Manifest, generation: int = 1) -> Manifest:
        self.version += 1
        metadata = {"uid": f"uid-{raw['metadata']['name']}", **raw["metadata"]}
        metadata |= {"resourceVersion": str(self.version), "generation": generation}
        written = self.policy({**raw, "metadata": metadata})
        self.have(written)
        return written

    def _asked(self, verb: str, kind: str, name: str) -> None:
        self.log.append(f"{verb} {kind} {name}")
        refusal = self.trouble or self.refusals.get("status" if verb == "status" else kind)
        if refusal:
            raise refusal

    async def read(self, kind: str, namespace: str, name: str) -> Manifest | None:
        assert namespace == FRAUD.namespace
        self._asked("read", kind, name)
        return self.objects.get((kind, name))

    async def create(self, manifest: Manifest, owner_uid: str) -> Manifest:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        self._asked("create", kind, name)
        there = self.objects.get((kind, name))
        if there is None:
            return self._write(manifest)
        owners = there["metadata"].get("ownerReferences") or ()
        if any(owner["uid"] == owner_uid for owner in owners):
            return there
        raise ForeignObjectError(kind, name)

    async def apply(self, manifest: Manifest, uid: str) -> Manifest:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        self._asked("apply", kind, name)
        there = self.objects[kind, name]
        assert there["metadata"]["uid"] == uid
        if there["spec"] == {**there["spec"], **manifest["spec"]}:
            return there
        spec = {**there["spec"], **manifest["spec"]}
        changed = {**there, "spec": spec}
        return self._write(changed, there["metadata"].get("generation", 0) + 1)

    async def merge(self, manifest: Manifest, patch: Manifest) -> Manifest:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        self._asked("merge", kind, name)
        there = self.objects[kind, name]
        changed = {**there["spec"], **patch.get("spec", {})}
        spec = {field: value for field, value in changed.items() if value is not None}
        notes = {**there["metadata"].get("annotations", {}), **_notes(patch)}
        known = {key: value for key, value in notes.items() if value is not None}
        metadata = {**there["metadata"], "annotations": known}
        metadata |= {"ownerReferences": _owners(patch, there)}
        return self._write({**there, "metadata": metadata, "spec": spec})

    async def merge_items(self, manifest: Manifest, patch: Manifest) -> Manifest:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        self._asked("merge items", kind, name)
        there, change = self.objects[kind, name], patch["metadata"]
        assert there["metadata"]["uid"] == change["uid"]
        named = {it["uid"]: it for it in there["metadata"].get("ownerReferences") or ()}
        named |= {it["uid"]: it for it in change["ownerReferences"]}
        owners = [it for it in named.values() if it.get("$patch") != "delete"]
        notes = (there["metadata"].get("annotations") or {}) | change["annotations"]
        notes = {key: value for key, value in notes.items() if value is not None}
        metadata = {**there["metadata"], "ownerReferences": owners, "annotations": notes}
        return self._write({**there, "metadata": metadata})

    async def delete(self, kind: str, namespace: str, name: str, uid: str) -> Manifest | None:
        there = self.objects[kind, name]
        assert (namespace, uid) == (FRAUD.namespace, there["metadata"]["uid"])
        self._asked("delete", kind, name)
        del self.objects[kind, name]
        going = {**there["metadata"], "deletionTimestamp": "2026-01-01T12:00:00Z"}
        return self._write({**there, "metadata": going}) if kind == "Pod" else None

    async def put_status(
        self, namespace: str, name: str, version: str, status: Manifest
    ) -> Manifest:
        assert namespace == FRAUD.namespace
        self._asked("status", "ModelDeployment", name)
        there = self.objects["ModelDeployment", name]
        if there["metadata"]["resourceVersion"] != version:
            raise LostRaceError("stale")
        kept = {field: value for field, value in status.items() if field not in self.unknown}
        return self._write({**there, "status": kept})

    async def patch_status(self, manifest: Manifest) -> Manifest | None:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        self._asked("answer", kind, name)
        there = self.objects[kind, name]
        if there["metadata"]["uid"] != manifest["metadata"]["uid"]:
            return None
        kept = {key: it for key, it in manifest["status"].items() if key not in self.unknown}
        return self._write({**there, "status": kept})

    async def create_once(self, manifest: Manifest) -> Manifest | None:
        self._asked("create once", manifest["kind"], manifest["metadata"]["name"])
        self.recorded.append(manifest)
        return manifest

    async def events(self, namespace: str, about: Mapping[str, str]) -> Manifest:
        self._asked("list", f"{namespace} Event", about["fieldSelector"])
        return self.told

    async def dry_run(self, manifest: Manifest) -> Refusal | None:
        self._asked("dry run", manifest["kind"], "")
        return self.refusal


def _owners(patch: Manifest, there: Manifest) -> list[Manifest]:
    """A list is replaced whole, where a merge patch has it."""
    known = there["metadata"].get("ownerReferences") or []
    owners: list[Manifest] = patch.get("metadata", {}).get("ownerReferences", known)
    return owners


def _notes(patch: Manifest) -> Manifest:
    notes: Manifest = patch.get("metadata", {}).get("annotations", {})
    return notes


@dataclass
class Shown:
    """What there is of users' config, once it is put here; ``under_way`` are watches that last."""

    under_way: dict[tuple[str, Kind], Place] = field(default_factory=dict)
    there: dict[tuple[str, Source], Manifest | None] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)

    async def follow(self, namespace: str, kind: Kind, place: Place) -> None:
        self.under_way[namespace, kind] = place
        place.begins()
        try:
            await asyncio.Event().wait()
        finally:
            del self.under_way[namespace, kind]

    async def read(self, namespace: str, source: Source) -> Manifest | None:
        while (namespace, source) not in self.there:
            await asyncio.sleep(0.001)
        self.reads.append(f"{namespace}/{source.name}")
        return self.there[namespace, source]

    async def show(self, namespace: str, source: Source, raw: Manifest | None) -> None:
        """It is so from now on, and whoever watches has heard of it and looked."""
        self.there[namespace, source] = raw
        self.under_way[namespace, source.kind].changed(source.name)
        for _ in range(10):
            await asyncio.sleep(0.001)


@dataclass
class Bench:
    """The shell's steps on one fake API server; ``now`` is moved by hand."""

    kube: FakeKube = field(default_factory=FakeKube)
    now: datetime = NOW
    memory: Memory = field(default_factory=Memory)
    caches: Caches = field(default_factory=lambda: Caches(()))
    metrics: Metrics = field(default_factory=Metrics)
    routers: Mapping[str, Router] = field(default_factory=lambda: ROUTERS)

    def __post_init__(self) -> None:
        self.shown = Shown()
        self.configs = Configs(self.shown, self.caches)

    def _clock(self) -> datetime:
        return self.now

    @property
    def client(self) -> Kube:
        return cast("Kube", self.kube)

    @property
    def follow(self) -> Follow:
        clock = Clock(self._clock, lambda: self._clock() - NOW)
        return Follow(self.caches, self.memory, self.client, clock, self.configs)

    @property
    def observe(self) -> Observe:
        clock = Clock(self._clock, lambda: self._clock() - NOW)
        return Observe(self.caches, self.memory, self.routers, clock, self.configs)

    @property
    def store(self) -> Store:
        return Store(self.caches, self.memory, self.client)

    @property
    def act(self) -> Act:
        return Act(self.caches, self.memory, self.client, self.routers, self._clock)

    @property
    def tell(self) -> Tell:
        return Tell(self.caches, self.memory, self.client, self.metrics, self._clock)

    def see(self, *raws: Manifest) -> "Bench":
        """Objects that stand on the API server and were noticed."""
        for raw in raws:
            self.kube.have(raw)
            self.caches.read(BY_KIND[raw["kind"]].plural, raw)
        return self

    def later(self, **by: float) -> None:
        self.now += timedelta(**by)

    async def look(self) -> Observed:
        followed = await self.follow.follow(FRAUD)
        assert followed is not None
        return self.observe.observe(followed)


def status(**fields: Any) -> Manifest:
    return write_status(ModelDeploymentStatus(**fields))


def plan(**fields: Any) -> Plan:
    return Plan(status=ModelDeploymentStatus(**fields))


def watch(plural: str) -> Watch:
    """The watch of a resource for ModelDeployments."""
    return next(it.watches[0] for it in RESOURCES if it.plural == plural)


def kept(caches: Caches, plural: str, *raws: Any) -> list[Seen[Any]]:
    """What is kept of objects on their way into ``caches``, as a list has them."""
    return [seen for raw in raws if (seen := caches.seen(watch(plural), raw))]
