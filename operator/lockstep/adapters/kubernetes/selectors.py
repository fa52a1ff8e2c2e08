"""Whom a Service's selector reaches: one revision, every pod, or none. And the other way round."""

from collections.abc import Mapping
from typing import Final, assert_never

from lockstep.api.base import DEPLOYMENT_LABEL, REVISION_LABEL
from lockstep.core.rollout.routing import Everyone, Nobody, Only, Routing, Shares

_NOBODY: Final = "none"  # no revision is called so: they are hexadecimal


def selector(name: str, routing: Routing) -> dict[str, str]:
    """What selects the pods of ModelDeployment ``name``; the ratio of pods stands in for shares."""
    everyone = {DEPLOYMENT_LABEL: name}
    match routing:
        case Nobody():
            return {**everyone, REVISION_LABEL: _NOBODY}
        case Only(revision):
            return {**everyone, REVISION_LABEL: revision}
        case Everyone() | Shares():
            return everyone
        case other:
            assert_never(other)


def read(name: str, found: Mapping[str, str]) -> Routing | None:
    """Whom a selector reaches; None when it is not one that we would write."""
    rest = dict(found)
    if rest.pop(DEPLOYMENT_LABEL, None) != name:
        return None
    revision = rest.pop(REVISION_LABEL, None)
    if rest:
        return None
    if revision is None:
        return Everyone()
    return Nobody() if revision == _NOBODY else Only(revision)
