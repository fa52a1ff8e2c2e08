"""Blue-green on real pods: nobody is called in preview, one switch, and a way back that is open."""

from typing import Any

import pytest

from tests.e2e.callers import Calls, instant
from tests.e2e.lab import Lab, revision
from tests.e2e.manifests import CRITERIA, SMOKE_TEST, Manifest, criteria, names_of
from tests.e2e.states import healthy, holding, phase, rolled_back

pytestmark = pytest.mark.e2e

SETTLING_SECONDS = 2.0
"""From a changed Service to the last packet that knows: endpoints, kube-proxy, then iptables."""
MOST_SECONDS_BACK = 3.0
"""From the rollback in status to the last new connection that a rejected pod may get."""


def blue_green(**fields: Any) -> Manifest:
    return {"blueGreen": {"previewReplicas": 1, "keepOld": "40s", **fields}}


def tell(lab: Lab, calls: Calls) -> None:
    for kind, told in (("new", calls.new), ("kept-alive", calls.kept)):
        lab.measured(f"{kind} connections", f"{len(told)} calls, {len(told.unanswered)} errors")


def previewed(lab: Lab) -> bool:
    """Whether the preview Service answers, asked through the API server."""
    path = f"/api/v1/namespaces/{lab.namespace}/services/fraud-candidate:80/proxy/healthz"
    return lab.world.kubectl.try_("get", "--raw", path).returncode == 0


def test_a_switch_costs_no_new_connection_and_the_way_back_is_open(lab: Lab) -> None:
    plan = {
        "strategy": blue_green(prePromotion={"soak": "10s"}),
        "replicas": 3,
        "smokeTest": SMOKE_TEST,
    }
    first = lab.fraud("1.0.0", **plan)
    lab.apply(first)
    stable = revision(lab.until(healthy("1.0.0")))
    old_pods = lab.uids(stable)
    callers = lab.callers(new=40, kept=6)
    began = callers.now()

    lab.apply(lab.fraud("2.0.0", **plan))
    preview = lab.until(holding("pre-promotion"))
    candidate = revision(preview, "candidate")
    assert len(lab.uids(candidate)) == 1
    lab.wait("reached through the preview Service", lambda: previewed(lab), 10)
    assert preview["status"]["weights"] == {"desired": 0, "actual": 0, "method": "ReplicaRatio"}
    done = lab.until(healthy("2.0.0"))
    promoted = instant(done["status"]["history"][-1]["at"])
    lab.wait("gone", lambda: lab.gone("Service", "fraud-candidate"), 10)
    lab.wait("calling on", lambda: callers.now() > promoted + SETTLING_SECONDS + 3, 15)
    assert lab.uids(stable) == old_pods, "the old revision keeps its pods"

    asked = callers.now()
    lab.apply(first)
    back = lab.until(healthy("1.0.0"))
    returned = instant(back["status"]["history"][-1]["at"])
    lab.wait("calling on", lambda: callers.now() > returned + SETTLING_SECONDS + 3, 15)
    calls = callers.calls().between(began)

    tell(lab, calls)
    at_candidate = calls.new.by(candidate).all
    lab.measured("first new connection at the candidate", f"{at_candidate[0].at - promoted:+.2f} s")
    lab.measured("last before the return", f"{at_candidate[-1].at - returned:+.2f} s")
    after = calls.new.between(promoted + SETTLING_SECONDS, asked)
    assert not calls.between(began, instant(preview["status"]["stage"]["soakUntil"])).by(candidate)
    assert after.share(candidate) == 1, after
    assert calls.new.between(returned + SETTLING_SECONDS).share(stable) == 1
    assert not calls.new.unanswered, calls
    assert not calls.failed, calls
    assert lab.uids(stable) == old_pods, "an instant return restarts no pod"


def test_a_failed_gate_after_the_switch_switches_back(lab: Lab) -> None:
    watched = {"duration": "40s", "exitCriteria": [{"name": CRITERIA}]}
    plan = {"strategy": blue_green(postPromotion=watched), "replicas": 3}
    lab.apply(criteria(), lab.fraud("1.0.0", **plan))
    stable = revision(lab.until(healthy("1.0.0")))
    pods = lab.uids(stable)
    callers = lab.callers(new=40, kept=4)
    began = callers.now()

    lab.apply(lab.fraud("2.0.0", env={"ERROR_RATIO": "0.5"}, **plan))
    seen = lab.until(rolled_back("2.0.0", "GateFailed"))
    candidate = str(seen["status"]["rejected"]["revision"])
    rejected = instant(seen["status"]["rejected"]["at"])
    lab.wait("vanished", lambda: lab.vanished(candidate), 40)
    gone = callers.now()
    lab.wait("calling on", lambda: len(callers.calls().between(gone)) > 100, 15)
    calls = callers.calls().between(began)

    tell(lab, calls)
    at_bad = calls.new.by(candidate).all
    lab.measured("from the switch to the way back", f"{rejected - at_bad[0].at:.1f} s")
    lab.measured("last new connection at the candidate", f"{at_bad[-1].at - rejected:+.2f} s")
    assert at_bad[-1].at - rejected < MOST_SECONDS_BACK
    assert not calls.unanswered, calls
    assert not calls.by(stable).failed, calls
    assert not calls.between(gone).by(candidate), calls
    assert lab.uids(stable) == pods, "stable was whole all the while"
    assert names_of(lab.replica_sets()) == {f"fraud-{stable}"}


def test_without_auto_promote_nobody_is_switched_until_somebody_says_so(lab: Lab) -> None:
    plan = {"strategy": blue_green(autoPromote=False), "replicas": 2}
    lab.apply(lab.fraud("1.0.0", **plan))
    stable = revision(lab.until(healthy("1.0.0")))
    lab.apply(lab.fraud("2.0.0", **plan))
    held = lab.until(phase("Paused", "PromotionNeeded"))
    service = lab.find("Service", "fraud")["spec"]["selector"]
    assert service["lockstep.dev/revision"] == stable
    candidate = revision(held, "candidate")
    lab.apply(
        {
            "apiVersion": "lockstep.dev/v1alpha1",
            "kind": "Decision",
            "metadata": {"name": "fraud-promote"},
            "spec": {
                "target": {"name": "fraud"},
                "act": "Promote",
                "revision": candidate,
                "by": lab.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"),
                "reason": "looked at the preview",
            },
        }
    )
    assert revision(lab.until(healthy("2.0.0"))) == candidate
