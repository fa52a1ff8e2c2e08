"""How callers are split between two revisions: what status, planner and routers call it."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class TrafficMethod:
    """``name`` is what status shows, and what its router is registered under.

    ``weighted``: a data plane splits requests by shares that it is told, whatever pods there are.
    It takes in what it is told later, and says so; it reaches each revision by a Service of its
    own. Otherwise the callers' Service selects pods, and the ratio of pods is the share.
    """

    name: str
    weighted: bool = False


REPLICA_RATIO: Final = TrafficMethod("ReplicaRatio")
