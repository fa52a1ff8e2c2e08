"""When a question is asked: on a fixed grid, so that equal questions fall on the same instant.

A gate has a grid of its own: its interval, begun at an offset that is a hash of address and query.
So a thousand rollouts with one query ask once, different queries are spread over the interval, and
an operator that restarts asks at the same instants as before. Pure arithmetic; what is asked is
decided elsewhere.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Grid:
    """Instants ``offset``, ``offset + interval``, … since 1970, in milliseconds."""

    offset: int
    interval: int

    def latest(self, now: datetime) -> datetime:
        """The last instant of the grid that is not after ``now``."""
        steps = ((now - EPOCH) // _MILLISECOND - self.offset) // self.interval
        return EPOCH + (steps * self.interval + self.offset) * _MILLISECOND

    def after(self, moment: datetime) -> datetime:
        """The first instant of the grid that is after ``moment``."""
        return self.latest(moment) + self.interval * _MILLISECOND


def grid(address: str, query: str, interval: timedelta) -> Grid:
    """The grid of a query: the same for all who ask the same, spread evenly over the interval.

    The hash has to give the same number in every process, or a restart would move every grid.
    """
    length = max(interval // _MILLISECOND, 1)
    seed = hashlib.blake2b(f"{address}\n{query}".encode(), digest_size=8)
    return Grid(int.from_bytes(seed.digest()) % length, length)
