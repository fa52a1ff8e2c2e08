"""The operator or its Prometheus goes away: callers do not notice, and nothing is repeated."""

from functools import partial

import pytest

from tests import cluster
from tests.e2e import deploy
from tests.e2e.lab import Lab, revision
from tests.e2e.manifests import Manifest, canary, criteria, stage
from tests.e2e.states import healthy, holding, phase

pytestmark = [pytest.mark.e2e, pytest.mark.alone]


def test_an_operator_killed_in_the_middle_of_a_stage_goes_on_where_it_was(lab: Lab) -> None:
    lab.apply(criteria(), lab.fraud("1.0.0", strategy=_soaking("10m")))
    lab.until(healthy("1.0.0"))
    callers = lab.callers(new=30, kept=4)
    began = callers.now()
    lab.apply(lab.fraud("2.0.0", strategy=_soaking("10m")))
    before = lab.until(holding("half"))
    lab.wait("told", lambda: _entered(lab) == 1, 20)
    candidate = revision(before, "candidate")
    pods = lab.uids(candidate)

    killed = callers.now()
    deploy.kill_operator(lab.world.cluster)
    after = lab.wait("passes again", partial(_advanced, lab, before), 60)
    lab.measured("from the kill to the next measurement", f"{callers.now() - killed:.1f} s")
    assert after["status"]["stage"] == before["status"]["stage"]
    lab.apply(lab.fraud("2.0.0", strategy=_soaking("5s")))
    lab.until(healthy("2.0.0"), 90)
    calls = callers.calls().between(began)

    for kind, told in (("new", calls.new), ("kept-alive", calls.kept)):
        lab.measured(f"{kind} connections", f"{len(told)} calls, {len(told.unanswered)} errors")
    assert not calls.unanswered, calls
    assert pods < lab.uids(candidate)
    assert _entered(lab) == 1
    assert len(lab.events("RolloutStarted")) == 2


def _soaking(duration: str) -> Manifest:
    return canary(stage("half", 50, duration, gated=True), stage("full", 100))


def _entered(lab: Lab) -> int:
    """How often it was told that the first stage began."""
    return len([line for line in lab.events("StageEntered") if "stage half" in line])


def _measured(seen: Manifest) -> str:
    """When a gate was asked last; a stage that has just begun may say nothing of its gates yet."""
    return max((gate.get("measuredAt", "") for gate in seen["status"]["gates"]), default="")


def _advanced(lab: Lab, before: Manifest) -> Manifest | None:
    """The ModelDeployment, once a gate was asked later than then."""
    seen = lab.look()
    return seen if _measured(seen) > _measured(before) else None


def test_a_prometheus_that_is_down_pauses_and_one_that_is_back_goes_on(lab: Lab) -> None:
    lab.apply(criteria(), lab.fraud("1.0.0", strategy=_soaking("12s")))
    lab.until(healthy("1.0.0"))
    callers = lab.callers(new=30)
    began = callers.now()
    lab.apply(lab.fraud("2.0.0", strategy=_soaking("12s")))
    candidate = revision(lab.until(holding("half")), "candidate")
    cluster.stop(lab.world.cluster, "prometheus")
    try:
        seen = lab.until(phase("Paused", "Inconclusive"))
    finally:
        cluster.start(lab.world.cluster, "prometheus")
    back = callers.now()
    assert revision(seen, "candidate") == candidate
    lab.until(healthy("2.0.0"))
    calls = callers.calls().between(began)
    lab.measured("from Prometheus back to promoted", f"{callers.now() - back:.1f} s")
    assert not calls.unanswered, calls
