"""Every type of a condition and every reason of one: the only list of them, with what they mean.

A reason that is not here does not type-check, docs/reference/conditions.md is made from what stands
here, and a test compares it with docs/how-to/stuck.md. Why a revision fails is in ``failures``.
"""

from typing import Final

from lockstep.api.words import Meant


class ConditionType(Meant):
    """What a condition says something about, in the order in which they stand in status."""

    AVAILABLE = ("Available", "At least one pod that receives traffic is ready.")
    READY = ("Ready", "The phase is Healthy: the wanted revision serves with all replicas.")
    RECONCILING = (
        "Reconciling",
        "The phase is Progressing: a rollout is in progress, or stable is scaled.",
    )
    STALLED = ("Stalled", "The phase is Degraded: something has to be fixed.")
    PAUSED = ("Paused", "The phase is Paused: it waits for a person or for better data.")
    SPEC_VALID = (
        "SpecValid",
        "The spec can be rolled out. Unknown: the API server has not answered yet.",
    )
    CONFLICT = ("Conflict", "An object that is not Lockstep's is in the way. Absent: none is.")
    REFUSED = ("Refused", "The API server refuses a write of Lockstep. Absent: it refuses none.")
    ORPHANED = ("Orphaned", "The children would stay if the ModelDeployment were deleted now.")
    SETTLING = (
        "Settling",
        "Pods that are no longer needed stay, as nodes may still send them traffic. Absent: none.",
    )
    WEIGHT_APPROXIMATE = (
        "WeightApproximate",
        "The number of pods cannot match the stage's weight within 10 points.",
    )
    CONFIG_LOST = (
        "ConfigLost",
        "The copy of a ConfigMap that a revision in use reads cannot be restored.",
    )
    SECRET_ROTATED = ("SecretRotated", "A Secret changed after stable's pods had started.")


OF_THE_PHASE: Final = (
    ConditionType.READY,
    ConditionType.RECONCILING,
    ConditionType.STALLED,
    ConditionType.PAUSED,
)
"""One of them is True, and all of them have the same reason."""
TOLD: Final = frozenset({ConditionType.STALLED, ConditionType.PAUSED, ConditionType.REFUSED})
"""When one becomes True for another reason than before, an Event says so too."""


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

    PODS_READY = ("PodsReady", (_T.AVAILABLE,), "Ready pods receive traffic.")
    COMPLETED = ("Completed", (_T.READY,), "The revision that the spec asks for serves.")
    ACCEPTED = ("Accepted", (_T.SPEC_VALID,), "The API server would take this revision.")
    CHILDREN_STAY = (
        "ChildrenStay",
        (_T.ORPHANED,),
        "With `deletionPolicy: Orphan` the children have no owner and stay after a deletion.",
    )

    NO_POD_READY = (
        "NoPodReady",
        (_T.AVAILABLE,),
        "No ready pod receives traffic.",
        "Ready pods; the reason of Ready says what is missing.",
    )
    CALLERS_ASTRAY = (
        "CallersAstray",
        (_T.AVAILABLE,),
        "The Service was edited to send traffic elsewhere, or to pods that are not ready.",
        "Lockstep restores it; find and stop whoever edits it.",
    )
    TAKEN_OVER = (
        "TakenOver",
        (_T.AVAILABLE,),
        "Traffic goes to the pods that the Service selected before it was taken over.",
        "Traffic moves when all pods of the revision are ready.",
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
        "The revision is validated with a dry run on the API server.",
        "Its answer, in the same pass or the next.",
    )
    MOVING = (
        "Moving",
        (_T.RECONCILING,),
        "Pods or traffic have not reached the stage's weight yet.",
        "Ready pods, or `progressDeadline`.",
    )
    MEASURING = (
        "Measuring",
        (_T.RECONCILING,),
        "The stage's soak or its gates have not finished.",
        "Time and data, or the stage's deadline.",
    )
    RETURNING = (
        "Returning",
        (_T.RECONCILING,),
        "A rollout was superseded or reverted; its pods serve until all of stable's are ready.",
        "Ready pods of stable.",
    )
    SCALING = (
        "Scaling",
        (_T.RECONCILING,),
        "Stable has fewer than `spec.replicas` available pods.",
        "Ready pods.",
    )
    RESTARTING = (
        "Restarting",
        (_T.RECONCILING,),
        "Stable's pods are being replaced: for `restartAt`, or after a manual edit.",
        "Ready pods in their place.",
    )

    APPROVAL_NEEDED = (
        "ApprovalNeeded",
        (_T.PAUSED,),
        "The stage has passed and waits for approval.",
        "The required number of Decisions Approve; or Reject.",
    )
    APPROVAL_EXPIRED = (
        "ApprovalExpired",
        (_T.PAUSED,),
        "The approvals were not given within `expiresAfter`.",
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
        "`spec.paused` is true, or there was a Decision Pause.",
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
        "Candidate and stable fail the same limit, so the candidate is not the cause.",
        "Fix the shared cause, then create a Decision Retry.",
    )
    DEADLINE_EXCEEDED = (
        "DeadlineExceeded",
        (_T.PAUSED,),
        "The stage was not decided by its deadline.",
        "Passing gates; Decision Promote or Retry; another spec.",
    )
    WEIGHT_NOT_REACHED = (
        "WeightNotReached",
        (_T.PAUSED,),
        "A stage has not reached its weight in time, for a reason outside the candidate's pods.",
        "What the message names; the rollout then continues by itself.",
    )
    NO_REPLICAS = (
        "NoReplicas",
        (_T.PAUSED,),
        "`spec.replicas` is 0: nothing can be tested.",
        "More replicas.",
    )

    ROLLED_BACK = (
        "RolledBack",
        (_T.STALLED,),
        "The revision was rolled back; `status.rejected.reason` says why.",
        "Another `template` or `model`, a new `spec.retry`, or Decision Retry.",
    )
    SPEC_REFUSED = (
        "SpecRefused",
        _SPEC,
        "The API server would refuse the pods.",
        "Fix the field that the message names, or what it refers to.",
    )
    SPEC_INVALID = (
        "SpecInvalid",
        _SPEC,
        "The API server accepted a spec that this operator cannot read.",
        "Fix the field that the message names.",
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
        "A stage's criteria cannot be measured, or could never finish.",
        "Fix the field or query that the message names.",
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
        "A port of the Service maps to different ports in stable and in the new revision.",
        "Use `strategy.blueGreen`, or the same port name in both templates.",
    )
    CONFIG_MAP_MISSING = (
        "ConfigMapMissing",
        _SPEC,
        "The template reads a ConfigMap that does not exist.",
        "Create it, or set `optional: true` where it is read.",
    )
    SECRET_MISSING = (
        "SecretMissing",
        _SPEC,
        "The template reads a Secret that does not exist.",
        "Create it, or set `optional: true` where it is read.",
    )
    CONFIG_LOST = (
        "ConfigLost",
        _SPEC,
        "The wanted revision's copy of a ConfigMap is gone, and its source has other content.",
        "Restore the old content, or roll out another revision.",
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
        "The template is too large to be stored as a revision.",
        "Move large values to a ConfigMap or into the image.",
    )
    ROLLBACK_TARGET_MISSING = (
        "RollbackTargetMissing",
        _SPEC,
        "`spec.rollbackTo` names a revision that does not exist.",
        "Set it to one that the message lists, or clear the field.",
    )
    NO_ROOM_FOR_CANDIDATE = (
        "NoRoomForCandidate",
        _SPEC,
        "One replica and `maxSurge: 0` leave no room for a candidate.",
        "`maxSurge: 1`, two replicas, or `strategy.rolling` that removes the old pod first.",
    )
    CONFLICT = (
        "Conflict",
        (_T.STALLED,),
        "An object has a name that Lockstep needs and was not created by Lockstep.",
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
        "Stable's ControllerRevision and ReplicaSet are gone, so its template is unknown.",
        "Restore one of them, or apply that version.",
    )

    NAME_TAKEN = (
        "NameTaken",
        (_T.CONFLICT,),
        "An object has a name that Lockstep would use and was not created by Lockstep.",
        "Delete or rename it.",
    )
    AUTOSCALER_ON_CHILD = (
        "AutoscalerOnChild",
        (_T.CONFLICT,),
        "A HorizontalPodAutoscaler scales a child, which Lockstep resets each time.",
        "Set its `scaleTargetRef` to the ModelDeployment.",
    )
    STRANGE_PODS = (
        "StrangePods",
        (_T.CONFLICT,),
        "Pods have the ModelDeployment's label, but none of its ReplicaSets created them.",
        "Run the command in the message, which removes the label.",
    )
    ADOPTED_PODS = (
        "AdoptedPods",
        (_T.CONFLICT,),
        "A ReplicaSet adopted a pod that was not created from its template.",
        "Lockstep replaces it.",
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
        "The API server did not answer for a while, and nodes may apply changes late.",
        "Time: at most 90 s after the outage.",
    )
    TOO_FEW_REPLICAS = (
        "TooFewReplicas",
        (_T.WEIGHT_APPROXIMATE,),
        "There are too few replicas to split traffic as the stage requires.",
        "Use the number of replicas in the message, or another weight.",
    )
    COPY_LOST = (
        "CopyLost",
        (_T.CONFIG_LOST,),
        "Running pods continue; new pods of that revision cannot start.",
        "Restore the old content, or roll out another revision.",
    )
    SECRET_CHANGED = (
        "SecretChanged",
        (_T.SECRET_ROTATED,),
        "Stable's pods may still use the Secret's value from when they started.",
        "Run the command in the message, which restarts them.",
    )
