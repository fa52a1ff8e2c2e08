"""A moment as people read it in a sentence: with its day where that is not today or tonight."""

from datetime import datetime, timedelta
from typing import Final

_NEAR: Final = timedelta(days=1)


def clock(at: datetime, now: datetime) -> str:
    """``14:05:00Z``; with a date where it is more than a day away, in either direction."""
    return at.strftime("%H:%M:%SZ" if abs(at - now) <= _NEAR else "%Y-%m-%d %H:%M:%SZ")
