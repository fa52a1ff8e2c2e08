"""A controller whose steps are all methods of one object of a test."""

from collections.abc import Sized
from typing import Any, cast

from lockstep.core.key import Named
from lockstep.core.rollout import writes
from lockstep.shell.loop.controller import Controller
from lockstep.shell.rollout.controller import RolloutController, RolloutPlanner, rank


class NoObjects:
    """Of none it is known that it is there."""

    def __len__(self) -> int:
        return 0

    def get(self, at: Named) -> None:
        del at


def controller_of(
    steps: Any, planner: RolloutPlanner, objects: Sized | None = None
) -> RolloutController:
    return Controller(
        kind="ModelDeployment",
        objects=cast("Any", objects if objects is not None else NoObjects()),
        observe=steps,
        ask=steps,
        planner=planner,
        store=steps,
        act=steps,
        tell=steps,
        writes=writes,
        rank=rank,
    )
