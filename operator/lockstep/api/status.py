"""What the operator says back: only what cannot be observed, and what people want to see."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, PlainSerializer, WithJsonSchema

from lockstep.api.base import Seen


def _seconds(value: datetime) -> str:
    return value.isoformat(timespec="seconds").replace("+00:00", "Z")


def _milliseconds(value: datetime) -> str:
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_SCHEMA = WithJsonSchema({"type": "string", "format": "date-time", "maxLength": 40})

Second = Annotated[datetime, PlainSerializer(_seconds, return_type=str), _SCHEMA]
"""An aware UTC time in whole seconds on the wire, as conditions have it everywhere."""

Instant = Annotated[datetime, PlainSerializer(_milliseconds, return_type=str), _SCHEMA]
"""An aware UTC time in milliseconds on the wire: gates are asked as often as every second."""

Word = Annotated[str, Field(max_length=64)]
Short = Annotated[str, Field(max_length=512)]
Sentence = Annotated[str, Field(max_length=1024)]
Decimal = Annotated[str, Field(max_length=32)]
"""A number as a decimal string: status holds no floats."""


class Phase(StrEnum):
    HEALTHY = "Healthy"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    DEGRADED = "Degraded"


class Truth(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Verdict(StrEnum):
    """What a gate concluded; Measuring until it has."""

    MEASURING = "Measuring"
    PASS = "Pass"
    FAIL = "Fail"
    INCONCLUSIVE = "Inconclusive"


class Condition(Seen):
    type: Word
    status: Truth
    reason: Word
    message: Sentence = ""
    last_transition_time: Second
    observed_generation: int = 0


class RevisionStatus(Seen):
    """A revision as people know it.

    ``smoke_tested`` is remembered because it decides who may be called; ``retry`` is the value of
    spec.retry under which the trial runs: another value starts its stage anew.
    """

    revision: Word
    version: Word
    image: Short = ""
    artifact: Short = ""
    smoke_tested: bool = False
    retry: Annotated[str, Field(max_length=253)] = ""


class StageStatus(Seen):
    """Where the trial is. ``entered_at`` is when the stage's weight was reached, None before that.

    ``progress_at`` and ``progress_ready`` are the progress clock: when the number of available
    candidate pods last grew, and to what; cleared in soak, gates and pauses.
    """

    name: Word
    index: int
    entered_at: Instant | None = None
    soak_until: Instant | None = None
    deadline: Instant | None = None
    progress_at: Instant | None = None
    progress_ready: int | None = None


class Weights(Seen):
    """Percent of new connections to the candidate; ``actual`` follows from ready pods."""

    desired: int = 0
    actual: int = 0
    method: Word = "ReplicaRatio"


class GateStatus(Seen):
    """One metric of one stage: its verdict and the evidence so far, so that a restart loses nothing.

    ``generation`` is that of the criteria: edited criteria start the gate's evidence anew.
    ``no_data`` and ``errors`` count consecutive measurements, the others all of the stage.
    ``suspect``: a limit is exceeded and stable is looked at too. While Measuring that is still to
    come; with Inconclusive stable was found to exceed it as well.
    """

    name: Word
    criteria: Short
    verdict: Verdict = Verdict.MEASURING
    value: Decimal | None = None
    limit: Short = ""
    samples: int = 0
    failures: int = 0
    inconclusive: int = 0
    no_data: int = 0
    errors: int = 0
    suspect: bool = False
    measured_at: Instant | None = None
    generation: int = 0
    dry_run: bool = False
    message: Sentence = ""


class Rejection(Seen):
    """The last rollback, with its sentence. Holds until the digest or ``retry`` changes."""

    revision: Word
    version: Word
    retry: Annotated[str, Field(max_length=253)] = ""
    reason: Word
    message: Sentence
    at: Instant
    keep_until: Instant | None = None


class Past(Seen):
    """One line of history: what became of a revision."""

    revision: Word
    version: Word
    outcome: Word
    message: Sentence = ""
    at: Instant


class ModelDeploymentStatus(Seen):
    observed_generation: int = 0
    phase: Phase | None = None
    message: Sentence = ""
    stage: StageStatus | None = None
    stable: RevisionStatus | None = None
    candidate: RevisionStatus | None = None
    weights: Weights | None = None
    replicas: int = 0
    ready_replicas: int = 0
    selector: Short = ""
    gates: Annotated[tuple[GateStatus, ...], Field(max_length=32)] = ()
    rejected: Rejection | None = None
    history: Annotated[tuple[Past, ...], Field(max_length=10)] = ()
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16)] = ()
