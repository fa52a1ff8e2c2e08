"""Traffic by replica ratio: the callers' Service selects one revision, every pod, or none.

It splits new connections and nothing else: a kept-alive one stays with its pod.
"""

from collections.abc import Mapping
from typing import Final, assert_never

from lockstep.api.base import DEPLOYMENT_LABEL, REVISION_LABEL
from lockstep.core.rollout.routing import Everyone, Nobody, Only, Routing

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
        rest = dict(selector)
        if rest.pop(DEPLOYMENT_LABEL, None) != name:
            return None
        revision = rest.pop(REVISION_LABEL, None)
        if rest:
            return None
        if revision is None:
            return Everyone()
        return Nobody() if revision == _NOBODY else Only(revision)
