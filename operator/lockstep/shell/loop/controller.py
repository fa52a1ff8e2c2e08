"""What one kind gives to the loop, which knows none: everything that a pass of it needs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from lockstep.api.base import Manifest
from lockstep.shell.loop.ports import (
    Action,
    Acts,
    Asks,
    Needs,
    Objects,
    Observes,
    Planner,
    Seen,
    Status,
    Stores,
    Tells,
    Writes,
)
from lockstep.shell.loop.schedule import Rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller(Generic[Seen, Needs, Status, Action]):
    """``objects`` are all of the kind; ``rank`` is told by the status of one as it is stored."""

    kind: str
    objects: Objects
    observe: Observes[Seen]
    ask: Asks[Seen, Needs]
    planner: Planner[Seen, Needs, Status, Action]
    store: Stores[Seen, Status, Action]
    act: Acts[Seen, Action]
    tell: Tells[Seen, Status, Action]
    writes: Writes[Seen, Action]
    rank: Callable[[Manifest], Rank]
