"""What a pass has to ask before it can decide. Pure: the shell does the asking."""

from dataclasses import dataclass
from datetime import timedelta

from lockstep.api.base import Manifest
from lockstep.api.model_deployment import Expectation
from lockstep.core.gates.question import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoke:
    """One request to one ready pod of an unproven candidate."""

    revision: str
    pod_uid: str
    url: str
    body: str | None
    expect: Expectation
    timeout: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """Try a revision's ReplicaSet on the API server without storing it, and one Pod of it."""

    revision: str
    replica_set: Manifest
    pod: Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class PodEvents:
    """Look at what is told about one pod; ``turn`` grows as it goes on waiting."""

    namespace: str
    uid: str
    turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    questions: tuple[Question, ...] = ()
    smoke: Smoke | None = None
    dry_run: DryRun | None = None
    events: PodEvents | None = None
