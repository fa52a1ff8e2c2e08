"""What the rollout code looks at: the facts of a pass and the status that earlier ones left."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Unpack

from lockstep.api.changes import StatusChanges, changed
from lockstep.api.condition import Truth
from lockstep.api.conditions import ConditionReason, Reason
from lockstep.api.history import Became
from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.model_deployment_status import (
    ModelDeploymentStatus,
    Past,
    Phase,
    RevisionStatus,
)
from lockstep.core.conditions import Claim
from lockstep.core.rollout.observed import Arm, Observed
from lockstep.core.rollout.revision import Wanted
from lockstep.core.rollout.routing import Routing

ACCEPTED = Claim(Truth.TRUE, Reason.ACCEPTED, "the API server would take this revision")
_HISTORY = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """``status`` is the status to be stored, so far; ``observed.status`` the one that was read."""

    observed: Observed
    spec: ModelDeploymentSpec
    wanted: Wanted
    status: ModelDeploymentStatus
    now: datetime

    @property
    def stable(self) -> Arm | None:
        return self._arm(self.status.stable)

    @property
    def candidate(self) -> Arm | None:
        return self._arm(self.status.candidate)

    @property
    def others(self) -> tuple[Arm, ...]:
        """Revisions in the cluster that are neither stable nor candidate."""
        known = {revision.revision for revision in self._named()}
        arms = self.observed.arms.values()
        return tuple(arm for arm in arms if arm.revision not in known)

    @property
    def version(self) -> str:
        """The model version of the wanted revision."""
        return str(self.wanted.inputs["version"])

    @property
    def unknown_target(self) -> bool:
        """Whether ``rollbackTo`` names a revision that nobody knows."""
        target = self.spec.rollback_to
        return bool(target) and all(it.revision != target for it in self.observed.stored)

    @property
    def paused(self) -> bool:
        """Whether the spec or a Decision holds the trial where it is."""
        return self.spec.paused or self.status.hold is not None or self.unknown_target

    @property
    def repaused(self) -> bool:
        """Whether ``spec.paused`` is another than it was in the pass before."""
        return self.observed.status.paused_by_spec != self.spec.paused

    @property
    def routing(self) -> Routing | None:
        """Whom callers reach now; None without a Service."""
        return self.observed.service.routing if self.observed.service else None

    @property
    def weighted(self) -> bool:
        """Whether a data plane splits requests by weight, whatever the ratio of pods."""
        return self.spec.traffic_method.weighted

    @property
    def pending(self) -> bool:
        """Whether callers may still be where they were before ``routing`` was written."""
        return self.observed.service is not None and self.observed.service.pending

    def with_status(self, **changes: Unpack[StatusChanges]) -> "View":
        """The same facts with another status."""
        return replace(self, status=changed(self.status, **changes))

    def describe(self) -> RevisionStatus:
        """The wanted revision as status shows it."""
        written, ticket = self.wanted.inputs, self.spec.change_request
        return RevisionStatus(
            revision=self.wanted.revision,
            version=self.version,
            image=written["template"]["spec"]["containers"][0].get("image", ""),
            artifact=written.get("artifact", ""),
            retry=self.spec.retry,
            author=self.observed.author,
            ticket=f"{ticket.system} {ticket.id}" if ticket else "",
        )

    def remember(self, of: RevisionStatus, outcome: Became, message: str) -> tuple[Past, ...]:
        """The history with one more line."""
        line = Past(
            revision=of.revision, version=of.version, outcome=outcome, message=message, at=self.now
        )
        return (*self.status.history, line)[-_HISTORY:]

    def _arm(self, revision: RevisionStatus | None) -> Arm | None:
        return self.observed.arm(revision.revision) if revision else None

    def _named(self) -> tuple[RevisionStatus, ...]:
        named = (self.status.stable, self.status.candidate)
        return tuple(revision for revision in named if revision)


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredState:
    """What shall stand in the cluster: pods per revision, and whom callers reach.

    A revision that is not named goes as soon as no caller reaches it. ``routing`` None leaves the
    Service as it is, or absent. ``preview`` is the revision that the preview Service reaches.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    routing: Routing | None = None
    preview: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The answer to a situation: what to remember, say and aim at, and when to look again."""

    status: ModelDeploymentStatus
    phase: Phase
    reason: ConditionReason
    message: str
    desired: DesiredState
    wait: timedelta | None = None
    valid: Claim = ACCEPTED
    conflict: Claim | None = None
    settling: Claim | None = None


def soonest(*waits: timedelta | None) -> timedelta | None:
    """The shortest of the waits, never negative; None when nothing is awaited by time."""
    known = [max(wait, timedelta(0)) for wait in waits if wait is not None]
    return min(known, default=None)
