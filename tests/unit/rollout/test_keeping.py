"""Pods without callers stay from a moment that their field names, as long as the spec says now."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from lockstep.api.model_deployment_status import (
    Kept,
    Past,
    Rejection,
)
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.planner import plan
from lockstep.core.rollout.routing import Everyone, Only
from tests.unit.rollout.conftest import Says
from tests.unit.rollout.test_planner import did
from tests.unit.rollout.worlds import NOW, V1, V2, World, arm, rejection, world

SECONDS = timedelta(seconds=1)
AGO = NOW - 60 * SECONDS


def gone_back(keep: str, of: Rejection, routing: Any = Only(V1), **rest: Any) -> World:  # noqa: B008
    """Version 2 has failed; ``keep`` is keepFailed as the spec has it now."""
    facts: dict[str, Any] = {
        "arms": (arm(V1, 4), arm(V2, 1)),
        "spec": {"rollback": {"speed": "Paced", "keepFailed": keep}},
        "rejected": of,
        "routing": routing,
    }
    return world(**(facts | rest))


def reached(**changes: Any) -> Rejection:
    return rejection(V2, at=AGO, **changes)


NOTED = reached(unreached_at=NOW - 20 * SECONDS, keep_until=NOW + 10 * SECONDS)
BEFORE = reached(keep_until=AGO + 90 * SECONDS)
"""As an operator wrote it that kept only until when, from the rejection on."""


def ends(decided: Plan) -> datetime | None:
    return decided.status.rejected.keep_until if decided.status.rejected else None


FAILED: dict[str, tuple[World, str, timedelta | None]] = {
    "while callers may meet it no clock runs, and the last pod stays": (
        gone_back("30s", reached(), Everyone(), arms=(arm(V1, 3, 4), arm(V2, 1))), "", None),
    "on the way it shrinks to what will be looked at": (
        gone_back("30s", reached(), Everyone(), arms=(arm(V1, 3), arm(V2, 2))),
        "v2=1", None),
    "what is gone already is not made again for a look": (
        gone_back("30s", reached(), Everyone(), arms=(arm(V1, 2, 4),)), "", None),
    "without a look it goes whole": (
        gone_back("0s", reached(), Everyone(), arms=(arm(V1, 4), arm(V2, 1))),
        "callers 1, v2=0", timedelta(0)),
    "stable whole: callers leave it, and the clock begins": (
        gone_back("30s", reached(), Everyone()), "callers 1", 30 * SECONDS),
    "it runs from there": (gone_back("30s", NOTED), "", 10 * SECONDS),
    "raised, it stays longer": (gone_back("1h", NOTED), "", 3580 * SECONDS),
    "lowered, it goes": (gone_back("10s", NOTED), "remove 2", -10 * SECONDS),
    "lowered to nothing, it goes": (gone_back("0s", NOTED), "remove 2", -20 * SECONDS),
    "what an earlier operator noted is read as meant": (
        gone_back("90s", BEFORE), "", 30 * SECONDS),
    "and follows the spec as well": (gone_back("0s", BEFORE), "remove 2", -60 * SECONDS),
}  # fmt: skip


@pytest.mark.parametrize(("case", "done", "left"), FAILED.values(), ids=FAILED)
def test_keep_failed(case: World, done: str, left: timedelta | None, says: Says) -> None:
    decided = plan(case.observed(), NOW)
    end = None if left is None else NOW + left
    assert (did(decided).replace("v1=4, ", ""), ends(decided)) == (done, end)
    says(decided)


def test_a_failed_pod_is_looked_for_again_when_its_time_is_over() -> None:
    decided = plan(gone_back("30s", NOTED).observed(), NOW)
    assert decided.look_again == 10 * SECONDS


PROMOTED = Past(revision=V2, version="2.0.0", outcome="Promoted", at=AGO)


def switched(keep: str, kept: Kept | None, **rest: Any) -> World:
    """Version 2 is stable by a blue-green; version 1 is kept."""
    return world(
        stable=V2,
        arms=(arm(V1, 4), arm(V2, 4)),
        routing=Only(V2),
        spec={"strategy": {"blueGreen": {"keepOld": keep}}},
        status={"kept": kept, "history": (PROMOTED,), **rest},
    )


SINCE = Kept(revision=V1, version="1.0.0", since=AGO, until=AGO + timedelta(hours=24))
UNTIL = Kept(revision=V1, version="1.0.0", until=AGO + timedelta(hours=24))
OLD: dict[str, tuple[World, str, datetime | None]] = {
    "as long as it was asked for": (switched("24h", SINCE), "", SINCE.until),
    "lowered, it goes": (switched("0s", SINCE), "remove 1", None),
    "lowered a little, it goes earlier": (switched("1h", SINCE), "", AGO + timedelta(hours=1)),
    "raised, it stays longer": (switched("48h", SINCE), "", AGO + timedelta(hours=48)),
    "what an earlier operator noted stands": (switched("24h", UNTIL), "", UNTIL.until),
    "and follows the spec as well": (switched("0s", UNTIL), "remove 1", None),
    "without a history it stands as it was noted": (
        switched("0s", UNTIL, history=()), "", UNTIL.until),
}  # fmt: skip


@pytest.mark.parametrize(("case", "done", "until"), OLD.values(), ids=OLD)
def test_keep_old(case: World, done: str, until: datetime | None, says: Says) -> None:
    decided = plan(case.observed(), NOW)
    kept = decided.status.kept
    assert (did(decided), kept and kept.until) == (done, until)
    says(decided)


def test_an_upgrade_of_the_operator_writes_nothing_about_what_is_kept() -> None:
    for case in (switched("24h", UNTIL), gone_back("90s", BEFORE)):
        seen = case.observed()
        status = plan(seen, NOW).status
        assert (status.kept, status.rejected) == (seen.status.kept, seen.status.rejected)


def test_an_end_that_is_days_away_has_its_date() -> None:
    far = plan(switched("72h", SINCE).observed(), NOW).status.message
    near = plan(switched("23h", SINCE).observed(), NOW).status.message
    assert "until 2026-11-24 11:59:00Z" in far
    assert "until 10:59:00Z" in near
