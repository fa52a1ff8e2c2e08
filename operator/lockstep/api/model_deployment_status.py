"""What the operator says back: only what cannot be observed, and what people want to see."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from lockstep.api.base import Cut, KeyedBy, Newest, Seen, blank
from lockstep.api.condition import Condition
from lockstep.api.conditions import ConditionType
from lockstep.api.gate_status import GateStatus
from lockstep.api.scalars import (
    Count,
    Instant,
    Line,
    Person,
    RevisionId,
    Sentence,
    Share,
    Short,
    Uid,
    Word,
)


class Phase(StrEnum):
    HEALTHY = "Healthy"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    DEGRADED = "Degraded"


class RevisionStatus(Seen):
    """A revision as people know it."""

    revision: RevisionId
    """Its digest, as in labels and metrics."""
    version: Word
    """Its model version."""
    image: Short = blank()
    """Its first container's image."""
    artifact: Short = blank()
    """Its model artifact."""
    smoke_tested: bool = False
    """Whether its smoke test has passed: it may receive traffic."""
    retry: Annotated[str, Field(max_length=253)] = blank()
    """The value of spec.retry that its rollout runs with; another value restarts the stage."""
    author: Person = blank()
    """Who wrote it, if known; excludeAuthor excludes this person from approving it."""
    ticket: Annotated[str, Cut(200)] = blank()
    """The change request behind it, `jira CHG-10482`."""
    ungated: Word = blank()
    """Why it has no further stages: Returned (inside rollbackWindow or keepOld),
    PromotedFull, LastStageSkipped."""
    begun_at: Instant | None = None
    """When its rollout began."""
    took: Annotated[str, Cut(120)] | None = None
    """How long it spent in each stage that it has passed: `half 5m12s, full 2m`."""


class Deaths(Seen):
    """Deaths of candidate pods since the stage began."""

    count: Count
    """Restarts of containers of pods that had been ready, and pods that failed, were evicted or
    went away without a node being drained. Pods that go away at once count as one."""
    reason: Word = blank()
    """Why, in the cluster's own word: of the last one, but OOMKilled once there was such a one."""
    message: Line = blank()
    """The same in a sentence."""


WATCHED: Final = 128
"""Candidate pods that are looked at one by one; of more of them, how many are ready."""

MOST_COUNTED: Final = 9999
"""Restarts of one pod, and deaths, beyond which nobody counts on."""

PodMark = Annotated[str, Field(max_length=13)]
"""The end of a pod's uid, and how often its containers had been restarted, if they were."""


class StageStatus(Seen):
    """Where the rollout is."""

    name: Word
    """Name of the stage."""
    index: Count
    """Its place in the strategy, 0 for the first."""
    entered_at: Instant | None = None
    """When the stage's weight was reached; absent before."""
    soak_until: Instant | None = None
    """When the soak ends; absent while not all candidate pods are ready."""
    deadline: Instant | None = None
    """When the rollout pauses if the stage has not ended."""
    progress_at: Instant | None = None
    """When the number of available candidate pods last grew or, without progressReady, since when
    something else has kept the weight from being reached; absent in soak, gates and pauses."""
    progress_ready: Count | None = None
    """How many were available then; absent while waiting for something other than pods."""
    approval_asked_at: Instant | None = None
    """When the stage passed and only approval was missing."""
    standing_since: Instant | None = None
    """Since when the candidate's pods have been ready without a break, at the stage's weight once
    it was reached: the soak counts from here."""
    unsteady_at: Instant | None = None
    """When the first of several breaks came, with too little time between them."""
    deaths: Deaths | None = None
    pods: Annotated[tuple[PodMark, ...], Field(max_length=WATCHED)] = ()
    """Pods that have been ready, by the end of their uid, with their restarts until then."""
    failed_pods: Count | None = None
    """Pods that failed before they were ready and no longer count against the candidate."""
    vouched_by: Person = blank()
    """Who promoted the undecided stage; approvals are still required."""


class Weights(Seen):
    """Percent of new connections to the candidate, or to what is left of an ended rollout.

    Absent where there is neither.
    """

    desired: Share = 0
    """What the stage asks for."""
    actual: Share = 0
    """The weight that results from the ready pods."""
    method: Word = "ReplicaRatio"
    """How traffic is split."""


class Rejection(Seen):
    """The last rollback. Valid until the digest, spec.retry, or what it was judged by changes."""

    revision: RevisionId
    """The revision that was rejected."""
    version: Word
    """Its model version."""
    retry: Annotated[str, Field(max_length=253)] = blank()
    """The value of spec.retry at that time."""
    judged_by: Annotated[str, Field(max_length=16)] | None = None
    """A digest of spec.smokeTest and spec.service, if its smoke test failed: a change retries."""
    reason: Word
    """Why, in one CamelCase word."""
    message: Sentence
    """Why, in the sentence that was reported then."""
    at: Instant
    """When."""
    unreached_at: Instant | None = None
    """Since when its pods receive no traffic."""
    keep_until: Instant | None = None
    """How long its pods stay for inspection: spec.rollback.keepFailed from then on."""


class Approved(Seen):
    """One person's approval. Void after any change of revision."""

    stage: Word
    """The stage that was approved."""
    by: Person
    """Who approved."""
    groups: Annotated[tuple[Annotated[str, Cut(256)], ...], Newest(2)] = ()
    """The groups they approved for, of those that the stage requires."""
    at: Instant
    """When."""


class Outcome(StrEnum):
    """The result of a Decision."""

    APPLIED = "Applied"
    SUPERSEDED = "Superseded"
    REFUSED = "Refused"


class Taken(Seen):
    """A Decision that was taken, so that it is taken once."""

    uid: Uid
    """Its uid."""
    name: Annotated[str, Cut(253)]
    """Its name."""
    outcome: Outcome
    """Applied, Superseded or Refused."""
    message: Line = blank()
    """The same in a sentence."""
    at: Instant
    """When."""


class SecretSeen(Seen):
    """A Secret that the pods read, as it was when they started."""

    name: Annotated[str, Cut(253)]
    """Its name."""
    uid: Uid
    """Its uid."""
    version: Annotated[str, Cut(20)]
    """Its resourceVersion."""


class Hold(Seen):
    """A pause by Decision. Ends with a Decision Resume, or when spec.paused changes."""

    by: Person
    """Who paused."""
    reason: Sentence = blank()
    """Why, in their words."""
    at: Instant
    """When."""


class Kept(Seen):
    """The revision before stable, with its pods kept for an instant rollback."""

    revision: RevisionId
    """The revision."""
    version: Word
    """Its model version."""
    since: Instant | None = None
    """When the switch was completed."""
    until: Instant
    """How long its pods stay: keepOld from then on."""


class Leaving(Seen):
    """A former candidate that did not fail but is no longer wanted.

    Its pods serve until all of stable's are ready.
    """

    revision: RevisionId
    """The revision."""
    version: Word
    """Its model version."""
    progress_at: Instant | None = None
    """When the number of available stable pods last grew."""
    progress_ready: Count | None = None
    """How many they were then."""


class Past(Seen):
    """One line of history: what became of a revision."""

    revision: RevisionId
    """The revision."""
    version: Word
    """Its model version."""
    outcome: Word
    """What became of it, in one CamelCase word."""
    message: Line = blank()
    """The same in a sentence."""
    at: Instant
    """When."""


class ModelDeploymentStatus(Seen):
    """What the operator reports: what cannot be observed otherwise, and what people want to see."""

    observed_generation: int = 0
    """The generation of the spec that this status is about."""
    phase: Phase | None = None
    """Healthy, Progressing, Paused or Degraded."""
    message: Sentence = blank()
    """What is happening and what comes next."""
    stage: StageStatus | None = None
    stable: RevisionStatus | None = None
    """The last completed revision."""
    candidate: RevisionStatus | None = None
    """The revision that is being rolled out."""
    weights: Weights | None = None
    replicas: Count = 0
    """Pods of both revisions, at most spec.replicas: autoscalers divide by it."""
    ready_replicas: Count = 0
    """Ready pods that receive traffic."""
    selector: Annotated[str, Cut(128)] = blank()
    """Selects the pods of both revisions, for autoscalers."""
    gates: Annotated[tuple[GateStatus, ...], Field(max_length=32)] = ()
    """What is being measured in this stage."""
    rejected: Rejection | None = None
    kept: Kept | None = None
    leaving: Leaving | None = None
    approvals: Annotated[tuple[Approved, ...], Newest(16)] = ()
    """Who approved the candidate, stage by stage."""
    decisions: Annotated[tuple[Taken, ...], Newest(16)] = ()
    """The Decisions taken since the last change of the spec, the latest last."""
    hold: Hold | None = None
    adopting: Person = blank()
    """Who decided to adopt children without an owner; empty once they are adopted."""
    paused_by_spec: bool = False
    """spec.paused as last seen: when it changes, it wins over a Decision."""
    secrets: Annotated[tuple[SecretSeen, ...], Newest(16)] = ()
    """The Secrets that stable's pods were started with; content is never read."""
    candidate_secrets: Annotated[tuple[SecretSeen, ...], Newest(16)] = ()
    """The Secrets that existed when the candidate's rollout began; content is never read."""
    history: Annotated[tuple[Past, ...], Field(max_length=10)] = ()
    """What became of earlier revisions, the latest last."""
    conditions: Annotated[
        tuple[Condition, ...], Field(max_length=len(ConditionType)), KeyedBy(("type",))
    ] = ()
    """Available, Ready, Reconciling, Stalled and others."""
