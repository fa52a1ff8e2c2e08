"""When a status is worth a write."""

from datetime import UTC, datetime, timedelta

import pytest

from lockstep.api.base import Manifest
from lockstep.shell.store import worth_writing

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JUST, LONG_AGO = NOW - timedelta(seconds=5), NOW - timedelta(seconds=30)


def status(samples: int = 1, verdict: str = "Measuring", phase: str = "Progressing") -> Manifest:
    gate = {"name": "p99", "samples": samples, "value": f"0.{samples}", "verdict": verdict}
    return {"phase": phase, "gates": [gate]}


CASES: dict[str, tuple[Manifest, Manifest, datetime | None, bool]] = {
    "an equal status is not written": (status(), status(), LONG_AGO, False),
    "a phase is written at once": (status(), status(phase="Healthy"), JUST, True),
    "a verdict is written at once": (status(), status(verdict="Fail"), JUST, True),
    "evidence alone waits": (status(), status(2), JUST, False),
    "evidence alone is written every 30 s": (status(), status(2), LONG_AGO, True),
    "evidence is written when nothing was since the start": (status(), status(2), None, True),
    "the first status is written": ({}, status(), None, True),
    "a new gate is written at once": ({"gates": []}, {"gates": status()["gates"]}, JUST, True),
}


@pytest.mark.parametrize(("before", "after", "last", "expected"), CASES.values(), ids=CASES)
def test_worth_writing(
    before: Manifest, after: Manifest, last: datetime | None, *, expected: bool
) -> None:
    assert worth_writing(before, after, last, NOW) is expected
