"""Every word for what became of a revision, as ``status.history`` has it."""

from lockstep.api.words import Meant


class Became(Meant):
    """What became of a revision."""

    PROMOTED = ("Promoted", "It passed its stages, or was returned to, and became stable.")
    ROLLED_BACK = ("RolledBack", "It failed, or a person rejected or aborted it.")
    RETURNED = ("Returned", "Its rollout ended because the spec asked for stable again.")
    SUPERSEDED = ("Superseded", "Its rollout ended because the spec asked for another revision.")
    PROMOTED_FULL = (
        "PromotedFull",
        "A Decision PromoteFull skipped its remaining stages.",
    )
    STAGE_SKIPPED = ("StageSkipped", "A Decision SkipStage moved it to the next stage.")
