"""What the loop asks of a kind: one protocol for each step of a pass, in their order.

Every step may raise TransientError; nothing is half-done then, and repeating is safe.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from lockstep.api.base import Manifest
from lockstep.core.facts import Write
from lockstep.core.key import Key, Named
from lockstep.core.plan import Plan
from lockstep.errors import RefusedError

Seen = TypeVar("Seen", bound="Facts")
Seen_contra = TypeVar("Seen_contra", bound="Facts", contravariant=True)
Needs = TypeVar("Needs")
Needs_contra = TypeVar("Needs_contra", contravariant=True)
Needs_co = TypeVar("Needs_co", covariant=True)
Status = TypeVar("Status")
Action = TypeVar("Action")
Action_contra = TypeVar("Action_contra", contravariant=True)
Seen_co = TypeVar("Seen_co", bound="Facts", covariant=True)


class Facts(Protocol):
    """What is known of one object when its pass begins."""

    @property
    def key(self) -> Key: ...
    @property
    def uid(self) -> str: ...
    @property
    def generation(self) -> int: ...


class Record(Protocol):
    """An object of the kind, as it was last seen; ``wire`` is its status as it is stored."""

    @property
    def wire(self) -> Manifest: ...


class Objects(Protocol):
    """All objects of the kind."""

    def __len__(self) -> int: ...

    def get(self, at: Named) -> Record | None: ...


class Observes(Protocol[Seen_co]):
    async def observe(self, key: Key) -> Seen_co | None:
        """What is known now, without answers; None when the object is gone or going."""
        ...


class Asks(Protocol[Seen, Needs_contra]):
    async def ask(self, seen: Seen, needs: Needs_contra) -> Seen:
        """The same with what came back. What does not answer is an answer too, no exception."""
        ...

    def forget(self, key: Key) -> None:
        """The object is gone: nothing is asked for it any more."""
        ...


class Planner(Protocol[Seen_contra, Needs_co, Status, Action]):
    """The thinking. A module with these two functions is one."""

    def needs(self, observed: Seen_contra, now: datetime) -> Needs_co: ...

    def plan(self, observed: Seen_contra, now: datetime) -> Plan[Status, Action]: ...


class Stores(Protocol[Seen_contra, Status, Action]):
    async def store(
        self, seen: Seen_contra, decided: Plan[Status, Action], now: datetime
    ) -> timedelta | None:
        """Keep the status.

        Returns:
            How long until it wants to be asked again, if at all.

        Raises:
            LostRaceError: Somebody wrote the object meanwhile; the pass ends, nothing is done.
            RefusedError: The API server does not take it; nothing is done.
        """
        ...


class Acts(Protocol[Seen_contra, Action_contra]):
    def planned(self, key: Key, actions: Iterable[Action_contra]) -> None:
        """Take note of all that a pass is about to do."""
        ...

    async def act(self, seen: Seen_contra, action: Action_contra) -> timedelta | None:
        """Carry out one action; carrying it out again changes nothing.

        Returns:
            How long until it may be tried again where it is refused, which the next pass sees;
            None when it is done.

        Raises:
            ForeignObjectError: The name is somebody else's, which the next pass sees.
        """
        ...

    async def dismiss(self, key: Key, now: datetime) -> timedelta | None:
        """Answer those who wait for an object that does not exist.

        Returns:
            How long until somebody else is due an answer; None when nobody waits.
        """
        ...


class Tells(Protocol[Seen_contra, Status, Action]):
    def note(self, seen: Seen_contra, decided: Plan[Status, Action]) -> None:
        """Take down what was stored a moment ago, so that a pass that breaks loses none of it."""
        ...

    async def tell(self, key: Key) -> None:
        """Say what was noted. A failure here is logged: what is told is never needed later."""
        ...

    async def not_stored(self, seen: Seen_contra, error: RefusedError) -> None:
        """Say once that the status is not taken."""
        ...

    async def pass_ended(self, key: Key, waited_for: str, after: timedelta) -> None:
        """Say for what a pass had waited that had to be ended."""
        ...


class Writes(Protocol[Seen_contra, Action_contra]):
    """What actions write, and which of them rest on which. A module with these functions is one."""

    def write(self, of: Key, action: Action_contra) -> Write: ...

    def rests_on(
        self, seen: Seen_contra, action: Action_contra, missing: Sequence[Action_contra]
    ) -> bool: ...
