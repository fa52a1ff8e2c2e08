"""What Lockstep promises about pods that die: no soak that they were not there for is any."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from lockstep.core.facts import Criteria
from lockstep.core.gates import stage as gates
from lockstep.core.rollout.observed import Observed
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.stages import Step, steps
from tests.sim.agenda import BEGINNING
from tests.sim.cluster import Death
from tests.sim.promises import keep, spec_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A pass that began ``now`` and may end a stage; the ``unseen`` seconds before nobody knows."""

    observed: Observed
    decided: Plan
    now: float
    unseen: float

    @property
    def step(self) -> Step | None:
        """The stage that ends with this pass; a first revision has nothing to go back to."""
        before, after = self.observed.status, self.decided.status
        stage, candidate = before.stage, before.candidate
        if stage is None or candidate is None or before.stable is None:
            return None
        promoted = after.stable is not None and after.stable.revision == candidate.revision
        passed = after.stage is not None and after.candidate is not None
        passed = passed and after.stage is not None and after.stage.index > stage.index
        walked = steps(spec_of(self.observed), candidate)
        return walked[stage.index] if (promoted or passed) and stage.index < len(walked) else None

    def known(self, deaths: Iterable[Death]) -> list[Death]:
        """Deaths of candidate pods that still stand, and that the operator could have seen."""
        candidate, latest = self.observed.status.candidate, self.now - self.unseen
        arm = self.observed.arm(candidate.revision if candidate else "")
        there = {pod.name for pod in arm.pods if not pod.terminating}
        mine = (it for it in deaths if it.pod in there and it.at < latest)
        return [death for death in mine if death.at > death.since + self.unseen]


def a_soak_is_time_on_its_feet(ended: Ended, deaths: Iterable[Death]) -> None:
    """No stage ends on a soak in which a pod of the candidate died, or after too many deaths."""
    step, stage = ended.step, ended.observed.status.stage
    if step is None or stage is None or stage.entered_at is None:
        return
    known = ended.known(deaths)
    begins = ended.now - _soak(step, ended.observed).total_seconds()
    inside = [death for death in known if death.at > begins]
    keep("a soak is time on its feet", not inside, f"{inside} in the soak of {step.name}")
    entered = (stage.entered_at - BEGINNING).total_seconds()
    counted = [death for death in known if death.at > entered]
    limit = spec_of(ended.observed).restart_limit.serving
    keep("no stage ends after too many deaths", len(counted) <= limit, f"{counted} in {step.name}")


def _soak(step: Step, observed: Observed) -> timedelta:
    found = ((ref, observed.criteria.get(ref)) for ref in step.exit_criteria)
    return gates.soak(step, tuple((ref, it) for ref, it in found if isinstance(it, Criteria)))
