"""Traffic by replica ratio: the callers' Service selects one revision, every pod, or none.

It splits new connections and nothing else: a kept-alive one stays with its pod.
"""

from collections.abc import Mapping
from typing import Final, assert_never

from lockstep.api.base import DEPLOYMENT_LABEL, REVISION_LABEL
from lockstep.core.observed import Everyone, Nobody, Only, Routing

_NOBODY: Final = "none"  # no revision is called so: they are hexadecimal


class ReplicaRatio:
    """Router by label selector."""

    def render(self, name: str, routing: Routing) -> dict[str, str]:
        everyone = {DEPLOYMENT_LABEL: name}
        match routing:
            case Nobody():
                return {**everyone, REVISION_LABEL: _NOBODY}
            case Only(revision):
                return {**everyone, REVISION_LABEL: revision}
            case Everyone():
                return everyone
            case other:
                assert_never(other)

    def read(self, name: str, selector: Mapping[str, str]) -> Routing | None:
        match dict(selector):
            case {"lockstep.dev/deployment": owner, **rest} if owner == name:
                return _revision(rest)
            case _:
                return None


def _revision(rest: Mapping[str, str]) -> Routing | None:
    if not rest:
        return Everyone()
    if rest.keys() != {REVISION_LABEL}:
        return None
    revision = rest[REVISION_LABEL]
    return Nobody() if revision == _NOBODY else Only(revision)
