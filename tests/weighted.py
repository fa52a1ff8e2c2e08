"""A router with real weights, for tests alone: one route, and a Service for each revision.

Its data plane is like those of the Gateway API: it takes in a route when it comes to it, and says
in the route's status of which generation that was.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from lockstep.adapters.kubernetes import selectors
from lockstep.adapters.kubernetes.meta import condition
from lockstep.adapters.routers.base import Reading, Rendered
from lockstep.api.base import Manifest
from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.service import Ports
from lockstep.api.traffic import TrafficMethod
from lockstep.core import names
from lockstep.core.facts import ChildRef
from lockstep.core.rollout.children.owner import Owner, metadata
from lockstep.core.rollout.routing import Nobody, Only, Routing, Shares, share_of, split

WEIGHTED: Final = TrafficMethod("Weighted", weighted=True)
KIND: Final = "WeightedRoute"


class WeightedSpec(ModelDeploymentSpec):
    """A spec that chooses the router below; no field of ours can."""

    traffic_method: ClassVar[TrafficMethod] = WEIGHTED


def weighted(spec: ModelDeploymentSpec) -> ModelDeploymentSpec:
    """The same spec with requests split by weight."""
    return WeightedSpec.model_construct(**dict(spec))


class WeightedRouter:
    """Router by WeightedRoute; who calls the Service past it meets whoever has the most."""

    method = WEIGHTED

    def refs(self, name: str) -> Sequence[ChildRef]:
        return (ChildRef(KIND, name),)

    def render(self, owner: Owner, routing: Routing, ports: Ports) -> Rendered:
        name = owner.key.name
        backends = [
            {
                "service": names.child_name(name, revision),
                "port": ports[0].port if ports else 80,
                "weight": share_of(routing, revision),
            }
            for revision in _named(routing)
        ]
        route = {
            "apiVersion": "routes.example.com/v1",
            "kind": KIND,
            "metadata": metadata(owner, name),
            "spec": {"backends": backends},
        }
        return Rendered(_selector(name, routing), (route,))

    def read(self, name: str, selector: Mapping[str, str], found: Sequence[Manifest]) -> Reading:
        del selector
        if not found:
            return Reading(None, None)
        (route,) = found
        weights = {it["service"]: it["weight"] for it in route["spec"]["backends"]}
        written = split({it.removeprefix(f"{name}-"): weight for it, weight in weights.items()})
        return Reading(written, written if _is_taken_in(route) else None)


def _is_taken_in(route: Manifest) -> bool:
    accepted = condition(route, "Accepted")
    current = accepted.get("observedGeneration") == route["metadata"].get("generation")
    return accepted.get("status") == "True" and current


def _named(routing: Routing) -> tuple[str, ...]:
    match routing:
        case Shares(percent):
            return tuple(revision for revision, _ in percent)
        case Only(revision):
            return (revision,)
        case _:
            return ()


def _selector(name: str, routing: Routing) -> dict[str, str]:
    most = max(_named(routing), key=lambda it: share_of(routing, it), default=None)
    return selectors.selector(name, Only(most) if most else Nobody())
