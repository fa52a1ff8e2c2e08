"""When questions are asked."""

import subprocess
import sys
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.core.gates.due import EPOCH, grid
from lockstep.core.gates.stage import questions
from tests.unit.gates.stages import ENTERED, PLAIN, cluster_criteria, criteria, metric, trial

INTERVALS = st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=1))
INSTANTS = st.integers(0, 4_000_000_000_000_000).map(lambda us: EPOCH + timedelta(microseconds=us))


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(["up", "down", ""]), INTERVALS, INSTANTS)
def test_the_latest_instant_is_on_the_grid_and_not_after_now(
    query: str, interval: timedelta, now: datetime
) -> None:
    line = grid("", query, interval)
    at, following = line.latest(now), line.after(now)
    length = timedelta(milliseconds=line.interval)
    assert at <= now < following == at + length
    assert line.latest(at) == at
    assert line.after(at) == following
    assert at.microsecond % 1000 == 0, "status keeps milliseconds"
    assert (at - EPOCH) % length == timedelta(milliseconds=line.offset)


def test_queries_are_spread_evenly_over_the_interval() -> None:
    offsets = [grid("", f"query {number}", timedelta(seconds=30)).offset for number in range(3000)]
    tenths = [sum(offset // 3000 == tenth for offset in offsets) for tenth in range(10)]
    assert min(tenths) > 240
    assert max(tenths) < 360


def test_the_grid_is_the_same_in_every_process() -> None:
    program = (
        "from datetime import timedelta; from lockstep.core.gates.due import grid; "
        "print(grid('http://a', 'up', timedelta(minutes=5)).offset)"
    )
    told = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": "operator", "PYTHONHASHSEED": "7"},
    )
    assert int(told.stdout) == grid("http://a", "up", timedelta(minutes=5)).offset


@pytest.mark.parametrize("delay", ["0s", "45s", "10m"])
def test_the_first_measurement_follows_entry_and_initial_delay(delay: str) -> None:
    stage = trial(criteria(metric(initialDelay=delay)))
    begins = ENTERED + stage.criteria[0][1].spec.metrics[0].initial_delay
    times = [ENTERED + timedelta(seconds=second) for second in range(700)]
    when = next(now for now in times if questions(stage, now))
    (asked,) = questions(stage, when)
    assert begins < asked.at <= when <= begins + timedelta(seconds=30)


def test_a_query_without_placeholders_falls_together_for_all_deployments() -> None:
    shared = cluster_criteria(metric(query=PLAIN, source={"perRevisionLabel": "revision"}))
    now = ENTERED + timedelta(minutes=3)
    asked = {
        question
        for number in range(1000)
        for question in questions(
            trial(
                shared,
                name=f"model-{number}",
                candidate=f"{number:08x}",
                entered_at=ENTERED + timedelta(seconds=number / 10),
            ),
            now,
        )
    }
    assert len(asked) == 1


def test_queries_about_one_revision_are_spread() -> None:
    now = ENTERED + timedelta(minutes=3)
    asked = [questions(trial(candidate=f"{number:08x}"), now)[0].at for number in range(200)]
    assert len(set(asked)) > 150


def test_a_query_that_counts_elapsed_time_stays_on_its_grid() -> None:
    stage = trial(criteria(metric(query="increase(x[{{stageElapsed}}])")))
    at = [questions(stage, ENTERED + timedelta(minutes=minute))[0].at for minute in range(1, 6)]
    assert {later - earlier for earlier, later in pairwise(at)} == {timedelta(minutes=1)}
