"""Every traffic router there is, by the word that status shows and a spec chooses."""

from collections.abc import Mapping
from typing import Final

from lockstep.adapters.routers.base import Router
from lockstep.adapters.routers.replica_ratio import ReplicaRatio
from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.traffic import REPLICA_RATIO
from lockstep.core.facts import Unreadable

ROUTERS: Final[Mapping[str, Router]] = {router.method.name: router for router in (ReplicaRatio(),)}


def chosen(routers: Mapping[str, Router], spec: ModelDeploymentSpec | Unreadable) -> Router:
    """The router that a spec asks for."""
    method = REPLICA_RATIO if isinstance(spec, Unreadable) else spec.traffic_method
    return routers[method.name]


def kinds(routers: Mapping[str, Router]) -> frozenset[str]:
    """Of what routers write, beside Services."""
    return frozenset(ref.kind for router in routers.values() for ref in router.refs("any"))
