"""A bake: all callers are on the candidate, stable is kept, and a failed gate still goes back."""

from datetime import timedelta
from typing import Any

import pytest

from lockstep.api.model_deployment_status import StageStatus
from lockstep.core.gates.question import Answer
from lockstep.core.rollout.observed import Answers, DryRunResult, Observed
from lockstep.core.rollout.planner import needs, plan
from lockstep.core.rollout.routing import Everyone, Only
from tests.unit.rollout.conftest import Says
from tests.unit.rollout.test_gated import BAD, DOWN, GOOD, REF, criteria, told, value
from tests.unit.rollout.test_planner import did, reason, trouble
from tests.unit.rollout.worlds import NOW, V1, V2, V3, World, arm, trial

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
BAKE = {"duration": "1h", "exitCriteria": [{"name": "serving"}]}
FULL = [{"name": "full", "weight": 100}]


def spec(**changes: Any) -> dict[str, Any]:
    canary = {"stages": FULL, "bake": BAKE, **changes.pop("canary", {})}
    return {"strategy": {"canary": canary}, **changes}


KEEP = {"stableScale": "Keep"}


def baking(since: timedelta | None = MINUTE, stable: int = 1, **changes: Any) -> World:
    """All callers are on version 2, and have been since then."""
    stage = StageStatus(name="bake", index=1)
    if since is not None:
        until, limit = NOW - since + HOUR, NOW - since + 2 * HOUR
        stage = StageStatus(
            name="bake", index=1, entered_at=NOW - since, soak_until=until, deadline=limit
        )
    facts: dict[str, Any] = {
        "spec": spec(),
        "stage": stage,
        "routing": Only(V2),
        "rest": {"criteria": {REF: criteria()}},
    }
    return trial(4, stable=stable, **(facts | changes))


CASES: dict[str, tuple[World, str, str]] = {
    "after the last stage it begins, and one stable pod stays warm": (
        baking(stage=StageStatus(name="full", index=0), stable=2),
        "Moving",
        "v1=1",
    ),
    "with Keep stable stays whole": (
        baking(stage=StageStatus(name="full", index=0), stable=4, spec=spec(canary=KEEP)),
        "Measuring",
        "",
    ),
    "without surge there is no place for a warm one": (
        baking(stage=StageStatus(name="full", index=0), spec=spec(canary={"maxSurge": 0})),
        "Moving",
        "v1=0",
    ),
    "it holds all callers": (baking(), "Measuring", ""),
    "a candidate that crashes in it goes back": (
        baking(arms=(arm(V1, 1), trouble(V2, 3, 4))),
        "RolledBack",
        "callers 1, v2=1, v1=4",
    ),
    "superseded in it, callers go back as the old stable grows": (
        baking(version="3.0.0", stored=(V1, V2, V3)),
        "Returning",
        "callers both",
    ),
    "the next trial begins beside the old stable, once it is whole": (
        baking(
            version="3.0.0",
            stored=(V1, V2, V3),
            arms=(arm(V1, 4), arm(V2, 4)),
            answers=Answers(dry_run=DryRunResult(V3, None)),
        ),
        "Moving",
        "callers 1, remove 2",
    ),
    "stable's content in it returns everybody as stable grows": (
        baking(version="1.0.0"),
        "Returning",
        "callers both",
    ),
    "after it without a look nothing is promoted": (baking(HOUR), "Measuring", ""),
    "after its deadline it pauses with stable kept": (baking(2 * HOUR), "DeadlineExceeded", ""),
}


@pytest.mark.parametrize(("seen", "why", "actions"), CASES.values(), ids=CASES)
def test_bake(seen: World, why: str, actions: str, says: Says) -> None:
    decided = plan(seen.observed(), NOW)
    assert (reason(decided), did(decided)) == (why, actions), decided.status.message
    says(decided)


COUNTED = {"count": 1}


def measured(
    since: timedelta = MINUTE, metric: dict[str, Any] | None = None, **changes: Any
) -> Observed:
    found = {REF: criteria(**(metric or {}))}
    return baking(since, rest={"criteria": found}, **changes).observed()


LAST_MINUTE = HOUR - timedelta(seconds=30)
OUTCOMES: dict[str, tuple[Observed, Answer, str, str]] = {
    "good looks to the end promote": (measured(HOUR), GOOD, "Completed", "remove 1"),
    "a count that is reached does not end it": (measured(metric=COUNTED), GOOD, "Measuring", ""),
    "a failure in the last minute goes back": (
        measured(LAST_MINUTE),
        BAD,
        "RolledBack",
        "callers 1, v2=1, v1=4",
    ),
    "a failure in the last look goes back": (
        measured(HOUR),
        BAD,
        "RolledBack",
        "callers 1, v2=1, v1=4",
    ),
    "no answer at the end promotes nothing": (measured(HOUR), DOWN, "Measuring", ""),
    "between the limits a person is asked": (
        measured(metric={"failWhen": {"min": 0.2}}),
        value(0.1),
        "Inconclusive",
        "",
    ),
    "paused it is measured to its end and not promoted": (
        measured(HOUR, spec=spec(paused=True)),
        GOOD,
        "Paused",
        "",
    ),
    "paused it still goes back": (
        measured(spec=spec(paused=True)),
        BAD,
        "RolledBack",
        "callers 1, v2=1, v1=4",
    ),
}


@pytest.mark.parametrize(("seen", "said", "why", "actions"), OUTCOMES.values(), ids=OUTCOMES)
def test_outcome(seen: Observed, said: Answer, why: str, actions: str, says: Says) -> None:
    decided = told(seen, said, GOOD)
    assert (reason(decided), did(decided)) == (why, actions), decided.status.message
    says(decided)


def test_a_gate_that_has_its_count_is_asked_on() -> None:
    once = told(measured(metric=COUNTED), GOOD, GOOD)
    later = NOW + timedelta(seconds=20)
    seen = measured(metric=COUNTED)
    assert once.status.gates[0].samples == 1
    again = needs(
        baking(status={"gates": once.status.gates}, rest={"criteria": seen.criteria}).observed(),
        later,
    )
    assert len(again.questions) == 1


def test_a_bake_that_is_yet_to_begin_takes_all_callers() -> None:
    """Another spec may have put it there while the last stage still moved."""
    decided = plan(baking(None, routing=Everyone()).observed(), NOW)
    assert (reason(decided), did(decided)) == ("Moving", "callers 2")
