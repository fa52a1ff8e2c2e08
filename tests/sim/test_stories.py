"""Stories drawn from seeds: every promise at every step, and always an end."""

import random

import pytest

from tests.sim.ends import play_to_the_end
from tests.sim.people import BUSY_SECONDS, People, setting
from tests.sim.story import Story
from tests.sim.written import Way

SEEDS = 50
LONG_SEEDS = 500


def told(way: Way, seed: int, crashes: frozenset[int] = frozenset()) -> Story:
    """A random story, played to its end."""
    story = Story(setting(way, seed))
    story.hands.crashes = crashes
    People(story, way, random.Random(seed)).plan_their_day()
    story.run_until(BUSY_SECONDS)
    play_to_the_end(story)
    return story


def crashes_of(seed: int) -> frozenset[int]:
    """Every thirtieth line, roughly, the operator dies."""
    rng = random.Random(f"crashes/{seed}")
    return frozenset(line for line in range(1, 2000) if rng.random() < 1 / 30)


@pytest.mark.parametrize("way", Way, ids=lambda way: way.name.lower())
@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_story_keeps_the_promises_and_ends(way: Way, seed: int) -> None:
    told(way, seed)


@pytest.mark.parametrize("way", Way, ids=lambda way: way.name.lower())
@pytest.mark.parametrize("seed", range(SEEDS // 2))
def test_every_story_survives_an_operator_that_keeps_dying(way: Way, seed: int) -> None:
    told(way, seed, crashes_of(seed))


@pytest.mark.soak(most=1500)
@pytest.mark.parametrize("way", Way, ids=lambda way: way.name.lower())
@pytest.mark.parametrize("seed", range(SEEDS, LONG_SEEDS))
def test_many_more_stories(way: Way, seed: int) -> None:
    told(way, seed)
