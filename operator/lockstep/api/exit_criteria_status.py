"""What the operator says about criteria: whether they can be asked at all, and who uses them."""

from typing import Annotated, Final

from pydantic import Field

from lockstep.api.base import Cut, Seen, blank
from lockstep.api.condition import Truth
from lockstep.api.gate_status import Verdict
from lockstep.api.scalars import (
    Count,
    Decimal,
    RevisionId,
    Second,
    Sentence,
    Word,
)

MOST_USERS: Final = 10
"""So many are named; all are counted."""

MOST_VERDICTS: Final = 16
"""Of so many users the last verdict is kept, the newest: of the others it is at the user."""


class LastVerdict(Seen):
    """The last verdict of these criteria for one of their users."""

    namespace: Annotated[str, Cut(63)]
    """Namespace of the ModelDeployment."""
    name: Annotated[str, Cut(63)]
    """Its name."""
    revision: RevisionId
    """The revision that was measured."""
    stage: Word
    """The stage."""
    gate: Word
    """The metric whose verdict it is: the worst of the stage, one that is not a dry run if any."""
    verdict: Verdict
    """Pass, Fail or Inconclusive."""
    value: Decimal | None = None
    """Its last value. Absent in a ClusterExitCriteria, which every team may read: it is in the
    user's own Events and metrics."""
    limit: Annotated[str, Cut(128)] = blank()
    """What was allowed."""
    dry_run: bool | None = None
    """Whether it was only measured and decided nothing."""
    at: Second
    """When it was measured."""


class ExitCriteriaStatus(Seen):
    """Whether these criteria can be measured, who uses them, and their last verdicts."""

    observed_generation: int = 0
    """The generation of the spec that this is about."""
    valid: Truth = Truth.UNKNOWN
    """False if a metric cannot be measured, or could never finish: stages that use it wait. Unknown
    until the operator has checked."""
    message: Sentence | None = None
    """Which metric, and why."""
    used_by: Count = 0
    """How many ModelDeployments have stages that refer to it."""
    users: Annotated[tuple[Annotated[str, Cut(320)], ...], Field(max_length=MOST_USERS)] = ()
    """The first of them by name: `namespace/name`."""
    verdicts: Annotated[tuple[LastVerdict, ...], Field(max_length=MOST_VERDICTS)] | None = None
    """The last verdict of each user, the newest first; absent while there is none."""
