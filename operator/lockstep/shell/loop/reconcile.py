"""The walk of one pass: observe, ask, plan, store, act, tell. Always in this order, never back.

Store comes before act: with the memory of a rollback lost between the two, traffic went back to a
rejected candidate in 111 of 500 simulated rollouts; this way round, in none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from lockstep.core.key import Key
from lockstep.core.rollout.actions import Action
from lockstep.core.rollout.observed import Observed
from lockstep.core.rollout.writes import rests_on, write
from lockstep.shell.loop.ports import Planner, World

AFTER_WRITING: Final = timedelta(seconds=1)
"""What was written may be all that the next step waits for, and nothing else need enqueue it."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a key may sleep, twice; None: until it is enqueued.

    ``planned``: until there is something to measure or to end. ``written``: until what was done
    or stored has to be looked after.
    """

    planned: timedelta | None = None
    written: timedelta | None = None


@dataclass(slots=True)
class Whereabouts:
    """What a pass waits for, told to whoever has to end it."""

    waits_for: str = "whether a name that it needs is still taken"


async def reconcile(
    key: Key,
    world: World,
    planner: Planner,
    clock: Callable[[], datetime],
    at: Whereabouts | None = None,
) -> Waits:
    """Run one pass for ``key``; ``at`` is kept up to date with where it is.

    Raises:
        TransientError: A dependency did not answer, or the object changed under our hands.
        ForeignObjectError: A name that we need is taken; the next pass knows it.
    """
    at = at or Whereabouts()
    seen = await world.observe(key)
    now = clock()
    if seen is None:
        return Waits(written=await world.dismiss(key, now))
    at.waits_for = "answers to what it asked: a dry run, a smoke test or metrics"
    answers = await world.ask(seen, planner.needs(seen, now))
    decided = planner.plan(seen if answers == seen.answers else replace(seen, answers=answers), now)
    at.waits_for = "its status to be stored"
    stored = await world.store(seen, decided, now)
    written = await _carry_out(world, seen, decided.actions, at)
    at.waits_for = "its Events to be recorded"
    await world.tell(seen, decided)
    return Waits(decided.look_again, stored if written is None else written)


async def _carry_out(
    world: World, seen: Observed, actions: Sequence[Action], at: Whereabouts
) -> timedelta | None:
    """Do what can be done: an action that is refused holds back only what rests on it.

    Returns:
        When to look after it: soon after a write, or when the next one may be tried; else None.
    """
    missing: list[Action] = []
    waits: list[timedelta] = []
    for action in actions:
        if rests_on(seen, action, missing):
            missing.append(action)
            continue
        about = write(seen.key, action)
        at.waits_for = f"{about.kind} {about.name} to be {about.verb}"
        held = await world.act(seen, action)
        waits.append(AFTER_WRITING if held is None else held)
        if held is not None:
            missing.append(action)
    return min(waits, default=None)
