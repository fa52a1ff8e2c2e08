"""What goes into judging a stage and what comes out: words only."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from lockstep.api.gate_status import GateStatus
from lockstep.api.model_deployment import FailureAction
from lockstep.api.strategy import CriteriaRef
from lockstep.core.facts import Criteria
from lockstep.core.key import Named

NamedCriteria = tuple[CriteriaRef, Criteria]


class Soaked(Protocol):
    """What a gate has to know of the stage that it stands in."""

    @property
    def name(self) -> str: ...
    @property
    def soak(self) -> timedelta: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a gate may know about the stage under way; ``gates`` is the evidence so far.

    ``patient_until``: until when it may lack a first sample, however often the soak begins anew.
    """

    namespace: str
    name: str
    candidate: str
    stable: str | None
    weight: int
    entered_at: datetime
    soak_until: datetime
    default_action: FailureAction
    criteria: tuple[NamedCriteria, ...]
    gates: tuple[GateStatus, ...]
    patient_until: datetime | None = None

    @property
    def named(self) -> Named:
        return Named(self.namespace, self.name)


@dataclass(frozen=True, slots=True)
class Passed:
    """Every gate that decides has passed."""


@dataclass(frozen=True, slots=True)
class Measuring:
    """Nothing is wrong, and more evidence is wanted."""

    message: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The candidate is at fault; ``action`` is the strictest that a failed gate asks for."""

    action: FailureAction
    message: str


@dataclass(frozen=True, slots=True)
class Inconclusive:
    """Nobody can tell. ``heals``: answers may still settle it; otherwise a person has to."""

    message: str
    heals: bool


@dataclass(frozen=True, slots=True)
class Shared:
    """Stable is as sick as the candidate: a rollback would not help."""

    message: str


@dataclass(frozen=True, slots=True)
class Invalid:
    """A query cannot be read by Prometheus: the criteria have to be mended."""

    message: str


Outcome = Passed | Measuring | Failed | Inconclusive | Shared | Invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """``look_again`` is how long until the next question is due; None when none will be."""

    gates: tuple[GateStatus, ...]
    outcome: Outcome
    look_again: timedelta | None
