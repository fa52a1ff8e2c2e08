"""After an outage of the API server nothing that serves goes before everybody can have heard."""

from datetime import timedelta
from typing import Any

import pytest

from lockstep.api.model_deployment_status import (
    Leaving,
    Past,
    StageStatus,
)
from lockstep.core.facts import Outage
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.planner import plan
from lockstep.core.rollout.routing import Everyone, Only
from lockstep.core.rollout.settling import LONGEST, settled
from tests.sim.obey import obey
from tests.unit.rollout.conftest import Says
from tests.unit.rollout.test_planner import did, reason, trouble
from tests.unit.rollout.test_restart import LONG_AGO, above, aged
from tests.unit.rollout.worlds import NOW, V1, V2, World, arm, but, rejection, trial, world

SECONDS = timedelta(seconds=1)
AWAY = Outage(30 * SECONDS, NOW - 20 * SECONDS)
SETTLED = Outage(30 * SECONDS, NOW - 90 * SECONDS)
BRIEF = Outage(4 * SECONDS, NOW - 5 * SECONDS)
PASSED = StageStatus(name="full", index=1, entered_at=NOW, standing_since=NOW, soak_until=NOW)
DONE = (Past(revision=V1, version="1.0.0", outcome="Promoted", at=NOW - 3600 * SECONDS),)
LEFT: dict[str, Any] = {"status": {"leaving": Leaving(revision=V2, version="2.0.0")}}


def after(base: World, outage: Outage | None = AWAY) -> World:
    return but(base, rest={**base.rest, "outage": outage})


def promoted(**changes: Any) -> World:
    """All callers are on version 2; a pod of version 1 is left that some node may know."""
    facts: dict[str, Any] = {
        "stable": V2,
        "arms": (arm(V2, 4), arm(V1, 1)),
        "routing": Only(V2),
        "status": {"history": DONE},
    }
    return world(**(facts | changes))


FULL = trial(stage=PASSED, arms=(arm(V1, 1), arm(V2, 4)), routing=Only(V2))
GROWING = trial(
    stage=StageStatus(name="full", index=1), arms=(arm(V1, 2), arm(V2, 3)), routing=Everyone()
)
FAILED = trial(arms=(arm(V1, 2), trouble(V2, 1, 2)))
OLD = aged(above(arm(V1, 5)))

CASES: dict[str, tuple[World, str, str]] = {
    "the pods of the revision before stay": (after(promoted()), "Completed", ""),
    "until everybody has heard": (after(promoted(), SETTLED), "Completed", "remove 1"),
    "without an outage they go at once": (after(promoted(), None), "Completed", "remove 1"),
    "a brief one is over soon": (after(promoted(), BRIEF), "Completed", ""),
    "those that answer nobody go": (
        after(promoted(arms=(arm(V2, 4), arm(V1, 0, 1)))), "Completed", "remove 1"),
    "stable keeps what callers are still sent to": (after(GROWING), "Moving", ""),
    "as it would not": (after(GROWING, SETTLED), "Moving", "v1=1"),
    "a stage that has passed does not end": (after(FULL), "Measuring", ""),
    "then it does": (after(FULL, SETTLED), "Completed", "remove 1"),
    "a dead stable holds up no fix": (
        after(but(FULL, arms=(arm(V1, 0, 1), arm(V2, 4)))), "Completed", "remove 1"),
    "a failure takes callers back at once, and stable grows": (
        after(FAILED), "RolledBack", "callers 1, v2=1, v1=4"),
    "what failed stays longer than it is looked at": (
        after(world(rejected=rejection(V2, unreached_at=NOW - 40 * SECONDS),
                    arms=(arm(V1, 4), arm(V2, 1)))), "RolledBack", ""),
    "but not what failed long before": (
        after(world(rejected=rejection(V2, unreached_at=NOW - 400 * SECONDS),
                    arms=(arm(V1, 4), arm(V2, 1)))), "RolledBack", "remove 2"),
    "a trial that somebody ended shrinks later": (
        after(world(version="1.0.0", arms=(arm(V1, 2), arm(V2, 3)), routing=Everyone(), **LEFT)),
        "Returning", ""),
    "a smaller size waits": (
        after(world(version="1.0.0", spec={"replicas": 2})), "Completed", ""),
    "a larger one does not": (
        after(world(version="1.0.0", spec={"replicas": 6})), "Scaling", "v1=6"),
    "a restart waits": (
        after(world(version="1.0.0", spec={"restartAt": NOW - 60 * SECONDS}, arms=(OLD,))),
        "Restarting", ""),
    "a pod that is sick is replaced all the same, beside another": (
        after(world(version="1.0.0", spec={"restartAt": NOW - 60 * SECONDS},
                    arms=(aged(trouble(V1, 3, 4), LONG_AGO),))), "CrashLoop", "v1=4"),
}  # fmt: skip


def told(decided: Plan) -> str:
    return next((it.message for it in decided.status.conditions if it.type == "Settling"), "")


@pytest.mark.parametrize(("it", "why", "actions"), CASES.values(), ids=CASES)
def test_after_an_outage(it: World, why: str, actions: str, says: Says) -> None:
    decided = plan(it.observed(), NOW)
    assert (reason(decided), did(decided)) == (why, actions)
    says(decided)


@pytest.mark.parametrize(("it", "why", "actions"), CASES.values(), ids=CASES)
def test_repeated_passes_fall_silent(it: World, why: str, actions: str) -> None:
    del why, actions
    seen = it.observed()
    for _ in range(3):
        seen = obey(seen, plan(seen, NOW))
    again = plan(seen, NOW)
    assert (again.actions, again.status) == ((), seen.status)


def test_it_is_said_why_and_until_when_and_looked_at_then() -> None:
    decided = plan(after(promoted()).observed(), NOW)
    assert told(decided) == (
        "the API server did not answer for 30s until 11:59:40Z; nodes may apply changes "
        "as late as 12:01:10Z; until then no serving pod is removed and no stage ends"
    )
    assert decided.look_again == 70 * SECONDS
    stage = plan(after(FULL).observed(), NOW).status.message
    assert stage.startswith("stage full has passed; the API server did not answer for 30s")


def test_nothing_is_said_where_nothing_waits_for_it() -> None:
    assert not told(plan(after(world(version="1.0.0")).observed(), NOW))
    assert not told(plan(after(promoted(), SETTLED).observed(), NOW))


def test_it_lasts_thrice_as_long_as_the_outage_and_no_longer_than_proxies_were_late() -> None:
    assert settled(BRIEF) - BRIEF.over == 12 * SECONDS
    assert settled(Outage(3600 * SECONDS, NOW)) - NOW == LONGEST


def test_it_ends_with_a_whole_second_as_status_has_it() -> None:
    outage = Outage(4.3 * SECONDS, NOW + 0.2 * SECONDS)
    assert settled(outage) == NOW + 14 * SECONDS
