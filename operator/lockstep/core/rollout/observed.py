"""Everything one pass may know, frozen; the shell fills it from caches and answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from lockstep.api.base import Manifest
from lockstep.api.decision import DecisionSpec
from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.model_deployment_status import ModelDeploymentStatus, Outcome, SecretSeen
from lockstep.api.service import Ports
from lockstep.api.strategy import CriteriaRef
from lockstep.core.config import Keys
from lockstep.core.facts import (
    ChildRef,
    ConfigEdit,
    Criteria,
    Foreign,
    Hand,
    Outage,
    Refused,
    Trouble,
    Unreadable,
)
from lockstep.core.gates.question import Answer, Question, Unasked
from lockstep.core.key import Key
from lockstep.core.pods import Pod
from lockstep.core.refusals import Cause
from lockstep.core.rollout.routing import Routing

Span = tuple[datetime, datetime]
"""From when until when, both included."""

REPLICA_SET: Final = "ReplicaSet"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildReplicaSet:
    """The ReplicaSet of one revision; ``drifted``: somebody changed a field that we own.

    ``available`` counts pods that have been ready for minReadySeconds, as the cluster reports it;
    ``surplus`` are pods above ``replicas``, there only while a restart replaces others.
    ``edit``: since when its template has been somebody else's; ``edited``: when it was so before.
    ``template`` is its own, kept only where no ControllerRevision says what it should be.
    """

    name: str
    uid: str
    revision: str
    replicas: int
    surplus: int = 0
    available: int = 0
    terminating: bool = False
    drifted: bool = False
    edit: datetime | None = None
    edited: Span | None = None
    create_failure: Trouble | None = None
    created: datetime | None = None
    template: Manifest | None = None
    hand: Hand | None = field(default=None, compare=False)


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One revision in the cluster: its ReplicaSet and its pods, either of which may be missing.

    ``failed``: pods that will never run again, which nobody has cleared away yet.
    """

    revision: str
    replica_set: ChildReplicaSet | None = None
    pods: tuple[Pod, ...] = ()
    failed: tuple[Pod, ...] = ()

    @property
    def wanted(self) -> int:
        """Pods asked for; 0 without a ReplicaSet."""
        return self.replica_set.replicas if self.replica_set else 0

    @property
    def present(self) -> int:
        """Pods that are not on their way out, ready or not."""
        return sum(not pod.terminating for pod in self.pods)

    @cached_property
    def made(self) -> tuple[Pod, ...]:
        """Pods that were made from the revision's template and stay: what it is judged by."""
        return tuple(pod for pod in self.pods if pod.made and not pod.terminating)

    @cached_property
    def ready(self) -> int:
        """Pods that answer callers now."""
        return sum(pod.ready for pod in self.made)

    @property
    def held(self) -> int:
        """Pods that would answer callers but for a readiness gate."""
        return sum(pod.held for pod in self.made)

    @cached_property
    def available(self) -> int:
        """Pods that answer now and have done so for minReadySeconds."""
        reported = self.replica_set.available if self.replica_set else 0
        return max(0, min(self.ready, reported - (self.answering - self.ready)))

    @property
    def answering(self) -> int:
        """Pods that answer now, with those that the ReplicaSet has taken in."""
        return sum(pod.ready and not pod.terminating for pod in self.pods)

    @property
    def reachable(self) -> int:
        """Pods that answer; those on their way out get somebody new only where nobody else is."""
        return sum(pod.ready for pod in self.pods)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerService:
    """The Service that callers use, as it stands in the cluster.

    ``drifted``: what is ours in it and the same for all revisions is not as we would write it.
    ``edited``: somebody else has written some of its ports. ``astray``: callers are sent to no pod
    of ours, or to pods that are not ready, whatever it selects. ``elsewhere``: what it
    selects by is nothing that we write. ``pending``: ``routing`` is written, and the data plane has
    not confirmed it; who only selects pods has nothing to confirm. ``unfinished``: something that
    leads callers there is missing, or of before, and nobody else has written it.
    """

    uid: str
    routing: Routing
    ports: Ports = ()
    drifted: bool = False
    edited: bool = False
    astray: bool = False
    elsewhere: bool = False
    pending: bool = False
    unfinished: bool = False
    hand: Hand | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmService:
    """The Service of one revision, through which a data plane that splits by weight reaches it."""

    revision: str
    ports: Ports = ()
    drifted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The PodDisruptionBudget over the pods of all revisions."""

    uid: str
    drifted: bool = False
    hand: Hand | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigCopy:
    """Our immutable copy of a ConfigMap, as it was when a revision first read it.

    ``source`` is the user's ConfigMap; ``digest`` that of its content.
    """

    name: str
    revision: str
    source: str
    digest: str
    keys: Keys = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """A HorizontalPodAutoscaler that scales a child of ours instead of the ModelDeployment."""

    name: str
    target: ChildRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A Decision about this ModelDeployment; ``outcome`` None: nobody has answered it yet."""

    name: str
    uid: str
    at: datetime
    spec: DecisionSpec | Unreadable
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRevision:
    """A ControllerRevision of ours: what the user wrote (``inputs``) and what we made of it, once.

    ``number`` grows with every new revision of this ModelDeployment. ``authors`` had a hand in it
    when it began, whoever tries it again later. ``ports``: through which callers reached it then;
    empty in what was stored before that was kept.
    ``rendered``: the template is what any operator makes of the inputs.
    """

    name: str
    revision: str
    scheme: str
    number: int
    inputs: Manifest
    template: Manifest
    authors: tuple[str, ...] = ()
    ports: Ports = ()
    rendered: bool = True


@dataclass(frozen=True, slots=True)
class SmokeResult:
    """What one candidate pod answered; ``problem`` is None when it was right."""

    revision: str
    problem: str | None


@dataclass(frozen=True, slots=True)
class DryRunResult:
    """What the API server said to a revision's ReplicaSet and Pod; None means it would take both.

    ``kind`` is the one that it refused, ``cause`` who can end that.
    """

    revision: str
    problem: str | None
    cause: Cause = Cause.SPEC
    kind: str = ""


@dataclass(frozen=True, slots=True)
class PodSaid:
    """What the Events of one pod say; empty: nothing that explains anything."""

    uid: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What was asked for this pass and came back."""

    metrics: Mapping[Question, Answer | Unasked] = field(default_factory=dict)
    smoke: SmokeResult | None = None
    dry_run: DryRunResult | None = None
    said: PodSaid | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One ModelDeployment and its world; ``template`` is spec.template exactly as written.

    Attributes:
        author: Who last changed the spec; empty where nobody stamped it.
        authors: Who changed what runs since the last revision was completed.
        preview: The Service through which only the candidate is reached.
        arm_services: Those of single revisions, where a data plane splits by weight.
        configs: Content digest of each ConfigMap that the template reads and that exists.
        edits: Of the same ConfigMaps, for people: they decide nothing.
        copies: Our copies of ConfigMaps, of every revision.
        secrets: Uid and version of each Secret that stable's or the wanted template reads.
        autoscalers: Those that scale a child of ours.
        strangers: Pods with our label that no child of ours has made.
        misowned: Children whose ownerReference is not what spec.deletionPolicy asks for.
        unowned: Objects that are this ModelDeployment's by name, label and form, and nobody's by
            owner.
        decisions: In the order in which they are taken.
        refused: What the API server refused of what earlier passes planned.
        outage: The last one of the API server that this operator has noticed.
        stepped: How far the clock is ahead of what ``status`` was counted by; its times are moved.
    """

    key: Key
    uid: str
    generation: int
    spec: ModelDeploymentSpec | Unreadable
    template: Manifest
    status: ModelDeploymentStatus
    arms: Mapping[str, Arm] = field(default_factory=dict)
    author: str = ""
    authors: tuple[str, ...] = ()
    service: CallerService | None = None
    preview: CallerService | None = None
    arm_services: tuple[ArmService, ...] = ()
    budget: Budget | None = None
    stored: tuple[StoredRevision, ...] = ()
    criteria: Mapping[CriteriaRef, Criteria | Unreadable] = field(default_factory=dict)
    foreign: tuple[Foreign, ...] = ()
    configs: Mapping[str, str] = field(default_factory=dict)
    edits: Mapping[str, ConfigEdit] = field(default_factory=dict)
    copies: tuple[ConfigCopy, ...] = ()
    secrets: Mapping[str, SecretSeen] = field(default_factory=dict)
    autoscalers: tuple[Autoscaler, ...] = ()
    strangers: tuple[Pod, ...] = ()
    misowned: tuple[ChildRef, ...] = ()
    unowned: tuple[ChildRef, ...] = ()
    decisions: tuple[Decided, ...] = ()
    refused: tuple[Refused, ...] = ()
    outage: Outage | None = None
    stepped: timedelta = timedelta(0)
    answers: Answers = Answers()

    def arm(self, revision: str) -> Arm:
        return self.arms.get(revision) or Arm(revision=revision)
