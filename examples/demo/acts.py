"""The acts: what is changed, what has to come of it, what would make that impossible. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from examples.demo.look import Look


@dataclass(frozen=True, slots=True)
class Act:
    """One change: of the manifest, or by people who decide.

    Attributes:
        version: Of the model that it is about.
        title: What is going to happen.
        reached: Whether it has.
        broken: Why it cannot any more, as the end of a sentence; None while it can.
        deadline: The longest it may take on a small machine.
    """

    version: str
    title: str
    reached: Callable[[Look], bool]
    broken: Callable[[Look], str | None]
    deadline: timedelta


def _serves(version: str) -> Callable[[Look], bool]:
    return lambda look: look.phase == "Healthy" and look.version("stable") == version


def _went_bad(look: Look) -> str | None:
    if look.phase in {"Degraded", "Paused"}:
        return f"the rollout is {look.phase} ({look.reason}): {look.message}"
    return None


def _asks_for_approval(look: Look) -> bool:
    return look.phase == "Paused" and look.reason == "ApprovalNeeded"


def _cannot_be_approved(look: Look) -> str | None:
    return None if _asks_for_approval(look) else _went_bad(look)


def _is_rolled_back(version: str, stable: str) -> Callable[[Look], bool]:
    """Rolled back, stable back at its size, and no pod of ``version`` left."""

    def holds(look: Look) -> bool:
        serving, kept = look.arm("stable"), look.arm("rejected")
        if serving is None or kept is None or kept.pods:
            return False
        versions = (kept.version, serving.version)
        return versions == (version, stable) and serving.ready == serving.pods == look.replicas

    return holds


def _was_not_caught(version: str) -> Callable[[Look], str | None]:
    def holds(look: Look) -> str | None:
        if look.version("stable") == version:
            return f"version {version} was promoted although it cannot bear its load"
        if look.rejected_for not in {"", "GateFailed"} or look.phase == "Paused":
            return f"no gate rolled it back ({look.reason}): {look.message}"
        return None

    return holds


FIRST = Act(
    version="1.0.0",
    title="Version 1.0.0 is deployed",
    reached=_serves("1.0.0"),
    broken=_went_bad,
    deadline=timedelta(minutes=4),
)
PROMOTION = Act(
    version="2.0.0",
    title="Version 2.0.0 takes over, stage by stage, while its gates hold",
    reached=_serves("2.0.0"),
    broken=_went_bad,
    deadline=timedelta(minutes=6),
)
ROLLBACK = Act(
    version="3.0.0",
    title="Version 3.0.0 answers its smoke test, cannot bear its load, and is rolled back",
    reached=_is_rolled_back("3.0.0", "2.0.0"),
    broken=_was_not_caught("3.0.0"),
    deadline=timedelta(minutes=6),
)
SWITCH = Act(
    version="4.0.0",
    title="Version 4.0.0 is tried in preview, then all callers are switched to it at once",
    reached=_serves("4.0.0"),
    broken=_went_bad,
    deadline=timedelta(minutes=6),
)
RETURN = Act(
    version="2.0.0",
    title="spec.rollbackTo names version 2.0.0, whose pods still stand: back at once, no gates",
    reached=_serves("2.0.0"),
    broken=_went_bad,
    deadline=timedelta(minutes=2),
)
QUESTION = Act(
    version="5.0.0",
    title="Version 5.0.0 is a canary that needs two people's approval",
    reached=_asks_for_approval,
    broken=_cannot_be_approved,
    deadline=timedelta(minutes=6),
)
APPROVAL = Act(
    version="5.0.0",
    title="Its author may not approve it; Alice and Bob do",
    reached=_serves("5.0.0"),
    broken=_cannot_be_approved,
    deadline=timedelta(minutes=4),
)


@dataclass(frozen=True, slots=True)
class Played:
    """An act as it went: what was seen from its beginning to its end."""

    act: Act
    began: float
    looks: Sequence[Look]

    @property
    def ended(self) -> float:
        return self.looks[-1].at if self.looks else self.began

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    def revision(self, version: str) -> str:
        """The revision of ``version``; empty if it was never seen."""
        found = (arm.revision for look in self.looks for arm in look.arms if arm.version == version)
        return next(found, "")

    def stages(self) -> dict[str, float]:
        """Seconds in each stage, in the order in which they came; one look is the resolution."""
        spans: dict[str, float] = {}
        for look, after in pairwise(self.looks):
            if look.stage:
                spans[look.stage] = spans.get(look.stage, 0.0) + after.at - look.at
        return spans

    def first(self, stage: str) -> float | None:
        """When the rollout was first seen in ``stage``; None if it never was."""
        return next((look.at for look in self.looks if look.stage == stage), None)

    @property
    def rejected_at(self) -> float | None:
        """When the rollback was decided, by the operator's clock."""
        return self.looks[-1].rejected_at if self.looks else None
