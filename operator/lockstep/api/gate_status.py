"""A gate in the status of whatever it decides about."""

from enum import StrEnum
from typing import Annotated

from lockstep.api.base import Cut, Seen, blank
from lockstep.api.scalars import Count, Decimal, Instant, Line, Word


class Verdict(StrEnum):
    """What a gate concluded; Measuring until it has."""

    MEASURING = "Measuring"
    PASS = "Pass"  # noqa: S105  # a verdict, not a password
    FAIL = "Fail"
    INCONCLUSIVE = "Inconclusive"


class GateStatus(Seen):
    """One metric of one stage: its verdict and all evidence so far, so a restart loses nothing."""

    name: Word
    """Name of the metric."""
    criteria: Annotated[str, Cut(280)]
    """Where it is defined: kind and name."""
    verdict: Verdict = Verdict.MEASURING
    """Measuring until it is decided; then Pass, Fail or Inconclusive."""
    value: Decimal | None = None
    """The last value."""
    limit: Annotated[str, Cut(128)] = blank()
    """What is allowed."""
    samples: Count = 0
    """Valid measurements in this stage."""
    failures: Count = 0
    """Failed measurements in this stage."""
    inconclusive: Count = 0
    """Inconclusive measurements in this stage."""
    no_data: Count = 0
    """Measurements without data in a row."""
    errors: Count = 0
    """Broken answers in a row."""
    suspect: bool = False
    """A limit is exceeded, so stable is measured too: with Measuring that is still pending, with
    Inconclusive stable exceeds it as well."""
    refused: bool | None = None
    """Prometheus cannot read its query: only an edit of the criteria helps."""
    measured_at: Instant | None = None
    """When it was last measured."""
    generation: int = 0
    """The generation of the criteria; edited criteria reset the measurements."""
    dry_run: bool = False
    """Whether it is shown only and decides nothing."""
    message: Line = blank()
    """The verdict in a sentence."""
