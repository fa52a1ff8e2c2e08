"""The last verdict of each user of some criteria: the worst gate's, few, and no team's numbers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lockstep.api.exit_criteria_status import LastVerdict
from lockstep.api.gate_status import GateStatus, Verdict
from lockstep.core.gates.last import Concluded, kept, newest, verdicts
from lockstep.core.key import Key

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
OF = Key("ModelDeployment", "pay", "fraud")
OURS, THEIRS = "ExitCriteria/quality", "ClusterExitCriteria/serving"


def gate(name: str, verdict: str, **more: Any) -> GateStatus:
    facts = {"criteria": OURS, "value": "0.3", "limit": "at most 0.01", "measured_at": NOW}
    return GateStatus.model_validate({"name": name, "verdict": verdict, **facts, **more})


CASES: dict[str, tuple[tuple[GateStatus, ...], list[str]]] = {
    "the only one": ((gate("errors", "Pass"),), ["errors Pass"]),
    "a failure is worse than all else": (
        (gate("p99", "Inconclusive"), gate("errors", "Fail"), gate("load", "Pass")),
        ["errors Fail"],
    ),
    "no answer is worse than a good one": (
        (gate("load", "Pass"), gate("p99", "Inconclusive")),
        ["p99 Inconclusive"],
    ),
    "of equals the first as it is written": (
        (gate("load", "Pass"), gate("p99", "Pass")),
        ["load Pass"],
    ),
    "a dry run tells nothing where another gate decides": (
        (gate("trying", "Fail", dry_run=True), gate("errors", "Pass")),
        ["errors Pass"],
    ),
    "criteria that are only tried say so": (
        (gate("trying", "Fail", dry_run=True),),
        ["trying Fail dry run"],
    ),
    "what is still measured is no verdict": ((gate("errors", "Measuring"),), []),
    "what was never measured is none either": ((gate("errors", "Fail", measured_at=None),), []),
    "each criteria have their own": (
        (gate("errors", "Pass"), gate("p99", "Fail", criteria=THEIRS)),
        ["errors Pass", "p99 Fail"],
    ),
}


@pytest.mark.parametrize(("gates", "expected"), CASES.values(), ids=CASES)
def test_verdicts(gates: tuple[GateStatus, ...], expected: list[str]) -> None:
    found = verdicts(OF, Concluded(revision="7f9c2b1e", stage="half", gates=gates))
    said = [f"{it.gate} {it.verdict}{' dry run' if it.dry_run else ''}" for _, it in found]
    assert said == expected


def test_a_verdict_says_whose_it_is_with_numbers() -> None:
    stage = Concluded(revision="7f9c2b1e", stage="half", gates=(gate("errors", "Fail"),))
    [(criteria, verdict)] = verdicts(OF, stage)
    assert criteria == OURS
    assert verdict.model_dump(mode="json", by_alias=True, exclude_none=True) == {
        "namespace": "pay", "name": "fraud", "revision": "7f9c2b1e", "stage": "half",
        "gate": "errors", "verdict": "Fail", "value": "0.3", "limit": "at most 0.01",
        "at": "2026-11-21T12:00:00Z",
    }  # fmt: skip


def test_where_every_team_may_read_no_team_shows_its_numbers() -> None:
    failed = gate("errors", "Fail", criteria=THEIRS)
    [(_, verdict)] = verdicts(OF, Concluded(revision="r", stage="half", gates=(failed,)))
    assert (verdict.verdict, verdict.value, verdict.limit) == (Verdict.FAIL, None, "at most 0.01")


def said(name: str = "fraud", **more: Any) -> LastVerdict:
    facts = {"namespace": "pay", "name": name, "revision": "r1", "stage": "half", "gate": "errors"}
    return LastVerdict.model_validate({**facts, "verdict": "Pass", "at": NOW, **more})


LATER = NOW + SECOND
KEPT: dict[str, tuple[tuple[LastVerdict, ...], tuple[LastVerdict, ...], list[LastVerdict]]] = {
    "the first one": ((), (said(),), [said()]),
    "another verdict": (
        (said(),), (said(verdict="Fail", at=LATER),), [said(verdict="Fail", at=LATER)]),
    "another revision": (
        (said(),), (said(revision="r2", at=LATER),), [said(revision="r2", at=LATER)]),
    "another stage": ((said(),), (said(stage="full", at=LATER),), [said(stage="full", at=LATER)]),
    "the same once more is no news": ((said(),), (said(at=NOW + 4 * MINUTE),), [said()]),
    "the same of a later trial is": (
        (said(),), (said(at=NOW + 9 * MINUTE),), [said(at=NOW + 9 * MINUTE)]),
    "an older one than is told": ((said(at=LATER),), (said(verdict="Fail"),), [said(at=LATER)]),
    "somebody who is gone, or uses others now": ((said("gone"), said()), (), [said()]),
    "the newest first": (
        (said(),), (said("scorer", at=LATER),), [said("scorer", at=LATER), said()]),
}  # fmt: skip


@pytest.mark.parametrize(("stored", "noted", "expected"), KEPT.values(), ids=KEPT)
def test_kept(
    stored: tuple[LastVerdict, ...], noted: tuple[LastVerdict, ...], expected: list[LastVerdict]
) -> None:
    assert list(kept(stored, noted, {"pay/fraud", "pay/scorer"})) == expected


def test_the_newest_are_kept_of_more_than_there_is_room_for() -> None:
    many = [said(f"model-{n}", at=NOW + n * SECOND) for n in range(40)]
    assert [it.name for it in newest(many)] == [f"model-{n}" for n in range(39, 23, -1)]
