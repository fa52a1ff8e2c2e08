"""The real World: the steps put together. Each lives in its own file."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from lockstep.core.key import Key
from lockstep.core.plan import Plan
from lockstep.core.rollout.actions import Action
from lockstep.core.rollout.needs import Needs
from lockstep.core.rollout.observed import Answers, Observed
from lockstep.errors import RefusedError
from lockstep.shell.rollout.act import Act
from lockstep.shell.rollout.ask import Ask
from lockstep.shell.rollout.follow import Follow
from lockstep.shell.rollout.observe import Observe
from lockstep.shell.rollout.store import Store
from lockstep.shell.rollout.tell import Tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    following: Follow
    observing: Observe
    asking: Ask
    storing: Store
    acting: Act
    telling: Tell

    async def observe(self, key: Key) -> Observed | None:
        followed = await self.following.follow(key)
        if followed is None:
            self.asking.forget(key)
            return None
        return self.observing.observe(followed)

    async def dismiss(self, key: Key, now: datetime) -> timedelta | None:
        return await self.acting.dismiss(key, now)

    async def ask(self, seen: Observed, needs: Needs) -> Answers:
        return await self.asking.ask(seen.key, needs)

    async def store(self, seen: Observed, decided: Plan, now: datetime) -> timedelta | None:
        try:
            wait = await self.storing.store(seen, decided, now)
        except RefusedError as error:
            await self.telling.not_stored(seen, error)
            raise
        self.telling.note(seen, decided)
        self.acting.planned(seen.key, decided.actions)
        return wait

    async def act(self, seen: Observed, action: Action) -> timedelta | None:
        return await self.acting.act(seen, action)

    async def tell(self, seen: Observed, decided: Plan) -> None:
        del decided
        await self.telling.tell(seen.key)
