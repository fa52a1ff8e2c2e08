"""Pods that become ready only once callers' Service selects them, as load balancers want it."""

import random
from dataclasses import replace

import pytest

from lockstep.api.model_deployment import InitialRollout
from lockstep.core.rollout.routing import Everyone
from tests.sim.changes import changed_spec
from tests.sim.ends import play_to_the_end
from tests.sim.people import BUSY_SECONDS, People, setting
from tests.sim.story import Setting, Story
from tests.sim.transcript import VERSIONS
from tests.sim.written import Nature, Way, of_version, revision_of, spec

ONE, TWO = VERSIONS[:2]
SPLITTING = [way for way in Way if way is not Way.BLUE_GREEN]
"""Where callers' Service selects a candidate before all of its pods are ready."""


def told(way: Way, nature: Nature = Nature.GOOD) -> Story:
    first = spec(way, ONE)
    story = Story(Setting(spec=first, natures={TWO: nature}, gates=True))
    story.agenda.at(90.0, lambda: story.apply("applies version 2", of_version(first, TWO)))
    story.run_until(90.0 + 600.0)
    return story


@pytest.mark.parametrize("way", SPLITTING, ids=lambda way: way.name.lower())
def test_a_gate_that_needs_the_service_opens(way: Way) -> None:
    story = told(way)
    assert story.status.stable is not None
    assert story.status.stable.revision == revision_of(TWO), story.status.message
    assert story.unanswered == 0


@pytest.mark.parametrize("way", SPLITTING, ids=lambda way: way.name.lower())
def test_it_opens_for_nobody_who_answered_wrongly(way: Way) -> None:
    story = told(way, Nature.WRONG_ANSWER)
    service = story.cluster.service()
    assert story.status.rejected is not None
    assert story.status.rejected.reason == "SmokeTestFailed"
    assert service is not None
    assert service.routing != Everyone()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("way", SPLITTING, ids=lambda way: way.name.lower())
def test_every_story_with_such_gates_keeps_the_promises_and_ends(way: Way, seed: int) -> None:
    drawn = setting(way, seed)
    direct = changed_spec(drawn.spec, initial_rollout=InitialRollout.DIRECT)
    story = Story(replace(drawn, spec=direct, gates=True))
    People(story, way, random.Random(seed)).plan_their_day()
    story.run_until(BUSY_SECONDS)
    play_to_the_end(story)
