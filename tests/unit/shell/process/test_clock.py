"""Clocks that are set: what a status was counted by, and how far this one is ahead of it."""

from datetime import UTC, datetime, timedelta

import pytest

from lockstep.api.gate_status import GateStatus
from lockstep.api.model_deployment_status import ModelDeploymentStatus, StageStatus
from lockstep.core.facts import Outage
from lockstep.shell.process.clock import Clock
from lockstep.shell.rollout.clocks import counted_on
from lockstep.shell.rollout.memory import ObjectMemory

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
HALF = ModelDeploymentStatus(
    stage=StageStatus(name="half", index=0, entered_at=NOW, soak_until=NOW + MINUTE),
    gates=(GateStatus(name="errors", criteria="ExitCriteria/e", measured_at=NOW),),
)


class Watch:
    """A wall clock that somebody sets, and one that only runs."""

    def __init__(self) -> None:
        self.wall, self.ran = NOW, timedelta(0)
        self.clock = Clock(lambda: self.wall, lambda: self.ran)
        self.memory = ObjectMemory()

    def run(self, time: timedelta) -> None:
        self.wall, self.ran = self.wall + time, self.ran + time

    def look(self, status: ModelDeploymentStatus, wire: object) -> ModelDeploymentStatus:
        """What a pass reads of a stored status."""
        seen, _ = counted_on(self.clock, self.memory, {"stored": wire}, status)
        return seen


def entered(status: ModelDeploymentStatus) -> datetime | None:
    return status.stage.entered_at if status.stage else None


def test_time_that_passes_moves_nothing() -> None:
    watch = Watch()
    watch.look(HALF, 1)
    watch.run(HOUR)
    assert watch.look(HALF, 1) is HALF


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["forward", "back"])
def test_a_clock_that_is_set_makes_no_stage_older_or_younger(step: timedelta) -> None:
    watch = Watch()
    watch.look(HALF, 1)
    watch.run(10 * SECOND)
    watch.wall += step
    for _ in range(2):  # until it is stored, it is moved anew each time, and by no more
        seen = watch.look(HALF, 1)
        assert entered(seen) == NOW + step
        assert seen.gates[0].measured_at == NOW + step
    assert seen.stage
    assert seen.stage.soak_until == NOW + step + MINUTE
    assert watch.look(seen, 2) is seen


def test_small_corrections_are_none_of_our_business() -> None:
    watch = Watch()
    watch.look(HALF, 1)
    watch.wall += 5 * SECOND
    assert watch.look(HALF, 1) is HALF


def test_without_a_stage_a_step_is_forgotten() -> None:
    watch, nothing = Watch(), ModelDeploymentStatus()
    watch.look(nothing, 1)
    watch.wall += HOUR
    assert watch.look(nothing, 1) is nothing
    assert watch.look(HALF, 1) is HALF


FOLLOWED: dict[str, tuple[timedelta | None, timedelta]] = {
    "nobody was there before": (None, timedelta(0)),
    "a moment without an operator counts in full": (30 * SECOND, timedelta(0)),
    "five minutes at most count": (HOUR, HOUR - 5 * MINUTE),
    "a predecessor whose clock was ahead": (-HOUR, -HOUR),
    "what nobody could have written": (timedelta(days=3000), timedelta(0)),
}


@pytest.mark.parametrize(("ago", "moved"), FOLLOWED.values(), ids=FOLLOWED)
def test_what_an_operator_before_has_counted(ago: timedelta | None, moved: timedelta) -> None:
    watch = Watch()
    watch.clock.follow(NOW - ago if ago is not None else None)
    assert entered(watch.look(HALF, 1)) == NOW + moved


def test_an_outage_ended_as_long_ago_whatever_the_clock_is_set_to() -> None:
    watch = Watch()
    assert watch.clock.outage is None
    watch.clock.answers_again(30 * SECOND)
    watch.run(10 * SECOND)
    assert watch.clock.outage == Outage(30 * SECOND, NOW)
    watch.wall += HOUR
    assert watch.clock.outage == Outage(30 * SECOND, NOW + HOUR)
