"""Every type of a condition and every reason of one: the only list of them, with what they mean.

A reason that is not here does not type-check, docs/reference/conditions.md is made from what stands
here, and a test compares it with docs/how-to/stuck.md. Why a revision fails is in ``failures``.
"""

from typing import Final

from lockstep.api.words import Meant


class ConditionType(Meant):
    """What a condition says something about, in the order in which they stand in status."""

    AVAILABLE = ("Available", "Callers are answered: at least one pod that they reach is ready.")
    READY = ("Ready", "The phase is Healthy: what the spec asks for serves with all its replicas.")
    RECONCILING = ("Reconciling", "The phase is Progressing: a rollout moves, or stable is scaled.")
    STALLED = ("Stalled", "The phase is Degraded: nothing moves until something is mended.")
    PAUSED = ("Paused", "The phase is Paused: a person is awaited, or better data.")
    SPEC_VALID = ("SpecValid", "The spec can be rolled out. Unknown: nobody can say so for now.")
    CONFLICT = ("Conflict", "An object of somebody else is in the way. Absent: none is.")
    REFUSED = ("Refused", "The API server refuses a write of Lockstep's. Absent: it takes all.")
    ORPHANED = ("Orphaned", "Children would stay if the ModelDeployment were deleted now.")
    WEIGHT_APPROXIMATE = (
        "WeightApproximate",
        "The pods cannot make the stage's weight within 10 points.",
    )
    CONFIG_LOST = ("ConfigLost", "A live revision's copy of a ConfigMap is gone for good.")
    SECRET_ROTATED = ("SecretRotated", "A Secret changed after stable's pods had started.")


class ConditionReason(Meant):
    """A word with the conditions that say it, and what brings it to an end.

    ``of`` names, of the four conditions of the phase, the one that is True; the others say the same
    word. ``ends`` is empty where all is well.
    """

    of: tuple[ConditionType, ...]
    ends: str

    def __init__(
        self, word: str, of: tuple[ConditionType, ...], meaning: str, ends: str = ""
    ) -> None:
        super().__init__(word, meaning)
        self.of = of
        self.ends = ends


_T: Final = ConditionType
_SPEC: Final = (_T.STALLED, _T.SPEC_VALID)


class Reason(ConditionReason):
    """Why a condition is what it is."""

    PODS_READY = ("PodsReady", (_T.AVAILABLE,), "Ready pods answer callers.")
    COMPLETED = ("Completed", (_T.READY,), "The revision that the spec asks for serves.")
    ACCEPTED = ("Accepted", (_T.SPEC_VALID,), "The API server would take this revision.")
    CHILDREN_STAY = (
        "ChildrenStay",
        (_T.ORPHANED,),
        "With deletionPolicy Orphan the children have no owner and outlive their ModelDeployment.",
    )

    NO_POD_READY = (
        "NoPodReady",
        (_T.AVAILABLE,),
        "No ready pod answers callers.",
        "Ready pods; the reason of Ready says what they wait for.",
    )
    CALLERS_ASTRAY = (
        "CallersAstray",
        (_T.AVAILABLE,),
        "Somebody made the Service send callers elsewhere, or to pods that are not ready.",
        "It is put back; stop whoever does it.",
    )
    TAKEN_OVER = (
        "TakenOver",
        (_T.AVAILABLE,),
        "Callers reach the pods that the Service selected before it was taken over.",
        "All pods of the revision that takes over being ready.",
    )

    STARTING = (
        "Starting",
        (_T.RECONCILING,),
        "The first revision is about to start.",
        "The next pass.",
    )
    CHECKING = (
        "Checking",
        (_T.RECONCILING, _T.SPEC_VALID),
        "The API server is asked whether it would take the revision.",
        "Its answer, in the same pass or the next.",
    )
    MOVING = (
        "Moving",
        (_T.RECONCILING,),
        "Pods or callers are not where the stage wants them yet.",
        "Ready pods, or progressDeadline.",
    )
    MEASURING = (
        "Measuring",
        (_T.RECONCILING,),
        "The stage's soak or its gates are not over.",
        "Time and data, or the stage's deadline.",
    )
    RETURNING = (
        "Returning",
        (_T.RECONCILING,),
        "A trial was superseded; its pods answer until stable is whole again.",
        "Stable's pods.",
    )
    SCALING = (
        "Scaling",
        (_T.RECONCILING,),
        "Stable is on the way to replicas.",
        "Ready pods.",
    )
    RESTARTING = (
        "Restarting",
        (_T.RECONCILING,),
        "Stable's pods are being replaced, for restartAt or as somebody edited their template.",
        "Ready pods of the new ones.",
    )

    APPROVAL_NEEDED = (
        "ApprovalNeeded",
        (_T.PAUSED,),
        "Everything but people's approval is there.",
        "Decisions to Approve, or one to Reject.",
    )
    APPROVAL_EXPIRED = (
        "ApprovalExpired",
        (_T.PAUSED,),
        "The approvals were not there within expiresAfter.",
        "Decision Retry, or another spec.retry.",
    )
    PROMOTION_NEEDED = (
        "PromotionNeeded",
        (_T.PAUSED,),
        "A preview passed and autoPromote is false.",
        "Decision Promote.",
    )
    PAUSED = (
        "Paused",
        (_T.PAUSED,),
        "spec.paused is true, or somebody decided Pause.",
        "spec.paused false, or Decision Resume.",
    )
    INCONCLUSIVE = (
        "Inconclusive",
        (_T.PAUSED,),
        "A gate has values between its limits, no data, or no usable answer.",
        "Data; Decision Promote or Retry; another spec.retry.",
    )
    STABLE_FAILS_TOO = (
        "StableFailsToo",
        (_T.PAUSED,),
        "Candidate and stable fail the same limit: it is not the candidate's fault.",
        "The shared cause mended, then Decision Retry.",
    )
    DEADLINE_EXCEEDED = (
        "DeadlineExceeded",
        (_T.PAUSED,),
        "The stage was undecided at its deadline.",
        "Its gates passing; Decision Promote or Retry; another spec.",
    )
    WEIGHT_NOT_REACHED = (
        "WeightNotReached",
        (_T.PAUSED,),
        "Something else than the candidate's pods keeps a stage from its weight for too long.",
        "What the message names; it goes on by itself.",
    )
    NO_REPLICAS = (
        "NoReplicas",
        (_T.PAUSED,),
        "spec.replicas is 0: nothing can be proven.",
        "More replicas.",
    )

    ROLLED_BACK = (
        "RolledBack",
        (_T.STALLED,),
        "The revision was taken back; status.rejected.reason says for what.",
        "Another template or model, another spec.retry, Decision Retry.",
    )
    SPEC_REFUSED = (
        "SpecRefused",
        _SPEC,
        "The API server would refuse the pods.",
        "The field that the message names, or what that field refers to.",
    )
    SPEC_INVALID = (
        "SpecInvalid",
        _SPEC,
        "The API server let a spec in that this operator cannot read.",
        "The field that the message names.",
    )
    CRITERIA_MISSING = (
        "CriteriaMissing",
        _SPEC,
        "A stage refers to criteria that do not exist.",
        "The object, or another reference.",
    )
    CRITERIA_INVALID = (
        "CriteriaInvalid",
        _SPEC,
        "A stage's criteria cannot be measured, or could never end.",
        "The field or query that the message names.",
    )
    DEADLINE_TOO_SHORT = (
        "DeadlineTooShort",
        _SPEC,
        "A stage's deadline is not longer than its soak: it could never pass.",
        "A longer deadline or a shorter soak.",
    )
    TARGET_PORT_MISSING = (
        "TargetPortMissing",
        _SPEC,
        "service.targetPort is a name that no container has as a TCP port.",
        "The name, the port in the template, or a number.",
    )
    PORTS_DIFFER = (
        "PortsDiffer",
        _SPEC,
        "A port of the Service leads to different places in stable and in the new revision.",
        "strategy.blueGreen, or the same name in both templates.",
    )
    CONFIG_MAP_MISSING = (
        "ConfigMapMissing",
        _SPEC,
        "The template reads a ConfigMap that does not exist.",
        "The ConfigMap, or optional: true where it is read.",
    )
    SECRET_MISSING = (
        "SecretMissing",
        _SPEC,
        "The template reads a Secret that does not exist.",
        "The Secret, or optional: true where it is read.",
    )
    CONFIG_LOST = (
        "ConfigLost",
        _SPEC,
        "The wanted revision's copy of a ConfigMap is gone, and its source has other content.",
        "The old content put back, or another revision.",
    )
    TOO_MANY_CONFIGS = (
        "TooManyConfigs",
        _SPEC,
        "The template reads more ConfigMaps and Secrets than are allowed.",
        "Fewer of them.",
    )
    TEMPLATE_TOO_LARGE = (
        "TemplateTooLarge",
        _SPEC,
        "The template would not fit where revisions are stored.",
        "Smaller values; a ConfigMap or the image for the large ones.",
    )
    ROLLBACK_TARGET_MISSING = (
        "RollbackTargetMissing",
        _SPEC,
        "spec.rollbackTo names a revision that is not known.",
        "One that the message lists, or an empty field.",
    )
    NO_ROOM_FOR_CANDIDATE = (
        "NoRoomForCandidate",
        _SPEC,
        "One replica and maxSurge 0 leave no place for a candidate.",
        "maxSurge 1, two replicas, or strategy.rolling that takes the old pod away first.",
    )
    CONFLICT = (
        "Conflict",
        (_T.STALLED,),
        "An object of a name that is needed is not Lockstep's.",
        "It deleted or renamed.",
    )
    UNOWNED = (
        "Unowned",
        (_T.STALLED, _T.RECONCILING, _T.AVAILABLE, _T.CONFLICT),
        "Children of this ModelDeployment have no owner, as after a backup was restored.",
        "Decision Adopt.",
    )
    REVISION_LOST = (
        "RevisionLost",
        (_T.STALLED,),
        "Nothing says any more what stable was made from.",
        "Its ControllerRevision or ReplicaSet restored, or that version applied.",
    )

    NAME_TAKEN = (
        "NameTaken",
        (_T.CONFLICT,),
        "An object of a name that Lockstep wants is somebody else's.",
        "It deleted or renamed.",
    )
    AUTOSCALER_ON_CHILD = (
        "AutoscalerOnChild",
        (_T.CONFLICT,),
        "A HorizontalPodAutoscaler scales a child of Lockstep's, which is put back each time.",
        "Its scaleTargetRef on the ModelDeployment.",
    )
    STRANGE_PODS = (
        "StrangePods",
        (_T.CONFLICT,),
        "Pods have the ModelDeployment's label that none of its ReplicaSets made.",
        "The command in the message, which takes the label off.",
    )
    ADOPTED_PODS = (
        "AdoptedPods",
        (_T.CONFLICT,),
        "A ReplicaSet took in a pod that was not made from its template.",
        "It is replaced.",
    )
    STILL_OWNED = (
        "StillOwned",
        (_T.ORPHANED,),
        "deletionPolicy is Orphan and some children still have their owner.",
        "The next pass.",
    )
    BEING_OWNED = (
        "BeingOwned",
        (_T.ORPHANED,),
        "deletionPolicy is Delete and some children have no owner yet.",
        "The next pass.",
    )
    TOO_FEW_REPLICAS = (
        "TooFewReplicas",
        (_T.WEIGHT_APPROXIMATE,),
        "So few replicas cannot be split as the stage's weight asks.",
        "The number of replicas that the message names, or another weight.",
    )
    COPY_LOST = (
        "CopyLost",
        (_T.CONFIG_LOST,),
        "Pods that run go on; new ones of that revision could not start.",
        "The old content put back, or another revision.",
    )
    SECRET_CHANGED = (
        "SecretChanged",
        (_T.SECRET_ROTATED,),
        "Stable's pods may still use what the Secret held when they started.",
        "The command in the message, which restarts them.",
    )
