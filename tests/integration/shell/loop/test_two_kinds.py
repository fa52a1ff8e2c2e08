"""A second kind that only exists here goes through the loop beside the first, under one name."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from lockstep.adapters.kubernetes import meta, pods
from lockstep.api.base import Manifest
from lockstep.api.events import EventReason
from lockstep.core.facts import Verb, Write
from lockstep.core.key import Key, Named
from lockstep.core.plan import Event, Plan
from lockstep.errors import RefusedError
from lockstep.shell.loop.controller import Controller
from lockstep.shell.loop.queue import Queue
from lockstep.shell.loop.schedule import Rank
from lockstep.shell.loop.workers import WorkerPool
from lockstep.shell.telemetry import logs
from lockstep.shell.telemetry.metrics import Metrics
from lockstep.shell.watch.cache import Cache

MODEL: Final = Key("ModelDeployment", "pay", "fraud")
EXPERIMENT: Final = Key("Experiment", "pay", "fraud")
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    key: Key
    uid: str = "u"
    generation: int = 1
    runs: int = 0
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    wire: Manifest


@dataclass
class Objects:
    found: dict[Named, Found]

    def __len__(self) -> int:
        return len(self.found)

    def get(self, at: Named) -> Found | None:
        return self.found.get(at)


@dataclass
class Trying:
    """Every step of a kind that starts a run until there are enough of them: status is a number.

    ``hangs``: its passes never end.
    """

    kind: str
    enough: int = 2
    hangs: bool = False
    runs: int = 0
    stored: int = 0
    there: bool = True
    log: list[str] = field(default_factory=list)
    noted: list[Event] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    async def observe(self, key: Key) -> Seen | None:
        assert key.kind == self.kind
        if self.hangs:
            await asyncio.Event().wait()
        return Seen(key=key, runs=self.runs) if self.there else None

    async def ask(self, seen: Seen, needs: str) -> Seen:
        return replace(seen, answer=needs.upper())

    def forget(self, key: Key) -> None:
        self.log.append(f"forget {key}")

    def needs(self, observed: Seen, now: datetime) -> str:
        assert (observed.answer, now.tzinfo) == ("", UTC)
        return "how is it"

    def plan(self, observed: Seen, now: datetime) -> Plan[int, str]:
        assert (observed.answer, now.tzinfo) == ("HOW IS IT", UTC)
        missing = observed.runs < self.enough
        events = (Event(EventReason.STAGE_ENTERED, "a run begins"),) if missing else ()
        actions = ("start a run",) if missing else ()
        return Plan(status=observed.runs, actions=actions, events=events)

    async def store(self, seen: Seen, decided: Plan[int, str], now: datetime) -> None:
        assert (seen.key.kind, now.tzinfo) == (self.kind, UTC)
        self.stored = decided.status

    def planned(self, key: Key, actions: Iterable[str]) -> None:
        assert (key.kind, set(actions) <= {"start a run"}) == (self.kind, True)

    async def act(self, seen: Seen, action: str) -> None:
        _LOG.warning("%s", action)
        self.log.append(f"{action} of {seen.key}")
        self.runs += 1

    async def dismiss(self, key: Key, now: datetime) -> None:
        assert (key.kind, now.tzinfo) == (self.kind, UTC)

    def note(self, seen: Seen, decided: Plan[int, str]) -> None:
        assert seen.key.kind == self.kind
        self.noted.extend(decided.events)

    async def tell(self, key: Key) -> None:
        self.log.extend(f"{it.message} for {key}" for it in self.noted)
        self.noted.clear()

    async def not_stored(self, seen: Seen, error: RefusedError) -> None:
        raise AssertionError(seen, error)

    async def pass_ended(self, key: Key, waited_for: str, after: timedelta) -> None:
        assert (key.kind, after > timedelta(0)) == (self.kind, True)
        self.ended.append(waited_for)

    def write(self, of: Key, action: str) -> Write:
        assert action == "start a run"
        return Write(Verb.CREATED, "Job", of.name)

    def rests_on(self, seen: Seen, action: str, missing: Sequence[str]) -> bool:
        del seen
        return action in missing

    def controller(self, *names: str) -> Controller[Seen, str, int, str]:
        there = {Named("pay", it): Found({"kind": self.kind}) for it in names}
        return Controller(
            kind=self.kind,
            objects=Objects(there),
            observe=self,
            ask=self,
            planner=self,
            store=self,
            act=self,
            tell=self,
            writes=self,
            rank=lambda wire: Rank.TRIAL if wire == {"kind": self.kind} else Rank.REST,
        )


@asynccontextmanager
async def working(
    *controllers: Controller[Any, Any, Any, Any], longest: timedelta = timedelta(seconds=60)
) -> AsyncIterator[WorkerPool]:
    work = WorkerPool(Queue(), controllers, Metrics(), lambda: datetime.now(UTC), longest)
    work.start(1)
    try:
        async with asyncio.timeout(20):
            yield work
    finally:
        await work.stop(timedelta(0))


async def until(done: Any) -> None:
    while not done():
        await asyncio.sleep(0.01)


async def test_both_of_one_name_have_their_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lockstep.shell.loop.reconcile.AFTER_WRITING", timedelta(0))
    models, experiments = Trying(MODEL.kind), Trying(EXPERIMENT.kind, enough=3)
    async with working(models.controller("fraud"), experiments.controller("fraud")) as work:
        work.enqueue(MODEL)
        work.enqueue(EXPERIMENT)
        await until(lambda: (models.stored, experiments.stored) == (2, 3))
    told = "start a run of Experiment pay/fraud", "a run begins for Experiment pay/fraud"
    assert experiments.log == [*told] * 3
    assert models.log == [it.replace("Experiment", "ModelDeployment") for it in told] * 2


async def test_a_pass_that_hangs_is_told_of_its_own_kind_and_holds_back_no_other() -> None:
    models, experiments = Trying(MODEL.kind, hangs=True), Trying(EXPERIMENT.kind, enough=1)
    controllers = models.controller("fraud"), experiments.controller("fraud")
    async with working(*controllers, longest=timedelta(milliseconds=50)) as work:
        work.enqueue(MODEL)
        work.enqueue(EXPERIMENT)
        await until(lambda: models.ended and experiments.stored == 1)
    assert experiments.ended == []


async def test_what_is_gone_is_forgotten_by_its_own_kind() -> None:
    models, experiments = Trying(MODEL.kind, there=False), Trying(EXPERIMENT.kind, enough=1)
    async with working(models.controller(), experiments.controller("fraud")) as work:
        work.enqueue(MODEL)
        work.enqueue(EXPERIMENT)
        await until(lambda: models.log and experiments.stored == 1)
    assert models.log == ["forget ModelDeployment pay/fraud"]


async def test_the_age_of_the_last_pass_counts_every_kind() -> None:
    nothing, hanging = Trying(MODEL.kind).controller(), Trying(EXPERIMENT.kind, hangs=True)
    async with working(nothing, hanging.controller("fraud")) as work:
        work.enqueue(EXPERIMENT)
        await asyncio.sleep(0.2)
        assert work.last_pass_age() > 0.1, "one operator in which experiments hang is stale"
    async with working(nothing) as work:
        await asyncio.sleep(0.05)
        assert work.last_pass_age() == 0.0, "and one without any object is not"


async def test_log_lines_say_of_which_kind_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    root, stream = logging.getLogger(), io.StringIO()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    logs.configure("INFO", "json", stream)
    models, experiments = Trying(MODEL.kind, enough=1), Trying(EXPERIMENT.kind, enough=1)
    async with working(models.controller("fraud"), experiments.controller("fraud")) as work:
        work.enqueue(MODEL)
        work.enqueue(EXPERIMENT)
        await until(lambda: models.runs and experiments.runs)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    said = {(it["kind"], it["object"]) for it in lines if it["message"] == "start a run"}
    assert said == {("ModelDeployment", "pay/fraud"), ("Experiment", "pay/fraud")}


def test_each_has_its_own_children(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = (("lockstep.dev/deployment", MODEL.kind), ("lockstep.dev/experiment", EXPERIMENT.kind))
    monkeypatch.setattr(meta, "_PARENT_LABELS", labels)
    cache = Cache(pods.prune)
    for label, _ in labels:
        name = label.partition("/")[2]
        labelled = {"name": name, "namespace": "pay", "uid": name, "labels": {label: "fraud"}}
        cache.put({"metadata": {**labelled, "resourceVersion": "1"}, "spec": {}, "status": {}})
    assert [it.meta.name for it in cache.children(MODEL)] == ["deployment"]
    assert [it.meta.name for it in cache.children(EXPERIMENT)] == ["experiment"]
