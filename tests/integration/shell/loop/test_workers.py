"""How passes end, and what follows."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from lockstep.core.key import Key
from lockstep.core.rollout.actions import Action
from lockstep.core.rollout.needs import Needs
from lockstep.core.rollout.observed import Observed
from lockstep.core.rollout.plan import Plan
from lockstep.errors import ForeignObjectError, InvariantError, LostRaceError, TransientError
from lockstep.shell.loop.queue import Queue
from lockstep.shell.loop.reconcile import Waits
from lockstep.shell.loop.schedule import Rank
from lockstep.shell.loop.workers import LONGEST_PASS, WorkerPool
from lockstep.shell.telemetry.metrics import Metrics
from lockstep.shell.watch.caches import Caches
from tests.controllers import controller_of
from tests.unit.shell.written import FRAUD, model_deployment

SOON = 5.0
CHURN = Key("ModelDeployment", "pay", "churn")


@dataclass
class Thinking:
    """A world and a planner in which every pass is what ``looks`` says in its turn."""

    looks: list[Callable[[], Observed | None]]
    waits: list[timedelta] = field(default_factory=list)
    passes: list[Key] = field(default_factory=list)
    ended: list[tuple[Key, str]] = field(default_factory=list)
    done: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def observe(self, key: Key) -> Observed | None:
        self.passes.append(key)
        async with self.done:
            self.done.notify_all()
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        return look()

    async def dismiss(self, key: Key, now: datetime) -> timedelta | None:
        del key, now
        return self.waits.pop(0) if self.waits else None

    async def ask(self, seen: Observed, needs: Needs) -> Observed:
        raise AssertionError(seen, needs)

    def forget(self, key: Key) -> None:
        """Nothing was asked."""

    async def store(self, seen: Observed, decided: Plan, now: datetime) -> None:
        raise AssertionError(seen, decided, now)

    async def act(self, seen: Observed, action: Action) -> None:
        raise AssertionError(seen, action)

    async def tell(self, key: Key) -> None:
        raise AssertionError(key)

    async def pass_ended(self, key: Key, waited_for: str, after: timedelta) -> None:
        assert after > timedelta(0)
        self.ended.append((key, waited_for))

    def needs(self, observed: Observed, now: datetime) -> Needs:
        raise AssertionError(observed, now)

    def plan(self, observed: Observed, now: datetime) -> Plan:
        raise AssertionError(observed, now)

    async def passed(self, times: int) -> None:
        async with self.done, asyncio.timeout(SOON):
            await self.done.wait_for(lambda: len(self.passes) >= times)


def raising(error: Exception) -> Callable[[], Observed | None]:
    def look() -> Observed | None:
        raise error

    return look


def nothing() -> Observed | None:
    return None


@asynccontextmanager
async def working(
    thinking: Thinking, workers: int = 1, longest: timedelta = LONGEST_PASS
) -> AsyncIterator[tuple[WorkerPool, Metrics]]:
    caches, metrics = Caches(()), Metrics()
    caches.read("modeldeployments", model_deployment())
    work = WorkerPool(
        Queue(),
        (controller_of(thinking, thinking, caches.model_deployments),),
        metrics,
        lambda: datetime.now(UTC),
        longest,
    )
    work.enqueue(FRAUD)
    work.start(workers)
    try:
        yield work, metrics
    finally:
        await work.stop(timedelta(0))


ENDS: dict[str, tuple[Exception, str]] = {
    "a lost race": (LostRaceError("stale"), "lost_race"),
    "a name that is taken": (ForeignObjectError("Service", "fraud"), "foreign"),
    "no answer": (TransientError("away", retry_after=timedelta(0)), "transient"),
    "a defect of ours": (KeyError("oops"), "crashed"),
}


@pytest.mark.parametrize(("error", "outcome"), ENDS.values(), ids=ENDS)
async def test_a_pass_that_failed_is_followed_by_another(
    error: Exception, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lockstep.shell.loop.workers.backoff", lambda *_, **__: timedelta(0))
    thinking = Thinking([raising(error), nothing])
    async with working(thinking) as (_, metrics):
        await thinking.passed(2)
    assert thinking.passes == [FRAUD, FRAUD]
    assert f'lockstep_passes_total{{outcome="{outcome}"}} 1.0'.encode() in metrics.exposed()


async def test_one_broken_object_does_not_stop_the_others() -> None:
    thinking = Thinking([raising(KeyError("oops")), nothing])
    async with working(thinking) as (work, _):
        work.enqueue(CHURN)
        await thinking.passed(2)
    assert set(thinking.passes) == {FRAUD, CHURN}


async def test_what_does_not_exist_has_passes_as_long_as_somebody_waits() -> None:
    thinking = Thinking([nothing], waits=[timedelta(0)])
    async with working(thinking) as (work, _):
        await thinking.passed(1)
        work.enqueue(CHURN)
        await thinking.passed(3)
    assert thinking.passes.count(FRAUD) == 2
    assert thinking.passes.count(CHURN) == 1


async def test_a_broken_promise_waits_for_somebody_to_look() -> None:
    thinking = Thinking([raising(InvariantError("status.phase: not ours")), nothing])
    async with working(thinking) as (work, metrics):
        await thinking.passed(1)
        work.enqueue(CHURN)
        await thinking.passed(2)
    assert thinking.passes == [FRAUD, CHURN], "no pass of its own follows soon"
    assert b'outcome="invariant"} 1.0' in metrics.exposed()


async def test_a_bell_wakes_what_waits() -> None:
    thinking = Thinking([raising(InvariantError("x")), nothing])
    async with working(thinking) as (work, _):
        await thinking.passed(1)
        work.enqueue(FRAUD)
        await thinking.passed(2)
    assert thinking.passes == [FRAUD, FRAUD]


async def test_what_rings_soon_after_a_pass_waits_for_the_rest_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lockstep.shell.loop.workers.APART", timedelta(hours=1))
    thinking = Thinking([nothing])
    async with working(thinking) as (work, _):
        await thinking.passed(1)
        work.enqueue(FRAUD)
        work.enqueue(CHURN)
        await thinking.passed(2)
    assert thinking.passes == [FRAUD, CHURN]


async def test_only_what_is_planned_goes_before_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[tuple[Key, Rank, timedelta]] = []

    class Remembering(Queue):
        def add(self, key: Key, rank: Rank, after: timedelta = timedelta(0)) -> None:
            turns.append((key, rank, after))
            super().add(key, rank, after)

    async def passed(*_: object) -> Waits:
        return Waits(planned=timedelta(minutes=1), written=timedelta(minutes=2))

    monkeypatch.setattr("lockstep.shell.loop.workers.reconcile", passed)
    caches, thinking = Caches(()), Thinking([nothing])
    status = {"candidate": {"revision": "r2"}}
    caches.read("modeldeployments", model_deployment(status=status))
    work = WorkerPool(
        Remembering(),
        (controller_of(thinking, thinking, caches.model_deployments),),
        Metrics(),
        lambda: datetime.now(UTC),
    )
    work.start(1)
    work.enqueue(FRAUD)
    async with asyncio.timeout(SOON):
        while len(turns) < 3:
            await asyncio.sleep(0.01)
    await work.stop(timedelta(0))
    assert turns[1:] == [
        (FRAUD, Rank.REST, timedelta(minutes=2)),
        (FRAUD, Rank.TRIAL, timedelta(minutes=1)),
    ]


async def test_a_pass_under_way_may_end_when_work_stops() -> None:
    begun, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Slow(Thinking):
        async def observe(self, key: Key) -> Observed | None:
            assert key == FRAUD
            begun.set()
            await go_on.wait()
            ended.set()
            return None

    async with working(Slow([nothing])) as (work, _):
        await asyncio.wait_for(begun.wait(), SOON)
        stopping = asyncio.create_task(work.stop(timedelta(seconds=SOON)))
        go_on.set()
        await asyncio.wait_for(stopping, SOON)
    assert ended.is_set()


async def test_a_pass_that_takes_too_long_is_ended_and_said_and_stops_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Hangs(Thinking):
        async def observe(self, key: Key) -> Observed | None:
            found = await super().observe(key)
            if key == FRAUD:
                await asyncio.Event().wait()
            return found

    thinking = Hangs([nothing])
    async with working(thinking, longest=timedelta(milliseconds=20)) as (work, metrics):
        work.enqueue(CHURN)
        while b'outcome="overdue"} 1' not in metrics.exposed():
            await asyncio.sleep(0.01)
        await thinking.passed(2)
    assert set(thinking.passes) == {FRAUD, CHURN}
    assert "the pass did not finish within 0.02 s: it waited for" in caplog.text


async def test_an_ended_pass_is_told_of_its_object_once_and_where_it_was() -> None:
    again = asyncio.Event()

    class Hangs(Thinking):
        async def observe(self, key: Key) -> Observed | None:
            found = await super().observe(key)
            if len(self.passes) != 4 and not again.is_set():
                await asyncio.Event().wait()
            return found

    thinking = Hangs([nothing])
    told = thinking.ended
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lockstep.shell.loop.workers.backoff", lambda *_, **__: timedelta(0))
        async with working(thinking, longest=timedelta(milliseconds=20)) as (work, metrics):
            await thinking.passed(4)
            where = "a check whether a name that it needs is taken"
            assert told == [(FRAUD, where)], "three were ended, one is told"
            work.enqueue(FRAUD)
            while len(told) < 2:
                await asyncio.sleep(0.01)
            again.set()
            assert told == [(FRAUD, where)] * 2, "one ended by itself in between"
            assert b'outcome="overdue"} ' in metrics.exposed()


async def test_a_pass_that_does_not_end_is_cut_off() -> None:
    begun = asyncio.Event()

    class Endless(Thinking):
        async def observe(self, key: Key) -> Observed | None:
            assert key == FRAUD
            begun.set()
            await asyncio.Event().wait()
            return None

    async with working(Endless([nothing])) as (work, _):
        await asyncio.wait_for(begun.wait(), SOON)
        await asyncio.wait_for(work.stop(timedelta(milliseconds=20)), SOON)
        assert work.last_pass_age() == 0.0


async def test_the_age_of_the_last_pass_is_0_while_there_is_nothing_to_do() -> None:
    work = WorkerPool(
        Queue(),
        (controller_of(Thinking([nothing]), Thinking([nothing]), Caches(()).model_deployments),),
        Metrics(),
        datetime.now,
    )
    assert work.last_pass_age() == 0.0
    work.start(1)
    assert work.last_pass_age() == 0.0
    await work.stop(timedelta(0))
