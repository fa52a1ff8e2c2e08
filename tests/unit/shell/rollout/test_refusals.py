"""Writes that the API server refuses: held back, told, tried again, and nothing else with them."""

import logging
from datetime import timedelta
from typing import cast

import pytest

from lockstep.api.events import EventReason
from lockstep.api.model_deployment_status import ModelDeploymentStatus, Phase
from lockstep.api.service import Service
from lockstep.core.facts import (
    Refused,
    Verb,
    Write,
)
from lockstep.core.plan import Event
from lockstep.core.refusals import Cause
from lockstep.core.rollout.actions import (
    Action,
    PutBudget,
    PutReplicaSet,
    SetTraffic,
    StoreRevision,
)
from lockstep.core.rollout.needs import Needs
from lockstep.core.rollout.observed import Observed
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.routing import Nobody
from lockstep.errors import RefusedError
from lockstep.shell.loop.reconcile import (
    AFTER_WRITING,
    Waits,
    reconcile,
)
from lockstep.shell.rollout.ask import Ask
from lockstep.shell.rollout.controller import controller
from tests.unit.shell.fakes import Bench
from tests.unit.shell.written import FRAUD, TEMPLATE, model_deployment

POLICY = RefusedError("create services: no label", "no label", Cause.SPEC)
AWAY = RefusedError("create services: webhook", "failed calling webhook", Cause.PLATFORM)
SERVICE = Write(Verb.CREATED, "Service", "fraud")
TRAFFIC = SetTraffic(routing=Nobody(), ports=Service().served(), exists=False)
STORE = StoreRevision(revision="r1", scheme="1", number=1, inputs={}, template=TEMPLATE)
PUT = PutReplicaSet(revision="r1", replicas=2, template=TEMPLATE, min_ready_seconds=0, exists=False)
BUDGET = PutBudget(exists=False)


class Planning:
    """Plans the same in every pass, and remembers what it saw."""

    def __init__(self, *actions: Action) -> None:
        self.actions = actions
        self.seen: list[tuple[Refused, ...]] = []

    def needs(self, observed: Observed, now: object) -> Needs:
        del observed, now
        return Needs()

    def plan(self, observed: Observed, now: object) -> Plan:
        del now
        self.seen.append(observed.refused)
        status = ModelDeploymentStatus(phase=Phase.PROGRESSING)
        begins = observed.status.phase is not Phase.PROGRESSING
        events = (Event(EventReason.STAGE_ENTERED, "once"),) if begins else ()
        return Plan(status=status, actions=self.actions, events=events)


class Silent:
    """Nothing is asked here."""

    async def ask(self, seen: Observed, needs: Needs) -> Observed:
        assert needs == Needs()
        return seen


class Passes:
    """Whole passes on a fake API server."""

    def __init__(self, *actions: Action, **refusals: Exception) -> None:
        self.bench, self.planning = Bench().see(model_deployment()), Planning(*actions)
        self.bench.kube.refusals = refusals

    async def next(self) -> tuple[Waits, list[str]]:
        """How long it may sleep after a pass, and which children that asked for."""
        bench = self.bench
        bench.kube.log.clear()
        rollouts = controller(
            bench.caches,
            self.planning,
            follow=bench.follow,
            observe=bench.observe,
            ask=cast("Ask", Silent()),
            store=bench.store,
            act=bench.act,
            tell=bench.tell,
        )
        waits = await reconcile(FRAUD, rollouts, lambda: bench.now)
        return waits, [
            it for it in bench.kube.log if it.split()[1] not in {"ModelDeployment", "once"}
        ]


async def test_what_does_not_rest_on_a_refused_write_is_done() -> None:
    run = Passes(STORE, TRAFFIC, PUT, BUDGET, Service=POLICY)
    assert (await run.next())[1] == [
        "create ControllerRevision fraud-r1",
        "create Service fraud",
        "create ReplicaSet fraud-r1",
        "create PodDisruptionBudget fraud",
    ]


async def test_what_rests_on_it_waits() -> None:
    run = Passes(STORE, PUT, ControllerRevision=POLICY)
    assert (await run.next())[1] == ["create ControllerRevision fraud-r1"]


async def test_the_next_pass_knows_what_was_refused_and_does_not_ask_again() -> None:
    run = Passes(TRAFFIC, Service=POLICY)
    waits, _ = await run.next()
    assert waits.written == timedelta(seconds=1)
    _, asked = await run.next()
    assert asked == []
    assert run.planning.seen == [(), (Refused(SERVICE, Cause.SPEC, "no label"),)]


async def test_it_is_tried_ever_more_seldom_and_never_forgotten() -> None:
    run, slept = Passes(TRAFFIC, Service=POLICY), []
    for _ in range(8):
        waits, asked = await run.next()
        assert asked == ["create Service fraud"]
        assert waits.written is not None
        slept.append(waits.written.total_seconds())
        run.bench.now += waits.written
    assert slept == [1, 2, 4, 8, 16, 30, 30, 30]


async def test_it_heals_by_itself() -> None:
    run = Passes(TRAFFIC, Service=POLICY)
    await run.next()
    run.bench.kube.refusals.clear()
    run.bench.later(seconds=1)
    waits, asked = await run.next()
    assert (asked, waits.written) == (["create Service fraud"], AFTER_WRITING)
    await run.next()
    assert run.planning.seen[-1] == ()
    assert not len(run.bench.memory.of(FRAUD).refusals)


async def test_a_blip_of_the_cluster_is_not_told() -> None:
    run = Passes(TRAFFIC, Service=AWAY)
    await run.next()
    run.bench.later(seconds=1)
    await run.next()
    await run.next()
    assert [len(it) for it in run.planning.seen] == [0, 0, 1]


async def test_another_spec_is_tried_at_once() -> None:
    run = Passes(TRAFFIC, Service=POLICY)
    await run.next()
    raw = run.bench.kube.objects["ModelDeployment", "fraud"]
    version = str(int(raw["metadata"]["resourceVersion"]) + 1)
    metadata = {**raw["metadata"], "generation": 2, "resourceVersion": version}
    run.bench.see({**raw, "metadata": metadata})
    assert (await run.next())[1] == ["create Service fraud"]


async def test_what_is_not_wanted_any_more_is_forgotten() -> None:
    run = Passes(TRAFFIC, Service=POLICY)
    await run.next()
    run.planning.actions = ()
    await run.next()
    await run.next()
    assert run.planning.seen[-1] == ()


async def test_one_warning_for_one_refusal(caplog: pytest.LogCaptureFixture) -> None:
    run = Passes(TRAFFIC, Service=POLICY)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await run.next()
            run.bench.later(seconds=30)
    told = [it.message for it in caplog.records if it.name.endswith("refusals")]
    assert told == ["Service fraud could not be created: no label"]


async def test_a_status_that_is_refused_is_told_by_one_event_and_nothing_is_done() -> None:
    too_large = RefusedError("update status", "request is too large", Cause.SPEC)
    run = Passes(TRAFFIC, status=too_large)
    for _ in range(2):
        with pytest.raises(RefusedError):
            await run.next()
    (event,) = [it for it in run.bench.kube.recorded if it["reason"] == "StatusRefused"]
    assert "request is too large" in event["message"]
    assert ("Service", "fraud") not in run.bench.kube.objects


async def test_a_refused_event_stops_nothing() -> None:
    run = Passes(TRAFFIC, Event=POLICY)
    assert (await run.next())[1] == ["create Service fraud"]
    assert not run.bench.memory.of(FRAUD).untold
