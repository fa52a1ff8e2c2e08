"""What one pass decides: the status to store, the actions, what is told. Nothing here acts."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from lockstep.api.base import Manifest
from lockstep.api.status import ModelDeploymentStatus
from lockstep.core.observed import Routing


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRevision:
    """Keep what the user wrote and what we rendered from it, as a ControllerRevision."""

    revision: str
    scheme: str
    number: int
    inputs: Manifest
    template: Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class PutDeployment:
    """Make the Deployment of ``revision`` look like this; create it if it is missing."""

    revision: str
    replicas: int
    template: Manifest
    min_ready_seconds: int
    exists: bool


@dataclass(frozen=True, slots=True)
class RemoveDeployment:
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTraffic:
    """Let callers reach these revisions and no others."""

    routing: Routing
    port: int
    target_port: int | str
    exists: bool


@dataclass(frozen=True, slots=True)
class PruneRevision:
    """Forget an old revision that nothing refers to; ``name`` is its ControllerRevision's."""

    name: str


Action = StoreRevision | PutDeployment | RemoveDeployment | SetTraffic | PruneRevision


class EventType(StrEnum):
    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class Event:
    """Said once, when a stage or a verdict changed."""

    type: EventType
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``look_again`` is how long the key may sleep; None until something rings."""

    status: ModelDeploymentStatus
    actions: tuple[Action, ...] = ()
    events: tuple[Event, ...] = ()
    look_again: timedelta | None = None
