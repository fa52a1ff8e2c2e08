"""Every traffic router there is, by the word that status shows."""

from collections.abc import Mapping
from typing import Final

from lockstep.adapters.routers.base import Router
from lockstep.adapters.routers.replica_ratio import ReplicaRatio

ROUTERS: Final[Mapping[str, Router]] = {"ReplicaRatio": ReplicaRatio()}
