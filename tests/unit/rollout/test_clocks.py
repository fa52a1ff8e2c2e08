"""Times that cannot be true, and a step of the clock, in a stage under way."""

from dataclasses import replace
from datetime import timedelta
from typing import get_args, get_type_hints

from pydantic import AwareDatetime

from lockstep.api.gate_status import GateStatus
from lockstep.api.model_deployment_status import ModelDeploymentStatus, StageStatus
from lockstep.core.rollout import clocks
from lockstep.core.rollout.planner import needs, plan
from tests.unit.rollout.test_gated import REF, criteria
from tests.unit.rollout.test_planner import GATED, reason
from tests.unit.rollout.test_standing import SOAK
from tests.unit.rollout.worlds import NOW, trial

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)


def test_a_stage_that_was_entered_in_the_future_begins_now() -> None:
    ahead = StageStatus(
        name="half", index=0, entered_at=NOW + HOUR, standing_since=NOW + HOUR,
        soak_until=NOW + HOUR + MINUTE, failed_pods=0,
    )  # fmt: skip
    decided = plan(trial(2, stable=2, spec=SOAK, stage=ahead).observed(), NOW)
    stage = decided.status.stage
    assert stage is not None
    assert (stage.entered_at, stage.soak_until) == (NOW, NOW + 30 * SECOND)


def test_a_gate_that_was_measured_in_the_future_is_asked_with_its_next_turn() -> None:
    rest = {"criteria": {REF: criteria()}}
    stage = StageStatus(name="half", index=0, entered_at=NOW - 5 * MINUTE)
    row = GateStatus(
        name="errors", criteria="ExitCriteria/serving", generation=1, measured_at=NOW + HOUR
    )
    world = trial(2, stable=2, spec=GATED, stage=stage, rest=rest, status={"gates": (row,)})
    seen = world.observed()
    assert seen.status.stage is None or seen.status.stage == stage
    after = plan(seen, NOW).status
    assert all(it.measured_at is None or it.measured_at <= NOW for it in after.gates)
    later = replace(seen, status=after)
    assert needs(later, NOW + MINUTE).questions


def test_a_step_is_told_once_and_counts_nothing() -> None:
    stage = StageStatus(
        name="half", index=0, entered_at=NOW - 10 * SECOND, standing_since=NOW - 10 * SECOND,
        soak_until=NOW + 20 * SECOND, failed_pods=0,
    )  # fmt: skip
    before = trial(2, stable=2, spec=SOAK, stage=stage).observed()
    seen = replace(before, status=clocks.moved(before.status, HOUR), stepped=HOUR)
    decided = plan(seen, NOW + HOUR)
    assert reason(decided) == "Measuring"
    assert decided.status.stage is not None
    assert decided.status.stage.soak_until == NOW + HOUR + 20 * SECOND
    assert [it.reason for it in decided.events if it.reason == "ClockStepped"] == ["ClockStepped"]
    assert "1h ahead" in next(it.message for it in decided.events if it.reason == "ClockStepped")


def test_every_time_of_a_stage_moves_with_the_clock() -> None:
    times = [
        it for it, hint in get_type_hints(StageStatus).items() if AwareDatetime in get_args(hint)
    ]
    assert len(times) == 7
    stage = StageStatus(name="half", index=0, **dict.fromkeys(times, NOW))
    moved = clocks.moved(ModelDeploymentStatus(stage=stage), HOUR).stage
    assert moved is not None
    assert {name: getattr(moved, name) for name in times} == dict.fromkeys(times, NOW + HOUR)
