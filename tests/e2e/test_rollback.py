"""Revisions that are bad: their callers come back, or never came; and who is sick is told apart."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.e2e.callers import instant
from tests.e2e.lab import Lab, revision
from tests.e2e.manifests import SMOKE_TEST, canary, criteria, stage
from tests.e2e.states import (
    condition,
    healthy,
    holding,
    on_trial,
    phase,
    rolled_back,
    truths,
)

pytestmark = pytest.mark.e2e

SICK = {"ERROR_RATIO": "0.5"}
LONG = canary(stage("half", 50, "40s", gated=True), stage("full", 100))
MOST_SECONDS_BACK = 3.0
"""From the rollback in status to the last new connection that a rejected pod may get."""


def test_a_failed_gate_takes_every_caller_back_to_stable(lab: Lab) -> None:
    lab.apply(criteria(), lab.fraud("1.0.0", strategy=LONG))
    good = lab.until(healthy("1.0.0"))
    stable = revision(good)
    callers = lab.callers(new=40, kept=6)
    began = callers.now()
    bad = lab.fraud("2.0.0", env=SICK, strategy=LONG)
    lab.apply(bad)
    seen = lab.until(rolled_back("2.0.0", "GateFailed"))
    candidate = str(seen["status"]["rejected"]["revision"])
    rejected = instant(seen["status"]["rejected"]["at"])

    lab.apply(bad)  # as Argo CD does again and again
    lab.kubectl("label", "mldep/fraud", "synced=again")
    lab.wait("vanished", lambda: lab.vanished(candidate), 40)
    gone = callers.now()
    lab.wait("calling on", lambda: len(callers.calls().between(gone)) > 200, 15)
    calls, later = callers.calls().between(began), lab.look()

    at_bad = calls.new.by(candidate).all
    back = at_bad[-1].at - rejected
    lab.measured(
        "from the candidate's first caller to the rollback", f"{rejected - at_bad[0].at:.1f} s"
    )
    lab.measured("last new connection at the candidate", f"{back:+.2f} s from the rollback")
    kept = calls.kept.by(candidate).all
    if kept:
        last = kept[-1].at - rejected
        lab.measured("last kept-alive call at the candidate", f"{last:+.2f} s from the rollback")
    lab.measured("new connections", f"{len(calls.new)} calls, {len(calls.new.unanswered)} errors")
    lab.measured(
        "kept-alive connections", f"{len(calls.kept)}, {len(calls.kept.unanswered)} errors"
    )
    assert back < MOST_SECONDS_BACK
    assert not calls.unanswered, calls
    assert not calls.by(stable).failed, calls
    assert not calls.between(gone).by(candidate), calls
    assert later["status"]["rejected"] == seen["status"]["rejected"]
    assert later["status"]["message"] == seen["status"]["message"]
    assert "error-ratio" in seen["status"]["message"]
    assert truths(later) == ROLLED_BACK
    assert condition(later, "Stalled")["reason"] == "RolledBack"
    assert len(lab.events("RolloutStarted")) == 2, "a re-sync is not a retry"
    assert len(lab.events("RolledBack")) == 1

    lab.apply(lab.fraud("2.0.0", env=SICK, strategy=LONG, retry="once more"))
    lab.until(on_trial("2.0.0"))
    lab.apply(lab.fraud("1.0.0", strategy=LONG))
    assert revision(lab.until(healthy("1.0.0"))) == stable


ROLLED_BACK = {
    "Available": "True",
    "Ready": "False",
    "Reconciling": "False",
    "Stalled": "True",
    "Paused": "False",
    "SpecValid": "True",
}


def test_a_paced_rollback_follows_the_stable_pods_that_are_ready(lab: Lab) -> None:
    paced = {"rollback": {"speed": "Paced", "keepFailed": "2s"}}
    lab.apply(criteria(), lab.fraud("1.0.0", strategy=LONG))
    stable = revision(lab.until(healthy("1.0.0")))
    callers = lab.callers(new=40)
    began = callers.now()
    lab.apply(lab.fraud("2.0.0", env=SICK, strategy=LONG, **paced))
    rejected = lab.until(rolled_back("2.0.0", "GateFailed"))["status"]["rejected"]
    lab.wait("vanished", lambda: lab.vanished(rejected["revision"]), 40)
    calls = callers.calls().between(began)

    last = calls.new.by(rejected["revision"]).all[-1].at - instant(rejected["at"])
    lab.measured("last new connection at the candidate", f"{last:+.2f} s from the rollback")
    lab.measured("new connections", f"{len(calls.new)} calls, {len(calls.new.unanswered)} errors")
    assert not calls.unanswered, calls
    assert not calls.by(stable).failed, calls
    assert len(lab.uids(stable)) == 4


@dataclass(frozen=True, slots=True)
class Hopeless:
    """``words``: what the message has to say; ``within``: seconds until it is told."""

    reason: str
    words: str
    within: float
    env: dict[str, str] = field(default_factory=dict)
    container: dict[str, object] = field(default_factory=dict)
    spec: dict[str, Any] = field(default_factory=dict)


NOWHERE = "e2e/app@sha256:" + "0" * 64
HOPELESS = {
    "it answers wrongly": Hopeless(
        "SmokeTestFailed", "was 0.1, expected at least 0.8 and at most 0.9", 20, {"ANSWER": "0.1"}
    ),
    "its image is not there": Hopeless(
        "ImagePullFailed", NOWHERE, 40, container={"image": NOWHERE}
    ),
    "it crashes": Hopeless(
        "CrashLoop",
        "last exit code 3",
        40,
        {"CRASH_AFTER": "0.3", "STARTUP": "60"},
        spec={"restartLimit": {"startup": 1}},
    ),
    "it is never ready": Hopeless(
        "ProgressDeadlineExceeded",
        "0 of 1 pods were available",
        30,
        {"NEVER_READY": "yes"},
        spec={"progressDeadline": "8s"},
    ),
}


@pytest.mark.parametrize("why", HOPELESS)
def test_a_candidate_gets_no_caller_ever_when(lab: Lab, why: str) -> None:
    case = HOPELESS[why]
    container = dict(case.container)
    if "image" in container:
        container["image"] = f"{lab.world.cluster.registry}/{container['image']}"
    lab.apply(criteria(), lab.fraud("1.0.0", smokeTest=SMOKE_TEST))
    stable = revision(lab.until(healthy("1.0.0")))
    pods, callers = lab.uids(stable), lab.callers(new=20, kept=2)
    began = callers.now()
    lab.apply(
        lab.fraud("2.0.0", env=case.env, in_container=container, smokeTest=SMOKE_TEST, **case.spec)
    )
    seen = lab.until(rolled_back("2.0.0", case.reason), case.within)
    rejected = seen["status"]["rejected"]
    lab.measured("rolled back after", f"{instant(rejected['at']) - began:.1f} s")
    lab.wait("vanished", lambda: lab.vanished(rejected["revision"]), 40)
    calls = callers.calls().between(began)

    assert case.words in rejected["message"], rejected["message"]
    assert not calls.by(rejected["revision"]), calls
    assert not calls.unanswered, calls
    assert lab.uids(stable) >= pods, "stable lost nothing"


def test_a_superseded_revision_is_out_of_reach_before_the_next_one_opens(lab: Lab) -> None:
    lab.apply(criteria(), lab.fraud("1.0.0"))
    lab.until(healthy("1.0.0"))
    callers = lab.callers(new=30, kept=4)
    began = callers.now()
    keep = {"rollback": {"keepFailed": "60s"}}
    lab.apply(lab.fraud("2.0.0", env=SICK, strategy=LONG, **keep))
    failed = lab.until(rolled_back("2.0.0", "GateFailed"))["status"]["rejected"]

    lab.apply(lab.fraud("3.0.0", strategy=LONG, **keep))
    third = lab.until(holding("half", "3.0.0"))
    assert not lab.pods(failed["revision"]), "kept pods are gone before the Service opens"
    lab.apply(lab.fraud("4.0.0", **keep))
    fourth = lab.until(holding("half", "4.0.0"))
    assert not lab.pods(revision(third, "candidate"))
    lab.until(healthy("4.0.0"))
    calls = callers.calls().between(began)

    after = instant(failed["at"]) + MOST_SECONDS_BACK
    opened = instant(fourth["status"]["stage"]["enteredAt"])
    assert not calls.between(after).new.by(failed["revision"]), calls
    assert not calls.between(opened).new.by(revision(third, "candidate")), calls
    assert not calls.unanswered, calls
    lab.measured("new connections", f"{len(calls.new)} calls, {len(calls.new.unanswered)} errors")
    outcomes = [line["outcome"] for line in lab.look()["status"]["history"]]
    assert outcomes == ["Promoted", "RolledBack", "Superseded", "Promoted"]


def test_when_stable_is_sick_too_nobody_is_blamed_and_a_fix_goes_through(lab: Lab) -> None:
    lab.apply(criteria(), lab.fraud("1.0.0", env=SICK))
    lab.until(healthy("1.0.0"))
    callers = lab.callers(new=30)
    lab.apply(lab.fraud("2.0.0", env=SICK, strategy=LONG))
    seen = lab.until(phase("Paused", "StableFailsToo"))
    paused, candidate = callers.now(), revision(seen, "candidate")
    assert "the candidate is not the cause" in seen["status"]["message"]
    assert truths(seen)["Paused"] == "True"
    lab.wait("calling on", lambda: len(callers.calls().between(paused)) > 150, 15)
    during = callers.calls().between(paused).new
    lab.measured("share at 50 percent while paused", f"{during.share(candidate):.1%}")
    assert during.fits(candidate, 0.5), during

    lab.apply(lab.fraud("3.0.0"))
    lab.until(healthy("3.0.0"))


def test_a_stable_that_answers_nobody_does_not_block_its_fix(lab: Lab) -> None:
    lab.apply(criteria(), lab.fraud("1.0.0", smokeTest=SMOKE_TEST))
    first = lab.until(healthy("1.0.0"))
    callers = lab.callers(new=20)
    lab.turn_unready(lab.pods(revision(first)))
    lab.wait("unavailable", lambda: truths(lab.look())["Available"] == "False", 20)
    asked = callers.now()
    lab.apply(lab.fraud("2.0.0", smokeTest=SMOKE_TEST))
    second = revision(lab.until(healthy("2.0.0")))
    helped = min(call.ended for call in callers.calls().by(second)) - asked
    lab.measured("from the fix's manifest to its first answer", f"{helped:.1f} s")
    assert helped < 15
