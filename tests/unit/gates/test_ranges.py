"""No query looks back further than its stage."""

import time
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.api.changes import changed
from lockstep.core.gates.gate import gates_of
from lockstep.core.gates.judge import since
from lockstep.core.gates.placeholders import OF_STABLE
from lockstep.core.gates.ranges import is_whole, reach, ripe, shortened
from lockstep.core.gates.stage import questions
from lockstep.core.gates.trial import Trial
from tests.unit.gates.stages import (
    CANDIDATE,
    ENTERED,
    NO_DATA,
    PLAIN,
    STABLE,
    cluster_criteria,
    criteria,
    metric,
    play,
    trial,
)

SECOND = timedelta(seconds=1)
RATE = 'rate(http_requests_total{revision="{{revision}}",code=~"5.."}[2m])'

SHORTENED: dict[str, tuple[str, float, str]] = {
    "a range that lies inside the stage": ("rate(x[2m])", 120, "rate(x[2m])"),
    "a range that reaches back before it": ("rate(x[2m])", 45.9, "rate(x[45s])"),
    "every range that does": ("rate(x[2m]) / rate(y[30s])", 45, "rate(x[45s]) / rate(y[30s])"),
    "units together": ("rate(x[1h30m])", 60, "rate(x[60s])"),
    "milliseconds": ("rate(x[90000ms])", 60, "rate(x[60s])"),
    "seconds without a unit": ("rate(x[ 300 ])", 60, "rate(x[ 60s ])"),
    "no range at all": ("x > 5", 1, "x > 5"),
    "brackets in a string": ('x{path="/a[2m]"}', 1, 'x{path="/a[2m]"}'),
    "a string with an escaped quote": (r'x{a="\"}[1h]"}[2m]', 60, r'x{a="\"}[1h]"}[60s]'),
    "brackets in a comment": ("rate(x[1m]) # [1h]", 60, "rate(x[1m]) # [1h]"),
    "an end of string that never comes": ('x{a="[2m]', 1, 'x{a="[2m]'),
    "an offset takes its part": ("rate(x[2m] offset 1m)", 90, "rate(x[30s] offset 1m)"),
    "another time is asked on purpose": (
        "rate(x[2m]) / rate(x[2m] offset 1w)", 60, "rate(x[60s]) / rate(x[60s] offset 1w)"),
    "a label called offset": ('x{offset="1m"}[1m]', 60, 'x{offset="1m"}[1m]'),
    "a subquery and what it looks at share the stage": (
        "max_over_time(rate(x[2m])[10m:15s])", 60, "max_over_time(rate(x[30s])[30s:15s])"),
    "what is about stable alone": (
        f'rate(x{{revision="{OF_STABLE}"}}[1d]) / rate(x[2m])', 60,
        f'rate(x{{revision="{OF_STABLE}"}}[1d]) / rate(x[60s])'),
    "before there is a second": ("rate(x[2m])", 0.5, "rate(x[2m])"),
    "a range that is no plain duration": ("rate(x[2m*3])", 60, "rate(x[2m*3])"),
}  # fmt: skip


@pytest.mark.parametrize(("query", "elapsed", "asked"), SHORTENED.values(), ids=SHORTENED)
def test_what_is_asked_of_a_stage(query: str, elapsed: float, asked: str) -> None:
    assert shortened(query, timedelta(seconds=elapsed), SECOND) == asked


def test_a_shared_query_is_cut_in_steps_of_its_interval() -> None:
    half_a_minute = timedelta(seconds=30)
    asked = {
        shortened("rate(x[2m])", timedelta(seconds=it), half_a_minute) for it in range(30, 999)
    }
    assert asked == {f"rate(x[{length}])" for length in ("30s", "60s", "90s", "2m")}


@pytest.mark.parametrize(
    ("query", "grain", "after"),
    [
        ("x", 30, 0),
        ("rate(x[2m])", 1, 2),
        ("rate(x[2m])", 30, 30),
        ("rate(x[10s])", 30, 10),
        ("rate(x[2m] offset 1m)", 1, 62),
        ("rate(x[1d] offset 1w)", 1, 2),
    ],
)
def test_a_query_is_ripe_after(query: str, grain: int, after: float) -> None:
    when = ripe(query, timedelta(seconds=grain))
    assert abs(when.total_seconds() - after) <= 1
    asked = shortened(query, when, timedelta(seconds=grain))
    assert is_whole(asked, when) or not reach(query).windows


@settings(max_examples=200, deadline=None)
@given(
    st.text("x[](){}\"'`\\#:offset 0123456789smhdw", max_size=80),
    st.floats(0, 1e5),
    st.integers(1, 300),
)
def test_whatever_is_written_is_scanned_and_never_asked_further_back(
    query: str, elapsed: float, grain: int
) -> None:
    lasted, step = timedelta(seconds=elapsed), timedelta(seconds=grain)
    if lasted >= ripe(query, step):
        assert reach(shortened(query, lasted, step)).seconds <= max(lasted.total_seconds(), 1)


@pytest.mark.parametrize(
    "query",
    ['"\\' * 2048, "[" * 4096, "{" * 4096, "[1s" * 1365, "offset " * 585, "[" + "1s" * 2047],
)
def test_a_hostile_query_takes_no_time(query: str) -> None:
    begun = time.perf_counter()
    reach.__wrapped__(query)
    assert time.perf_counter() - begun < 0.05


def instants(stage: Trial, seconds: int = 300) -> dict[float, str]:
    """What is asked about the candidate, by how long the stage has lasted."""
    asked = {}
    for second in range(seconds):
        for one in questions(stage, ENTERED + timedelta(seconds=second)):
            if STABLE not in one.query:
                asked[(one.at - ENTERED).total_seconds()] = one.query
    return asked


def test_a_stage_asks_about_itself_alone() -> None:
    asked = instants(trial(criteria(metric(query=RATE, interval="2s"))))
    assert min(asked) < 6, "and it begins as early as it did"
    for elapsed, query in asked.items():
        assert reach(query).seconds <= elapsed


def test_a_shared_question_stays_shared() -> None:
    shared = cluster_criteria(
        metric(query="sum by (revision) (rate(x[2m]))", source={"perRevisionLabel": "revision"})
    )
    now = ENTERED + timedelta(minutes=1, seconds=45)
    entered = [ENTERED + timedelta(milliseconds=100 * number) for number in range(1000)]
    asked = {one for at in entered for one in questions(trial(shared, entered_at=at), now)}
    assert len(asked) <= 5, "one for each number of whole intervals, however many deployments"


def test_both_arms_are_asked_about_the_same_time() -> None:
    stage, _, now = play(trial(criteria(metric(query=RATE))), [NO_DATA])
    (row,) = stage.gates
    suspect = changed(row, suspect=True)
    (about_stable,) = questions(trial(criteria(metric(query=RATE)), gates=(suspect,)), now)
    assert STABLE in about_stable.query
    assert CANDIDATE not in about_stable.query
    assert reach(about_stable.query).seconds <= (about_stable.at - ENTERED).total_seconds()


def test_where_nothing_looks_back_nothing_waits() -> None:
    stage = trial(criteria(metric(query=PLAIN)))
    (row,) = play(stage, [])[0].gates
    (gate,) = gates_of(stage.criteria)
    assert since(gate, stage, row) == ENTERED
