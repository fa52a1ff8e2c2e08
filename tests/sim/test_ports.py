"""Every version listens elsewhere: nobody is asked where they do not, whatever happens."""

import random
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest

from lockstep.api.service import Service, alike
from lockstep.core.rollout import planner
from lockstep.core.rollout.actions import SetTraffic
from lockstep.core.rollout.needs import Needs
from lockstep.core.rollout.observed import Observed
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.routing import Only
from lockstep.shell.rollout.controller import RolloutPlanner
from tests.sim.changes import changed_spec
from tests.sim.ends import play_to_the_end
from tests.sim.people import BUSY_SECONDS, People, setting
from tests.sim.promises import BrokenPromiseError, spec_of
from tests.sim.story import Setting, Story
from tests.sim.test_stories import crashes_of
from tests.sim.transcript import VERSIONS
from tests.sim.written import SOAKED, Nature, Way, of_version, port_of, revision_of, spec

SEEDS = 15
ONE, TWO = VERSIONS[:2]
WATCHED = {"soak": "60s", "exitCriteria": [SOAKED]}
AT_ONCE: dict[str, Any] = {
    "strategy": {"canary": {"maxSurge": 4, "stages": [{"name": "full", "weight": 100, **WATCHED}]}}
}


def moving(way: Way, seed: int) -> Setting:
    drawn = setting(way, seed)
    service = Service(target_port=port_of(ONE))
    return replace(drawn, spec=changed_spec(drawn.spec, service=service))


def played(seed: int, crashes: frozenset[int], thinking: RolloutPlanner = planner) -> Story:
    story = Story(moving(Way.BLUE_GREEN, seed), thinking)
    story.hands.crashes = crashes
    People(story, Way.BLUE_GREEN, random.Random(seed)).plan_their_day()
    story.run_until(BUSY_SECONDS)
    play_to_the_end(story)
    return story


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_switch_takes_the_port_with_it(seed: int) -> None:
    played(seed, frozenset())


@pytest.mark.parametrize("seed", range(SEEDS))
def test_an_operator_that_keeps_dying_takes_it_as_well(seed: int) -> None:
    played(seed, crashes_of(seed))


def told(way: Way, nature: Nature = Nature.GOOD, **changes: Any) -> Story:
    """Version 1, then version 2 that listens elsewhere."""
    first = spec(way, ONE, service={"targetPort": port_of(ONE)}, **changes)
    story = Story(Setting(spec=first, natures={TWO: nature}))
    story.agenda.at(60.0, lambda: story.apply("applies version 2", of_version(first, TWO)))
    story.run_until(60.0 + 400.0)
    return story


@pytest.mark.parametrize("way", [Way.SHRINK, Way.KEEP, Way.NO_SURGE, Way.BAKED, Way.ROLLING])
def test_what_one_service_cannot_do_is_refused_and_nobody_notices(way: Way) -> None:
    story = told(way)
    ready = next(it for it in story.status.conditions if it.type == "Ready")
    service = story.cluster.service()
    assert ready.reason == "PortsDiffer"
    assert service is not None
    assert service.routing == Only(revision_of(ONE))
    assert story.unanswered == 0


@pytest.mark.parametrize("replicas", [1, 4])
def test_a_canary_that_moves_all_at_once_takes_it_as_well(replicas: int) -> None:
    story = told(Way.SHRINK, replicas=replicas, **AT_ONCE)
    assert story.status.stable is not None
    assert story.status.stable.revision == revision_of(TWO)


def test_a_failure_at_100_percent_goes_back_to_where_stable_listens() -> None:
    story = told(Way.SHRINK, Nature.FAILS_UNDER_LOAD, **AT_ONCE)
    service = story.cluster.service()
    assert story.status.rejected is not None
    assert service is not None
    assert service.routing == Only(revision_of(ONE))
    assert alike(Service(target_port=port_of(ONE)).served(), service.ports)


@dataclass(frozen=True)
class AsksEverybody:
    """The planner, asking everybody at the port that the spec says now."""

    def needs(self, observed: Observed, now: datetime) -> Needs:
        return planner.needs(observed, now)

    def plan(self, observed: Observed, now: datetime) -> Plan:
        decided, asked = planner.plan(observed, now), spec_of(observed).service.served()
        actions = [
            replace(it, ports=asked) if isinstance(it, SetTraffic) else it for it in decided.actions
        ]
        service = observed.service
        moved = any(isinstance(it, SetTraffic) for it in actions)
        if service and not moved and not alike(asked, service.ports):
            actions.append(SetTraffic(routing=service.routing, ports=asked, exists=True))
        return replace(decided, actions=tuple(actions))


def test_one_port_for_all_revisions_is_found() -> None:
    assert "no pod is asked where it does not listen" in broken(AsksEverybody())


def broken(thinking: RolloutPlanner) -> str:
    for seed in range(SEEDS):
        try:
            played(seed, frozenset(), thinking)
        except BrokenPromiseError as error:
            return str(error)
    return ""
