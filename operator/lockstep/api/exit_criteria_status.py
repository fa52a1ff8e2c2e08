"""What the operator says about criteria: whether they can be asked at all, and who uses them."""

from typing import Annotated, Final

from pydantic import Field

from lockstep.api.base import Cut, Seen
from lockstep.api.status import Count, Sentence, Truth

MOST_USERS: Final = 10
"""So many are named; all are counted."""


class ExitCriteriaStatus(Seen):
    """Whether these criteria can be asked at all, and who uses them."""

    observed_generation: int = 0
    """The generation of the spec that this was said of."""
    valid: Truth = Truth.UNKNOWN
    """False where a metric cannot be asked, or could never end: stages that use it wait. Unknown
    until somebody has looked."""
    message: Sentence | None = None
    """Which metric, and why."""
    used_by: Count = 0
    """How many ModelDeployments have stages that refer to it."""
    users: Annotated[tuple[Annotated[str, Cut(320)], ...], Field(max_length=MOST_USERS)] = ()
    """The first of them by name, `namespace/name`."""
