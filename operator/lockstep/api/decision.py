"""Decision: one person's recorded act on one revision of a ModelDeployment."""

from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import Field

from lockstep.api.base import DnsLabel, ObjectName, Rule, Rules, Seen, Spec, blank
from lockstep.api.model_deployment_status import Outcome
from lockstep.api.scalars import Instant, Sentence

KIND: Final = "Decision"
PLURAL: Final = "decisions"

AUTHOR_ANNOTATION: Final = "lockstep.dev/author"
"""Who last changed the spec of a ModelDeployment; stamped by an admission policy."""

AUTHORS_ANNOTATION: Final = "lockstep.dev/authors"
"""Who had a hand in the revision that it asks for, a line each, since it was last Healthy."""
MORE_AUTHORS: Final = "?"
"""Stands there for people whose names are not known."""


class TargetKind(StrEnum):
    MODEL_DEPLOYMENT = "ModelDeployment"


class Target(Spec):
    """What is decided about, in the Decision's namespace."""

    kind: TargetKind = TargetKind.MODEL_DEPLOYMENT
    """Its kind."""
    name: ObjectName
    """Its name."""


class Act(StrEnum):
    """What may be decided. The lower case of each is the verb that RBAC grants."""

    APPROVE = "Approve"
    REJECT = "Reject"
    PROMOTE = "Promote"
    PROMOTE_FULL = "PromoteFull"
    SKIP_STAGE = "SkipStage"
    ABORT = "Abort"
    RETRY = "Retry"
    PAUSE = "Pause"
    RESUME = "Resume"
    ADOPT = "Adopt"


ABOUT_A_STAGE: Final = frozenset({Act.APPROVE, Act.REJECT, Act.SKIP_STAGE})
ABOUT_ALL: Final = frozenset({Act.PAUSE, Act.RESUME, Act.ADOPT})
"""Acts on the ModelDeployment as a whole, whatever revision is the candidate."""


class DecisionSpec(Spec):
    """Who decided what, about which revision, and why. It never changes."""

    target: Target
    act: Act
    """Approve: one approval of the stage. Reject, Abort: roll back and reject the revision.
    Promote: continue a rollout that waits for a person. PromoteFull: move all traffic at once,
    without further stages. SkipStage: continue with the next stage. Retry: try the rejected
    revision, or measure the stage, again. Pause, Resume: hold the rollout, and end that.
    Adopt: adopt children that have no owner, as after a backup was restored."""
    revision: Annotated[str, Field(max_length=8, pattern="^([0-9a-f]{8})?$")] = ""
    """The revision that the Decision is about, from `status.candidate.revision`."""
    stage: DnsLabel | None = None
    """The stage that the Decision is about."""
    by: Annotated[str, Field(min_length=1, max_length=253)]
    """Who decides: your user name as the API server knows it."""
    groups: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=256)], ...], Field(max_length=16)
    ] = ()
    """The groups that you decide for, of those you are in."""
    reason: Annotated[str, Field(max_length=1024)] = ""
    """Why, in a sentence for later readers."""

    RULES: ClassVar[Rules] = (
        Rule(
            "self.act in ['Pause', 'Resume', 'Adopt'] "
            "|| has(self.revision) && self.revision.size() > 0",
            "revision is required except for Pause, Resume and Adopt",
            lambda it: it.act in ABOUT_ALL or bool(it.revision),
        ),
        Rule(
            "!(self.act in ['Approve', 'Reject', 'SkipStage']) || has(self.stage)",
            "stage is required for Approve, Reject and SkipStage",
            lambda it: it.act not in ABOUT_A_STAGE or it.stage is not None,
        ),
        Rule(
            "self.act == 'Approve' || has(self.reason) && self.reason.size() > 0",
            "reason is required except for Approve",
            lambda it: it.act is Act.APPROVE or bool(it.reason),
        ),
    )


NEVER_CHANGES: Final = Rule(
    "self.spec == oldSelf.spec",
    "a Decision cannot be changed: create another one",
    lambda specs: specs[0] == specs[1],
)
"""A rule about two versions of one object; in Python, about the pair of their specs."""


class DecisionStatus(Seen):
    """What became of it; written once."""

    outcome: Outcome | None = None
    """Applied, Superseded or Refused."""
    message: Sentence = blank()
    """The same in a sentence."""
    at: Instant | None = None
    """When."""
