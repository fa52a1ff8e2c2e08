"""Every type of a condition and every reason of one: the only list of them, with what they mean.

A reason that is not here does not type-check, docs/reference/conditions.md is made from what stands
here, and a test compares it with docs/how-to/stuck.md. Why a revision fails is in ``failures``.
"""

from typing import Final

from lockstep.api.words import Meant


class ConditionType(Meant):
    """What a condition says something about, in the order in which they stand in status."""

    AVAILABLE = ("Available", "Callers are answered: at least one pod that they reach is ready.")
    READY = ("Ready", "The phase is Healthy: the wanted revision serves, with all replicas.")
    RECONCILING = ("Reconciling", "The phase is Progressing: a rollout moves, or stable is scaled.")
    STALLED = ("Stalled", "The phase is Degraded: something has to be mended.")
    PAUSED = ("Paused", "The phase is Paused: it waits for a person, or for better data.")
    SPEC_VALID = (
        "SpecValid",
        "The spec can be rolled out. Unknown: the API server cannot say so yet.",
    )
    CONFLICT = ("Conflict", "Somebody else's object is in the way. Absent: none is.")
    REFUSED = ("Refused", "The API server refuses a write of Lockstep's. Absent: it refuses none.")
    ORPHANED = ("Orphaned", "The children would stay if the ModelDeployment were deleted now.")
    SETTLING = (
        "Settling",
        "Pods stay that are no longer needed: nodes may still send callers to them. Absent: none.",
    )
    WEIGHT_APPROXIMATE = (
        "WeightApproximate",
        "The pods cannot make the stage's weight within 10 points.",
    )
    CONFIG_LOST = ("ConfigLost", "A live revision's copy of a ConfigMap is gone for good.")
    SECRET_ROTATED = ("SecretRotated", "A Secret changed after stable's pods had started.")


OF_THE_PHASE: Final = (
    ConditionType.READY,
    ConditionType.RECONCILING,
    ConditionType.STALLED,
    ConditionType.PAUSED,
)
"""One of them is True, and all of them have the same reason."""
TOLD: Final = frozenset({ConditionType.STALLED, ConditionType.PAUSED, ConditionType.REFUSED})
"""Becoming True for another reason than before, they are told in an Event too."""


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
        "With `deletionPolicy: Orphan` the children have no owner and stay when it is deleted.",
    )

    NO_POD_READY = (
        "NoPodReady",
        (_T.AVAILABLE,),
        "No ready pod answers callers.",
        "Ready pods; the reason of Ready says what is missing.",
    )
    CALLERS_ASTRAY = (
        "CallersAstray",
        (_T.AVAILABLE,),
        "Somebody made the Service send callers elsewhere, or to pods that are not ready.",
        "It is put back by itself; stop whoever does it.",
    )
    TAKEN_OVER = (
        "TakenOver",
        (_T.AVAILABLE,),
        "Callers reach the pods that the Service selected before it was taken over.",
        "They move when all pods of the revision are ready.",
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
        "Ready pods, or `progressDeadline`.",
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
        "A trial was superseded or put back; its pods answer until stable is whole again.",
        "Ready pods of stable.",
    )
    SCALING = (
        "Scaling",
        (_T.RECONCILING,),
        "Stable does not have `spec.replicas` available pods yet.",
        "Ready pods.",
    )
    RESTARTING = (
        "Restarting",
        (_T.RECONCILING,),
        "Stable's pods are being replaced: for `restartAt`, or after an edit by hand.",
        "Ready pods in their place.",
    )

    APPROVAL_NEEDED = (
        "ApprovalNeeded",
        (_T.PAUSED,),
        "The stage has passed but for people's approval.",
        "Decision Approve, as many as are asked for; or Reject.",
    )
    APPROVAL_EXPIRED = (
        "ApprovalExpired",
        (_T.PAUSED,),
        "The approvals were not there within `expiresAfter`.",
        "Decision Retry, or a new `spec.retry`.",
    )
    PROMOTION_NEEDED = (
        "PromotionNeeded",
        (_T.PAUSED,),
        "A blue-green preview passed and `autoPromote` is false.",
        "Decision Promote.",
    )
    PAUSED = (
        "Paused",
        (_T.PAUSED,),
        "`spec.paused` is true, or somebody decided Pause.",
        "`spec.paused: false`, or Decision Resume.",
    )
    INCONCLUSIVE = (
        "Inconclusive",
        (_T.PAUSED,),
        "A gate has values between its limits, no data, or no usable answer.",
        "Data; Decision Promote or Retry; a new `spec.retry`.",
    )
    STABLE_FAILS_TOO = (
        "StableFailsToo",
        (_T.PAUSED,),
        "Candidate and stable fail the same limit: it is not the candidate's fault.",
        "Mend the shared cause, then decide Retry.",
    )
    DEADLINE_EXCEEDED = (
        "DeadlineExceeded",
        (_T.PAUSED,),
        "The stage was not decided by its deadline.",
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
        "`spec.replicas` is 0: nothing can be proven.",
        "More replicas.",
    )

    ROLLED_BACK = (
        "RolledBack",
        (_T.STALLED,),
        "The revision was taken back; `status.rejected.reason` says why.",
        "Another `template` or `model`, a new `spec.retry`, or Decision Retry.",
    )
    SPEC_REFUSED = (
        "SpecRefused",
        _SPEC,
        "The API server would refuse the pods.",
        "Mend the field that the message names, or what it refers to.",
    )
    SPEC_INVALID = (
        "SpecInvalid",
        _SPEC,
        "The API server let a spec in that this operator cannot read.",
        "Mend the field that the message names.",
    )
    CRITERIA_MISSING = (
        "CriteriaMissing",
        _SPEC,
        "A stage refers to criteria that do not exist.",
        "Create the object, or refer to another.",
    )
    CRITERIA_INVALID = (
        "CriteriaInvalid",
        _SPEC,
        "A stage's criteria cannot be measured, or could never end.",
        "Mend the field or query that the message names.",
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
        "`service.targetPort` is a name that no container has as a TCP port.",
        "Change the name, name the port in the template, or give a number.",
    )
    PORTS_DIFFER = (
        "PortsDiffer",
        _SPEC,
        "A port of the Service leads to different places in stable and in the new revision.",
        "Use `strategy.blueGreen`, or the same port name in both templates.",
    )
    CONFIG_MAP_MISSING = (
        "ConfigMapMissing",
        _SPEC,
        "The template reads a ConfigMap that does not exist.",
        "Create it, or say `optional: true` where it is read.",
    )
    SECRET_MISSING = (
        "SecretMissing",
        _SPEC,
        "The template reads a Secret that does not exist.",
        "Create it, or say `optional: true` where it is read.",
    )
    CONFIG_LOST = (
        "ConfigLost",
        _SPEC,
        "The wanted revision's copy of a ConfigMap is gone, and its source has other content.",
        "Put the old content back, or roll out another revision.",
    )
    TOO_MANY_CONFIGS = (
        "TooManyConfigs",
        _SPEC,
        "The template reads more ConfigMaps and Secrets than are allowed.",
        "Read fewer of them.",
    )
    TEMPLATE_TOO_LARGE = (
        "TemplateTooLarge",
        _SPEC,
        "The template would not fit where revisions are stored.",
        "Move large values to a ConfigMap or into the image.",
    )
    ROLLBACK_TARGET_MISSING = (
        "RollbackTargetMissing",
        _SPEC,
        "`spec.rollbackTo` names a revision that is not known.",
        "Name one that the message lists, or empty the field.",
    )
    NO_ROOM_FOR_CANDIDATE = (
        "NoRoomForCandidate",
        _SPEC,
        "One replica and `maxSurge: 0` leave no place for a candidate.",
        "`maxSurge: 1`, two replicas, or `strategy.rolling` that removes the old pod first.",
    )
    CONFLICT = (
        "Conflict",
        (_T.STALLED,),
        "An object of a name that is needed is not Lockstep's.",
        "Delete or rename it.",
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
        "Stable's ControllerRevision and ReplicaSet are gone: its template is not known.",
        "Restore one of them, or apply that version.",
    )

    NAME_TAKEN = (
        "NameTaken",
        (_T.CONFLICT,),
        "An object of a name that Lockstep wants is somebody else's.",
        "Delete or rename it.",
    )
    AUTOSCALER_ON_CHILD = (
        "AutoscalerOnChild",
        (_T.CONFLICT,),
        "A HorizontalPodAutoscaler scales a child, which is put back each time.",
        "Point its `scaleTargetRef` at the ModelDeployment.",
    )
    STRANGE_PODS = (
        "StrangePods",
        (_T.CONFLICT,),
        "Pods carry the ModelDeployment's label, but none of its ReplicaSets made them.",
        "Run the command in the message, which takes the label off.",
    )
    ADOPTED_PODS = (
        "AdoptedPods",
        (_T.CONFLICT,),
        "A ReplicaSet took in a pod that was not made from its template.",
        "It is replaced by itself.",
    )
    STILL_OWNED = (
        "StillOwned",
        (_T.ORPHANED,),
        "With `deletionPolicy: Orphan` some children still have their owner.",
        "The next pass.",
    )
    BEING_OWNED = (
        "BeingOwned",
        (_T.ORPHANED,),
        "With `deletionPolicy: Delete` some children have no owner yet.",
        "The next pass.",
    )
    API_SERVER_WAS_AWAY = (
        "ApiServerWasAway",
        (_T.SETTLING,),
        "The API server did not answer for a while, and nodes may hear late of what changed.",
        "Time: 90 s after the outage at the latest.",
    )
    TOO_FEW_REPLICAS = (
        "TooFewReplicas",
        (_T.WEIGHT_APPROXIMATE,),
        "There are too few replicas to split callers as the stage asks.",
        "Use as many replicas as the message names, or another weight.",
    )
    COPY_LOST = (
        "CopyLost",
        (_T.CONFIG_LOST,),
        "Pods that run go on; new ones of that revision could not start.",
        "Put the old content back, or roll out another revision.",
    )
    SECRET_CHANGED = (
        "SecretChanged",
        (_T.SECRET_ROTATED,),
        "Stable's pods may still use what the Secret held when they started.",
        "Run the command in the message, which restarts them.",
    )
