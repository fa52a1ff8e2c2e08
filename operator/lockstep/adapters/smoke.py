"""The answer of a smoke test, judged. Pure: who asked, and how often, is the client's business."""

import json
import math
from typing import Final

from jsonpath import JSONPathEnvironment
from jsonpath.exceptions import JSONPathError

from lockstep.api.base import cut
from lockstep.api.model_deployment import Expectation

LARGEST_ANSWER_BYTES: Final = 1_048_576
_EXCERPT: Final = 200
_STRICT = JSONPathEnvironment(strict=True)


def problem(expect: Expectation, status: int, body: bytes) -> str | None:
    """What is wrong with an answer: what came and what was expected; None when it is right."""
    if status != expect.status:
        return f"expected HTTP {expect.status}, got {status}: {_excerpt(body)}"
    if expect.json_path is None:
        return None
    if len(body) > LARGEST_ANSWER_BYTES:
        return f"the answer is longer than {LARGEST_ANSWER_BYTES} bytes"
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return f"expected JSON, got {_excerpt(body)}"
    try:
        found = _STRICT.findall(expect.json_path, document)
    except JSONPathError as error:
        return f"jsonPath {expect.json_path} cannot be used: {str(error).splitlines()[0]}"
    return _judge(expect, found, body)


def _judge(expect: Expectation, found: list[object], body: bytes) -> str | None:
    if not found:
        return f"expected something at {expect.json_path}, got {_excerpt(body)}"
    if expect.min is None and expect.max is None:
        return None
    if len(found) > 1:
        return f"expected one number at {expect.json_path}, found {len(found)} values"
    value = _number(found[0])
    if value is None:
        return f"expected a number at {expect.json_path}, got {json.dumps(found[0])[:_EXCERPT]}"
    low = expect.min is not None and value < expect.min
    high = expect.max is not None and value > expect.max
    if low or high:
        return f"{expect.json_path} was {value:g}, expected {_bounds(expect)}"
    return None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _bounds(expect: Expectation) -> str:
    parts = [] if expect.min is None else [f"at least {expect.min:g}"]
    parts += [] if expect.max is None else [f"at most {expect.max:g}"]
    return " and ".join(parts)


def _excerpt(body: bytes) -> str:
    text = " ".join(body[: 4 * _EXCERPT].decode(errors="replace").split())
    if not text:
        return "an empty body"
    return repr(cut(text, _EXCERPT))
