"""Conditions: fixed types in a fixed order, whose clocks move only when a status flips."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from lockstep.api.condition import (
    MOST_OF_A_CONDITION,
    Condition,
    Truth,
)
from lockstep.api.conditions import ConditionReason
from lockstep.errors import InvariantError

Type = TypeVar("Type", bound=str)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a condition shall say now."""

    status: Truth
    reason: ConditionReason
    message: str = ""


def truth(value: object) -> Truth:
    return Truth.TRUE if value else Truth.FALSE


def update(
    order: Sequence[Type],
    before: Iterable[Condition],
    claims: Mapping[Type, Claim],
    generation: int,
    now: datetime,
) -> tuple[Condition, ...]:
    """Say ``claims`` and nothing else; ``lastTransitionTime`` is kept while the status is.

    Args:
        order: Every type that objects of the kind may have, in the order in which they stand.
        before: What the status says.
        claims: What it shall say.
        generation: Of the spec that this is said of.
        now: What time it is.

    Raises:
        InvariantError: A claim has a type that is not in ``order``, and would never be seen.
    """
    known = {condition.type: condition for condition in before}
    said = tuple(
        _say(kind, claims[kind], known.get(kind), generation, now)
        for kind in order
        if kind in claims
    )
    if len(said) != len(claims):
        unlisted = ", ".join(sorted(claims.keys() - set(order)))
        raise InvariantError(f"conditions that are not listed: {unlisted}")
    return said


def _say(
    kind: str, claim: Claim, before: Condition | None, generation: int, now: datetime
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
