"""The approval of a stage under way: what is asked for, who has agreed, until when.

Who may agree at all is governance's to say; what follows from it is the trial's.
"""

from dataclasses import dataclass
from datetime import datetime

from lockstep.api.model_deployment_status import Approved
from lockstep.api.strategy import Approval
from lockstep.core.governance import approvals
from lockstep.core.rollout.stages import Step
from lockstep.core.rollout.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """Where the approval of a stage stands; nobody may approve any more after ``closes``."""

    approval: Approval
    counted: tuple[Approved, ...]
    closes: datetime | None

    @property
    def complete(self) -> bool:
        return len(self.counted) >= self.approval.required

    def closed(self, at: datetime) -> bool:
        return self.closes is not None and at >= self.closes


def ballot(view: View, step: Step) -> Ballot | None:
    """As the spec has it now; None where nobody has to approve."""
    approval, stage = step.approval, view.status.stage
    if approval is None:
        return None
    asked_at = stage.approval_asked_at if stage else None
    given = view.status.approvals
    return Ballot(
        approval=approval,
        counted=approvals.counting(approval, step.name, given, authors(view)),
        closes=approvals.expires(approval, asked_at) if asked_at else None,
    )


def authors(view: View) -> approvals.Authors:
    """Who is behind the candidate, in this trial or when its revision first began."""
    candidate, ticket = view.status.candidate, view.spec.change_request
    return approvals.authors(
        candidate.author if candidate else "",
        view.observed.author,
        ticket.requested_by if ticket else None,
        _first_authors(view, candidate.revision) if candidate else (),
        view.observed.authors,
    )


def _first_authors(view: View, revision: str) -> tuple[str, ...]:
    return next((it.authors for it in view.observed.stored if it.revision == revision), ())
