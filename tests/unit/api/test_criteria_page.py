"""The page about exit criteria: its placeholders are all there are, its queries can be asked."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from lockstep.api.exit_criteria import PrometheusQuery
from lockstep.core.gates.names import named
from lockstep.core.gates.placeholders import KNOWN, Values, render, unknown
from lockstep.core.gates.ranges import reach

PAGE = Path("docs/how-to/write-exit-criteria.md").read_text()
QUERIES = re.findall(r"^```promql\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
ENTERED = datetime(2026, 1, 1, tzinfo=UTC)
VALUES = Values(
    namespace="pay",
    name="fraud",
    revision="7f9c2b1e",
    stable="3c11aa05",
    weight=25,
    interval=timedelta(seconds=30),
    entered_at=ENTERED,
    args={},
)
RENDERED = [render(query, VALUES, ENTERED + timedelta(hours=1)) for query in QUERIES]


def test_every_placeholder_is_explained_and_no_other() -> None:
    told = re.findall(r"^\| `\{\{([\w.]+)\}\}` \|", PAGE, re.MULTILINE)
    assert told == [*(name for name in told if name in KNOWN), "args.x"]
    assert set(told) == {*KNOWN, "args.x"}


@pytest.mark.parametrize("query", QUERIES, ids=[named(query)[0] for query in QUERIES])
def test_a_query_can_be_asked_about_either_arm(query: str) -> None:
    assert unknown(query, {}) is None
    PrometheusQuery(query=query)
    assert query.count("{{revision}}") == query.count("{{namespace}}") > 0
    assert reach(query).windows


def test_the_queries_for_mlserver_are_those_of_the_example() -> None:
    example = yaml.safe_load(Path("examples/mlserver/exit-criteria.yaml").read_text())
    asked = [it["prometheus"]["query"] for it in example["spec"]["metrics"]]
    assert [query for query in QUERIES if "rest_server" in query] == asked


def test_there_are_queries_for_six_servers() -> None:
    assert len(QUERIES) == 11
