"""A share of chance in a wait, so that many who wait do not come back in the same moment."""

import random
from datetime import timedelta


def jittered(longest: timedelta) -> timedelta:
    """From half of ``longest`` to all of it."""
    return longest * random.uniform(0.5, 1)  # noqa: S311 (spreads load, guards nothing)
