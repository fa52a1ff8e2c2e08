"""The whole shell around one hostile ModelDeployment, with an API server in a dict."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from lockstep.adapters.kubernetes.refusals import Refusal
from lockstep.adapters.routers.registry import ROUTERS
from lockstep.api.base import DEPLOYMENT_LABEL, REVISION_LABEL, Manifest
from lockstep.api.resources import BY_KIND
from lockstep.clients.kubernetes.api import Kube
from lockstep.clients.kubernetes.named_watches import Place
from lockstep.core.config import Kind, Source
from lockstep.core.gates.question import Answer, Broken, Question, Reply, Series, Unasked
from lockstep.core.key import Key
from lockstep.core.rollout import planner
from lockstep.core.rollout.needs import Smoke
from lockstep.core.rollout.observed import SmokeResult
from lockstep.errors import LostRaceError
from lockstep.shell.loop.reconcile import Waits, reconcile
from lockstep.shell.process.clock import Clock
from lockstep.shell.rollout.act import Act
from lockstep.shell.rollout.ask import Ask
from lockstep.shell.rollout.controller import controller
from lockstep.shell.rollout.follow import Follow
from lockstep.shell.rollout.memory import Memory
from lockstep.shell.rollout.observe import Observe
from lockstep.shell.rollout.smokes import SmokeTests
from lockstep.shell.rollout.store import Store
from lockstep.shell.rollout.tell import Tell
from lockstep.shell.telemetry.metrics import Metrics
from lockstep.shell.watch.caches import Caches
from lockstep.shell.watch.references import Configs

FRAUD = Key("ModelDeployment", "pay", "fraud")
_TICKS = 8
"""Turns of the event loop until what a watch tells of was read."""
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ANSWERS: tuple[Answer | Unasked, ...] = (
    Reply(()),
    Reply((Series(0.0),)),
    Reply((Series(float("nan")),)),
    Reply((Series(float("inf")), Series(-1e308))),
    Reply((Series(0.2, {"revision": "00000001"}),)),
    Broken("Prometheus answered with an HTML page"),
    Unasked("Prometheus has not answered yet"),
)


def merged(before: Any, patch: Mapping[str, Any]) -> Manifest:
    """A JSON merge patch, as the API server carries it out (RFC 7386)."""
    after = dict(before) if isinstance(before, dict) else {}
    for key, value in patch.items():
        if value is None:
            after.pop(key, None)
        else:
            after[key] = merged(after.get(key), value) if isinstance(value, dict) else value
    return after


@dataclass
class ToyKube:
    """Takes everything that is asked; ``written`` are the statuses."""

    objects: dict[tuple[str, str], Manifest] = field(default_factory=dict)
    written: list[Manifest] = field(default_factory=list)
    version: int = 100

    def _keep(self, raw: Manifest) -> Manifest:
        json.dumps(raw)
        self.version += 1
        metadata = {"uid": f"uid-{raw['metadata']['name']}", "generation": 1, **raw["metadata"]}
        kept = {**raw, "metadata": {**metadata, "resourceVersion": str(self.version)}}
        self.objects[raw["kind"], raw["metadata"]["name"]] = kept
        return kept

    async def read(self, kind: str, namespace: str, name: str) -> Manifest | None:
        del namespace
        return self.objects.get((kind, name))

    async def create(self, manifest: Manifest, owner_uid: str) -> Manifest:
        del owner_uid
        return self._keep(manifest)

    async def create_once(self, manifest: Manifest) -> Manifest | None:
        return self._keep(manifest)

    async def apply(self, manifest: Manifest, uid: str) -> Manifest:
        del uid
        there = self.objects.get((manifest["kind"], manifest["metadata"]["name"]), {})
        return self._keep(merged(there, manifest))

    async def merge(self, manifest: Manifest, patch: Manifest) -> Manifest:
        there = self.objects.get((manifest["kind"], manifest["metadata"]["name"]), manifest)
        return self._keep(merged(there, patch))

    async def delete(self, kind: str, namespace: str, name: str, uid: str) -> None:
        del namespace, uid
        self.objects.pop((kind, name), None)

    async def events(self, namespace: str, about: Mapping[str, str]) -> Manifest:
        del namespace, about
        return {}

    async def dry_run(self, manifest: Manifest) -> Refusal | None:
        json.dumps(manifest)
        return None

    async def put_status(
        self, namespace: str, name: str, version: str, status: Manifest
    ) -> Manifest:
        del namespace
        there = self.objects["ModelDeployment", name]
        if there["metadata"]["resourceVersion"] != version:
            raise LostRaceError("stale")
        self.written.append(status)
        return self._keep({**there, "status": status})


@dataclass
class Answering:
    """Prometheus and pods; the n-th of ``answers`` is everybody's answer in the n-th pass."""

    answers: tuple[Answer | Unasked, ...]
    problem: str | None
    turn: int = 0

    async def measure(
        self, key: Key, questions: Iterable[Question]
    ) -> Mapping[Question, Answer | Unasked]:
        del key
        self.turn += 1
        answer = self.answers[self.turn % len(self.answers)] if self.answers else Reply(())
        return dict.fromkeys(questions, answer)

    async def probe(self, test: Smoke) -> SmokeResult:
        return SmokeResult(test.revision, self.problem)


@dataclass(frozen=True)
class Asks:
    """The two faces of ``Answering``, each with the one method that the shell wants."""

    answering: Answering
    probing: bool

    async def ask(self, *what: Any) -> Any:
        return await (self.answering.probe if self.probing else self.answering.measure)(*what)

    def forget(self, key: Key) -> None:
        """It remembers nobody."""


class NothingThere:
    """No user's ConfigMap or Secret exists."""

    async def follow(self, namespace: str, kind: Kind, place: Place) -> None:
        del namespace, kind
        place.begins()
        await asyncio.Event().wait()

    async def read(self, namespace: str, source: Source) -> Manifest | None:
        del namespace, source
        return None


@dataclass
class World:
    """``now`` is moved by hand; nothing of it sleeps."""

    answering: Answering
    now: datetime = NOW
    kube: ToyKube = field(default_factory=ToyKube)
    caches: Caches = field(default_factory=lambda: Caches(()))
    memory: Memory = field(default_factory=Memory)
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        client = cast("Kube", self.kube)
        clock = Clock(self._clock, lambda: self._clock() - NOW)
        configs = Configs(NothingThere(), self.caches)
        self.rollouts = controller(
            self.caches,
            planner,
            follow=Follow(self.caches, self.memory, client, clock, configs),
            observe=Observe(self.caches, self.memory, ROUTERS, clock, configs),
            ask=Ask(
                Asks(self.answering, probing=False),
                SmokeTests(Asks(self.answering, probing=True), self.caches),
                client,
                self.metrics,
            ),
            store=Store(self.caches, self.memory, client),
            act=Act(self.caches, self.memory, client, ROUTERS, self._clock),
            tell=Tell(self.caches, self.memory, client, self.metrics, self._clock),
        )

    def _clock(self) -> datetime:
        return self.now

    def stand(self, *raws: Manifest) -> None:
        """Objects of the API server's that were listed."""
        for raw in raws:
            self.kube.objects[raw["kind"], raw["metadata"]["name"]] = raw
            self.caches.read(BY_KIND[raw["kind"]].plural, raw)

    async def turn(self) -> Waits:
        """One pass; the pods that were asked for are ready at the next."""
        for _ in range(_TICKS):
            await asyncio.sleep(0)
        try:
            return await reconcile(FRAUD, self.rollouts, self._clock)
        finally:
            self.now += timedelta(seconds=17)
            self._play()

    def status(self) -> Manifest:
        return dict(self.kube.objects["ModelDeployment", FRAUD.name].get("status") or {})

    def _play(self) -> None:
        for (kind, _), raw in tuple(self.kube.objects.items()):
            if kind == "ReplicaSet":
                self.stand(*pods(raw["metadata"]["labels"][REVISION_LABEL]))


def pods(revision: str, count: int = 1) -> list[Manifest]:
    """Ready pods of a revision."""
    ready = {"type": "Ready", "status": "True"}
    return [
        {
            "kind": "Pod",
            "metadata": {
                "name": f"fraud-{revision}-{number}",
                "namespace": FRAUD.namespace,
                "uid": f"pod-{revision}-{number}",
                "resourceVersion": "50",
                "labels": {DEPLOYMENT_LABEL: FRAUD.name, REVISION_LABEL: revision},
                "generateName": f"fraud-{revision}-",
                "ownerReferences": [
                    {
                        "kind": "ReplicaSet",
                        "name": f"fraud-{revision}",
                        "uid": f"uid-fraud-{revision}",
                        "controller": True,
                    }
                ],
            },
            "status": {"phase": "Running", "podIP": "10.0.0.1", "conditions": [ready]},
        }
        for number in range(count)
    ]
