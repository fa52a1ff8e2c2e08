"""The three acts: what is applied, what has to come of it, what would break a promise. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from examples.demo.calls import Calls
from examples.demo.look import Look


@dataclass(frozen=True, slots=True)
class Act:
    """One change of the manifest.

    Attributes:
        version: Of the model that is applied.
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

    @property
    def rejected_at(self) -> float | None:
        """When the rollback was decided, by the operator's clock."""
        return self.looks[-1].rejected_at if self.looks else None


def wrongs(promotion: Played, rollback: Played, good: Calls, bad: Calls) -> list[str]:
    """What went otherwise although every act reached its end; empty when all promises were kept.

    ``good`` is what callers saw during the promotion, ``bad`` during the rollback.
    """
    revision = rollback.revision(rollback.act.version)
    stages = [*promotion.stages()]
    others = bad.new.errors() - bad.new.errors(revision)
    said = {
        "no caller was counted": good.new.requests() == 0,
        f"{good.new.errors()} new connections failed while version 2.0.0 was promoted": (
            good.new.errors() > 0
        ),
        f"the stages seen on the way to 2.0.0 were {stages}": stages[:2] != ["fifth", "half"],
        f"{others} new connections failed for which version 3.0.0 is not to blame": others > 0,
        "version 3.0.0 never failed a caller": bad.all.errors(revision) == 0,
    }
    return [sentence for sentence, wrong in said.items() if wrong]
