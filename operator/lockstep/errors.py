"""What can go wrong outside us, sorted by what the shell should do about it.

* LockstepError
  x TransientError    a dependency did not answer: try again after ``retry_after``
    - LostRaceError   someone wrote the object first: look again at once
    - RefusedError    it answered, and said no: what does not rest on that goes on
    - OverdueError    a pass took too long and was ended: said of its object
  x ForeignObjectError  a name we need is taken by an object that is not ours: never adopt, say so
  x InvariantError    a promise of ours is broken: leave traffic alone and say so

A mistake in a user's spec is not here. It is a situation the planner knows and answers
with a condition, like any other.
"""

from datetime import timedelta

from lockstep.core.refusals import Cause


class LockstepError(Exception):
    """Root of everything raised on purpose."""


class TransientError(LockstepError):
    """A dependency is briefly unwell. Repeating is safe: every action is idempotent."""

    def __init__(self, what: str, *, retry_after: timedelta = timedelta(seconds=10)) -> None:
        super().__init__(what)
        self.retry_after = retry_after


class LostRaceError(TransientError):
    """The object changed since it was read; the pass ends with nothing touched."""

    def __init__(self, what: str) -> None:
        super().__init__(what, retry_after=timedelta(0))


class RefusedError(TransientError):
    """The API server would not have a write of ours; ``said`` is its sentence alone."""

    def __init__(
        self, what: str, said: str, cause: Cause, *, retry_after: timedelta = timedelta(0)
    ) -> None:
        super().__init__(what, retry_after=retry_after)
        self.said = said
        self.cause = cause


class OverdueError(TransientError):
    """A pass was ended while it waited; ``waited_for`` says for what."""

    def __init__(self, after: timedelta, waited_for: str) -> None:
        seconds = after.total_seconds()
        super().__init__(
            f"the pass did not finish within {seconds:g} s: it waited for {waited_for}",
            retry_after=timedelta(0),
        )
        self.waited_for = waited_for


class ForeignObjectError(LockstepError):
    """An object of this name exists and was not made by us for this owner."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name} exists and was not created by Lockstep")
        self.kind = kind
        self.name = name


class InvariantError(LockstepError):
    """An invariant is broken: change nothing until a person has looked."""
