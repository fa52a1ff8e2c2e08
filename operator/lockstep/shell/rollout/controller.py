"""What ModelDeployments give to the loop."""

from dataclasses import dataclass

from lockstep.api.base import Manifest
from lockstep.api.model_deployment import KIND
from lockstep.api.model_deployment_status import ModelDeploymentStatus
from lockstep.core.key import Key
from lockstep.core.rollout import writes
from lockstep.core.rollout.actions import Action
from lockstep.core.rollout.needs import Needs
from lockstep.core.rollout.observed import Observed
from lockstep.shell.loop.controller import Controller
from lockstep.shell.loop.ports import Planner
from lockstep.shell.loop.schedule import Rank
from lockstep.shell.rollout.act import Act
from lockstep.shell.rollout.ask import Ask
from lockstep.shell.rollout.follow import Follow
from lockstep.shell.rollout.observe import Observe
from lockstep.shell.rollout.store import Store
from lockstep.shell.rollout.tell import Tell
from lockstep.shell.watch.caches import Caches

RolloutPlanner = Planner[Observed, Needs, ModelDeploymentStatus, Action]
RolloutController = Controller[Observed, Needs, ModelDeploymentStatus, Action]


@dataclass(frozen=True, slots=True)
class _Observing:
    """What may wait or write something down is over before all is read in one breath."""

    following: Follow
    observing: Observe

    async def observe(self, key: Key) -> Observed | None:
        followed = await self.following.follow(key)
        return None if followed is None else self.observing.observe(followed)


def controller(
    caches: Caches,
    planner: RolloutPlanner,
    *,
    follow: Follow,
    observe: Observe,
    ask: Ask,
    store: Store,
    act: Act,
    tell: Tell,
) -> RolloutController:
    return Controller(
        kind=KIND,
        objects=caches.model_deployments,
        observe=_Observing(follow, observe),
        ask=ask,
        planner=planner,
        store=store,
        act=act,
        tell=tell,
        writes=writes,
        rank=rank,
    )


def rank(wire: Manifest) -> Rank:
    """Rank what a ModelDeployment waited for, by its stored status."""
    if not wire.get("candidate"):
        return Rank.REST
    weights = wire.get("weights") or {}
    called = weights.get("actual") or weights.get("desired")
    return Rank.CALLED if called else Rank.TRIAL
