"""Conditions: fixed types in a fixed order, whose clocks move only when a status flips."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from lockstep.api.status import Condition, Truth

ORDER = (
    "Available",
    "Ready",
    "Reconciling",
    "Stalled",
    "Paused",
    "SpecValid",
    "Conflict",
    "Orphaned",
    "WeightApproximate",
    "ConfigLost",
    "SecretRotated",
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a condition shall say now."""

    status: Truth
    reason: str
    message: str = ""


def truth(value: object) -> Truth:
    return Truth.TRUE if value else Truth.FALSE


def update(
    before: Iterable[Condition], claims: Mapping[str, Claim], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Say ``claims`` and nothing else; ``lastTransitionTime`` is kept while the status is."""
    known = {condition.type: condition for condition in before}
    return tuple(
        _say(kind, claims[kind], known.get(kind), generation, now)
        for kind in ORDER
        if kind in claims
    )


def _say(
    kind: str, claim: Claim, before: Condition | None, generation: int, now: datetime
) -> Condition:
    said = Claim(claim.status, claim.reason, claim.message[:1024])
    if before is not None and _as_before(before, said, generation):
        return before
    same = before is not None and before.status is said.status
    return Condition(
        type=kind,
        status=said.status,
        reason=said.reason,
        message=said.message,
        last_transition_time=before.last_transition_time if before and same else now,
        observed_generation=generation,
    )


def _as_before(before: Condition, said: Claim, generation: int) -> bool:
    known = Claim(before.status, before.reason, before.message)
    return known == said and before.observed_generation == generation
