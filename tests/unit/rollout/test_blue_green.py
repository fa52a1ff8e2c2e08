"""Blue-green, pass by pass: a preview that no caller reaches, one switch, and a way back."""

from datetime import timedelta
from typing import Any

import pytest

from lockstep.api.model_deployment_status import Kept, StageStatus
from lockstep.core.facts import Foreign
from lockstep.core.rollout.observed import Answers, CallerService, DryRunResult
from lockstep.core.rollout.planner import plan
from lockstep.core.rollout.routing import Everyone, Only
from tests.unit.rollout.conftest import Says
from tests.unit.rollout.test_planner import did, reason
from tests.unit.rollout.worlds import NOW, PORTS, V1, V2, V3, World, arm, named, trial, world

MINUTE = timedelta(minutes=1)


def blue_green(**changes: Any) -> dict[str, Any]:
    return {"strategy": {"blueGreen": {"previewReplicas": 1, **changes}}}


WATCHED = blue_green(postPromotion={"duration": "10m"})


def at(step: str, index: int, **changes: Any) -> World:
    """A trial at one of the steps of a blue-green, with its preview Service there."""
    facts: dict[str, Any] = {
        "spec": blue_green(),
        "stage": StageStatus(name=step, index=index),
        "routing": Only(V1),
        "arms": (arm(V1, 4), arm(V2, 1)),
        "rest": {"preview": CallerService(uid="v", routing=Only(V2), ports=PORTS)},
    }
    return trial(**(facts | changes))


def switched(**changes: Any) -> World:
    """All callers are on the candidate, and stable is still whole."""
    facts: dict[str, Any] = {
        "spec": WATCHED,
        "routing": Only(V2),
        "arms": (arm(V1, 4), arm(V2, 4)),
    }
    return at("post-promotion", 2, **(facts | changes))


def done(until: timedelta, **changes: Any) -> World:
    """Version 2 is stable and version 1 keeps its pods ``until`` then."""
    kept = Kept(revision=V1, version="1.0.0", until=NOW + until)
    facts: dict[str, Any] = {
        "spec": blue_green(),
        "stable": V2,
        "arms": (arm(V1, 4), arm(V2, 4)),
        "routing": Only(V2),
        "status": {"kept": kept},
    }
    return world(**(facts | changes))


CASES: dict[str, tuple[World, str, str]] = {
    "a preview begins beside a whole stable": (
        world(spec=blue_green()),
        "Moving",
        "preview 2, v2=1",
    ),
    "without a size of its own the preview is whole": (
        world(spec={"strategy": {"blueGreen": {}}}),
        "Moving",
        "preview 2, v2=4",
    ),
    "a preview is no larger than replicas": (
        world(spec=blue_green(previewReplicas=9)),
        "Moving",
        "preview 2, v2=4",
    ),
    "a preview that is ready and wants nothing more is scaled up for the switch": (
        at("pre-promotion", 0),
        "Moving",
        "v2=4",
    ),
    "no caller reaches a preview however long it soaks": (
        at("pre-promotion", 0, spec=blue_green(prePromotion={"soak": "1h"})),
        "Measuring",
        "",
    ),
    "callers who are split, as a canary left them, stay so until stable is whole": (
        at("pre-promotion", 0, routing=Everyone(), arms=(arm(V1, 1, 4), arm(V2, 3))),
        "Moving",
        "",
    ),
    "callers who are split, as a canary left them, are stable's once it is whole": (
        at("pre-promotion", 0, routing=Everyone(), arms=(arm(V1, 4), arm(V2, 1))),
        "Moving",
        "callers 1",
    ),
    "a preview waits for a person who promotes": (
        at("pre-promotion", 0, spec=blue_green(autoPromote=False)),
        "PromotionNeeded",
        "",
    ),
    "a promoted preview goes on": (
        at(
            "pre-promotion",
            0,
            spec=blue_green(autoPromote=False),
            stage=StageStatus(
                name="pre-promotion", index=0, entered_at=NOW, soak_until=NOW, vouched_by="alice"
            ),
        ),
        "Moving",
        "v2=4",
    ),
    "nobody is switched before the last pod is ready": (
        at("promotion", 1, arms=(arm(V1, 4), arm(V2, 3, 4))),
        "Moving",
        "",
    ),
    "all callers are switched at once": (
        at("promotion", 1, arms=(arm(V1, 4), arm(V2, 4))),
        "Moving",
        "callers 2",
    ),
    "a switched candidate is stable, and the old one keeps its pods": (
        at("promotion", 1, arms=(arm(V1, 4), arm(V2, 4)), routing=Only(V2)),
        "Completed",
        "no preview",
    ),
    "with keepOld 0s the old pods go at once": (
        at(
            "promotion",
            1,
            spec=blue_green(keepOld="0s"),
            arms=(arm(V1, 4), arm(V2, 4)),
            routing=Only(V2),
        ),
        "Completed",
        "no preview, remove 1",
    ),
    "after the switch stable stays whole while it is watched": (switched(), "Measuring", ""),
    "a candidate that dies after the switch loses its callers at once": (
        switched(arms=(arm(V1, 4), arm(V2, 0, 4))),
        "Moving",
        "callers 1",
    ),
    "a candidate that loses one pod after the switch keeps its callers": (
        switched(arms=(arm(V1, 4), arm(V2, 3, 4))),
        "Moving",
        "",
    ),
    "a dead stable does not keep a previewed fix from its callers": (
        at("pre-promotion", 0, arms=(arm(V1, 0, 4), arm(V2, 1))),
        "Moving",
        "callers 2",
    ),
    "an unproven preview gets no caller from a dead stable": (
        at(
            "pre-promotion",
            0,
            spec={**blue_green(), "smokeTest": {"path": "/"}},
            candidate=named(V2, smoke_tested=False),
            arms=(arm(V1, 0, 4), arm(V2, 1)),
        ),
        "Moving",
        "",
    ),
    "the old revision keeps all its pods inside keepOld": (done(MINUTE), "Completed", ""),
    "the old revision follows replicas inside keepOld": (
        done(MINUTE, spec={**blue_green(), "replicas": 6}),
        "Scaling",
        "v2=6, v1=6",
    ),
    "an old Deployment that somebody deleted is not made again": (
        done(MINUTE, arms=(arm(V2, 4),)),
        "Completed",
        "",
    ),
    "the old pods go when keepOld is over": (done(timedelta(0)), "Completed", "remove 1"),
    "a third revision waits for the places of the kept one": (
        done(
            MINUTE,
            version="3.0.0",
            stored=(V1, V2, V3),
            answers=Answers(dry_run=DryRunResult(V3, None)),
        ),
        "Moving",
        "preview 3, remove 1",
    ),
    "a preview Service that somebody aims elsewhere is put back": (
        at(
            "pre-promotion",
            0,
            spec=blue_green(prePromotion={"soak": "1h"}),
            rest={"preview": CallerService(uid="v", routing=Only(V1), ports=PORTS)},
        ),
        "Moving",
        "preview 2",
    ),
    "a preview Service is taken away when nothing is on trial": (
        world(
            version="1.0.0", rest={"preview": CallerService(uid="v", routing=Only(V2), ports=PORTS)}
        ),
        "Completed",
        "no preview",
    ),
    "a preview's name that is taken is left alone and said": (
        world(spec=blue_green(), rest={"foreign": (Foreign("Service", "fraud-candidate"),)}),
        "Conflict",
        "",
    ),
    "a canary needs no preview and minds nobody's Service": (
        world(rest={"foreign": (Foreign("Service", "fraud-candidate"),)}),
        "Moving",
        "v2=1",
    ),
}


@pytest.mark.parametrize(("seen", "why", "done_"), CASES.values(), ids=CASES)
def test_blue_green(seen: World, why: str, done_: str, says: Says) -> None:
    decided = plan(seen.observed(), NOW)
    assert (reason(decided), did(decided)) == (why, done_)
    says(decided)


def test_keep_old_is_counted_from_the_promotion() -> None:
    switch = at("promotion", 1, arms=(arm(V1, 4), arm(V2, 4)), routing=Only(V2))
    decided = plan(switch.observed(), NOW)
    assert decided.status.kept == Kept(
        revision=V1, version="1.0.0", since=NOW, until=NOW + 30 * MINUTE
    )
    assert (
        "the pods of version 1.0.0 are kept for a fast rollback until 12:30:00Z"
        in decided.status.message
    )


def test_the_old_pods_are_looked_at_when_keep_old_ends() -> None:
    assert plan(done(MINUTE).observed(), NOW).look_again == MINUTE


def test_weights_of_a_preview_and_of_a_switch() -> None:
    preview = at("pre-promotion", 0, spec=blue_green(prePromotion={"soak": "1h"}))
    shown = [plan(it.observed(), NOW).status.weights for it in (preview, switched())]
    assert [(it.desired, it.actual) for it in shown if it] == [(0, 0), (100, 100)]


def test_no_number_of_replicas_is_asked_for_where_nothing_is_split() -> None:
    spec = {**blue_green(), "replicas": 1}
    one = at("pre-promotion", 0, spec=spec, arms=(arm(V1, 1), arm(V2, 1)))
    kinds = {it.type for it in plan(one.observed(), NOW).status.conditions}
    assert "WeightApproximate" not in kinds
