"""Is this the right answer?"""

import json

import pytest

from lockstep.adapters.smoke import LARGEST_ANSWER_BYTES, problem, without_answer
from lockstep.api.json_path import JSON_PATH_SENTENCE
from lockstep.api.model_deployment import Expectation

PATH = "$.outputs[0].data[0]"
NUMBER = Expectation(json_path=PATH, min=0.8, max=0.9)


def answer(value: object) -> bytes:
    return json.dumps({"outputs": [{"data": [value]}]}).encode()


CASES: dict[str, tuple[Expectation, int, bytes, str | None]] = {
    "the right status is enough when nothing else is asked": (Expectation(), 200, b"", None),
    "another status": (
        Expectation(), 500, b"boom", "expected HTTP 200, got 500: 'boom'"),
    "another status that was expected": (Expectation(status=404), 404, b"", None),
    "another status and nothing said": (
        Expectation(), 503, b"", "expected HTTP 200, got 503: an empty body"),
    "inside the bounds": (NUMBER, 200, answer(0.85), None),
    "the bounds are inside": (NUMBER, 200, answer(0.9), None),
    "below": (NUMBER, 200, answer(0.2), f"{PATH} was 0.2, expected at least 0.8 and at most 0.9"),
    "above": (NUMBER, 200, answer(7), f"{PATH} was 7, expected at least 0.8 and at most 0.9"),
    "one bound": (
        Expectation(json_path=PATH, min=1), 200, answer(0), f"{PATH} was 0, expected at least 1"),
    "the path only has to exist": (Expectation(json_path=PATH), 200, answer("x"), None),
    "null exists": (Expectation(json_path=PATH), 200, answer(None), None),
    "nothing at the path": (
        NUMBER, 200, b"{}", f"expected something at {PATH}, got '{{}}'"),
    "text where a number is expected": (
        NUMBER, 200, answer("high"), f'expected a number at {PATH}, got "high"'),
    "true is not a number": (NUMBER, 200, answer(True), f"expected a number at {PATH}, got true"),
    "NaN is not a number": (
        NUMBER, 200, answer(float("nan")), f"expected a number at {PATH}, got NaN"),
    "a number beyond all numbers": (
        NUMBER, 200, answer(10**400), f"expected a number at {PATH}, got 1" + "0" * 78 + "…"),
    "several values": (
        Expectation(json_path="$.a[*]", max=1), 200, b'{"a": [1, 2]}',
        "expected one number at $.a[*], found 2 values"),
    "HTML": (NUMBER, 200, b"<html>hi</html>", "expected JSON, got '<html>hi</html>'"),
    "JSON too deep to read": (
        NUMBER, 200, b"[" * 100_000, "the answer nests more than 100 levels deep"),
    "JSON that is as deep as is read": (
        Expectation(json_path="$..x"), 200, b"[" * 99 + b'{"x": "[[["}' + b"]" * 99, None),
    "brackets in a text that nobody closes": (
        NUMBER, 200, b'"' + b"[" * 1000, "expected JSON, got '\"" + "[" * 78 + "…'"),
    "many lists side by side": (
        Expectation(json_path="$[2]"), 200, b"[" + b"[]," * 1000 + b"[]]", None),
    "not UTF-8": (NUMBER, 200, b"\xff\xfe[", "expected JSON, got '\ufffd\ufffd['"),
    "a path that is none": (
        Expectation(json_path="$.a[", max=1), 200, b"{}",
        f"jsonPath $.a[ cannot be used: it {JSON_PATH_SENTENCE}"),
    "a path from before there was a bound": (
        Expectation(json_path="$..*..*", max=1), 200, b"{}",
        f"jsonPath $..*..* cannot be used: it {JSON_PATH_SENTENCE}"),
    "a path that meets too many values": (
        Expectation(json_path="$..*[*][*][*]"), 200, b"[" + b"[[[0]]]," * 20_000 + b"0]",
        ("jsonPath $..*[*][*][*] takes too long: it would look at more than 100000 values; use "
        "a more specific path, or return a smaller answer")),
    "no more of an answer than this is shown": (
        Expectation(), 500, b"x" * 300, "expected HTTP 200, got 500: '" + "x" * 79 + "…'"),
    "more than we read": (
        NUMBER, 200, b" " * (LARGEST_ANSWER_BYTES + 1),
        f"the answer is longer than {LARGEST_ANSWER_BYTES} bytes"),
}  # fmt: skip


@pytest.mark.parametrize(("expect", "status", "body", "expected"), CASES.values(), ids=CASES)
def test_problem(expect: Expectation, status: int, body: bytes, expected: str | None) -> None:
    assert problem(expect, status, body) == expected


SAID = "4711-payments"
SAYING: dict[str, tuple[Expectation, int, bytes]] = {
    "an error": (Expectation(), 500, f"it's {SAID}".encode()),
    "an error with both quotes": (Expectation(), 500, f"it's \"{SAID}\"".encode()),
    "no JSON": (NUMBER, 200, f"<p>{SAID}".encode()),
    "another document": (NUMBER, 200, json.dumps({"x": f"a\"'b {SAID}"}).encode()),
    "a text for a number": (NUMBER, 200, answer(SAID)),
    "a long text for a number": (NUMBER, 200, answer(f"{SAID} " * 20)),
    "a list for a number": (NUMBER, 200, answer([SAID, "'", '"'])),
}  # fmt: skip


@pytest.mark.parametrize(("expect", "status", "body"), SAYING.values(), ids=SAYING)
def test_what_a_model_says_is_told_and_not_logged(
    expect: Expectation, status: int, body: bytes
) -> None:
    told = f"smoke test: {problem(expect, status, body)}; all requests are back on stable"
    logged = without_answer(told)
    assert SAID in told
    assert SAID not in logged
    assert logged.endswith("an answer that is shown in the status; all requests are back on stable")


def test_what_is_no_answer_is_logged_as_it_is() -> None:
    told = "gate p99 got 3 values; it's 5"
    assert without_answer(told) == told
