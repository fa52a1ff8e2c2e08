"""ModelDeployment: a served model and the way its revisions are rolled out."""

import re
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final

from pydantic import ConfigDict, Field, WithJsonSchema

from lockstep.api.base import (
    DURATION_PATTERN,
    MAY_BE_NULL,
    OWN_PREFIX,
    AwareTime,
    DnsLabel,
    Duration,
    KeyedBy,
    Number,
    ObjectName,
    PinnedReference,
    PositiveDuration,
    Rule,
    Rules,
    SemVer,
    Spec,
    Weight,
    at_admission,
)
from lockstep.api.json_path import JSON_PATH_LENGTH, JSON_PATH_PATTERN, JSON_PATH_SENTENCE
from lockstep.api.service import LONGEST_KEY, Service
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


class Island(Spec):
    """A typed part of a pod template; what it does not name is kept as written."""

    model_config = ConfigDict(extra="allow")


def _at_most(entries: int) -> WithJsonSchema:
    """A list of objects as Kubernetes has them, for the API server to bound.

    What got in before there was a bound is still read: the operator looks at each entry once.
    """
    item = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return WithJsonSchema({"type": "array", "maxItems": entries, "items": item})


class Container(Island):
    """A container as in a Pod; only its image is looked at here."""

    name: DnsLabel
    """What the container is called; unlike the others of its list."""
    image: PinnedReference
    """The image, pinned: `repository[:tag]@sha256:…`."""
    env: Annotated[Any, _at_most(1024)] = ()
    """Its environment variables."""
    env_from: Annotated[Any, _at_most(128)] = ()
    """ConfigMaps and Secrets that are variables as a whole."""
    ports: Annotated[Any, _at_most(256)] = ()
    """The ports that it listens on."""
    volume_mounts: Annotated[Any, _at_most(256)] = ()
    """Where it finds the volumes."""


class ImageVolumeSource(Island):
    """An OCI image or artifact that is mounted read-only."""

    reference: PinnedReference
    """The image or artifact, pinned: `repository[:tag]@sha256:…`."""


class Volume(Island):
    """A volume as in a Pod; only an image in it is looked at here."""

    name: DnsLabel
    """What the volume is called; unlike the others."""
    image: ImageVolumeSource | None = None
    """An OCI image or artifact as a volume."""


class PodSpec(Island):
    """A pod's spec as Kubernetes has it; fields that are not named here are kept as written."""

    containers: Annotated[
        tuple[Container, ...], Field(min_length=1, max_length=32), KeyedBy(("name",))
    ]
    """The containers of the pod."""
    init_containers: Annotated[tuple[Container, ...], Field(max_length=32), KeyedBy(("name",))] = ()
    """The containers that run before them."""
    volumes: Annotated[tuple[Volume, ...], Field(max_length=64), KeyedBy(("name",))] = ()
    """The volumes that containers may mount."""


_SHORT_KEYS: Final = Rule(
    f"self.all(key, key.size() <= {LONGEST_KEY})",
    f"a key has at most {LONGEST_KEY} characters",
    lambda entries: all(len(key) <= LONGEST_KEY for key in entries),
)


class TemplateMetadata(Spec):
    """What every pod is labelled and annotated with."""

    labels: Annotated[
        dict[str, Annotated[str, Field(max_length=63)]],
        Field(max_length=64),
        _SHORT_KEYS,
        Rule(
            f"self.all(key, !key.startsWith('{OWN_PREFIX}'))",
            f"labels that begin with {OWN_PREFIX} are set by the operator: choose another prefix",
            lambda labels: not any(key.startswith(OWN_PREFIX) for key in labels),
        ),
    ] = Field(default_factory=dict)
    """Labels of the pods; the operator adds its own."""
    annotations: Annotated[
        dict[str, Annotated[str, Field(max_length=16384)]], Field(max_length=64), _SHORT_KEYS
    ] = Field(default_factory=dict)
    """Annotations of the pods."""


class Template(Spec):
    """A pod template as in a Deployment."""

    metadata: TemplateMetadata = TemplateMetadata()
    spec: PodSpec


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
    """What a right answer looks like. Without min and max, jsonPath only has to find something."""

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
            "min is above max: no answer could be right",
            lambda it: it.min is None or it.max is None or it.min <= it.max,
        ),
    )


LONGEST_SMOKE_TEST: Final = timedelta(minutes=1)
SmokeTimeout = Annotated[
    PositiveDuration,
    Rule(
        f"!self.matches(r'{DURATION_PATTERN}') || duration(self) <= duration('1m')",
        "must be at most 1m: a caller would not wait longer either",
        at_admission,
    ),
]


class SmokeTest(Spec):
    """One request to the candidate before it gets any caller: POST with a body, GET without."""

    path: Annotated[str, Field(max_length=1024, pattern="^/")]
    """Path and query of the request; it goes to the Service's target port on a candidate pod."""
    body: Annotated[str, Field(max_length=65536)] | None = None
    """Body of the request, JSON."""
    expect: Expectation = Expectation()
    timeout: SmokeTimeout = timedelta(seconds=5)
    """How long the candidate may take to answer. Nobody who answers is asked three times."""


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
    """People who have to agree before the stage may end; each says so with a Decision."""

    required: Annotated[int, Field(ge=1, le=10)] = 1
    """How many different people."""
    groups: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=256)], ...],
        Field(max_length=16),
    ] = ()
    """Each of them is in one of these groups; empty: whoever may approve."""
    expires_after: PositiveDuration = timedelta(hours=72)
    """How long after it was asked for; then the trial waits for a person to retry the stage."""
    exclude_author: bool = False
    """Whether whoever wrote the revision may not approve it."""


CRITERIA_TWICE: Final = Rule(
    "self.all(one, self.exists_one(other, other.name == one.name && "
    "(has(other.kind) ? other.kind : 'ExitCriteria') "
    "== (has(one.kind) ? one.kind : 'ExitCriteria')))",
    "names the same criteria twice",
    lambda refs: len(set(refs)) == len(refs),
)
CriteriaRefs = Annotated[tuple[CriteriaRef, ...], Field(max_length=8), CRITERIA_TWICE]


class Stage(Spec):
    """A weight that is held until soak, gates and approvals allow the next one."""

    name: DnsLabel
    """What the stage is called; unlike the others."""
    weight: Weight
    """Whole percent of new connections that the candidate gets."""
    soak: Duration = timedelta(0)
    """The shortest time in the stage; criteria may ask for more."""
    deadline: PositiveDuration | None = None
    """The longest time in the stage, then the trial pauses. Default: soak and one hour."""
    exit_criteria: CriteriaRefs = ()
    """What has to pass before the stage may end."""
    approval: Approval | None = MAY_BE_NULL
    """Who has to agree before the stage may end."""


class Bake(Spec):
    """The time after the last stage in which a failed gate still takes callers back."""

    duration: PositiveDuration
    """How long stable stays what it was; gates are measured to the end of it."""
    exit_criteria: CriteriaRefs = ()
    """What has to hold all the while."""


class StableScale(StrEnum):
    SHRINK = "Shrink"
    KEEP = "Keep"


class Canary(Spec):
    """Shift callers stage by stage."""

    max_surge: Annotated[int, Field(ge=0, le=1000)] = 1
    """Pods above `replicas` during a trial; 0 frees a stable pod first, never the last one."""
    stable_scale: StableScale = StableScale.SHRINK
    """Shrink: stable gives way to the candidate. Keep: it keeps its size until the end, and the
    candidate comes on top of it."""
    stages: Annotated[tuple[Stage, ...], Field(min_length=1, max_length=20), KeyedBy(("name",))]
    """The stages in their order."""
    bake: Bake | None = None
    """After the last stage, with all callers on the candidate."""


class PrePromotion(Spec):
    """What has to pass while nobody but the preview Service reaches the candidate."""

    soak: Duration = timedelta(0)
    """The shortest time in preview; criteria may ask for more."""
    deadline: PositiveDuration | None = None
    """The longest time in preview, then the trial pauses. Default: soak and one hour."""
    exit_criteria: CriteriaRefs = ()
    """What has to pass before callers are switched."""
    approval: Approval | None = MAY_BE_NULL
    """Who has to agree before callers are switched."""


class PostPromotion(Spec):
    """The time after the switch in which a failed gate still switches callers back."""

    duration: PositiveDuration
    """How long stable stays what it was; gates are measured to the end of it."""
    exit_criteria: CriteriaRefs = ()
    """What has to hold all the while."""


class BlueGreen(Spec):
    """Bring the candidate up beside stable, then switch all callers at once."""

    preview_replicas: Annotated[int, Field(ge=1, le=10000)] | None = None
    """Pods in preview; scaled to `replicas` before the switch. Default: `replicas`."""
    pre_promotion: PrePromotion = PrePromotion()
    auto_promote: bool = True
    """False: callers are switched when a Decision says Promote."""
    post_promotion: PostPromotion | None = None
    """After the switch: a failed gate still switches back."""
    keep_old: Duration = timedelta(minutes=30)
    """How long the old revision keeps its pods, from the promotion on, for an instant return."""


class Rolling(Spec):
    """No gates, said explicitly: still smoke-tested, fails fast, is recorded.

    `maxSurge: 0` with `maxUnavailable: 1` takes an old pod away before a new one comes. Where
    `replicas` is 1 that is the only one: callers wait until the new one answers, or until the old
    revision is back.
    """

    max_surge: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Pods above `replicas` on the way. Default: a quarter of them, at least 1."""
    max_unavailable: Annotated[int, Field(ge=0, le=1000)] = 0
    """Pods below `replicas` that callers may have to do with on the way."""

    RULES: ClassVar[Rules] = (
        Rule(
            "!has(self.maxSurge) || self.maxSurge > 0 "
            "|| has(self.maxUnavailable) && self.maxUnavailable > 0",
            "maxSurge and maxUnavailable are both 0: no pod could be replaced; maxUnavailable 1 "
            "lets an old one go first",
            lambda it: it.max_surge != 0 or it.max_unavailable > 0,
        ),
    )


class Strategy(Spec):
    """How a revision reaches callers: exactly one way."""

    canary: Canary | None = None
    blue_green: BlueGreen | None = None
    rolling: Rolling | None = None

    RULES: ClassVar[Rules] = (
        Rule(
            "[has(self.canary), has(self.blueGreen), has(self.rolling)].filter(it, it).size() == 1",
            "strategy needs exactly one of canary, blueGreen, rolling",
            lambda it: [it.canary, it.blue_green, it.rolling].count(None) == 2,  # noqa: PLR2004
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


class FailureAction(StrEnum):
    ROLLBACK = "Rollback"
    PAUSE = "Pause"


class RollbackSpeed(StrEnum):
    IMMEDIATE = "Immediate"
    PACED = "Paced"


class Rollback(Spec):
    """What happens when a trial fails."""

    on_failure: FailureAction = FailureAction.ROLLBACK
    """Rollback: callers go back to stable. Pause: everything stays until a person decides."""
    speed: RollbackSpeed = RollbackSpeed.IMMEDIATE
    """Immediate: all callers go to the stable pods that are ready now. Paced: the share follows
    the ready stable pods."""
    keep_failed: Duration = timedelta(seconds=30)
    """How long the pods of a failed candidate stay, to be looked at, from when they have no caller
    any more; within maxSurge."""


class RollbackWindow(Spec):
    """Back to a completed revision inside it: smoke test and readiness, but no stages again."""

    revisions: Annotated[int, Field(ge=1, le=10)] = 3
    """How many completed revisions before stable are inside."""
    max_age: PositiveDuration = timedelta(hours=168)
    """How long ago it may have been completed."""


class RestartLimit(Spec):
    """How often the pods of a candidate may die before it is taken back."""

    startup: Annotated[int, Field(ge=0, le=100)] = 5
    """Restarts of a container whose pod was never ready, and pods that the node refused; a slow
    start has until `progressDeadline` as well."""
    serving: Annotated[int, Field(ge=0, le=100)] = 1
    """Deaths in one stage of pods that had been ready: restarts, evictions, pods that went away.
    Running out of memory is never tolerated; each death begins the soak anew."""


class InitialRollout(StrEnum):
    DIRECT = "Direct"
    GATE = "Gate"


class DeletionPolicy(StrEnum):
    DELETE = "Delete"
    ORPHAN = "Orphan"


class ChangeRequest(Spec):
    """The ticket that asked for this."""

    system: Annotated[str, Field(min_length=1, max_length=63)]
    """Where the ticket is: `jira`."""
    id: Annotated[str, Field(min_length=1, max_length=128)]
    """The ticket: `CHG-10482`."""
    url: Annotated[str, Field(max_length=1024, pattern="^https?://")] | None = None
    """Where people can read it."""
    requested_by: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """The person behind a change that a machine applies, as Decisions name them in `by`."""


class ModelDeploymentSpec(Spec):
    """What is served and how its revisions are rolled out."""

    model: Model
    change_request: ChangeRequest | None = None
    """The ticket behind the spec; shown beside the revision, no part of it."""
    replicas: Annotated[int, Field(ge=0, le=10000)] = 1
    """Pods in all; leave it out where an autoscaler owns it."""
    min_ready_seconds: Annotated[int, Field(ge=0, le=3600)] = 0
    """How long a pod must have been ready before it counts."""
    paused: bool = False
    """Hold the trial where it is; a rollback still happens."""
    template: Template
    service: Service = Service()
    smoke_test: SmokeTest | None = None
    strategy: Strategy
    rollback: Rollback = Rollback()
    progress_deadline: PositiveDuration = timedelta(minutes=10)
    """How long no further pod may become available before the trial has failed; stands still in
    soak, gates, approvals and pauses."""
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
    """Any new value tries a rejected revision again."""
    rollback_to: Annotated[str, Field(max_length=8, pattern="^([0-9a-f]{8})?$")] = ""
    """A revision that is rolled out instead of the template, until this is empty again."""
    restart_at: AwareTime | None = MAY_BE_NULL
    """Pods that are older than this are replaced, without a new revision and without gates."""
    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE
    """Delete: children go with the ModelDeployment. Orphan: they stay and go on serving."""
    drain: Duration = timedelta(seconds=5)
    """How long a pod goes on answering after it was told to stop, where its container has no
    preStop hook of its own; 0s turns it off. A second less than the template's
    terminationGracePeriodSeconds is the longest there is place for."""
    revision_history_limit: Annotated[int, Field(ge=1, le=100)] = 10
    """Old revisions that are remembered."""

    @property
    def traffic_method(self) -> TrafficMethod:
        """How its callers are split; there is no field yet that would say another one."""
        return REPLICA_RATIO

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
            "rollbackWindow.revisions is above revisionHistoryLimit: older ones are forgotten",
            lambda it: (
                it.rollback_window is None
                or it.rollback_window.revisions <= it.revision_history_limit
            ),
        ),
    )
