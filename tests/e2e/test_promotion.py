"""Revisions that are good: they get their callers stage by stage, and nobody notices."""

import pytest

from tests.e2e.callers import Calls, instant
from tests.e2e.lab import Lab, revision
from tests.e2e.manifests import SMOKE_TEST, Manifest, canary, criteria, names_of, stage
from tests.e2e.states import condition, healthy, holding, phase, says, truths

pytestmark = pytest.mark.e2e

SETTLING_SECONDS = 2.0
"""From a changed Service to the last packet that knows: endpoints, kube-proxy, then iptables."""


def soaked(calls: Calls, seen: Manifest) -> Calls:
    """New connections while a stage was held."""
    at = seen["status"]["stage"]
    return calls.new.between(instant(at["enteredAt"]) + SETTLING_SECONDS, instant(at["soakUntil"]))


def tell(lab: Lab, calls: Calls) -> None:
    """Errors, told apart by how callers connect."""
    for kind, told in (("new", calls.new), ("kept-alive", calls.kept)):
        lab.measured(f"{kind} connections", f"{len(told)} calls, {len(told.unanswered)} errors")
    lab.measured("kept-alive connections found closed", calls.reopened)


def test_a_canary_is_promoted_under_load_and_no_new_connection_fails(lab: Lab) -> None:
    stages = (
        stage("quarter", 25, "8s", gated=True),
        stage("half", 50, "8s", gated=True),
        stage("full", 100),
    )
    plan = {"strategy": canary(*stages), "smokeTest": SMOKE_TEST}
    lab.apply(criteria(), lab.fraud("1.0.0", **plan))
    stable = revision(lab.until(healthy("1.0.0")))
    callers = lab.callers(new=40, kept=8)
    began = callers.now()
    lab.apply(lab.fraud("2.0.0", **plan))

    quarter = lab.until(holding("quarter"))
    candidate, first_pods = revision(quarter, "candidate"), lab.uids(revision(quarter, "candidate"))
    half = lab.until(holding("half"))
    half_pods = lab.uids(candidate)
    done = lab.until(healthy("2.0.0"), 90)
    lab.wait("alone", lambda: names_of(lab.replica_sets()) == {f"fraud-{candidate}"}, 30)
    ended = callers.now() + SETTLING_SECONDS
    lab.wait("calling on", lambda: len(callers.calls().between(ended)) > 100, 15)
    calls = callers.calls().between(began)

    tell(lab, calls)
    first = calls.new.by(candidate).all[0].at - instant(quarter["status"]["stage"]["enteredAt"])
    lab.measured("first new connection at the candidate", f"{first:+.2f} s from enteredAt")
    for seen, weight in ((quarter, 25), (half, 50)):
        during = soaked(calls, seen)
        said = f"{during.share(candidate):.1%} of {len(during)} new connections"
        lab.measured(f"share at {weight} percent", said)
        assert during.fits(candidate, weight / 100), f"{said}: {during}"
        told = {"desired": weight, "actual": weight, "method": "ReplicaRatio"}
        assert seen["status"]["weights"] == told
        assert truths(seen)["Reconciling"] == "True"
    assert not calls.unanswered, calls
    assert not calls.failed, calls
    assert calls.between(ended).new.share(candidate) == 1
    assert len(first_pods) == 1
    assert first_pods < half_pods < lab.uids(candidate), "a promotion restarts no pod"
    assert truths(done) == HEALTHY
    assert stable != candidate
    assert lab.kubectl("get", "mldep", "--no-headers").split()[:2] == ["fraud", "2.0.0"]


HEALTHY = {
    "Available": "True",
    "Ready": "True",
    "Reconciling": "False",
    "Stalled": "False",
    "Paused": "False",
    "SpecValid": "True",
}


def test_scaling_in_the_middle_of_a_stage_keeps_its_share(lab: Lab) -> None:
    stages = (stage("half", 50, "30s", gated=True), stage("full", 100))
    plan = {"strategy": canary(*stages), "replicas": 6}
    lab.apply(criteria(), lab.fraud("1.0.0", **plan))
    lab.until(healthy("1.0.0"))
    callers = lab.callers(new=30, kept=4)
    began = callers.now()
    lab.apply(lab.fraud("2.0.0", **plan))
    candidate = revision(lab.until(holding("half")), "candidate")

    lab.kubectl("scale", "mldep/fraud", "--replicas=2")
    lab.wait("two pods", lambda: len(lab.pods()) == len(lab.uids(candidate)) + 1 == 2, 10)
    scaled, seen = callers.now(), lab.until(holding("half"))
    end = instant(seen["status"]["stage"]["soakUntil"])
    lab.wait("at the end of the soak", lambda: callers.now() > end, 30)
    lab.kubectl("scale", "mldep/fraud", "--replicas=3")
    lab.until(healthy("2.0.0"))
    lab.wait("three pods", lambda: lab.look()["status"]["replicas"] == 3, 10)
    calls = callers.calls().between(began)

    tell(lab, calls)
    during = calls.new.between(scaled + SETTLING_SECONDS, end)
    lab.measured("share at 50 percent, scaled from 6 to 2", f"{during.share(candidate):.1%}")
    assert during.fits(candidate, 0.5), during
    assert not calls.unanswered, calls


def test_a_paused_rollout_waits_and_a_restored_manifest_ends_it(lab: Lab) -> None:
    stages = (stage("half", 50, "4s"), stage("full", 100))
    old = lab.fraud("1.0.0", strategy=canary(*stages))
    lab.apply(old)
    stable = revision(lab.until(healthy("1.0.0")))
    callers = lab.callers(new=20, kept=4)
    began = callers.now()

    lab.apply(lab.fraud("2.0.0", strategy=canary(*stages), paused=True))
    held = lab.until(phase("Paused", "Paused"))
    assert "version 2.0.0 waits" in held["status"]["message"]
    assert names_of(lab.replica_sets()) == {f"fraud-{stable}"}
    slow = canary(stage("half", 50, "10m"), stage("full", 100))
    lab.apply(lab.fraud("2.0.0", strategy=slow))
    candidate = revision(lab.until(holding("half")), "candidate")
    lab.apply(lab.fraud("2.0.0", strategy=canary(*stages), paused=True))  # its 4 s end soon
    lab.until(says("passed at 50%; spec.paused is true"))
    left = lab.uids(stable)

    lab.apply(old)
    back = lab.until(healthy("1.0.0"))
    returned = callers.now()
    lab.wait("alone", lambda: names_of(lab.replica_sets()) == {f"fraud-{stable}"}, 30)
    lab.wait("calling on", lambda: callers.now() > returned + 8, 15)
    calls = callers.calls().between(began)

    tell(lab, calls)
    assert calls.new.by(candidate), "the candidate had callers"
    assert not calls.between(returned + SETTLING_SECONDS).new.by(candidate), calls
    assert not calls.unanswered, calls
    assert left
    assert left < lab.uids(stable), "a return restarts no pod"
    assert [line["outcome"] for line in back["status"]["history"]] == ["Promoted", "Returned"]


def test_models_travel_as_artifacts_and_go_without_stages_when_told_so(lab: Lab) -> None:
    artifacts = lab.world.images.artifacts

    def fraud(version: str, answer: str, strategy: Manifest) -> Manifest:
        near = {"min": float(answer) - 0.001, "max": float(answer) + 0.001}
        expected = {"jsonPath": "$.outputs[0].data[0]", **near}
        return lab.fraud(
            version,
            artifact=artifacts[answer],
            replicas=2,
            revisionHistoryLimit=1,
            smokeTest={**SMOKE_TEST, "expect": expected},
            strategy=strategy,
        )

    lab.apply(fraud("1.0.0", "0.83", {"rolling": {}}))
    lab.until(healthy("1.0.0"))
    callers = lab.callers(new=20, kept=2)
    began = callers.now()
    lab.apply(fraud("2.0.0", "0.87", {"rolling": {}}))
    second = lab.until(healthy("2.0.0"))
    assert second["status"]["stable"]["artifact"] == artifacts["0.87"]

    lab.apply(fraud("3.0.0", "0.83", canary(stage("few", 5, "6s"))))
    few = lab.until(holding("few"))
    lab.until(healthy("3.0.0"))
    calls = callers.calls().between(began)

    tell(lab, calls)
    third = revision(few, "candidate")
    during = soaked(calls, few)
    lab.measured("share at 5 percent with 2 replicas", f"{during.share(third):.1%}")
    assert during.fits(third, 1 / 3), during
    assert few["status"]["weights"]["actual"] == 33
    approximate = condition(few, "WeightApproximate")
    assert approximate["status"] == "True"
    assert "the closest is 33%" in approximate["message"]
    assert not calls.unanswered, calls
    left = {f"fraud-{third}", f"fraud-{revision(second)}"}

    def stored() -> set[str]:
        return names_of(lab.world.api.list("ControllerRevision", lab.namespace, {}))

    lab.wait("the oldest forgotten", lambda: stored() == left, 20)
