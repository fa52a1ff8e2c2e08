"""What stands in a query when Prometheus gets it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lockstep.core.gates.placeholders import (
    Values,
    depends_on_revision,
    render,
    timeless,
    unknown,
    whole_seconds,
)
from tests.unit.gates.stages import CANDIDATE, ENTERED, STABLE

VALUES = Values(
    namespace="payments",
    name="fraud",
    revision=CANDIDATE,
    stable=STABLE,
    weight=25,
    interval=timedelta(seconds=30),
    entered_at=ENTERED,
    args={"limit": 0.25, "minutes": 5.0, "tiny": 1e-7, "below": -3.5},
)

RENDERED: dict[str, tuple[str, str]] = {
    "nothing to fill in": ("up", "up"),
    "namespace and name": ("x{a='{{namespace}}/{{name}}'}", "x{a='payments/fraud'}"),
    "the arm that is asked about": ("{{revision}} {{candidateRevision}} ", f"{CANDIDATE} " * 2),
    "stable": ("{{stableRevision}}", STABLE),
    "the weight": ("{{weight}} / 100", "25 / 100"),
    "durations of Prometheus": ("[{{interval}}] [{{stageElapsed}}]", "[30s] [95s]"),
    "an argument": ("> {{args.limit}}", "> 0.25"),
    "a whole argument has no point": ("[{{args.minutes}}m]", "[5m]"),
    "a small argument has no exponent": ("{{args.tiny}}", "0.0000001"),
    "a negative argument": ("{{args.below}}", "-3.5"),
    "spaces inside the braces": ("{{ name }}", "fraud"),
    "labels have single braces": ('{name="{{name}}"}', '{name="fraud"}'),
    "twice the same": ("{{name}}{{name}}", "fraudfraud"),
}  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), RENDERED.values(), ids=RENDERED)
def test_render(query: str, expected: str) -> None:
    assert unknown(query, VALUES.args) is None
    assert render(query, VALUES, ENTERED + timedelta(seconds=95.9)) == expected


def test_a_revision_that_is_not_there_matches_nothing() -> None:
    nobody = replace(VALUES, stable=None)
    assert render('x{revision="{{stableRevision}}"}', nobody, ENTERED) == 'x{revision="none"}'


def test_elapsed_time_is_the_only_thing_that_moves() -> None:
    query = "{{name}} {{stageElapsed}}"
    assert timeless(query, VALUES) == "fraud {{stageElapsed}}"
    assert render(query, VALUES, ENTERED) == "fraud 1s", "a window of no length is an error"


@pytest.mark.parametrize(
    ("length", "text"),
    [(0, "1s"), (0.4, "1s"), (1.9, "1s"), (90, "90s"), (86400, "86400s"), (-5, "1s")],
)
def test_durations_are_whole_seconds_and_never_none(length: float, text: str) -> None:
    assert whole_seconds(timedelta(seconds=length)) == text


REFUSED: dict[str, tuple[str, str]] = {
    "a word that is none": ("{{revison}}", "{{revison}} is not a placeholder; use one of"),
    "the wrong case": ("{{Revision}}", "{{Revision}} is not a placeholder"),
    "an argument that is not there": ("{{args.x}}", "{{args.x}} needs an argument named 'x'"),
    "an argument without a name": ("{{args.}}", "{{args.}} needs an argument named ''"),
    "nothing at all": ("{{}}", "{{}} is not a placeholder"),
    "one over two lines": ("{{na\nme}}", "is not a placeholder"),
    "the second of two": ("{{name}} {{nam}}", "{{nam}} is not a placeholder"),
}  # fmt: skip


@pytest.mark.parametrize(("query", "sentence"), REFUSED.values(), ids=REFUSED)
def test_unknown(query: str, sentence: str) -> None:
    assert sentence in (unknown(query, VALUES.args) or "")


@pytest.mark.parametrize(
    ("query", "depends"),
    [
        ("{{revision}}", True),
        ("{{ candidateRevision }}", True),
        ("{{stableRevision}}", False),
        ("{{name}}", False),
        ("revision", False),
    ],
)
def test_depends_on_revision(query: str, depends: bool) -> None:  # noqa: FBT001  # a column of the table
    assert depends_on_revision(query) is depends
