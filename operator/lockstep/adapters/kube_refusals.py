"""The API server's refusals of a dry run, in a sentence that names the field."""

from dataclasses import dataclass
from typing import Final

from lockstep.api.base import cut

_SENTENCE: Final = 700
_VALID: Final = {"AlreadyExists"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """``waiting``: it is quota, which may come free."""

    problem: str
    waiting: bool = False


def read(code: int, reason: str, message: str) -> Refusal | None:
    """Sort an error answer to a dry run.

    A name that is already taken (409) is checked last by the server: everything else was right.
    """
    if reason in _VALID:
        return None
    text = message.strip() or f"HTTP {code}"
    short = cut(text, _SENTENCE)
    return Refusal(short, waiting=code == 403 and "exceeded quota" in text)  # noqa: PLR2004
