"""What a JSONPath finds, as RFC 9535 has it for the part of it that is allowed."""

from typing import Any

import pytest

from lockstep.adapters.json_path import TooMuchError, read
from lockstep.api.json_path import JSON_PATH_LENGTH

KSERVE = {"outputs": [{"name": "p", "data": [0.25]}, {"name": "label", "data": ["fraud"]}]}
FOUND: dict[str, tuple[str, Any, list[Any]]] = {
    "all of it": ("$", 1, [1]),
    "names and indexes": ("$.outputs[0].data[0]", KSERVE, [0.25]),
    "an index from the end": ("$[-1]", [1, 2], [2]),
    "an index beyond the end": ("$[2]", [1, 2], []),
    "an index beyond the beginning": ("$[-3]", [1, 2], []),
    "an index of a map": ("$[0]", {"0": 1}, []),
    "a name of a list": ("$.a", [1], []),
    "a name that is not there": ("$.b", {"a": 1}, []),
    "a name in quotes": ("$['a b'][\"c.d\"]", {"a b": {"c.d": 1}}, [1]),
    "a name of digits in quotes": ("$['0']", {"0": 1}, [1]),
    "every entry": ("$[*]", [1, [2]], [1, [2]]),
    "every field": ("$.*.a", {"x": {"a": 1}, "y": {"a": 2}}, [1, 2]),
    "every field of a number": ("$.*", 1, []),
    "whatever is below": ("$..a", {"a": {"a": 1}, "b": [{"a": 2}]}, [{"a": 1}, 1, 2]),
    "all that is below": ("$..*", [[1], 2], [[1], 2, 1]),
    "an index of whatever is below": ("$..[0]", [[1, 2], 3], [[1, 2], 1]),
    "an output by its name": ("$.outputs[?@.name=='p'].data[0]", KSERVE, [0.25]),
    "an output by another quote": ('$.outputs[? @.name == "label"].data[0]', KSERVE, ["fraud"]),
    "an output by its first value": ("$.outputs[?@.data[0] < 0.3].name", KSERVE, ["p"]),
    "entries that have a field": ("$[?@.a]", [{"a": None}, {"b": 1}, 1], [{"a": None}]),
    "entries by themselves": ("$[?@>=2]", [1, 2, 3, "4", None], [2, 3]),
    "fields of a map": ("$[?@<'b']", {"x": "a", "y": "b"}, ["a"]),
    "what is not there is not null": ("$[?@.a==null]", [{}, {"a": None}], [{"a": None}]),
    "what is not there is another": ("$[?@.a!=1]", [{}, {"a": 1}], [{}]),
    "true is not one": ("$[?@==1]", [True, 1, 1.0], [1, 1.0]),
    "one is not true": ("$[?@==true]", [True, 1], [True]),
    "true is not above false": ("$[?@>false]", [True, 1], []),
    "a list is no literal": ("$[?@==0]", [[0], 0], [0]),
    "a quote in the other quotes": ("$[\"it's\"]", {"it's": 1}, [1]),
}  # fmt: skip


@pytest.mark.parametrize(("path", "document", "found"), FOUND.values(), ids=FOUND)
def test_find(path: str, document: object, found: list[Any]) -> None:
    known = read(path)
    assert known is not None
    got = known.find(document)
    assert (got, list(map(type, got))) == (found, list(map(type, found)))


@pytest.mark.parametrize(
    "path",
    [
        *("", "a", "$.", "$..", "$[", "$[]", "$.a b", "$ .a", "$.-a", "$['a\\'']", "$[1,2]"),
        *("$[0:2]", "$[0:0:0]", "$..a..b", "$[?length(@)>1]", "$[?match(@,'a')]", "$[?@.*]"),
        *("$[?$.a]", "$[?@==@]", "$[?@==$]", "$[?@ && @]", "$[?!@]", "$[?(@)]", "$[?@..a]"),
        *("$[?@=1]", "$[?@==[1]]", "$\n", "$.a\n", "$[1e3]", "$" + ".a" * JSON_PATH_LENGTH),
    ],
)
def test_what_is_no_path_or_may_take_long_is_not_read(path: str) -> None:
    assert read(path) is None


def _deep(levels: int, innermost: object) -> object:
    for _ in range(levels):
        innermost = [innermost]
    return innermost


TOO_MUCH: dict[str, tuple[str, object]] = {
    "wide": ("$[*]", [0] * 100_001),
    "wide in a filter": ("$[?@.a]", [0] * 100_001),
    "deep and wide": ("$..*" + "[*]" * 60, [_deep(99, 0) for _ in range(1300)]),
    "wide below": ("$..a", [{"b": 0}] * 60_000),
}


@pytest.mark.parametrize(("path", "document"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_no_path_looks_at_more_values_than_it_may(path: str, document: object) -> None:
    known = read(path)
    assert known is not None
    with pytest.raises(TooMuchError):
        known.find(document)
