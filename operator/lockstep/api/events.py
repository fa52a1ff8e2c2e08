"""Every Event that the operator writes, beside the reasons of conditions, with what it means.

A reason that is not here does not type-check, and docs/reference/events.md is made from it.
"""

from enum import StrEnum

from lockstep.api.words import Meant


class EventType(StrEnum):
    NORMAL = "Normal"
    WARNING = "Warning"


class EventReason(Meant):
    """What happened, each time it does; ``says`` is what the message holds."""

    type: EventType
    says: str

    def __init__(self, word: str, kind: EventType, meaning: str, says: str) -> None:
        super().__init__(word, meaning)
        self.type = kind
        self.says = says

    ROLLOUT_STARTED = (
        "RolloutStarted",
        EventType.NORMAL,
        "A revision becomes the candidate, or Lockstep returns to it without stages.",
        "version, revision, the fields and ConfigMaps that differ from stable, who wrote the spec",
    )
    STAGE_ENTERED = (
        "StageEntered",
        EventType.NORMAL,
        "A stage with a soak, gates or an approval has reached its weight.",
        "the stage, its percent of new connections, and the candidate",
    )
    GATE_PASS = (
        "GatePass",
        EventType.NORMAL,
        "A gate has the verdict Pass.",
        "stage, gate and criteria, its value and limit, how many measurements",
    )
    GATE_FAIL = (
        "GateFail",
        EventType.WARNING,
        "A gate has the verdict Fail; another Event says what follows.",
        "stage, gate and criteria, its value and limit, stable's value",
    )
    GATE_INCONCLUSIVE = (
        "GateInconclusive",
        EventType.WARNING,
        "A gate is undecided: no data, no usable answer, or values between its limits.",
        "stage, gate and criteria, and what is missing",
    )
    POD_DIED = (
        "PodDied",
        EventType.WARNING,
        "A candidate pod that had been ready restarted, failed or disappeared.",
        "the pod, why, and how many so far in the stage",
    )
    PROMOTED = (
        "Promoted",
        EventType.NORMAL,
        "The candidate has become stable.",
        "version, revision, how long the stages took, who approved",
    )
    RETURNED = (
        "Returned",
        EventType.NORMAL,
        "A rollout ended because the spec asks for stable again.",
        "version and revision of the candidate, its stage, and which revision is stable",
    )
    SUPERSEDED = (
        "Superseded",
        EventType.NORMAL,
        "A rollout ended because the spec asks for another revision.",
        "version and revision of the candidate, its stage, and which revision follows",
    )
    ROLLED_BACK = (
        "RolledBack",
        EventType.WARNING,
        "The candidate was rolled back.",
        "the reason in `status.rejected`, stage, gate or pod, numbers, where traffic goes",
    )
    DECISION_APPLIED = (
        "DecisionApplied",
        EventType.NORMAL,
        "A Decision was carried out.",
        "its name, and what came of it",
    )
    DECISION_SUPERSEDED = (
        "DecisionSuperseded",
        EventType.NORMAL,
        "A Decision is about something that is over.",
        "its name, and what happened meanwhile",
    )
    DECISION_REFUSED = (
        "DecisionRefused",
        EventType.WARNING,
        "A Decision was refused.",
        "its name, and why",
    )
    RESTARTING = (
        "Restarting",
        EventType.NORMAL,
        "The restart that `spec.restartAt` requests begins.",
        "the ReplicaSet and the requested time",
    )
    POD_REPLACED = (
        "PodReplaced",
        EventType.WARNING,
        "A pod that was not created from its revision's template is replaced.",
        "the pod, and why",
    )
    CHILD_RESTORED = (
        "ChildRestored",
        EventType.WARNING,
        "A child was edited manually and is restored.",
        "kind and name of the child, the field, and the field manager that wrote it",
    )
    REVISION_REBUILT = (
        "RevisionRebuilt",
        EventType.WARNING,
        "Stable's ControllerRevision was deleted and is restored from its ReplicaSet.",
        "version and revision",
    )
    CLOCK_STEPPED = (
        "ClockStepped",
        EventType.WARNING,
        "The operator's clock was set, or no operator ran for long; the stage's clocks continue.",
        "by how much the clocks differ",
    )
    PASS_ENDED = (
        "PassEnded",
        EventType.WARNING,
        "A pass took longer than two minutes and was stopped; said once until a pass completes.",
        "what it waited for, what stays unchanged, what to check",
    )
    STATUS_REFUSED = (
        "StatusRefused",
        EventType.WARNING,
        "The API server rejects the status; Lockstep does nothing until it accepts it.",
        "the API server's error",
    )
