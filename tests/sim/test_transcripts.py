"""Stories whose transcripts are kept: read them in golden/, they are documentation.

``LOCKSTEP_UPDATE_GOLDEN=1 pytest tests/sim/test_transcripts.py`` writes them anew.
"""

import os
from pathlib import Path

import pytest

from tests.sim.scripted import SCRIPTS, play, promoted
from tests.sim.written import Way

GOLDEN = Path(__file__).with_name("golden")
UPDATE = "LOCKSTEP_UPDATE_GOLDEN"


def _file(title: str) -> Path:
    return GOLDEN / f"{title.replace(' ', '-')}.txt"


@pytest.mark.parametrize("title", SCRIPTS)
def test_the_story_is_told_as_before(title: str) -> None:
    told = f"{title.capitalize()}.\n\n{play(SCRIPTS[title]).transcript.text()}"
    if UPDATE in os.environ:
        _file(title).write_text(told)
    assert told == _file(title).read_text(), f"{UPDATE}=1 writes it anew; read the difference first"


def test_no_transcript_is_left_without_its_story() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == {_file(title).name for title in SCRIPTS}


@pytest.mark.parametrize("way", [Way.SHRINK, Way.KEEP, Way.NO_SURGE, Way.ROLLING])
def test_a_promotion_restarts_no_pod(way: Way) -> None:
    story = play(promoted(way))
    assert story.status.stable is not None
    assert story.status.stable.version == "2.0.0"
    assert set(story.cluster.started.values()) == {story.spec.replicas}


@pytest.mark.parametrize("title", SCRIPTS)
def test_callers_of_a_calm_story_always_find_somebody(title: str) -> None:
    """With lag, drain and all: new connections meet no error but of a pod that died by itself."""
    story = play(SCRIPTS[title])
    own_deaths = title in {
        "an unhealthy stable does not block its fix",
        "a candidate that is evicted again and again is taken back",
    }
    by_hand = title == "a child edited by hand is put back"
    assert story.unanswered == 0 or own_deaths or by_hand
