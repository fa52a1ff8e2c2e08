"""The glossary has our words in their order, and the fields that it names are there."""

import re
from pathlib import Path
from typing import Any

import pytest

from lockstep.api.conditions import Reason
from lockstep.api.crds import KINDS, described
from lockstep.api.events import EventReason

PAGE = Path("docs/reference/glossary.md").read_text()
ROWS: dict[str, tuple[str, str]] = {
    term: (meaning, seen)
    for term, meaning, seen in re.findall(r"(?m)^\| ([^|`]+) \| ([^|]+) \| ?([^|]*) ?\|$", PAGE)
    if term != "Term"
}
OURS = (
    *("pass", "plan", "stable", "candidate", "arm", "stage", "soak"),
    *("gate", "verdict", "weight", "revision", "run", "evidence", "ledger"),
)
MODEL_DEPLOYMENT = next(kind for kind in KINDS if kind.kind == "ModelDeployment")
SCHEMA: dict[str, Any] = {
    "spec": described(MODEL_DEPLOYMENT.spec),
    "status": described(MODEL_DEPLOYMENT.status) if MODEL_DEPLOYMENT.status else {},
}


def is_there(path: str) -> bool:
    first, *names = path.replace("[]", "").split(".")
    node = SCHEMA[first]
    for name in names:
        node = node.get("items", node).get("properties", {}).get(name)
        if node is None:
            return False
    return True


def test_every_word_of_ours_has_an_entry() -> None:
    assert {*OURS} <= {*ROWS}


def test_the_words_are_in_order() -> None:
    assert [*ROWS] == sorted(ROWS, key=lambda term: term.lower().replace("-", " "))


@pytest.mark.parametrize("term", ROWS)
def test_an_entry_is_one_or_two_sentences(term: str) -> None:
    meaning, _ = ROWS[term]
    assert 1 <= len(re.findall(r"\.(?: |$)", meaning)) <= 3
    assert meaning.endswith(".")


@pytest.mark.parametrize("path", sorted({*re.findall(r"`((?:spec|status)\.[^`]+)`", PAGE)}))
def test_a_field_that_it_names_is_there(path: str) -> None:
    assert is_there(path)


def test_a_word_that_the_operator_says_is_one_that_it_has() -> None:
    said = re.findall(r"\b(Event|reason) `(\w+)`", PAGE)
    assert said
    words = {"Event": {*map(str, EventReason)}, "reason": {*map(str, Reason)}}
    assert [word for kind, word in said if word not in words[kind]] == []
