"""A condition as the status of every kind has it."""

from enum import StrEnum
from typing import Annotated, Final

from lockstep.api.base import Cut, Seen, blank
from lockstep.api.scalars import Second, Word

MOST_OF_A_CONDITION: Final = 800
"""Characters of a condition's message: there are a dozen, and a status stays below 100 KiB."""


class Truth(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Seen):
    """One thing that is true, false or not known of the ModelDeployment."""

    type: Word
    """Type of the condition."""
    status: Truth
    """True, False or Unknown."""
    reason: Word
    """Why, in one CamelCase word of a closed list."""
    message: Annotated[str, Cut(MOST_OF_A_CONDITION)] = blank()
    """Why, in a sentence with numbers."""
    last_transition_time: Second
    """When the status last flipped."""
    observed_generation: int = 0
    """The generation of the spec that this is about."""
