"""What a pass of a ModelDeployment may decide to do. Nothing here acts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lockstep.api.base import Manifest
from lockstep.api.model_deployment_status import Outcome
from lockstep.api.service import Ports, Service
from lockstep.core.facts import ChildRef
from lockstep.core.rollout.observed import Span
from lockstep.core.rollout.routing import Routing

PLAIN: Final = Service()
"""A Service of which the spec says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRevision:
    """Keep what the user wrote and what we rendered from it, as a ControllerRevision.

    ``authors``: everybody who had a hand in it when it began, as far as is known.
    """

    revision: str
    scheme: str
    number: int
    inputs: Manifest
    template: Manifest
    authors: tuple[str, ...] = ()
    ports: Ports = ()


@dataclass(frozen=True, slots=True)
class NotePorts:
    """Keep beside a stored revision through which ports callers reach it from now on.

    ``name`` is its ControllerRevision's. It goes before any write of the Service.
    """

    name: str
    ports: Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class PutReplicaSet:
    """Make the ReplicaSet of ``revision`` look like this; create it if it is missing.

    ``surplus``: pods above ``replicas``, for as long as a restart replaces others. ``edited``: when
    its template was not ours, so that pods of that time are known.
    """

    revision: str
    replicas: int
    template: Manifest
    min_ready_seconds: int
    exists: bool
    surplus: int = 0
    edited: Span | None = None


@dataclass(frozen=True, slots=True)
class RemoveReplicaSet:
    revision: str


@dataclass(frozen=True, slots=True)
class RemovePod:
    """Let a pod go that its ReplicaSet will make anew."""

    name: str
    uid: str
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTraffic:
    """Let callers reach these revisions and no others, through these ports; both in one write.

    ``service``: what the spec says of the Service for every revision.
    """

    routing: Routing
    ports: Ports
    exists: bool
    service: Service = PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class PutArmService:
    """Let a data plane reach one revision; it goes before any share of the requests does."""

    revision: str
    ports: Ports
    exists: bool
    service: Service = PLAIN


@dataclass(frozen=True, slots=True)
class RemoveArmService:
    """No request may be sent to this revision any more, as the data plane has confirmed."""

    revision: str


@dataclass(frozen=True, slots=True)
class PruneRevision:
    """Forget an old revision that nothing refers to; ``name`` is its ControllerRevision's."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPreview:
    """Let those who use the preview Service reach this revision and no other."""

    revision: str
    ports: Ports
    exists: bool
    service: Service = PLAIN


@dataclass(frozen=True, slots=True)
class RemovePreview:
    """Nothing is in preview any more."""


@dataclass(frozen=True, slots=True)
class PutBudget:
    """Let a drain of nodes take no more pods at once than callers can do without."""

    exists: bool


@dataclass(frozen=True, slots=True)
class RemoveBudget:
    """A single pod needs no budget."""


@dataclass(frozen=True, slots=True)
class SetOwnership:
    """Give a child the ownerReference that spec.deletionPolicy asks for, or take it."""

    child: ChildRef
    orphan: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """Copy the ConfigMap ``source`` for ``revision``, as long as its content has this digest."""

    name: str
    revision: str
    source: str
    digest: str


@dataclass(frozen=True, slots=True)
class PruneConfig:
    """Forget the copy of a revision that is forgotten."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDecision:
    """Write what became of a Decision; it was stored in our own status before."""

    name: str
    uid: str
    outcome: Outcome
    message: str
    at: datetime


Action = (
    StoreRevision
    | NotePorts
    | PutReplicaSet
    | RemoveReplicaSet
    | RemovePod
    | SetTraffic
    | PutArmService
    | RemoveArmService
    | SetPreview
    | RemovePreview
    | PutBudget
    | RemoveBudget
    | SetOwnership
    | StoreConfig
    | PruneConfig
    | PruneRevision
    | AnswerDecision
)
