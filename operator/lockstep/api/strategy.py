"""How a revision reaches callers: canary, blue-green or rolling, with stages and what ends them."""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import Field

from lockstep.api.base import MAY_BE_NULL, DnsLabel, KeyedBy, ObjectName, Rule, Rules, Spec, Weight
from lockstep.api.durations import Duration, PositiveDuration


class CriteriaKind(StrEnum):
    NAMESPACED = "ExitCriteria"
    CLUSTER = "ClusterExitCriteria"


class CriteriaRef(Spec):
    """Criteria that have to pass before the stage may end."""

    kind: CriteriaKind = CriteriaKind.NAMESPACED
    """ExitCriteria of the same namespace, or ClusterExitCriteria."""
    name: ObjectName
    """Name of the criteria."""


class Approval(Spec):
    """People who have to approve before the stage may end, each with a Decision."""

    required: Annotated[int, Field(ge=1, le=10)] = 1
    """How many different people have to approve."""
    groups: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=256)], ...],
        Field(max_length=16),
    ] = ()
    """Each of them has to be in one of these groups. Empty: anyone with permission to approve."""
    expires_after: PositiveDuration = timedelta(hours=72)
    """How long people have to approve; then the rollout waits for a person to retry the stage."""
    exclude_author: bool = False
    """Whether the author of the revision may not approve it."""


CRITERIA_TWICE: Final = Rule(
    "self.all(one, self.exists_one(other, other.name == one.name && "
    "(has(other.kind) ? other.kind : 'ExitCriteria') "
    "== (has(one.kind) ? one.kind : 'ExitCriteria')))",
    "must not name the same criteria twice",
    lambda refs: len(set(refs)) == len(refs),
)
CriteriaRefs = Annotated[tuple[CriteriaRef, ...], Field(max_length=8), CRITERIA_TWICE]


class Stage(Spec):
    """A weight that is held until soak, gates and approvals allow the next one."""

    name: DnsLabel
    """Name of the stage, unique."""
    weight: Weight
    """Whole percent of new connections that the candidate gets."""
    soak: Duration = timedelta(0)
    """The shortest time in the stage; criteria may ask for more."""
    deadline: PositiveDuration | None = None
    """The longest time in the stage, then the rollout pauses. Default: soak plus one hour."""
    exit_criteria: CriteriaRefs = ()
    """What has to pass before the stage may end."""
    approval: Approval | None = MAY_BE_NULL
    """Who has to approve before the stage may end."""


class Bake(Spec):
    """The time after the last stage in which a failed gate still rolls back."""

    duration: PositiveDuration
    """How long stable is kept as what a failure rolls back to; gates are measured until the end."""
    exit_criteria: CriteriaRefs = ()
    """What has to hold during that time."""


class StableScale(StrEnum):
    SHRINK = "Shrink"
    KEEP = "Keep"


class Canary(Spec):
    """Shift traffic stage by stage."""

    max_surge: Annotated[int, Field(ge=0, le=1000)] = 1
    """Pods above `replicas` during a rollout; 0 removes a stable pod first, never the last one."""
    stable_scale: StableScale = StableScale.SHRINK
    """Shrink: stable gives way to the candidate. Keep: it keeps its size until the end, and the
    candidate comes on top of it."""
    stages: Annotated[tuple[Stage, ...], Field(min_length=1, max_length=20), KeyedBy(("name",))]
    """The stages, in order."""
    bake: Bake | None = None
    """After the last stage, with all traffic on the candidate."""


class PrePromotion(Spec):
    """What has to pass while only the preview Service reaches the candidate."""

    soak: Duration = timedelta(0)
    """The shortest time in preview; criteria may ask for more."""
    deadline: PositiveDuration | None = None
    """The longest time in preview, then the rollout pauses. Default: soak plus one hour."""
    exit_criteria: CriteriaRefs = ()
    """What has to pass before traffic is switched."""
    approval: Approval | None = MAY_BE_NULL
    """Who has to approve before traffic is switched."""


class PostPromotion(Spec):
    """The time after the switch in which a failed gate still switches traffic back."""

    duration: PositiveDuration
    """How long stable is kept as what a failure rolls back to; gates are measured until the end."""
    exit_criteria: CriteriaRefs = ()
    """What has to hold during that time."""


class BlueGreen(Spec):
    """Start the candidate beside stable, then switch all traffic at once."""

    preview_replicas: Annotated[int, Field(ge=1, le=10000)] | None = None
    """Pods in preview; scaled to `replicas` before the switch. Default: `replicas`."""
    pre_promotion: PrePromotion = PrePromotion()
    auto_promote: bool = True
    """False: traffic is switched by a Decision Promote."""
    post_promotion: PostPromotion | None = None
    """After the switch: a failed gate switches traffic back."""
    keep_old: Duration = timedelta(minutes=30)
    """How long the old revision keeps its pods after the promotion, for an instant rollback."""


class Rolling(Spec):
    """No gates, said explicitly: still smoke-tested, fails fast, is recorded.

    `maxSurge: 0` with `maxUnavailable: 1` takes an old pod away before a new one comes. Where
    `replicas` is 1 that is the only one: callers wait until the new one answers, or until the old
    revision is back.
    """

    max_surge: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Pods above `replicas` during a rollout. Default: a quarter of them, at least 1."""
    max_unavailable: Annotated[int, Field(ge=0, le=1000)] = 0
    """Pods below `replicas` during a rollout."""

    RULES: ClassVar[Rules] = (
        Rule(
            "!has(self.maxSurge) || self.maxSurge > 0 "
            "|| has(self.maxUnavailable) && self.maxUnavailable > 0",
            "maxSurge and maxUnavailable are both 0: no pod could be replaced; maxUnavailable 1 "
            "removes an old one first",
            lambda it: it.max_surge != 0 or it.max_unavailable > 0,
        ),
    )


class Strategy(Spec):
    """How a revision is rolled out: exactly one strategy."""

    canary: Canary | None = None
    blue_green: BlueGreen | None = None
    rolling: Rolling | None = None

    RULES: ClassVar[Rules] = (
        Rule(
            "[has(self.canary), has(self.blueGreen), has(self.rolling)].filter(it, it).size() == 1",
            "strategy needs exactly one of canary, blueGreen, rolling",
            lambda it: [it.canary, it.blue_green, it.rolling].count(None) == 2,  # noqa: PLR2004 (all but one)
        ),
    )

    def criteria(self) -> Iterator[CriteriaRef]:
        """Every reference to exit criteria, wherever it stands."""
        if self.canary:
            for stage in self.canary.stages:
                yield from stage.exit_criteria
            yield from self.canary.bake.exit_criteria if self.canary.bake else ()
        if self.blue_green:
            after = self.blue_green.post_promotion
            yield from self.blue_green.pre_promotion.exit_criteria
            yield from after.exit_criteria if after else ()
