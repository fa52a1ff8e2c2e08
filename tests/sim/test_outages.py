"""The API server is away for everybody, proxies hear later than the operator: no caller pays."""

from typing import Any

import pytest

from lockstep.api.model_deployment_status import Phase
from lockstep.core.rollout.routing import Everyone, Only, Routing
from tests.sim.cluster import Weather
from tests.sim.scripted import STAGES
from tests.sim.story import Setting, Story
from tests.sim.written import COUNTED, Nature, Way, of_version, revision_of, spec

BEGINS = 30.0
MOST_SECONDS = 1200.0
MOMENTS = range(20, 150, 10)
WAYS = [Way.SHRINK, Way.KEEP, Way.NO_SURGE, Way.BLUE_GREEN, Way.ROLLING]
SHORT, LONG = 4.0, 30.0
REACTS = 12.0
"""Seconds for two measurements, one of which is forgiven."""
MOST_DEAF = 80.0
"""Seconds after its return at which callers were last seen to be refused."""


def deaf(seconds: float) -> float:
    """How much later than its return kube-proxy asks again, when chance is worst."""
    return min(2 * (seconds + 0.8), MOST_DEAF)


def story(way: Way, seed: int, *natures: tuple[str, Nature], **changes: Any) -> Story:
    """Version 2.0.0 is rolled out from 30 s on."""
    setting = Setting(
        spec=spec(way, "1.0.0", STAGES, minReadySeconds=2, **changes),
        natures=dict(natures),
        weather=Weather(lag=(0.1, 1.0), controller=(0.1, 1.5), start=(3.0, 9.0)),
        seed=seed,
    )
    told = Story(setting)
    told.agenda.at(BEGINS, lambda: told.apply("applies 2.0.0", of_version(told.spec, "2.0.0")))
    return told


def away(told: Story, at: float, seconds: float) -> None:
    told.agenda.at(at, lambda: told.lose_the_api_server(seconds, deaf(seconds)))


BAD = ("2.0.0", Nature.FAILS_UNDER_LOAD)
ROOM = [{"name": "half", "weight": 50, "deadline": "5m", "exitCriteria": [COUNTED]}]


def routing(told: Story) -> Routing | None:
    service = told.cluster.service()
    return service.routing if service else None


def measured(told: Story) -> bool:
    """Whether the stage has begun, with callers at the candidate, and is not decided."""
    stage = told.status.stage
    return routing(told) == Everyone() and stage is not None and stage.entered_at is not None


@pytest.mark.parametrize("seconds", [SHORT, LONG])
@pytest.mark.parametrize("seed", range(6))
def test_a_failing_candidate_loses_its_callers_at_once_and_its_pods_later(
    seed: int, seconds: float
) -> None:
    strategy = {"canary": {"stages": ROOM, "maxSurge": 2}}
    told = story(Way.SHRINK, seed, BAD, strategy=strategy, rollback={"keepFailed": "1s"})
    assert told.run_to(MOST_SECONDS, measured, step=0.1)
    told.lose_the_api_server(seconds, deaf(seconds))
    told.run_for(seconds + REACTS)
    assert routing(told) == Only(revision_of("1.0.0")), told.transcript.text()
    told.run_for(MOST_SECONDS)
    assert told.status.rejected
    assert told.unanswered == 0, told.transcript.text()
    assert not told.arms().get(revision_of("2.0.0")), "its pods go in the end"


def promoted(told: Story) -> bool:
    status = told.status
    assert status.rejected is None, told.transcript.text()
    done = status.stable is not None and status.stable.version == "2.0.0"
    return done and status.phase is Phase.HEALTHY


@pytest.mark.parametrize("seconds", [SHORT, LONG])
@pytest.mark.parametrize("at", MOMENTS)
@pytest.mark.parametrize("way", WAYS)
def test_no_caller_meets_a_refused_pod_after_an_outage(way: Way, at: int, seconds: float) -> None:
    told = story(way, seed=at)
    away(told, at, seconds)
    assert told.run_to(MOST_SECONDS, promoted), told.transcript.text()
    told.run_for(MOST_DEAF)
    assert told.unanswered == 0, told.transcript.text()
