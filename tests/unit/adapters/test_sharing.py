"""What is alike is kept once, and nothing becomes another value by it."""

import copy
import json
from typing import Any

import pytest

from lockstep.adapters.sharing import like

KNOWN: dict[str, Any] = {"a": [{"name": "x", "value": "long"}, {"name": "y"}], "n": 1, "on": True}

CASES: dict[str, Any] = {
    "the same": KNOWN,
    "more in a list": {**KNOWN, "a": [*KNOWN["a"], {"name": "z"}]},
    "less in a list": {**KNOWN, "a": KNOWN["a"][:1]},
    "another in a list": {**KNOWN, "a": [{"name": "q"}, KNOWN["a"][1]]},
    "more in a map": {**KNOWN, "b": {}},
    "less in a map": {"n": 1},
    "another kind": {"a": {"0": "x"}},
    "a number that only equals": {**KNOWN, "n": 1.0},
    "a number that equals true": {**KNOWN, "on": 1},
    "nothing": None,
    "null for a value": {**KNOWN, "n": None},
}


@pytest.mark.parametrize("value", CASES.values(), ids=CASES)
def test_it_is_the_same_to_the_letter(value: Any) -> None:
    mine = copy.deepcopy(value)
    assert json.dumps(like(mine, KNOWN), sort_keys=True) == json.dumps(value, sort_keys=True)


def test_what_is_the_same_is_kept_once() -> None:
    assert like(copy.deepcopy(KNOWN), KNOWN) is KNOWN


def test_beside_a_difference_the_rest_is_kept_once() -> None:
    mine = copy.deepcopy({**KNOWN, "n": 2})
    assert like(mine, KNOWN)["a"] is KNOWN["a"]
    longer = {"a": [*copy.deepcopy(KNOWN["a"]), "z"]}
    assert like(longer, KNOWN)["a"][0] is KNOWN["a"][0]


def test_a_text_that_is_alike_is_kept_once() -> None:
    known = {"args": ["x" * 1000]}
    assert like({"args": ["x" * 500 + "x" * 500]}, known)["args"][0] is known["args"][0]


def test_a_list_and_a_map_that_nest_without_end_are_left_as_they_are() -> None:
    deep: Any = []
    for _ in range(2000):
        deep = [deep]
    assert like(deep, copy.copy(deep)) is not None
