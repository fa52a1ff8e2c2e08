"""One pass, in a world that is a dict."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from lockstep.adapters.kubernetes import model_deployments
from lockstep.api.events import EventReason
from lockstep.api.model_deployment_status import ModelDeploymentStatus, Phase
from lockstep.core.key import Key
from lockstep.core.plan import Event
from lockstep.core.rollout.actions import Action, RemoveReplicaSet
from lockstep.core.rollout.needs import Needs
from lockstep.core.rollout.observed import Observed
from lockstep.core.rollout.plan import Plan
from lockstep.errors import LostRaceError, TransientError
from lockstep.shell.loop.reconcile import (
    AFTER_WRITING,
    Waits,
    reconcile,
)
from tests.controllers import controller_of
from tests.unit.shell.written import FRAUD, TEMPLATE, UID, model_deployment

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLANNED = timedelta(seconds=7)


@dataclass
class DictWorld:
    """Remembers what was done to it; ``breaks_at`` is the step that fails once."""

    seen: Observed | None
    breaks_at: str = ""
    error: Exception = field(default_factory=lambda: TransientError("away"))
    log: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    waits: timedelta | None = None

    def _step(self, name: str) -> None:
        if self.breaks_at == name:
            self.breaks_at = ""
            raise self.error
        self.log.append(name)

    async def observe(self, key: Key) -> Observed | None:
        assert key == FRAUD
        self._step("look")
        return self.seen

    async def dismiss(self, key: Key, now: datetime) -> timedelta | None:
        assert (key, now) == (FRAUD, NOW)
        self._step("dismiss")
        return self.waits

    def forget(self, key: Key) -> None:
        assert key == FRAUD
        self._step("forget")

    async def ask(self, seen: Observed, needs: Needs) -> Observed:
        assert (seen.key, needs) == (FRAUD, Needs())
        self._step("ask")
        return seen

    async def store(self, seen: Observed, decided: Plan, now: datetime) -> None:
        assert now == NOW
        self._step("store")
        self.seen = replace(seen, status=decided.status)

    def planned(self, key: Key, actions: Iterable[Action]) -> None:
        assert key == FRAUD
        assert all(isinstance(it, RemoveReplicaSet) for it in actions)

    async def act(self, seen: Observed, action: Action) -> None:
        assert seen.uid == UID
        assert isinstance(action, RemoveReplicaSet)
        self._step("act")
        self.gone.add(action.revision)

    def note(self, seen: Observed, decided: Plan) -> None:
        assert seen.key == FRAUD
        self.noted = decided

    async def tell(self, key: Key) -> None:
        assert key == FRAUD
        self._step("tell" if self.noted.events else "say nothing")


@dataclass
class Removing:
    """A planner that wants one revision gone and remembers having wanted it."""

    world: DictWorld

    def needs(self, observed: Observed, now: datetime) -> Needs:
        assert (observed.key, now) == (FRAUD, NOW)
        return Needs()

    def plan(self, observed: Observed, now: datetime) -> Plan:
        assert now == NOW
        status = ModelDeploymentStatus(phase=Phase.DEGRADED)
        actions = () if "bad" in self.world.gone else (RemoveReplicaSet("bad"),)
        changed = observed.status != status
        events = (Event(EventReason.ROLLED_BACK, "it was bad"),) if changed else ()
        return Plan(status=status, actions=actions, events=events, look_again=PLANNED)


def observed() -> Observed:
    record = model_deployments.prune(model_deployment())
    return Observed(
        key=FRAUD,
        uid=UID,
        generation=1,
        spec=record.spec,
        template=TEMPLATE,
        status=ModelDeploymentStatus(),
    )


async def one_pass(world: DictWorld) -> Waits:
    return await reconcile(FRAUD, controller_of(world, Removing(world)), lambda: NOW)


async def test_a_pass_walks_in_one_direction() -> None:
    world = DictWorld(observed())
    assert await one_pass(world) == Waits(planned=PLANNED, written=AFTER_WRITING)
    assert world.log == ["look", "ask", "store", "act", "tell"]


async def test_a_repeated_pass_does_nothing() -> None:
    world = DictWorld(observed())
    await one_pass(world)
    world.log.clear()
    assert await one_pass(world) == Waits(planned=PLANNED)
    assert world.log == ["look", "ask", "store", "say nothing"]


async def test_what_is_gone_needs_no_pass() -> None:
    world = DictWorld(None)
    assert await one_pass(world) == Waits()
    assert world.log == ["look", "forget", "dismiss"]


async def test_whoever_waits_for_what_does_not_exist_is_looked_at_again() -> None:
    world = DictWorld(None, waits=timedelta(seconds=3))
    assert await one_pass(world) == Waits(written=timedelta(seconds=3))


@pytest.mark.parametrize("step", ["look", "ask", "store", "act"])
async def test_a_crash_before_any_step_is_repaired_by_the_next_pass(step: str) -> None:
    world = DictWorld(observed(), breaks_at=step)
    with pytest.raises(TransientError):
        await one_pass(world)
    await one_pass(world)
    assert world.gone == {"bad"}
    assert world.seen is not None
    assert world.seen.status.phase is Phase.DEGRADED


async def test_nothing_is_done_after_a_lost_race() -> None:
    world = DictWorld(observed(), breaks_at="store", error=LostRaceError("someone was first"))
    with pytest.raises(LostRaceError):
        await one_pass(world)
    assert world.log == ["look", "ask"]
    assert not world.gone
