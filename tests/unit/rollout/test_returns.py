"""Coming back to a completed revision: when without stages, when not, and who says which."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockstep.api.changes import changed
from lockstep.api.model_deployment_status import (
    Kept,
    Past,
    Phase,
    StageStatus,
)
from lockstep.core.rollout.observed import Answers, DryRunResult, SmokeResult
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.planner import needs, plan
from lockstep.core.rollout.routing import Everyone, Only
from tests.unit.rollout.conftest import Says
from tests.unit.rollout.test_planner import did, reason, trouble
from tests.unit.rollout.worlds import (
    NOW,
    V1,
    V2,
    V3,
    VERSIONS,
    World,
    arm,
    but,
    named,
    rejection,
    trial,
    world,
)

HOUR = timedelta(hours=1)
NOWHERE = "0" * 8
WINDOW = {"rollbackWindow": {"revisions": 2, "maxAge": "24h"}}
SMOKE = {"smokeTest": {"path": "/infer"}}
BLUE_GREEN: dict[str, Any] = {"strategy": {"blueGreen": {}}}
GATES_MISSING = {
    "strategy": {
        "canary": {
            "stages": [{"name": "half", "weight": 50, "exitCriteria": [{"name": "serving"}]}]
        }
    }
}


def past(*lines: str, apart: timedelta = HOUR) -> tuple[Past, ...]:
    """``1 completed``, ``2 failed``, …: the last of them ``apart`` ago, the others before it."""
    outcomes = {"completed": "Promoted", "failed": "RolledBack", "superseded": "Superseded"}
    by_version = {version[0]: (name, version) for name, version in VERSIONS.items()}
    history = []
    for age, line in enumerate(reversed(lines), 1):
        number, outcome = line.split()
        name, version = by_version[number]
        at = NOW - age * apart
        history.append(Past(revision=name, version=version, outcome=outcomes[outcome], at=at))
    return tuple(reversed(history))


def back(version: str, *lines: str, apart: timedelta = HOUR, **changes: Any) -> World:
    """Version 3 is stable; the spec asks for an earlier one, which the API server would take."""
    name = next(it for it, known in VERSIONS.items() if known == version)
    facts: dict[str, Any] = {
        "version": version,
        "spec": WINDOW,
        "stable": V3,
        "arms": (arm(V3, 4),),
        "routing": Only(V3),
        "stored": (V1, V2, V3),
        "status": {"history": past(*lines, apart=apart)},
        "answers": Answers(dry_run=DryRunResult(name, None)),
    }
    return world(**(facts | changes))


ALL = ("1 completed", "2 completed", "3 completed")
WINDOWS: dict[str, tuple[World, str]] = {
    "the revision before stable": (back("2.0.0", *ALL), "Returned"),
    "the one before that": (back("1.0.0", *ALL), "Returned"),
    "one too many before stable": (
        back("1.0.0", *ALL, spec={"rollbackWindow": {"revisions": 1}}),
        "",
    ),
    "a revision counts once, however often it was completed": (
        back("1.0.0", "1 completed", "2 completed", "3 completed", "2 completed", "3 completed"),
        "Returned",
    ),
    "stable itself does not count": (
        back(
            "2.0.0",
            "2 completed",
            "3 completed",
            "3 completed",
            spec={"rollbackWindow": {"revisions": 1}},
        ),
        "Returned",
    ),
    "what was completed last is nearest, whatever its number": (
        back(
            "1.0.0",
            "1 completed",
            "2 completed",
            "1 completed",
            "3 completed",
            spec={"rollbackWindow": {"revisions": 1}},
        ),
        "Returned",
    ),
    "no window": (back("2.0.0", *ALL, spec={}), ""),
    "just young enough": (back("2.0.0", *ALL, apart=12 * HOUR), "Returned"),
    "a little too old": (back("2.0.0", *ALL, apart=12 * HOUR + timedelta(seconds=1)), ""),
    "a revision that never completed": (back("2.0.0", "1 completed", "3 completed"), ""),
    "one that was superseded on its way": (
        back("2.0.0", "1 completed", "2 superseded", "3 completed"),
        "",
    ),
    "one that failed after it had been completed": (
        back("2.0.0", "2 completed", "3 completed", "2 failed"),
        "",
    ),
    "one that was completed after it had failed": (
        back("2.0.0", "2 failed", "2 completed", "3 completed"),
        "Returned",
    ),
    "a revision that was tried again in vain meanwhile and superseded": (
        back("2.0.0", "2 completed", "3 completed", "2 superseded"),
        "Returned",
    ),
    "forwards to what was left is no way back": (
        back("3.0.0", *ALL, "1 completed", stable=V1, arms=(arm(V1, 4),), routing=Only(V1)),
        "",
    ),
    "a revision whose ControllerRevision is gone": (back("2.0.0", *ALL, stored=(V1, V3)), ""),
    "a history that was lost": (back("2.0.0"), ""),
}


@pytest.mark.parametrize(("seen", "ungated"), WINDOWS.values(), ids=WINDOWS)
def test_the_window(seen: World, ungated: str, says: Says) -> None:
    decided = plan(seen.observed(), NOW)
    candidate, stage = decided.status.candidate, decided.status.stage
    assert candidate is not None
    assert stage is not None
    assert (candidate.ungated, stage.name) == (ungated, "direct" if ungated else "half")
    says(decided)


KEPT = {"kept": Kept(revision=V2, version="2.0.0", until=NOW + HOUR)}
STANDING = (arm(V2, 4), arm(V3, 4))
RETURNS: dict[str, tuple[World, str, str]] = {
    "a return brings its pods up beside stable, within the surge": (
        back("2.0.0", *ALL),
        "Moving",
        "v2=1",
    ),
    "a blue-green return comes up whole before anybody is switched": (
        back("2.0.0", *ALL, spec=WINDOW | BLUE_GREEN),
        "Moving",
        "preview 2, v2=4",
    ),
    "what keepOld keeps is switched to at once, in the same pass, without a window": (
        back("2.0.0", spec=BLUE_GREEN | SMOKE, arms=STANDING, status=KEPT),
        "Moving",
        "callers 2, preview 2",
    ),
    "what keepOld kept until now is not": (
        back(
            "2.0.0",
            spec=BLUE_GREEN | SMOKE,
            arms=STANDING,
            status={"kept": Kept(revision=V2, version="2.0.0", until=NOW)},
        ),
        "Moving",
        "preview 2",
    ),
    "kept pods that answer nobody have to show it again": (
        back("2.0.0", spec=BLUE_GREEN | SMOKE, arms=(arm(V2, 0, 4), arm(V3, 4)), status=KEPT),
        "Moving",
        "preview 2",
    ),
    "missing criteria block no return": (
        back("2.0.0", *ALL, spec=WINDOW | GATES_MISSING),
        "Moving",
        "v2=1",
    ),
    "missing criteria block what is outside": (
        back("2.0.0", *ALL, spec=GATES_MISSING),
        "CriteriaMissing",
        "",
    ),
    "a return waits for nobody but its pods": (
        trial(
            4,
            stable=1,
            candidate=named(V2, ungated="Returned"),
            stage=StageStatus(name="direct", index=0),
            routing=Only(V2),
        ),
        "Completed",
        "remove 1",
    ),
    "a return that crashes is taken back": (
        back(
            "2.0.0",
            *ALL,
            candidate=named(V2, ungated="Returned"),
            stage=StageStatus(name="direct", index=0),
            arms=(trouble(V2, 1, 2), arm(V3, 3)),
            routing=Everyone(),
            answers=Answers(),
        ),
        "RolledBack",
        "callers 3, v2=1, v3=4",
    ),
    "a return that answers its smoke test wrongly never gets a caller": (
        back(
            "2.0.0",
            *ALL,
            spec=WINDOW | SMOKE,
            candidate=named(V2, ungated="Returned", smoke_tested=False),
            stage=StageStatus(name="direct", index=0),
            arms=(arm(V2, 1), arm(V3, 4)),
            answers=Answers(smoke=SmokeResult(V2, "HTTP 500, expected 200")),
        ),
        "RolledBack",
        "",
    ),
}


@pytest.mark.parametrize(("seen", "why", "actions"), RETURNS.values(), ids=RETURNS)
def test_return(seen: World, why: str, actions: str, says: Says) -> None:
    decided = plan(seen.observed(), NOW)
    assert (reason(decided), did(decided)) == (why, actions), decided.status.message
    says(decided)


def test_a_return_is_told_as_one() -> None:
    begun = plan(back("2.0.0", *ALL).observed(), NOW)
    assert f"returning to version 2.0.0 (revision {V2})" in begun.status.message
    assert [event.message for event in begun.events] == [
        f"returning to version 2.0.0 (revision {V2}) without stages"
    ]
    done = plan(RETURNS["a return waits for nobody but its pods"][0].observed(), NOW)
    assert "returned to version 2.0.0" in done.status.history[-1].message
    assert any("returned to version 2.0.0" in event.message for event in done.events)
    assert done.status.stable is not None
    assert done.status.stable.ungated == ""


def test_kept_pods_are_proven_only_while_they_answer() -> None:
    instant = "what keepOld keeps is switched to at once, in the same pass, without a window"
    silent = "kept pods that answer nobody have to show it again"
    told = {row: plan(RETURNS[row][0].observed(), NOW).status for row in (instant, silent)}
    proven = {row for row, it in told.items() if it.candidate and it.candidate.smoke_tested}
    assert proven == {instant}


def test_what_was_left_keeps_no_pods_for_a_way_forward() -> None:
    switched = back(
        "2.0.0",
        spec=BLUE_GREEN,
        candidate=named(V2, ungated="Returned"),
        stage=StageStatus(name="direct", index=0),
        arms=STANDING,
        routing=Only(V2),
        answers=Answers(),
    )
    decided = plan(switched.observed(), NOW)
    assert decided.status.kept is None
    assert did(decided) == "remove 3"


def to(target: str, base: World, **spec: Any) -> World:
    return but(base, spec={**base.spec, "rollbackTo": target, **spec})


def settled(**changes: Any) -> World:
    """Version 3 is stable and asked for."""
    return back("3.0.0", *ALL, **changes)


FAILED_3 = rejection(V3)
ON_TRIAL = back(
    "3.0.0",
    "1 completed",
    "2 completed",
    stable=V2,
    candidate=named(V3),
    stage=StageStatus(name="half", index=0),
    arms=(arm(V2, 2), arm(V3, 2)),
    routing=Everyone(),
    answers=Answers(dry_run=DryRunResult(V1, None)),
)
BEGINNING = but(ON_TRIAL, arms=(arm(V2, 4), arm(V3, 1, 1)), routing=Only(V2))
SECOND_STAGE = but(
    ON_TRIAL,
    stage=StageStatus(name="full", index=1),
    arms=(arm(V2, 2), arm(V3, 3)),
)
REJECTED = but(
    ON_TRIAL,
    candidate=None,
    stage=None,
    rejected=FAILED_3,
    arms=(arm(V2, 4),),
    routing=Only(V2),
)
TARGETS: dict[str, tuple[World, str, str]] = {
    "a revision inside the window is returned to": (
        to(V2, but(settled(), answers=Answers(dry_run=DryRunResult(V2, None)))),
        "Moving",
        "v2=1",
    ),
    "its pods are tried on the API server like any other's": (to(V2, settled()), "Checking", ""),
    "stable on rollbackTo is done": (
        to(V2, but(settled(), stable=V2, arms=(arm(V2, 4),), routing=Only(V2))),
        "Completed",
        "",
    ),
    "rollbackTo stable ends a trial at once": (
        to(V2, ON_TRIAL),
        "Scaling",
        "callers 2, remove 3, v2=4",
    ),
    "rollbackTo another revision ends the trial and begins its own": (
        to(V1, ON_TRIAL),
        "Moving",
        "callers 2, remove 3, v1=1",
    ),
    "rollbackTo the candidate changes nothing": (to(V3, ON_TRIAL), "Moving", "v3=3"),
    "rollbackTo stable is no trouble where the template was rejected": (
        to(V2, REJECTED),
        "Completed",
        "",
    ),
    "rollbackTo another revision goes there although the template was rejected": (
        to(V1, REJECTED),
        "Moving",
        "v1=1",
    ),
    "rollbackTo what was rejected is not tried again": (to(V3, REJECTED), "RolledBack", ""),
    "an unknown revision starts nothing": (to(NOWHERE, settled()), "RollbackTargetMissing", ""),
    "an unknown revision keeps a trial where it is": (
        to(NOWHERE, ON_TRIAL),
        "RollbackTargetMissing",
        "",
    ),
    "an unknown revision lets no caller in": (
        to(NOWHERE, BEGINNING),
        "RollbackTargetMissing",
        "",
    ),
    "without it the same trial would let them in": (BEGINNING, "Moving", "callers both"),
    "an unknown revision sends the trial back to the stage that it had passed": (
        to(NOWHERE, SECOND_STAGE),
        "RollbackTargetMissing",
        "v3=2",
    ),
    "an unknown revision does not keep a sick candidate": (
        to(NOWHERE, but(ON_TRIAL, arms=(arm(V2, 2), trouble(V3, 1, 2)))),
        "RolledBack",
        "callers 2, v3=1, v2=4",
    ),
    "an unknown revision leaves what was rejected alone": (
        to(NOWHERE, REJECTED),
        "RollbackTargetMissing",
        "",
    ),
    "an unknown revision starts no first rollout": (
        to(NOWHERE, world(stable=None, arms=(), routing=None, stored=())),
        "RollbackTargetMissing",
        "",
    ),
    "empty again: the template is wanted, through its stages": (
        but(
            settled(),
            stable=V2,
            arms=(arm(V2, 4),),
            routing=Only(V2),
            status={"history": past(*ALL, "2 completed")},
        ),
        "Moving",
        "v3=1",
    ),
}


@pytest.mark.parametrize(("seen", "why", "actions"), TARGETS.values(), ids=TARGETS)
def test_rollback_to(seen: World, why: str, actions: str, says: Says) -> None:
    decided = plan(seen.observed(), NOW)
    assert (reason(decided), did(decided)) == (why, actions), decided.status.message
    says(decided)


def decide(seen: World, *passes: World) -> Plan:
    """One pass after the other, each reading what the one before it has stored."""
    decided = plan(seen.observed(), NOW)
    for following in passes:
        decided = plan(replace(following.observed(), status=decided.status), NOW)
    return decided


def test_a_rejection_survives_a_rollback_to_somewhere_else() -> None:
    decided = decide(to(V2, REJECTED), REJECTED)
    kept = NOW + timedelta(seconds=30)
    assert decided.status.rejected == changed(FAILED_3, unreached_at=NOW, keep_until=kept)
    assert reason(decided) == "RolledBack"


def test_a_new_template_is_forgiven_while_rolled_back() -> None:
    decided = plan(to(V2, but(REJECTED, version="1.0.0")).observed(), NOW)
    assert decided.status.rejected is None


def test_a_new_retry_forgives_while_rolled_back() -> None:
    decided = plan(to(V2, REJECTED, retry="again").observed(), NOW)
    assert decided.status.rejected is None


def test_a_missing_target_is_named_with_those_that_are_known() -> None:
    decided = plan(to(NOWHERE, settled()).observed(), NOW)
    valid = next(it for it in decided.status.conditions if it.type == "SpecValid")
    assert (valid.status, valid.reason) == ("False", "RollbackTargetMissing")
    known = f"{V3} (version 3.0.0), {V2} (version 2.0.0), {V1} (version 1.0.0)"
    assert f"revision {NOWHERE}, which does not exist; existing revisions: {known}" in valid.message
    assert decided.status.phase is Phase.DEGRADED


def test_a_trial_that_was_kept_where_it_is_goes_on_by_itself() -> None:
    decided = decide(to(NOWHERE, BEGINNING), BEGINNING)
    assert (reason(decided), did(decided)) == ("Moving", "callers both")
    assert decided.status.candidate is not None
    assert decided.status.candidate.revision == V3


def test_healthy_on_rollback_to_says_what_waits() -> None:
    decided = plan(TARGETS["stable on rollbackTo is done"][0].observed(), NOW)
    assert "clear it to roll out version 3.0.0 again" in decided.status.message


def test_the_target_is_never_pruned() -> None:
    limit = {"revisionHistoryLimit": 1, "rollbackWindow": {"revisions": 1}}
    seen = to(V1, but(settled(), answers=Answers()), **limit)
    assert "forget" not in did(plan(seen.observed(), NOW))


def test_nothing_is_asked_about_a_target_that_is_not_there() -> None:
    assert needs(to(NOWHERE, settled()).observed(), NOW).dry_run is None
