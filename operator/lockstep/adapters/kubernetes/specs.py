"""The spec of one of our kinds: from the API server's JSON to our words, or what is wrong."""

from typing import Final, TypeGuard, TypeVar

from pydantic import BaseModel, ValidationError

from lockstep.api.base import cut
from lockstep.core.facts import Unreadable

_SENTENCE: Final = 500


_DEEPEST: Final = 50
"""The API server lets 10,000 levels in; no pod template has a third of this."""


M = TypeVar("M", bound=BaseModel)


def parse(model: type[M], spec: object) -> M | Unreadable:
    """Read the spec of one of our kinds."""
    if _is_deeper(spec, _DEEPEST):
        return Unreadable(f"spec.template: nests more than {_DEEPEST} levels deep")
    try:
        return model.model_validate(spec)
    except ValidationError as error:
        return Unreadable(sentence(error))


def _is_deeper(value: object, levels: int) -> bool:
    """Whether lists and maps nest deeper than that."""
    here = [value]
    for _ in range(levels):
        below = [it.values() if isinstance(it, dict) else it for it in here if _holds_more(it)]
        here = [inner for held in below for inner in held]
    return any(map(_holds_more, here))


def _holds_more(value: object) -> TypeGuard[dict[str, object] | list[object]]:
    return isinstance(value, dict | list)


def sentence(error: ValidationError) -> str:
    """Name the first field that cannot be read, and why: ``spec.replicas: should be …``."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = "".join(f"[{it}]" if isinstance(it, int) else f".{it}" for it in first["loc"])
    why = first["msg"].removeprefix("Value error, ")
    more = error.error_count() - 1
    text = f"spec{path}: {why}" + (f" (and {more} more)" if more else "")
    return cut(text, _SENTENCE)
