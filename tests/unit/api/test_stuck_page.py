"""Whoever looks up a word at night finds it: docs/how-to/stuck.md has a row for each of them."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockstep.api.condition import Truth
from lockstep.api.conditions import OF_THE_PHASE, ConditionReason, ConditionType, Reason
from lockstep.api.events import EventReason, EventType
from lockstep.api.failures import FailureReason

PAGE = Path("docs/how-to/stuck.md").read_text()
TIME, PERSON, MEND, BESIDE, EVENTS = (
    "It waits for time or data",
    "It waits for a person",
    "Something has to be fixed",
    "Conditions that stop nothing",
    "Warning Events that are no reason of a condition",
)
REASONS: dict[str, ConditionReason] = {str(it): it for it in (*Reason, *FailureReason)}
WARNINGS = {str(it) for it in EventReason if it.type is EventType.WARNING}
ELSEWHERE = {str(it) for it in EventReason} & {*REASONS}
"""Words that an Event has in common with a condition, which has the row."""


def rows(section: str) -> list[str]:
    """The first cells of the table below a line in bold."""
    (table,) = re.findall(rf"(?ms)^\*\*{section}\b[^\n]*\n\n((?:\|[^\n]*\n)+)", PAGE)
    return re.findall(r"(?m)^\| ([^|]*) \|", table)[1:]


def words(section: str) -> list[str]:
    """What its rows are about, without the status of a condition."""
    spans = re.findall(r"`([^`]+)`", " ".join(rows(section)))
    return [span.partition("=")[0] for span in spans]


def explained() -> Iterator[str]:
    for section in (TIME, PERSON, MEND, BESIDE):
        yield from words(section)


@pytest.mark.parametrize("reason", [it for it in REASONS.values() if it.ends and it.of])
def test_a_reason_that_has_to_end_has_a_row(reason: ConditionReason) -> None:
    assert str(reason) in {*explained()}


@pytest.mark.parametrize("reason", [it for it in FailureReason if not it.of])
def test_a_reason_that_only_a_rejection_has_is_named_there(reason: FailureReason) -> None:
    (row,) = (line for line in PAGE.splitlines() if line.startswith("| `RolledBack` |"))
    assert f"`{reason}`" in row


@pytest.mark.parametrize("word", sorted({*explained()}))
def test_a_row_is_about_something_that_there_is(word: str) -> None:
    assert word in {*REASONS, *ConditionType}


WHERE = {
    TIME: {ConditionType.RECONCILING, ConditionType.PAUSED},
    PERSON: {ConditionType.PAUSED},
    MEND: {ConditionType.STALLED},
    BESIDE: {*ConditionType} - {*OF_THE_PHASE},
}


@pytest.mark.parametrize("section", WHERE)
def test_a_reason_stands_where_its_conditions_are_explained(section: str) -> None:
    named = (REASONS[word] for word in words(section) if word in REASONS)
    types = {*ConditionType} if section == BESIDE else set()
    astray = [it for it in named if not WHERE[section] & {*it.of} and str(it) not in types]
    assert astray == []


@pytest.mark.parametrize("section", [*WHERE, EVENTS])
def test_no_row_stands_there_twice(section: str) -> None:
    assert [row for row, times in Counter(rows(section)).items() if times > 1] == []


def test_every_warning_has_a_row_and_every_row_is_one() -> None:
    assert {*words(EVENTS)} == WARNINGS - ELSEWHERE


def test_a_condition_with_another_status_than_true_says_which() -> None:
    spans = re.findall(r"`(\w+)=(\w+)`", " ".join(rows(BESIDE)))
    assert all(kind in {*ConditionType} and status in {*Truth} for kind, status in spans)
