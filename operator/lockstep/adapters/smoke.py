"""The answer of a smoke test, judged. Pure: who asked, and how often, is the client's business."""

import json
import math
import re
from typing import Final

from lockstep.adapters import json_path
from lockstep.api.base import cut
from lockstep.api.json_path import JSON_PATH_SENTENCE
from lockstep.api.model_deployment import Expectation

LARGEST_ANSWER_BYTES: Final = 256 * 1024
DEEPEST_ANSWER: Final = 100
_EXCERPT: Final = 80
"""What a model says may be anybody's: so much of it is shown, to those who may read the status."""

_SAID: Final = re.compile(
    r"""\bgot (?P<status>[0-9]{3}: )?('(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+")"""
)
_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[][{}]', re.DOTALL)


def problem(expect: Expectation, status: int, body: bytes) -> str | None:
    """What is wrong with an answer: what came and what was expected; None when it is right."""
    if status != expect.status:
        return f"expected HTTP {expect.status}, got {status}: {_excerpt(body)}"
    if expect.json_path is None:
        return None
    if len(body) > LARGEST_ANSWER_BYTES:
        return f"the answer is longer than {LARGEST_ANSWER_BYTES} bytes"
    path = json_path.read(expect.json_path)
    if path is None:
        return f"jsonPath {expect.json_path} cannot be used: it {JSON_PATH_SENTENCE}"
    try:
        text = body.decode("utf-8-sig")
        if _is_deeper(text, DEEPEST_ANSWER):
            return f"the answer nests more than {DEEPEST_ANSWER} levels deep"
        found = path.find(json.loads(text))
    except ValueError:
        return f"expected JSON, got {_excerpt(body)}"
    except json_path.TooMuchError:
        return (
            f"jsonPath {expect.json_path} takes too long: it would look at more than "
            f"{json_path.MOST_VISITS} values; use a more specific path, or return a smaller answer"
        )
    return _judge(expect, found, body)


def _is_deeper(text: str, levels: int) -> bool:
    """Whether lists and maps nest deeper than that, told before anything is built of them."""
    if text.count("[") + text.count("{") <= levels:
        return False
    depth = 0
    for found in _BRACKET.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0)
        if depth > levels:
            return True
    return False


def _judge(expect: Expectation, found: list[object], body: bytes) -> str | None:
    if not found:
        return f"expected something at {expect.json_path}, got {_excerpt(body)}"
    if expect.min is None and expect.max is None:
        return None
    if len(found) > 1:
        return f"expected one number at {expect.json_path}, found {len(found)} values"
    value = _number(found[0])
    if value is None:
        return f"expected a number at {expect.json_path}, got {_shown(found[0])}"
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


def _shown(value: object) -> str:
    if isinstance(value, str):
        return json.dumps(cut(value, _EXCERPT))
    text = cut(json.dumps(value), _EXCERPT)
    return repr(text) if isinstance(value, list | dict) else text


def without_answer(message: str) -> str:
    """A message without what a model has said, for whoever may read logs but not the status."""
    return _SAID.sub(r"got \g<status>an answer that is shown in the status", message)


def _excerpt(body: bytes) -> str:
    text = " ".join(body[: 4 * _EXCERPT].decode(errors="replace").split())
    if not text:
        return "an empty body"
    return repr(cut(text, _EXCERPT))
