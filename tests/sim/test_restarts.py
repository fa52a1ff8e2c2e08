"""A restart asked for at any moment of a rollout: callers find somebody, and all of it ends."""

from datetime import datetime

import pytest

from lockstep.api.model_deployment_status import Phase
from tests.sim.cluster import Weather
from tests.sim.scripted import STAGES
from tests.sim.story import Setting, Story
from tests.sim.written import Way, of_version, spec

MOST_SECONDS = 900.0
MOMENTS = range(20, 150, 6)
"""From before the first revision is up, through the stages, to after the promotion."""


SURPLUS = 1
"""Pods above the size that a restart starts and gives up again: a quarter of them."""


def asked_at(story: Story) -> datetime:
    """The restart that was asked for, as exactly as pods say when they were made."""
    at = story.spec.restart_at
    assert at is not None
    return at.replace(microsecond=0)


def restarted(way: Way, at: float) -> Story:
    """Version 2.0.0 is rolled out from 30 s on, and pods are to be replaced at ``at``."""
    setting = Setting(
        spec=spec(way, "1.0.0", STAGES, minReadySeconds=2),
        weather=Weather(lag=(0.1, 1.0), controller=(0.1, 1.5), start=(3.0, 9.0)),
        seed=int(at),
    )
    story = Story(setting)
    agenda = story.agenda
    agenda.at(30, lambda: story.apply("applies 2.0.0", of_version(story.spec, "2.0.0")))
    agenda.at(at, lambda: story.edit("asks for a restart", restart_at=agenda.now()))
    story.run_until(max(at, 30) + 5)
    assert story.run_to(MOST_SECONDS, _over), story.transcript.text()
    story.run_for(30)
    return story


def _over(story: Story) -> bool:
    status = story.status
    done = status.stable is not None and status.stable.version == "2.0.0"
    return done and status.phase is Phase.HEALTHY


@pytest.mark.parametrize("at", MOMENTS)
@pytest.mark.parametrize("way", [Way.SHRINK, Way.KEEP, Way.NO_SURGE, Way.ROLLING])
def test_a_restart_in_a_rollout_leaves_no_caller_alone_and_ends(way: Way, at: int) -> None:
    story = restarted(way, at)
    assert story.unanswered == 0, story.transcript.text()
    standing = [pod for pod in story.cluster.pods() if not pod.terminating]
    ages = [pod.created for pod in standing if pod.created]
    assert len(ages) == len(standing)
    assert min(ages) >= asked_at(story), story.transcript.text()
    assert all(child.surplus == 0 for child in story.objects.of("replicasets").values())
    assert len(standing) >= story.spec.replicas


def test_the_pods_of_a_served_revision_are_replaced_once() -> None:
    """The pod above the size may stay in the last one's stead, where it is given up after that."""
    story = restarted(Way.SHRINK, at=146)
    (pods,) = (story.cluster.started[it.revision] for it in story.cluster.pods()[:1])
    least = 2 * story.spec.replicas
    assert least <= pods <= least + SURPLUS, story.transcript.text()
