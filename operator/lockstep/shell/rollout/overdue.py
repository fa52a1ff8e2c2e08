"""A pass that had to be ended is told of its object: nobody reads a log to see why it rests."""

from dataclasses import dataclass

from lockstep.core.key import Key
from lockstep.core.rollout import events
from lockstep.shell.loop.workers import LONGEST_PASS
from lockstep.shell.rollout.tell import Tell
from lockstep.shell.watch.caches import Caches


@dataclass(frozen=True, slots=True)
class _About:
    key: Key
    uid: str
    generation: int


class Overdue:
    def __init__(self, caches: Caches, telling: Tell) -> None:
        self._caches = caches
        self._telling = telling

    async def tell(self, key: Key, waited_for: str) -> None:
        """Say for what a pass of ``key`` had waited when it was ended."""
        record = self._caches.model_deployments.get(key.named)
        if record is None:
            return
        about = _About(key, record.meta.uid, record.meta.generation)
        await self._telling.apart(about, events.pass_ended(waited_for, LONGEST_PASS))
