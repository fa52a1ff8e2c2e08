"""Is this the right answer?"""

import json

import pytest

from lockstep.adapters.smoke import LARGEST_ANSWER_BYTES, problem
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
        NUMBER, 200, answer(10**400), f"expected a number at {PATH}, got 1" + "0" * 199),
    "several values": (
        Expectation(json_path="$.a[*]", max=1), 200, b'{"a": [1, 2]}',
        "expected one number at $.a[*], found 2 values"),
    "HTML": (NUMBER, 200, b"<html>hi</html>", "expected JSON, got '<html>hi</html>'"),
    "JSON too deep to read": (
        NUMBER, 200, b"[" * 100_000, "expected JSON, got '" + "[" * 199 + "…'"),
    "a path that is none": (
        Expectation(json_path="$.a[", max=1), 200, b"{}",
        "jsonPath $.a[ cannot be used: unexpected end of query"),
    "more than we read": (
        NUMBER, 200, b" " * (LARGEST_ANSWER_BYTES + 1),
        f"the answer is longer than {LARGEST_ANSWER_BYTES} bytes"),
}  # fmt: skip


@pytest.mark.parametrize(("expect", "status", "body", "expected"), CASES.values(), ids=CASES)
def test_problem(expect: Expectation, status: int, body: bytes, expected: str | None) -> None:
    assert problem(expect, status, body) == expected
