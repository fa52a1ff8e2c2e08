"""One number against the limits of one metric, and how those limits are said.

``successWhen`` alone: what is outside fails. ``failWhen`` alone: what is outside is good. Both:
what is in neither is inconclusive, and what is in both fails. The ends belong to a range. A number
is rounded for people, but never across a limit: "was 0.5, allowed at most 0.5" explains nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from lockstep.api.exit_criteria import Bounds, Metric
from lockstep.core.gates.numbers import plain, rounded


class Measured(StrEnum):
    """What one valid measurement says."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Range:
    """From ``low`` to ``high``, ends included; None is open."""

    low: float | None
    high: float | None

    def holds(self, value: float) -> bool:
        above = self.low is None or value >= self.low
        return above and (self.high is None or value <= self.high)

    @property
    def empty(self) -> bool:
        return self.low is not None and self.high is not None and self.low > self.high

    def inside(self) -> str:
        """What a number in the range is: ``at most 0.25``."""
        if self.low is None:
            return f"at most {plain(self.high)}" if self.high is not None else "any number"
        if self.high is None:
            return f"at least {plain(self.low)}"
        return f"between {plain(self.low)} and {plain(self.high)}"

    def outside(self) -> str:
        """What a number out of the range is: ``below 0.5``."""
        if self.low is None:
            return f"above {plain(self.high)}" if self.high is not None else "no number"
        if self.high is None:
            return f"below {plain(self.low)}"
        return f"below {plain(self.low)} or above {plain(self.high)}"


@dataclass(frozen=True, slots=True)
class Limits:
    """A metric's two ranges with their arguments filled in; at least one is there."""

    success: Range | None
    failure: Range | None

    def measure(self, value: float) -> Measured:
        """Failure is looked at first: the worst reading of a number decides."""
        if self.failure and self.failure.holds(value):
            return Measured.FAILURE
        if self.success is None or self.success.holds(value):
            return Measured.SUCCESS
        return Measured.FAILURE if self.failure is None else Measured.NEITHER

    def allowed(self, value: float) -> str:
        """The limit that ``value`` is held against: the one it broke, if it broke one."""
        if self.failure and (self.success is None or self.failure.holds(value)):
            return self.failure.outside()
        return self.success.inside() if self.success else ""

    def between(self) -> str:
        """What a number is that meets neither limit: ``neither at most 0.25 nor at least 0.5``."""
        good = self.success.inside() if self.success else "good"
        return f"neither {good} nor {self.failure.inside() if self.failure else 'bad'}"

    def shown(self, value: float) -> str:
        """The number as people read it, rounded unless that would put it across a limit."""
        short = rounded(value)
        return short if self.measure(float(short)) is self.measure(value) else plain(value)

    @property
    def text(self) -> str:
        """Both limits in a few words, for status."""
        if self.success is None:
            return self.failure.outside() if self.failure else ""
        fails = f", fails when {self.failure.inside()}" if self.failure else ""
        return self.success.inside() + fails


def limits(metric: Metric, args: Mapping[str, float]) -> Limits:
    """The metric's limits.

    Raises:
        KeyError: A limit names an argument that is not there, which ``api`` refuses.
    """
    return Limits(_range(metric.success_when, args), _range(metric.fail_when, args))


def _range(bounds: Bounds | None, args: Mapping[str, float]) -> Range | None:
    if bounds is None:
        return None
    low = args[bounds.min_arg] if bounds.min_arg else bounds.min
    high = args[bounds.max_arg] if bounds.max_arg else bounds.max
    return Range(low, high)
