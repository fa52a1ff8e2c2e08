"""Parts of the cluster are killed in the middle of a stage: callers notice nothing, it ends well.

The operator's own death, and Prometheus', are in test_interruptions.py.
"""

import json
from functools import partial

import pytest

from tests import cluster
from tests.e2e.callers import Callers, instant
from tests.e2e.lab import Lab, revision
from tests.e2e.manifests import canary, criteria, stage
from tests.e2e.states import healthy, holding, rolled_back

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

SICK = {"ERROR_RATIO": "0.5"}
PROXIES_ARE_BACK = "60s"
"""kube-proxy asks again after up to 30 s; until then callers go to pods that have been replaced."""

PARTS = {
    "the API server": ("kube-apiserver", PROXIES_ARE_BACK),
    "etcd": ("etcd", PROXIES_ARE_BACK),
    "the controller manager": ("kube-controller-manager", "40s"),
    "the kubelet": ("kubelet", "40s"),
    "containerd": ("containerd", "40s"),
}
AWAY_SECONDS = 4.0
PROXIES_HEAR = 1.5
"""Seconds in which a busy kube-proxy learns of the pods that a stage has just replaced."""


@pytest.mark.parametrize(("part", "soak"), PARTS.values(), ids=PARTS)
def test_a_part_that_is_away_in_the_middle_of_a_stage_costs_no_caller_anything(
    lab: Lab, part: str, soak: str
) -> None:
    stages = canary(stage("half", 50, soak, gated=True), stage("full", 100))
    lab.apply(criteria(), lab.fraud("1.0.0", strategy=stages))
    lab.until(healthy("1.0.0"))
    callers = lab.callers(new=30, kept=2)
    began = callers.now()
    lab.apply(lab.fraud("2.0.0", strategy=stages))
    candidate = revision(lab.until(holding("half")), "candidate")
    pods = lab.uids(candidate)
    lab.wait("drained", partial(_drained, lab), 20)
    back = without(lab, callers, part)
    lab.until(healthy("2.0.0"), 90)
    lab.measured("from its return to promoted", f"{callers.now() - back:.1f} s")
    told(lab, callers, began)
    assert pods <= lab.uids(candidate), "no pod of the candidate was replaced"
    assert len(lab.events("RolloutStarted")) == 2


def test_a_gate_that_fails_while_the_api_server_is_away_takes_callers_back_when_it_returns(
    lab: Lab,
) -> None:
    stages = (stage("half", 50, "60s", gated=True), stage("full", 100))
    plan = {
        "strategy": canary(*stages, max_surge=2),  # a place for each pod that failed
        "rollback": {"keepFailed": PROXIES_ARE_BACK},
    }
    lab.apply(criteria(), lab.fraud("1.0.0", **plan))
    stable = revision(lab.until(healthy("1.0.0")))
    callers = lab.callers(new=30)
    began = callers.now()
    lab.apply(lab.fraud("2.0.0", env=SICK, **plan))
    candidate = revision(lab.until(holding("half", "2.0.0")), "candidate")
    lab.pass_time(PROXIES_HEAR)
    back = without(lab, callers, "kube-apiserver")
    seen = lab.until(rolled_back("2.0.0", "GateFailed"))
    lab.wait("vanished", lambda: lab.vanished(candidate), 90)
    gone = callers.now()
    lab.wait("calling on", lambda: len(callers.calls().between(gone)) > 50, 15)
    calls = callers.calls().between(began)
    last = calls.new.by(candidate).all[-1].at
    rejected = instant(seen["status"]["rejected"]["at"])
    lab.measured("from the API server's return to the rollback", f"{rejected - back:.1f} s")
    lab.measured("last new connection at the candidate", f"{last - rejected:+.1f} s from it")
    told(lab, callers, began)
    assert not calls.by(stable).failed, calls
    assert not calls.between(gone).by(candidate), calls


def _drained(lab: Lab) -> bool:
    """Whether the pods that the stage replaced, and those of the scenario before, are gone."""
    pods = json.loads(lab.world.kubectl("get", "pods", "--all-namespaces", "--output=json"))
    return not any("deletionTimestamp" in it["metadata"] for it in pods["items"])


def without(lab: Lab, callers: Callers, part: str) -> float:
    """Kill a part and start it again some seconds later; gives when it was back."""
    found = lab.world.cluster
    cluster.kill(found, part)
    try:
        lab.pass_time(AWAY_SECONDS)
    finally:
        cluster.start(found, part)
    lab.wait("answering", lab.world.api.serves, 30)
    return callers.now()


def told(lab: Lab, callers: Callers, began: float) -> None:
    """What the callers saw; none of them was left without an answer."""
    calls = callers.calls().between(began)
    for kind, seen in (("new", calls.new), ("kept-alive", calls.kept)):
        lab.measured(f"{kind} connections", f"{len(seen)} calls, {len(seen.unanswered)} errors")
    assert not calls.unanswered, calls
