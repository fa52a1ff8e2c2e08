"""Whom callers reach: nobody, one revision, or every pod."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Nobody:
    """Callers reach no pod: nothing is proven yet."""


@dataclass(frozen=True, slots=True)
class Only:
    """All callers reach one revision."""

    revision: str


@dataclass(frozen=True, slots=True)
class Everyone:
    """Callers reach every pod of this ModelDeployment: they are split by replica ratio."""


Routing = Nobody | Only | Everyone


def reaches(routing: Routing | None, revision: str) -> bool:
    """Whether callers may meet a pod of ``revision``."""
    match routing:
        case None | Nobody():
            return False
        case Everyone():
            return True
        case Only(only):
            return only == revision
