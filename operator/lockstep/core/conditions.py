"""Conditions: fixed types in a fixed order, whose clocks move only when a status flips."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from lockstep.api.condition import (
    MOST_OF_A_CONDITION,
    Condition,
    Truth,
)
from lockstep.api.conditions import ConditionReason, ConditionType


@dataclass(frozen=True, slots=True)
class Claim:
    """What a condition shall say now."""

    status: Truth
    reason: ConditionReason
    message: str = ""


def truth(value: object) -> Truth:
    return Truth.TRUE if value else Truth.FALSE


def update(
    before: Iterable[Condition],
    claims: Mapping[ConditionType, Claim],
    generation: int,
    now: datetime,
) -> tuple[Condition, ...]:
    """Say ``claims`` and nothing else; ``lastTransitionTime`` is kept while the status is."""
    known = {condition.type: condition for condition in before}
    return tuple(
        _say(kind, claims[kind], known.get(kind), generation, now)
        for kind in ConditionType
        if kind in claims
    )


def _say(
    kind: ConditionType, claim: Claim, before: Condition | None, generation: int, now: datetime
) -> Condition:
    said = (claim.reason, claim.message[:MOST_OF_A_CONDITION], generation)
    if before is None or before.status is not claim.status:
        since = now
    elif said == (before.reason, before.message, before.observed_generation):
        return before
    else:
        since = before.last_transition_time
    return Condition(
        type=kind,
        status=claim.status,
        reason=claim.reason,
        message=claim.message[:MOST_OF_A_CONDITION],
        last_transition_time=since,
        observed_generation=generation,
    )
