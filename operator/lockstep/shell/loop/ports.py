"""What a pass may do to the world, in the order in which it does it. Tests play it with a dict."""

from datetime import datetime, timedelta
from typing import Protocol

from lockstep.core.key import Key
from lockstep.core.plan import Plan
from lockstep.core.rollout.actions import Action
from lockstep.core.rollout.needs import Needs
from lockstep.core.rollout.observed import Answers, Observed


class World(Protocol):
    """The cluster and everything else outside, seen from one pass.

    Every method may raise TransientError; nothing is half-done then, and repeating is safe.
    """

    async def observe(self, key: Key) -> Observed | None:
        """What is known now, without answers; None when the ModelDeployment is gone or going."""
        ...

    async def dismiss(self, key: Key, now: datetime) -> timedelta | None:
        """Answer those who wait for a ModelDeployment that does not exist.

        Returns:
            How long until somebody else is due an answer; None when nobody waits.
        """
        ...

    async def ask(self, seen: Observed, needs: Needs) -> Answers:
        """Put the questions. What does not answer is an answer too, never an exception."""
        ...

    async def store(self, seen: Observed, decided: Plan, now: datetime) -> timedelta | None:
        """Keep the status.

        Returns:
            How long until it wants to be asked again, if at all.

        Raises:
            LostRaceError: Somebody wrote the object meanwhile; the pass ends, nothing is done.
        """
        ...

    async def act(self, seen: Observed, action: Action) -> timedelta | None:
        """Carry out one action; carrying it out again changes nothing.

        Returns:
            How long until it may be tried again where it is refused, which the next ``observe`` has
            in ``refused``; None when it is done.

        Raises:
            ForeignObjectError: The name is taken. The next ``observe`` has it in ``foreign``.
        """
        ...

    async def tell(self, seen: Observed, decided: Plan) -> None:
        """Say what was stored. A failure here is logged: what is told is never needed later."""
        ...


class Planner(Protocol):
    """The thinking. A module with these two functions is one."""

    def needs(self, observed: Observed, now: datetime) -> Needs: ...

    def plan(self, observed: Observed, now: datetime) -> Plan: ...
