"""Which metrics a query names, and that nobody has one of them is said."""

import pytest

from lockstep.api.changes import changed
from lockstep.api.gate_status import GateStatus, Verdict
from lockstep.core.gates import hint
from lockstep.core.gates.gate import gates_of
from lockstep.core.gates.names import lookup, named
from lockstep.core.gates.question import Answer, Broken, Reply, Series
from lockstep.core.gates.stage import Invalid
from tests.unit.gates.stages import (
    DOWN,
    ENTERED,
    NO_DATA,
    criteria,
    metric,
    play,
    trial,
    value,
)

NAMED: dict[str, tuple[str, tuple[str, ...]]] = {
    "a selector": ('http_requests_total{code=~"5.."}', ("http_requests_total",)),
    "a bare name": ("up", ("up",)),
    "functions are none": ("sum(rate(x_total[5m]))", ("x_total",)),
    "labels are none": ("sum by (le, code) (x_bucket)", ("x_bucket",)),
    "grouping behind": ("sum(x) by (le)", ("x",)),
    "two of them": ("a_total / on(pod) group_left(node) b_total", ("a_total", "b_total")),
    "twice the same": ("a / (a + b)", ("a", "b")),
    "operators are none": ("a and b unless c", ("a", "b", "c")),
    "names in strings are none": ('label_replace(a, "x", "$1", "pod", "(.*)")', ("a",)),
    "placeholders are none": ('a{r="{{revision}}"}[{{interval}}] > {{args.limit}}', ("a",)),
    "recording rules": ("job:errors:ratio5m", ("job:errors:ratio5m",)),
    "durations and numbers are none": ("a offset 5m > 1e6 or vector(0)", ("a",)),
    "no more than are looked up": ("a+b+c+d", ("a", "b", "c")),
    "none": ("vector(1)", ()),
}  # fmt: skip


@pytest.mark.parametrize(("query", "names"), NAMED.values(), ids=NAMED)
def test_the_metrics_of_a_query(query: str, names: tuple[str, ...]) -> None:
    assert named(query) == names


def test_one_question_is_about_all_of_them() -> None:
    assert lookup("a / b") == 'count by (__name__) ({__name__=~"a|b"})'
    assert lookup("vector(1)") == ""


TYPO = metric(query='http_requests_totl{revision="{{revision}}"}')
NOBODY = "; no series is called http_requests_totl"


def test_a_name_that_no_series_has_is_said_and_stays_said() -> None:
    for times in (3, 9):
        stage, _, _ = play(trial(criteria(TYPO)), [NO_DATA] * times, known=NO_DATA)
        assert stage.gates[0].message.endswith(f"no data in {times} measurements{NOBODY}")


@pytest.mark.parametrize("known", [value(7, __name__="http_requests_totl"), DOWN])
def test_nothing_is_said_of_a_name_that_is_there_or_could_not_be_looked_up(known: Answer) -> None:
    stage, _, _ = play(trial(criteria(TYPO)), [NO_DATA] * 5, known=known)
    assert "no series" not in stage.gates[0].message


def test_names_are_looked_up_seldom() -> None:
    (gate,) = gates_of((criteria(TYPO),))
    rows = [GateStatus(name="errors", criteria="x", no_data=number) for number in range(60)]
    assert sum(hint.asked(gate, row, ENTERED) is not None for row in rows) == 3
    assert hint.asked(gate, changed(rows[2], samples=1), ENTERED) is None


REFUSED = Broken("http://prom refused the query (HTTP 400): bad_data: parse error", invalid=True)


def test_a_query_that_prometheus_cannot_parse_makes_the_criteria_invalid() -> None:
    _, judged, _ = play(trial(), [REFUSED])
    assert judged.outcome == Invalid(
        "metric errors of ExitCriteria/quality has an invalid query: "
        "http://prom refused the query (HTTP 400): bad_data: parse error; fix its query"
    )
    assert judged.look_again is not None, "it heals by itself"


def test_it_heals_with_an_answer_and_with_an_edit() -> None:
    stage, judged, _ = play(trial(), [REFUSED, value(0.1)])
    assert not isinstance(judged.outcome, Invalid)
    assert stage.gates[0].refused is None


def test_a_failure_of_another_gate_is_worse_and_a_dry_run_says_it_only() -> None:
    dry, judged, _ = play(trial(criteria(metric(dryRun=True))), [REFUSED])
    assert not isinstance(judged.outcome, Invalid)
    assert "has an invalid query" in dry.gates[0].message
    assert dry.gates[0].verdict is Verdict.MEASURING


def test_a_series_without_a_name_is_none_of_them() -> None:
    stage, _, _ = play(trial(criteria(TYPO)), [NO_DATA] * 3, known=Reply((Series(1.0),)))
    assert stage.gates[0].message.endswith(NOBODY)
