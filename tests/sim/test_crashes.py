"""The operator dies before every line of its passes, one at a time: it ends as if it had not."""

from dataclasses import replace

import pytest

from lockstep.core.rollout.routing import Routing
from tests.sim.scripted import SCRIPTS, Script, play
from tests.sim.story import Story
from tests.sim.test_stories import told
from tests.sim.written import Way

QUICK = (
    "a first deployment",
    "a canary is promoted",
    "a gate fails at half and everybody is back at once",
    "back to the stable content ends the trial",
    "a first revision fails its gates and is tried again",
    "a bake fails and everybody is back",
    "two people approve a stage",
)
LONG_SEEDS = 40
LINES_APART = 7
"""Of a random story every so many lines are tried, beginning elsewhere for each seed."""

Outcome = tuple[object, ...]


def outcome(story: Story) -> Outcome:
    """What users see in the end: a restart may delay it, and change nothing of it."""
    status, service = story.status, story.cluster.service()
    routing: Routing | None = service.routing if service else None
    asked = {name: arm.wanted for name, arm in story.arms().items()}
    return (
        status.phase,
        status.stable and status.stable.revision,
        status.rejected and (status.rejected.revision, status.rejected.reason),
        [(line.revision, line.outcome) for line in status.history],
        routing,
        asked,
    )


def dies_before_every_line(script: Script) -> int:
    """Tell ``script`` once for each line of its passes; how many lines there are."""
    patient = replace(script, seconds=script.seconds + 60.0)
    calm = play(patient)
    for line in range(1, calm.hands.lines + 1):
        story = play(patient, frozenset({line}))
        assert outcome(story) == outcome(calm), f"line {line}\n{story.transcript.text()}"
    return calm.hands.lines


@pytest.mark.parametrize("title", QUICK)
def test_a_crash_before_any_line_changes_nothing_but_the_time(title: str) -> None:
    assert dies_before_every_line(_quiet(SCRIPTS[title])) > 20


@pytest.mark.soak
@pytest.mark.parametrize("title", sorted(SCRIPTS.keys() - set(QUICK)))
def test_a_crash_before_any_line_of_any_story(title: str) -> None:
    assert dies_before_every_line(_quiet(SCRIPTS[title])) > 20


@pytest.mark.soak(most=24)
@pytest.mark.parametrize("way", Way, ids=lambda way: way.name.lower())
@pytest.mark.parametrize("seed", range(LONG_SEEDS))
def test_a_crash_anywhere_in_a_random_story(way: Way, seed: int) -> None:
    lines = told(way, seed).hands.lines
    for line in range(1 + seed % LINES_APART, lines + 1, LINES_APART):
        told(way, seed, frozenset({line}))


def _quiet(script: Script) -> Script:
    return replace(script, setting=replace(script.setting, repeat_share=0.0))
