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
        "A revision is on trial, or is returned to without stages.",
        "version, revision, the fields and ConfigMaps that differ from stable, who wrote the spec",
    )
    STAGE_ENTERED = (
        "StageEntered",
        EventType.NORMAL,
        "A stage that waits for something, a soak, gates or people, has its weight.",
        "the stage, its percent of new connections, and the candidate",
    )
    GATE_PASS = (
        "GatePass",
        EventType.NORMAL,
        "A gate came to the verdict Pass.",
        "stage, gate and criteria, its value and limit, how many measurements",
    )
    GATE_FAIL = (
        "GateFail",
        EventType.WARNING,
        "A gate came to the verdict Fail; what follows is told by another Event.",
        "stage, gate and criteria, its value and limit, stable's value",
    )
    GATE_INCONCLUSIVE = (
        "GateInconclusive",
        EventType.WARNING,
        "A gate cannot be decided: no data, no usable answer, or values between its limits.",
        "stage, gate and criteria, and what is missing",
    )
    POD_DIED = (
        "PodDied",
        EventType.WARNING,
        "A pod of the candidate that had been ready restarted, failed or went away.",
        "the pod, why, and how many so far in the stage",
    )
    PROMOTED = (
        "Promoted",
        EventType.NORMAL,
        "The candidate is stable from now on.",
        "version, revision, how long the stages took, who approved",
    )
    RETURNED = (
        "Returned",
        EventType.NORMAL,
        "A trial ended because the spec asks for stable again.",
        "version and revision that was on trial, in which stage, and which is stable",
    )
    SUPERSEDED = (
        "Superseded",
        EventType.NORMAL,
        "A trial ended because the spec asks for another revision.",
        "version and revision that was on trial, in which stage, and which follows",
    )
    ROLLED_BACK = (
        "RolledBack",
        EventType.WARNING,
        "The candidate was taken back.",
        "the reason in `status.rejected`, stage, gate or pod, numbers, where callers are",
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
        "What a Decision was about is over.",
        "its name, and what happened meanwhile",
    )
    DECISION_REFUSED = (
        "DecisionRefused",
        EventType.WARNING,
        "A Decision may not be carried out.",
        "its name, and why",
    )
    RESTARTING = (
        "Restarting",
        EventType.NORMAL,
        "The restart that `spec.restartAt` asks for begins.",
        "the ReplicaSet and the time that was asked for",
    )
    POD_REPLACED = (
        "PodReplaced",
        EventType.WARNING,
        "A pod that was not made from its revision's template is replaced.",
        "the pod, and why",
    )
    CHILD_RESTORED = (
        "ChildRestored",
        EventType.WARNING,
        "Somebody edited a child by hand, and it is put back.",
        "kind and name of the child, the field, and through which field manager it was written",
    )
    REVISION_REBUILT = (
        "RevisionRebuilt",
        EventType.WARNING,
        "Somebody deleted stable's ControllerRevision, and it is made again from its ReplicaSet.",
        "version and revision",
    )
    CLOCK_STEPPED = (
        "ClockStepped",
        EventType.WARNING,
        "The operator's clock was set, or no operator looked for long; the stage counts on.",
        "by how much the clocks differ",
    )
    PASS_ENDED = (
        "PassEnded",
        EventType.WARNING,
        "A pass took longer than two minutes and was ended; told once until one ends by itself.",
        "what it waited for, where things stand, what to look at",
    )
    STATUS_REFUSED = (
        "StatusRefused",
        EventType.WARNING,
        "The API server does not take the status: nothing is done until it does.",
        "the server's sentence",
    )
