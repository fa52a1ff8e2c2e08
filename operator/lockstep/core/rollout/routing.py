"""Whom callers reach: nobody, one revision, every pod, or each revision its share of requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_WHOLE: Final = 100


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


@dataclass(frozen=True, slots=True)
class Shares:
    """The data plane splits requests: percent of each revision, by revision, 100 together.

    ``split`` makes it, so that there is one way to say a thing.
    """

    percent: tuple[tuple[str, int], ...]


Routing = Nobody | Only | Everyone | Shares


def split(percent: Mapping[str, int]) -> Routing:
    """Requests by share: who has none is not named, and who has all of them is the only one."""
    shares = tuple(sorted((revision, share) for revision, share in percent.items() if share))
    match shares:
        case ():
            return Nobody()
        case ((revision, _),):
            return Only(revision)
        case _:
            return Shares(shares)


def reaches(routing: Routing | None, revision: str) -> bool:
    """Whether callers may meet a pod of ``revision``."""
    match routing:
        case None | Nobody():
            return False
        case Everyone():
            return True
        case Only(only):
            return only == revision
        case Shares(percent):
            return any(named == revision for named, _ in percent)


def share_of(routing: Routing | None, revision: str) -> int:
    """Percent of the requests that a revision may get; all of them where pods decide it."""
    match routing:
        case Shares(percent):
            return dict(percent).get(revision, 0)
        case _:
            return _WHOLE if reaches(routing, revision) else 0
