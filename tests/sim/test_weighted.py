"""Stories of a router that splits requests by weight, which only tests have."""

import random
from dataclasses import replace

import pytest

from lockstep.core.rollout.routing import Only
from tests.sim.ends import play_to_the_end
from tests.sim.people import BUSY_SECONDS, People, setting
from tests.sim.story import Setting, Story
from tests.sim.test_stories import crashes_of
from tests.sim.transcript import VERSIONS
from tests.sim.written import Nature, Way, of_version, revision_of, spec
from tests.weighted import weighted

ONE, TWO = VERSIONS[:2]
SEEDS = 3
LONG_SEEDS = 60


def told(way: Way, nature: Nature = Nature.GOOD, seconds: float = 900.0) -> Story:
    """Version 1, and version 2 beside it a minute and a half later."""
    first = weighted(spec(way, ONE))
    story = Story(Setting(spec=first, natures={TWO: nature}))
    story.agenda.at(90.0, lambda: story.apply("applies version 2", of_version(first, TWO)))
    story.run_until(seconds)
    return story


@pytest.mark.parametrize("way", Way, ids=lambda way: way.name.lower())
def test_a_good_revision_is_promoted(way: Way) -> None:
    story = told(way)
    stable, two = story.status.stable, revision_of(TWO)
    assert stable is not None, story.transcript.text()
    assert stable.revision == two, story.transcript.text()
    assert story.cluster.routing() == Only(two)
    assert story.arm_services() == {two}
    assert story.unanswered == 0 or way is Way.ONE_PLACE


@pytest.mark.parametrize("way", [Way.SHRINK, Way.KEEP, Way.NO_SURGE, Way.PACED, Way.BAKED])
def test_after_a_rollback_the_candidate_has_no_weight(way: Way) -> None:
    story = told(way, Nature.FAILS_UNDER_LOAD)
    assert story.status.rejected is not None, story.transcript.text()
    assert story.cluster.routing() == Only(revision_of(ONE)), story.transcript.text()
    assert story.arm_services() == {revision_of(ONE)}
    assert set(story.arms()) == {revision_of(ONE)}
    assert story.unanswered == 0


@pytest.mark.parametrize("crashing", [False, True], ids=["", "an operator that keeps dying"])
@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("way", Way, ids=lambda way: way.name.lower())
def test_every_story_keeps_the_promises_and_ends(way: Way, seed: int, *, crashing: bool) -> None:
    play(way, seed, crashes_of(seed) if crashing else frozenset())


@pytest.mark.soak(most=300)
@pytest.mark.parametrize("seed", range(SEEDS, LONG_SEEDS))
@pytest.mark.parametrize("way", Way, ids=lambda way: way.name.lower())
def test_many_more_stories(way: Way, seed: int) -> None:
    play(way, seed, crashes_of(seed) if seed % 2 else frozenset())


def play(way: Way, seed: int, crashes: frozenset[int]) -> None:
    drawn = setting(way, seed)
    story = Story(replace(drawn, spec=weighted(drawn.spec)))
    story.hands.crashes = crashes
    People(story, way, random.Random(seed)).plan_their_day()
    story.run_until(BUSY_SECONDS)
    play_to_the_end(story)
