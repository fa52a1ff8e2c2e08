"""Every word for what became of a revision, as ``status.history`` has it."""

from lockstep.api.words import Meant


class Became(Meant):
    """What became of a revision."""

    PROMOTED = ("Promoted", "It went through its stages, or came back, and is stable.")
    ROLLED_BACK = ("RolledBack", "It failed, or somebody rejected or aborted it.")
    RETURNED = ("Returned", "Its trial ended because the spec was back at stable.")
    SUPERSEDED = ("Superseded", "Its trial ended because the spec asked for another revision.")
    PROMOTED_FULL = (
        "PromotedFull",
        "Somebody decided PromoteFull: its trial went on without stages.",
    )
    STAGE_SKIPPED = ("StageSkipped", "Somebody decided SkipStage: its trial went on with the next.")
