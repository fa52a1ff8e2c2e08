"""Conditions, reasons, Events, outcomes: each word is said somewhere and has a sentence."""

import re
from pathlib import Path

import pytest

from lockstep.api.conditions import ConditionType, Reason
from lockstep.api.events import EventReason
from lockstep.api.failures import FailureReason
from lockstep.api.history import Became
from lockstep.api.words import Meant

LISTS: tuple[type[Meant], ...] = (ConditionType, Reason, FailureReason, EventReason, Became)
WORDS = {f"{words.__name__}.{word.name}": word for words in LISTS for word in words}
SAID = " ".join(
    path.read_text()
    for room in ("adapters", "core", "shell")
    for path in Path("operator/lockstep", room).rglob("*.py")
)


@pytest.mark.parametrize("name", WORDS)
def test_nothing_is_explained_that_is_never_said(name: str) -> None:
    assert re.search(rf"\b{re.escape(name)}\b", SAID)


@pytest.mark.parametrize("name", WORDS)
def test_a_word_has_a_sentence(name: str) -> None:
    word = WORDS[name]
    assert re.fullmatch(r"[A-Z][A-Za-z]+", str(word))
    assert re.fullmatch(r"[A-Z`].*\.", word.meaning)


def test_a_reason_is_in_one_list_only() -> None:
    assert {*map(str, Reason)}.isdisjoint(map(str, FailureReason))


@pytest.mark.parametrize("reason", [*Reason, *FailureReason])
def test_what_ends_a_reason_is_a_sentence_or_nothing(reason: Reason | FailureReason) -> None:
    assert not reason.ends or re.fullmatch(r"[A-Z`].*\.", reason.ends)
