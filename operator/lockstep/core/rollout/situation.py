"""What a trial may be in, and what is known of it; ``trial`` names the one and answers it."""

from dataclasses import dataclass
from typing import Final

from lockstep.api.conditions import ConditionReason, Reason
from lockstep.api.failures import FailureReason
from lockstep.api.model_deployment_status import StageStatus
from lockstep.core.conditions import Claim
from lockstep.core.gates import stage as gates
from lockstep.core.rollout import settling
from lockstep.core.rollout.approving import Ballot
from lockstep.core.rollout.failures import Failure
from lockstep.core.rollout.observed import Arm
from lockstep.core.rollout.replicas import Counts
from lockstep.core.rollout.routing import Only, reaches
from lockstep.core.rollout.stages import Step
from lockstep.core.rollout.steering import advance, hidden
from lockstep.core.rollout.view import DesiredState, View


@dataclass(frozen=True, slots=True)
class Failed:
    """The candidate is to be taken back."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Unjudgeable:
    """The stage's criteria went away or cannot be read."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class SpecProblem:
    """Nobody knows which revision is wanted, or at which port it would answer."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class Stuck:
    """A first revision does not come up; there is nothing to return to."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Moving:
    """The stage's pods or callers are not where they should be yet."""


@dataclass(frozen=True, slots=True)
class Halted:
    """A person is awaited, to decide or to scale up; callers stay where they are."""

    reason: ConditionReason
    message: str


@dataclass(frozen=True, slots=True)
class Measuring:
    """Soak or gates are not over."""

    message: str


@dataclass(frozen=True, slots=True)
class Unapproved:
    """Everything but people's approval is there."""

    ballot: Ballot


@dataclass(frozen=True, slots=True)
class StagePassed:
    """Nothing is left to wait for in this stage."""


HALTS: Final = {
    gates.Failed: FailureReason.GATE_FAILED,
    gates.Shared: Reason.STABLE_FAILS_TOO,
    gates.Inconclusive: Reason.INCONCLUSIVE,
}

PROMOTABLE: Final[frozenset[str]] = frozenset(
    {*HALTS.values(), Reason.DEADLINE_EXCEEDED, Reason.PROMOTION_NEEDED}
)
"""What a stage waits for that a person may wave through."""

Situation = (
    Failed
    | Unjudgeable
    | SpecProblem
    | Stuck
    | Moving
    | Halted
    | Measuring
    | Unapproved
    | StagePassed
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A view that has both arms and a stage.

    ``desired`` is what shall stand, whatever becomes of the stage's clocks and gates in this pass;
    ``judged`` is what the gates say now.
    """

    view: View
    stable: Arm
    candidate: Arm
    stage: Step
    status: StageStatus
    desired: DesiredState
    judged: gates.Judged | None = None

    @property
    def target(self) -> Counts:
        return self.stage.target

    @property
    def broken(self) -> bool:
        """Whether it has stood until this pass."""
        before = self.view.observed.status.stage
        same = before is not None and before.name == self.stage.name
        stood = before is not None and before.standing_since is not None
        return same and stood and self.status.standing_since is None

    @property
    def there(self) -> bool:
        """Whether the candidate has its pods and whoever shall reach it does."""
        return self.candidate.available >= self.target.candidate and self.weighed

    @property
    def weighed(self) -> bool:
        """Whether whoever shall reach the candidate does, whatever its pods are like."""
        view = self.view
        return view.routing == self.desired.routing and not view.pending and self._opened()

    @property
    def arrived(self) -> bool:
        """Whether pods and callers are where the stage wants them; a dead stable is not awaited."""
        if not self.stable.ready:
            return self.there
        return (
            self.there
            and self.candidate.present <= self.target.candidate
            and self.stable.present <= self.target.stable
            and dict(self.desired.counts) == self.counts
        )

    @property
    def unheard(self) -> str:
        """Why a stage that has passed is not left: nodes may not hear of it. A dead stable is."""
        why = settling.why(self.view) if self.stable.ready else ""
        return f"stage {self.stage.name} has passed; {why}" if why else ""

    def _opened(self) -> bool:
        """Whether whoever shall reach the candidate does: callers, or the preview's."""
        preview, mine = self.view.observed.preview, self.candidate.revision
        if self.stage.weight:
            return reaches(self.view.routing, mine)
        return preview is not None and preview.routing == Only(mine)

    @property
    def overdue(self) -> bool:
        """Whether something else than the candidate's pods keeps it from arriving for too long."""
        since, view = self.status.progress_at, self.view
        if since is None or self.status.progress_ready is not None:
            return False
        return view.now >= since + view.spec.progress_deadline

    @property
    def counts(self) -> dict[str, int]:
        return {
            self.stable.revision: self.target.stable,
            self.candidate.revision: self.target.candidate,
        }


def towards(view: View, stable: Arm, candidate: Arm, step: Step) -> DesiredState:
    """What shall stand on the way to ``step``."""
    if view.status.stable is None:
        return hidden(view, candidate)
    return advance(view, stable, candidate, step)
