"""Traffic by replica ratio: the callers' Service selects one revision, every pod, or none.

It splits new connections and nothing else: a kept-alive one stays with its pod.
"""

from collections.abc import Mapping, Sequence

from lockstep.adapters.kubernetes import selectors
from lockstep.adapters.routers.base import Reading, Rendered
from lockstep.api.base import Manifest
from lockstep.api.service import Ports
from lockstep.api.traffic import REPLICA_RATIO
from lockstep.core.facts import ChildRef
from lockstep.core.rollout.children.owner import Owner
from lockstep.core.rollout.routing import Routing


class ReplicaRatio:
    """Router by label selector; it has no objects but the callers' Service."""

    method = REPLICA_RATIO

    def refs(self, name: str) -> Sequence[ChildRef]:
        del name
        return ()

    def render(self, owner: Owner, routing: Routing, ports: Ports) -> Rendered:
        del ports
        return Rendered(selectors.selector(owner.key.name, routing))

    def read(self, name: str, selector: Mapping[str, str], found: Sequence[Manifest]) -> Reading:
        del found
        reached = selectors.read(name, selector)
        return Reading(reached, reached)
