"""Coming back on real pods: from a bad promotion, from a bake; and a first one in preview."""

from functools import partial
from typing import Any, Final

import pytest

from tests.e2e import manifests
from tests.e2e.callers import Callers, Calls, instant
from tests.e2e.lab import Lab, revision
from tests.e2e.manifests import CRITERIA, NAME, Manifest, canary, criteria, stage
from tests.e2e.states import healthy, holding, rolled_back

pytestmark = pytest.mark.e2e

SICK: Final = {"ERROR_RATIO": "0.5"}
UNGATED: Final = (stage("half", 50, "1s"), stage("full", 100))
GATED: Final = canary(stage("half", 50, "8s", gated=True), stage("full", 100))
MOST_SECONDS_BACK: Final = 3.0
"""From the rollback in status to the last new connection that a rejected pod may get."""


def baked(duration: str) -> Manifest:
    bake = {"duration": duration, "exitCriteria": [{"name": CRITERIA}]}
    return {"canary": {**canary(*UNGATED)["canary"], "bake": bake}}


def tell(lab: Lab, calls: Calls) -> None:
    for kind, told in (("new", calls.new), ("kept-alive", calls.kept)):
        lab.measured(f"{kind} connections", f"{len(told)} calls, {len(told.unanswered)} errors")


def test_rollback_to_takes_everybody_out_of_a_bad_promotion(lab: Lab) -> None:
    plan: dict[str, Any] = {"strategy": canary(*UNGATED), "rollbackWindow": {"revisions": 1}}
    lab.apply(lab.fraud("1.0.0", **plan))
    good = revision(lab.until(healthy("1.0.0")))
    bad_manifest = partial(lab.fraud, "2.0.0", env=SICK)
    lab.apply(bad_manifest(**plan))
    bad = revision(lab.until(healthy("2.0.0")))
    callers = lab.callers(new=40, kept=4)
    lab.wait("calling", lambda: len(callers.calls()) > 100, 15)

    gated = {**plan, "strategy": GATED}  # whose criteria do not exist
    asked = callers.now()
    lab.apply(bad_manifest(rollbackTo=good, **gated))
    back = lab.until(healthy("1.0.0"))
    done = callers.now()
    lab.wait("calling on", lambda: len(callers.calls().between(done)) > 150, 15)
    calls = callers.calls().between(asked)

    tell(lab, calls)
    first = calls.new.by(good).all[0].at - asked
    last = calls.new.by(bad).all[-1].at - asked
    lab.measured("from rollbackTo to the first caller back", f"{first:.1f} s")
    lab.measured("from rollbackTo to the last new connection at the bad one", f"{last:.1f} s")
    told = back["status"]["history"][-1]
    assert told["message"].startswith("returned to version 1.0.0")
    assert not calls.unanswered, calls
    assert not calls.by(good).failed, calls
    assert last <= instant(told["at"]) + MOST_SECONDS_BACK - asked
    assert not [it for it in lab.events("StageEntered") if "direct" not in it and good in it]


def test_a_bake_that_fails_takes_everybody_back(lab: Lab) -> None:
    plan: dict[str, Any] = {"strategy": baked("60s")}
    lab.apply(criteria(failureLimit=4), lab.fraud("1.0.0", **plan))  # time to look at the bake
    stable = revision(lab.until(healthy("1.0.0")))
    callers = lab.callers(new=40, kept=4)
    began = callers.now()
    lab.apply(lab.fraud("2.0.0", env=SICK, **plan))
    baking = lab.until(holding("bake", "2.0.0"))
    assert len(lab.uids(stable)) == 1, "one stable pod stays warm"
    seen = lab.until(rolled_back("2.0.0", "GateFailed"))
    rejected = seen["status"]["rejected"]
    lab.wait("vanished", lambda: lab.vanished(rejected["revision"]), 40)
    calls = callers.calls().between(began)

    tell(lab, calls)
    back = calls.new.by(rejected["revision"]).all[-1].at - instant(rejected["at"])
    baked_for = instant(rejected["at"]) - instant(baking["status"]["stage"]["enteredAt"])
    lab.measured("baked until the rollback", f"{baked_for:.1f} s")
    lab.measured("last new connection at the candidate", f"{back:+.2f} s from the rollback")
    assert back < MOST_SECONDS_BACK
    assert "at 100% of traffic" in rejected["message"]
    assert not calls.unanswered, calls
    assert not calls.by(stable).failed, calls
    settled = calls.new.between(instant(rejected["at"]) + MOST_SECONDS_BACK)
    assert settled.share(stable) == 1, settled
    assert len(lab.uids(stable)) == 4


def previewers(lab: Lab, name: str) -> Callers:
    """Somebody who calls the preview Service, and nothing else."""
    host = f"{NAME}-candidate.{lab.namespace}.svc.cluster.local."
    env = {"NEW_PER_SECOND": "20", "KEPT": "0"}
    lab.apply(manifests.caller(name, lab.image, host, 60, env))
    return Callers(partial(lab.world.api.through, lab.namespace, name))


def test_a_first_revision_is_measured_in_preview_before_anybody_calls_it(lab: Lab) -> None:
    plan: dict[str, Any] = {"strategy": GATED, "initialRollout": "Gate"}
    lab.apply(criteria(), lab.fraud("1.0.0", env=SICK, **plan))
    bad = revision(lab.until(holding("initial", "1.0.0")), "candidate")
    assert len(lab.uids(bad)) == 4, "it is measured at full size"
    callers = lab.callers(new=10)
    previewers(lab, "previewers-of-1")
    failed = lab.until(rolled_back("1.0.0", "GateFailed"))
    assert "never received traffic" in failed["status"]["message"]

    lab.apply(lab.fraud("2.0.0", **plan))
    measured = lab.until(holding("initial", "2.0.0"))
    good = revision(measured, "candidate")
    trying = previewers(lab, "previewers-of-2")
    done = lab.until(healthy("2.0.0"))
    promoted = instant(done["status"]["history"][-1]["at"])
    lab.wait("called", lambda: callers.calls().between(promoted).by(good), 15)
    tried, calls = trying.calls(), callers.calls()

    lab.measured("calls in preview", len(tried.by(good)))
    opened = min(call.ended for call in calls.by(good)) - promoted  # some had long been waiting
    lab.measured("first answer after the promotion", f"{opened:+.2f} s")
    assert tried.by(good), tried
    assert not calls.by(bad), calls
    assert opened >= 0
    assert lab.gone("Service", f"{NAME}-candidate") or lab.wait(
        "gone", lambda: lab.gone("Service", f"{NAME}-candidate"), 10
    )
