"""Beginning and end of an operator."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from lockstep.clients.kubernetes.api import Kube
from lockstep.clients.kubernetes.lease import Lease
from lockstep.core.key import Key
from lockstep.errors import InvariantError, TransientError
from lockstep.shell.loop.queue import Queue
from lockstep.shell.loop.workers import WorkerPool
from lockstep.shell.process import manager
from lockstep.shell.process.health import Health
from lockstep.shell.process.manager import Manager
from lockstep.shell.rollout.criteria import CriteriaStatus
from lockstep.shell.rollout.verdicts import LastVerdicts
from lockstep.shell.telemetry.metrics import Metrics
from lockstep.shell.watch.caches import Caches
from lockstep.shell.watch.watching import Watching
from tests.controllers import controller_of
from tests.integration.shell.loop.test_workers import Thinking, nothing
from tests.unit.shell.fakes import kept, watch
from tests.unit.shell.written import FRAUD, model_deployment

SOON = 5.0


@dataclass
class Stage:
    """The API server, the lease and kopf, as far as a life needs them."""

    served: list[frozenset[str] | Exception] = field(default_factory=lambda: [manager._OWN])
    log: list[str] = field(default_factory=list)
    free: asyncio.Event = field(default_factory=asyncio.Event)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    deaf: asyncio.Event = field(default_factory=asyncio.Event)

    async def acquire(self) -> None:
        await self.free.wait()
        self.log.append("acquired")

    async def hold(self) -> None:
        await self.lost.wait()

    async def release(self) -> None:
        self.log.append("released")

    async def listen(self) -> None:
        self.log.append("listening")
        try:
            await self.deaf.wait()
        finally:
            self.log.append("deaf")
        raise InvariantError("watching ended")


class Api:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    async def served(self, *_: str) -> frozenset[str]:
        answers = self.stage.served
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Theatre:
    """A life on a stage, with one ModelDeployment to look after."""

    def __init__(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("lockstep.shell.process.manager._POLL", timedelta(0))
        self.stage = stage
        self.caches = Caches(())
        self.thinking = Thinking([nothing])
        self.work = WorkerPool(
            Queue(),
            (controller_of(self.thinking, self.thinking, self.caches.model_deployments),),
            Metrics(),
            lambda: datetime.now(UTC),
        )
        self.caches.enqueue = self.work.enqueue
        self.health = Health(self.caches, list)
        self.stop = asyncio.Event()
        self.life = Manager(
            kube=cast("Kube", Api(stage)),
            caches=self.caches,
            watching=cast("Watching", stage),
            lease=cast("Lease", stage),
            work=self.work,
            criteria=CriteriaStatus(self.caches, LastVerdicts(), cast("Kube", Api(stage))),
            health=self.health,
            workers=1,
            grace=timedelta(seconds=1),
        )

    def listed(self) -> None:
        for it, namespace in self.caches.scopes:
            raws = [model_deployment()] if it.plural == "modeldeployments" else []
            self.caches.on_list(it, namespace, kept(self.caches, it.plural, *raws), 50)


@pytest.fixture
def theatre(monkeypatch: pytest.MonkeyPatch) -> Theatre:
    return Theatre(Stage(), monkeypatch)


async def until(log: list[str], line: str) -> None:
    async with asyncio.timeout(SOON):
        while line not in log:
            await asyncio.sleep(0)


async def test_nothing_is_decided_before_everything_was_listed(theatre: Theatre) -> None:
    theatre.stage.free.set()
    living = asyncio.create_task(theatre.life.live(theatre.stop))
    await until(theatre.stage.log, "listening")
    found = kept(theatre.caches, "modeldeployments", model_deployment())
    theatre.caches.on_list(watch("modeldeployments"), "", found, 50)
    theatre.work.enqueue(FRAUD)
    assert theatre.health.ready() != []
    assert theatre.thinking.passes == []
    theatre.listed()
    await theatre.thinking.passed(1)
    assert theatre.health.ready() == []
    theatre.stop.set()
    await asyncio.wait_for(living, SOON)
    assert theatre.stage.log == ["listening", "acquired", "released", "deaf"]


async def test_nothing_is_decided_without_the_lease(theatre: Theatre) -> None:
    living = asyncio.create_task(theatre.life.live(theatre.stop))
    await until(theatre.stage.log, "listening")
    theatre.listed()
    while theatre.health.standing == "starting":
        await asyncio.sleep(0)
    assert (theatre.health.standing, theatre.health.ready()) == ("standing by", [])
    assert theatre.thinking.passes == []
    theatre.stop.set()
    await asyncio.wait_for(living, SOON)
    assert theatre.thinking.passes == []


async def test_passes_under_way_end_before_the_lease_is_let_go(theatre: Theatre) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def look(key: Key) -> None:
        assert key == FRAUD
        begun.set()
        await go_on.wait()
        theatre.stage.log.append("pass ended")

    theatre.thinking.observe = look  # type: ignore[method-assign]  # held in the middle of a pass
    theatre.stage.free.set()
    living = asyncio.create_task(theatre.life.live(theatre.stop))
    await until(theatre.stage.log, "listening")
    theatre.listed()
    await asyncio.wait_for(begun.wait(), SOON)
    theatre.stop.set()
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.wait_for(living, SOON)
    assert theatre.stage.log == ["listening", "acquired", "pass ended", "released", "deaf"]


async def test_a_lost_lease_ends_the_process(theatre: Theatre) -> None:
    theatre.stage.free.set()
    living = asyncio.create_task(theatre.life.live(theatre.stop))
    await until(theatre.stage.log, "listening")
    theatre.listed()
    await theatre.thinking.passed(1)
    theatre.stage.lost.set()
    with pytest.raises(InvariantError, match="lost the lease"):
        await asyncio.wait_for(living, SOON)


async def test_an_operator_that_hears_nothing_any_more_ends(theatre: Theatre) -> None:
    theatre.stage.free.set()
    living = asyncio.create_task(theatre.life.live(theatre.stop))
    await until(theatre.stage.log, "listening")
    theatre.listed()
    theatre.stage.deaf.set()
    with pytest.raises(InvariantError, match="watching ended"):
        await asyncio.wait_for(living, SOON)
    assert theatre.stage.log[-1] == "released", "the next one starts at once"


async def test_it_waits_for_its_crds(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage([frozenset(), TransientError("away"), manager._OWN])
    theatre = Theatre(stage, monkeypatch)
    living = asyncio.create_task(theatre.life.live(theatre.stop))
    await until(stage.log, "listening")
    theatre.stop.set()
    await asyncio.wait_for(living, SOON)


async def test_it_can_be_stopped_while_it_waits_for_its_crds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theatre = Theatre(Stage([frozenset()]), monkeypatch)
    living = asyncio.create_task(theatre.life.live(theatre.stop))
    await asyncio.sleep(0)
    theatre.stop.set()
    await asyncio.wait_for(living, SOON)
    assert theatre.stage.log == []
