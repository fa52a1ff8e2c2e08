"""What may be known about an object of any kind."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from lockstep.api.exit_criteria import ExitCriteriaSpec
from lockstep.api.failures import FailureReason
from lockstep.core.config import Keys
from lockstep.core.refusals import Cause


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An object that the API server let in and we cannot read: the sentence names the field."""

    message: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why waiting will not help: our word for it and the cluster's own sentence."""

    reason: FailureReason
    message: str


@dataclass(frozen=True, slots=True)
class ChildRef:
    """One child, by kind and name."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Criteria:
    """An ExitCriteria or ClusterExitCriteria as found."""

    spec: ExitCriteriaSpec
    generation: int


@dataclass(frozen=True, slots=True)
class Foreign:
    """A name that we need is taken by an object that we did not create."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Outage:
    """The API server did not answer, for so long, until ``over``; it may have been so to others."""

    lasted: timedelta
    over: datetime


class Verb(StrEnum):
    """What a write does to its object."""

    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"
    OWNED = "given its owner"
    NOTED = "given its ports"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class Write:
    """One object and what is to become of it: the same in every pass that plans it."""

    verb: Verb
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name} could not be {self.verb}"


@dataclass(frozen=True, slots=True)
class Refused:
    """A write of ours that the API server refuses, in its own words; it is tried again."""

    write: Write
    cause: Cause
    message: str


@dataclass(frozen=True, slots=True)
class Hand:
    """``field`` is not as we write it; ``client`` is the field manager that wrote last, but us."""

    field: str
    client: str

    def __str__(self) -> str:
        return f"{self.field}, by {self.client}" if self.client else self.field


@dataclass(frozen=True, slots=True)
class ConfigEdit:
    """What can be said of a ConfigMap's last change: its keys, and through whom it was written."""

    keys: Keys
    client: str
