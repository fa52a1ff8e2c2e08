"""What the callers saw, in spans of time. Measured at the callers, never read from status."""

from collections.abc import Sequence
from dataclasses import dataclass

from examples.caller.caller import Second, Tally


@dataclass(frozen=True, slots=True)
class Calls:
    """A span of seconds; ``new`` and ``kept`` are its sums."""

    seconds: Sequence[Second]
    new: Tally
    kept: Tally

    @classmethod
    def between(cls, seconds: Sequence[Second], start: float, end: float) -> "Calls":
        """The seconds that ended after ``start`` and not after ``end`` (Unix times)."""
        return cls.of([one for one in seconds if start < one.at <= end])

    @classmethod
    def last(cls, seconds: Sequence[Second], count: int) -> "Calls":
        return cls.of(seconds[-count:])

    @classmethod
    def of(cls, seconds: Sequence[Second]) -> "Calls":
        new = Tally.total(one.new for one in seconds)
        return cls(seconds, new, Tally.total(one.kept for one in seconds))

    @property
    def all(self) -> Tally:
        return Tally.total((self.new, self.kept))

    def first_error(self) -> float | None:
        """When the first new connection failed; None if none did."""
        return next((one.at for one in self.seconds if one.new.errors()), None)

    def last_of(self, revision: str) -> float | None:
        """When ``revision`` last answered a new connection, well or not; None if it never did."""
        return max((one.at for one in self.seconds if one.new.requests(revision)), default=None)
