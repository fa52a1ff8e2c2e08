"""The API server's refusals of a dry run, in a sentence that names the field."""

from dataclasses import dataclass
from typing import Final

from lockstep.api.base import cut
from lockstep.core.refusals import Cause, cause

_SENTENCE: Final = 700
_VALID: Final = {"AlreadyExists"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """``cause``: who can end it."""

    problem: str
    cause: Cause = Cause.SPEC


def read(code: int, reason: str, message: str) -> Refusal | None:
    """Sort an error answer to a dry run.

    A name that is already taken (409) is checked last by the server: everything else was right.
    """
    if reason in _VALID:
        return None
    text = message.strip() or f"HTTP {code}"
    return Refusal(cut(text, _SENTENCE), cause(text, code))
