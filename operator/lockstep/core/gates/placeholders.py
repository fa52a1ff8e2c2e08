"""What ``{{name}}`` in a query stands for.

No value can change the meaning of a query: names are DNS labels, revisions are digests and
arguments are numbers.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from lockstep.core.gates.numbers import plain

_PLACEHOLDER: Final = re.compile(r"\{\{([^{}]{0,128})\}\}")
"""Bounded, so that braces which nobody closes cost no more than others: `api` refuses them."""
_ARG: Final = "args."
_OF_REVISION: Final = frozenset({"revision", "candidateRevision"})
KNOWN: Final = (
    "namespace",
    "name",
    "revision",
    "stableRevision",
    "candidateRevision",
    "weight",
    "interval",
    "stageElapsed",
)
OF_STABLE: Final = "{{stableRevision}}"
NO_REVISION: Final = "none"
"""Stands for a revision that does not exist: an empty matcher would select unlabelled series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What a query is told. ``revision`` is the arm that is asked about, ``at`` the instant."""

    namespace: str
    name: str
    revision: str
    stable: str | None
    weight: int
    interval: timedelta
    entered_at: datetime
    args: Mapping[str, float]


def render(query: str, values: Values, at: datetime) -> str:
    """The query as Prometheus gets it at ``at``."""
    return _fill(query, {**_fixed(values), "stageElapsed": whole_seconds(at - values.entered_at)})


def timeless(query: str, values: Values) -> str:
    """The query without what changes from one instant to the next: equal for equal questions."""
    return _fill(query, _fixed(values))


def depends_on_revision(query: str) -> bool:
    """Whether the query asks about one arm, so that the same can be asked about the other."""
    return not _OF_REVISION.isdisjoint(_names(query))


def unknown(query: str, args: Mapping[str, float]) -> str | None:
    """Why the query cannot be rendered; None when it can."""
    for found in _names(query):
        if found.startswith(_ARG) and found.removeprefix(_ARG) not in args:
            return f"{{{{{found}}}}} needs an argument named {found.removeprefix(_ARG)!r}"
        if not found.startswith(_ARG) and found not in KNOWN:
            known = " ".join(f"{{{{{name}}}}}" for name in (*KNOWN, f"{_ARG}x"))
            return f"{{{{{found}}}}} is not a placeholder; use one of {known}"
    return "a {{ is never closed by }}" if "{{" in _PLACEHOLDER.sub("", query) else None


def _names(query: str) -> list[str]:
    return [inside.strip() for inside in _PLACEHOLDER.findall(query)]


def whole_seconds(length: timedelta) -> str:
    """A Prometheus duration in whole seconds, at least one: ``90s``."""
    return f"{max(length // timedelta(seconds=1), 1)}s"


def _fixed(values: Values) -> dict[str, str]:
    return {
        "namespace": values.namespace,
        "name": values.name,
        "revision": values.revision,
        "candidateRevision": values.revision,
        "stableRevision": values.stable or NO_REVISION,
        "weight": str(values.weight),
        "interval": whole_seconds(values.interval),
        **{f"{_ARG}{name}": plain(value) for name, value in values.args.items()},
    }


def _fill(query: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values.get(found[1].strip(), found[0]), query)
