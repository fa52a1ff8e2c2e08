"""What the API server's refusals mean."""

import pytest

from lockstep.adapters.kubernetes.refusals import Refusal, read
from lockstep.core.refusals import Cause

CASES: dict[str, tuple[int, str, str, Refusal | None]] = {
    "a typo names the field": (
        400, "BadRequest", 'strict decoding error: unknown field "spec.template.spec.contianers"',
        Refusal('strict decoding error: unknown field "spec.template.spec.contianers"')),
    "an invalid value": (
        422, "Invalid", "spec.x: Invalid value", Refusal("spec.x: Invalid value")),
    "Pod Security": (
        403, "Forbidden", 'violates PodSecurity "restricted:latest"',
        Refusal('violates PodSecurity "restricted:latest"')),
    "quota may come free": (
        403, "Forbidden", "exceeded quota: team", Refusal("exceeded quota: team", Cause.ROOM)),
    "a webhook that nobody answers for": (
        500, "InternalError", 'Internal error occurred: failed calling webhook "inject"',
        Refusal('Internal error occurred: failed calling webhook "inject"', Cause.PLATFORM)),
    "a name that is taken was valid": (409, "AlreadyExists", "already exists", None),
    "no message at all": (418, "", " ", Refusal("HTTP 418")),
}  # fmt: skip


@pytest.mark.parametrize(("code", "reason", "message", "expected"), CASES.values(), ids=CASES)
def test_read(code: int, reason: str, message: str, expected: Refusal | None) -> None:
    assert read(code, reason, message) == expected


def test_a_long_refusal_is_cut() -> None:
    refusal = read(422, "Invalid", "x" * 5000)
    assert refusal is not None
    assert len(refusal.problem) == 700
