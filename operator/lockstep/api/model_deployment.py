"""ModelDeployment: a served model and the way its revisions are rolled out."""

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import Field

from lockstep.api.base import (
    MAY_BE_NULL,
    AwareTime,
    Number,
    PinnedReference,
    Rule,
    Rules,
    SemVer,
    Spec,
    at_admission,
)
from lockstep.api.durations import DURATION_PATTERN, Duration, PositiveDuration
from lockstep.api.json_path import JSON_PATH_LENGTH, JSON_PATH_PATTERN, JSON_PATH_SENTENCE
from lockstep.api.service import Service
from lockstep.api.strategy import Strategy
from lockstep.api.template import Template
from lockstep.api.traffic import REPLICA_RATIO, TrafficMethod

KIND = "ModelDeployment"
PLURAL = "modeldeployments"

LONGEST_NAME: Final = 50
_NAME_PATTERN: Final = "^[a-z]([-a-z0-9]*[a-z0-9])?$"
NAME: Final = Rule(
    f"self.metadata.name.size() <= {LONGEST_NAME} && self.metadata.name.matches('{_NAME_PATTERN}')",
    f"metadata.name must be a DNS label of at most {LONGEST_NAME} characters that begins with a "
    "letter: its Services and ReplicaSets are named after it",
    lambda name: len(name) <= LONGEST_NAME and re.fullmatch(_NAME_PATTERN, name) is not None,
)


class Model(Spec):
    """What is served."""

    version: SemVer
    """Semantic version of the model, shown everywhere."""
    artifact: PinnedReference | None = None
    """OCI artifact with the model, pinned: `repository[:tag]@sha256:…`; every container has it,
    native sidecars too."""
    mount_path: Annotated[str, Field(max_length=256, pattern="^/")] = "/mnt/models"
    """Where the artifact is mounted, read-only."""


JsonPath = Annotated[
    str,
    Field(min_length=1, max_length=JSON_PATH_LENGTH, pattern=r"^\$"),
    Rule(f'self.matches(r"""{JSON_PATH_PATTERN}""")', JSON_PATH_SENTENCE, at_admission),
]


class Expectation(Spec):
    """The expected answer. Without min and max, jsonPath only has to find a value."""

    status: Annotated[int, Field(ge=100, le=599)] = 200
    """The HTTP status."""
    json_path: JsonPath | None = None
    """Where to look in a JSON answer of at most 256 KiB and 100 levels (RFC 9535, a part of it)."""
    min: Number | None = None
    """The number found there is at least this."""
    max: Number | None = None
    """The number found there is at most this."""

    RULES: ClassVar[Rules] = (
        Rule(
            "has(self.jsonPath) || !has(self.min) && !has(self.max)",
            "min and max need jsonPath: they bound the number found there",
            lambda it: it.json_path is not None or (it.min is None and it.max is None),
        ),
        Rule(
            "!has(self.min) || !has(self.max) || self.min <= self.max",
            "min is above max: no answer could pass",
            lambda it: it.min is None or it.max is None or it.min <= it.max,
        ),
    )


LONGEST_SMOKE_TEST: Final = timedelta(minutes=1)
SmokeTimeout = Annotated[
    PositiveDuration,
    Rule(
        f"!self.matches(r'{DURATION_PATTERN}') || duration(self) <= duration('1m')",
        "must be at most 1m: no client would wait longer",
        at_admission,
    ),
]


class SmokeTest(Spec):
    """One request to the candidate before it receives traffic: POST with a body, GET without."""

    path: Annotated[str, Field(max_length=1024, pattern="^/")]
    """Path and query of the request; it goes to the Service's target port on a candidate pod."""
    body: Annotated[str, Field(max_length=65536)] | None = None
    """Body of the request, JSON."""
    expect: Expectation = Expectation()
    timeout: SmokeTimeout = timedelta(seconds=5)
    """How long the candidate may take to answer; no answer is retried, a wrong one is not."""


class FailureAction(StrEnum):
    ROLLBACK = "Rollback"
    PAUSE = "Pause"


class RollbackSpeed(StrEnum):
    IMMEDIATE = "Immediate"
    PACED = "Paced"


class Rollback(Spec):
    """What happens when a candidate fails."""

    on_failure: FailureAction = FailureAction.ROLLBACK
    """Rollback: traffic returns to stable. Pause: everything stays until a person decides."""
    speed: RollbackSpeed = RollbackSpeed.IMMEDIATE
    """Immediate: all traffic moves to the stable pods that are ready now. Paced: the share follows
    the number of ready stable pods."""
    keep_failed: Duration = timedelta(seconds=30)
    """How long the pods of a failed candidate stay, to be looked at, from when they have no caller
    any more; within maxSurge."""


class RollbackWindow(Spec):
    """A return to a completed revision in this window skips the stages, but not the smoke test."""

    revisions: Annotated[int, Field(ge=1, le=10)] = 3
    """How many completed revisions before stable it includes."""
    max_age: PositiveDuration = timedelta(hours=168)
    """How long ago they may have been completed."""


class RestartLimit(Spec):
    """How often the pods of a candidate may fail before it is rolled back."""

    startup: Annotated[int, Field(ge=0, le=100)] = 5
    """Restarts of a container whose pod was never ready, and pods that the node refused; a slow
    start has until `progressDeadline` as well."""
    serving: Annotated[int, Field(ge=0, le=100)] = 1
    """Deaths in one stage of pods that had been ready: restarts, evictions, pods that went away.
    Running out of memory is never tolerated; each death restarts the soak."""


class InitialRollout(StrEnum):
    DIRECT = "Direct"
    GATE = "Gate"


class DeletionPolicy(StrEnum):
    DELETE = "Delete"
    ORPHAN = "Orphan"


class ChangeRequest(Spec):
    """The ticket behind this change."""

    system: Annotated[str, Field(min_length=1, max_length=63)]
    """Where the ticket is: `jira`."""
    id: Annotated[str, Field(min_length=1, max_length=128)]
    """The ticket: `CHG-10482`."""
    url: Annotated[str, Field(max_length=1024, pattern="^https?://")] | None = None
    """Link to the ticket."""
    requested_by: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """The person behind a change that a machine applies, as Decisions name them in `by`."""


class ModelDeploymentSpec(Spec):
    """What is served and how its revisions are rolled out."""

    model: Model
    change_request: ChangeRequest | None = None
    """The ticket behind the spec, shown with the revision and not part of it."""
    replicas: Annotated[int, Field(ge=0, le=10000)] = 1
    """Number of pods; leave it out if an autoscaler sets it."""
    min_ready_seconds: Annotated[int, Field(ge=0, le=3600)] = 0
    """How long a pod must have been ready before it counts."""
    paused: bool = False
    """Hold the rollout where it is; a failure still rolls back."""
    template: Template
    service: Service = Service()
    smoke_test: SmokeTest | None = None
    strategy: Strategy
    rollback: Rollback = Rollback()
    progress_deadline: PositiveDuration = timedelta(minutes=10)
    """The longest time without a further available pod before the candidate has failed; stops
    during soak, gates, approvals and pauses."""
    restart_limit: RestartLimit = RestartLimit()
    unschedulable_grace: Duration | None = None
    """How long a pod may find no node, no quota, or be held by a scheduling gate; 0s fails at once.
    Default: progressDeadline."""
    rollback_window: RollbackWindow | None = None
    """Within it a return to a completed revision goes through no stages. Default: none."""
    initial_rollout: InitialRollout = InitialRollout.DIRECT
    """Direct: the first revision serves once it is ready. Gate: all gates of the strategy are
    measured at full size first, with no caller but the preview Service's."""
    retry: Annotated[str, Field(max_length=253)] = ""
    """A new value tries a rejected revision again."""
    rollback_to: Annotated[str, Field(max_length=8, pattern="^([0-9a-f]{8})?$")] = ""
    """A revision that is rolled out instead of the template, until this field is cleared."""
    restart_at: AwareTime | None = MAY_BE_NULL
    """Pods older than this are replaced, without a new revision and without gates."""
    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE
    """Delete: children are deleted with the ModelDeployment. Orphan: they stay and serve."""
    drain: Duration = timedelta(seconds=5)
    """How long a terminating pod continues to answer, if its container has no preStop hook of its
    own; 0s turns it off. At most one second less than the template's
    terminationGracePeriodSeconds."""
    revision_history_limit: Annotated[int, Field(ge=1, le=100)] = 10
    """Number of old revisions that are kept."""

    traffic_method: ClassVar[TrafficMethod] = REPLICA_RATIO
    """How its callers are split: asked of each spec, though no field says another one yet."""

    RULES: ClassVar[Rules] = (
        Rule(
            "!has(self.initialRollout) || self.initialRollout != 'Gate' "
            "|| !has(self.strategy.rolling)",
            "initialRollout Gate needs canary or blueGreen: rolling has no gates to measure",
            lambda it: it.initial_rollout is not InitialRollout.GATE or it.strategy.rolling is None,
        ),
        Rule(
            "!has(self.rollbackWindow) || !has(self.rollbackWindow.revisions) "
            "|| !has(self.revisionHistoryLimit) "
            "|| self.rollbackWindow.revisions <= self.revisionHistoryLimit",
            "rollbackWindow.revisions is above revisionHistoryLimit: older ones are deleted",
            lambda it: (
                it.rollback_window is None
                or it.rollback_window.revisions <= it.revision_history_limit
            ),
        ),
    )
