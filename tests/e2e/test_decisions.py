"""People decide with kubectl, each under their own name, and callers follow."""

import itertools
import subprocess
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import yaml

from tests.e2e.lab import Lab, revision
from tests.e2e.manifests import API_VERSION, NAME, Manifest, canary, stage
from tests.e2e.states import healthy, holding, phase, rolled_back, says

pytestmark = pytest.mark.e2e

ML = "ml-fraud"
APPROVAL = {"required": 2, "groups": [ML], "excludeAuthor": True}
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom the API server knows by name and groups, as ``kubectl --as`` has it."""

    lab: Lab
    name: str
    groups: tuple[str, ...] = ()

    def kubectl(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        groups = [
            it for group in (*self.groups, "system:authenticated") for it in ("--as-group", group)
        ]
        who = ("--namespace", self.lab.namespace, "--as", self.name, *groups)
        return self.lab.world.kubectl.try_(*who, *arguments, stdin=stdin)

    def applies(self, wanted: Manifest) -> None:
        ended = self.kubectl("apply", "--filename", "-", stdin=yaml.safe_dump(wanted))
        assert ended.returncode == 0, ended.stderr

    def tries(self, act: str, **spec: Any) -> subprocess.CompletedProcess[str]:
        """Create a Decision about the candidate; the caller looks at how that ended."""
        wanted = decision(self, act, **spec)
        return self.kubectl("create", "--filename", "-", stdin=yaml.safe_dump(wanted))

    def decides(self, act: str, **spec: Any) -> str:
        """The outcome of a Decision that nobody keeps this person from writing."""
        wanted = decision(self, act, **spec)
        ended = self.kubectl("create", "--filename", "-", stdin=yaml.safe_dump(wanted))
        assert ended.returncode == 0, ended.stderr
        name = wanted["metadata"]["name"]
        told = self.lab.wait(f"answered {act} of {self.name}", partial(answer, self.lab, name), 20)
        assert told["message"]
        return str(told["outcome"])


def decision(who: Person, act: str, **spec: Any) -> Manifest:
    """About the candidate, unless another revision is given."""
    if act not in {"Pause", "Resume"} and "revision" not in spec:
        spec["revision"] = revision(who.lab.look(), "candidate")
    return {
        "apiVersion": API_VERSION,
        "kind": "Decision",
        "metadata": {"name": f"{act.lower()}-{next(_numbers)}"},
        "spec": {
            "target": {"name": NAME},
            "act": act,
            "by": who.name,
            "groups": list(who.groups),
            "reason": "the load test is over",
            **spec,
        },
    }


def answer(lab: Lab, name: str) -> Manifest | None:
    found: Manifest = yaml.safe_load(lab.kubectl("get", "decision", name, "--output=yaml"))
    return found.get("status")


@dataclass(frozen=True, slots=True)
class Team:
    """Carol writes revisions, Alice and Bob approve them, Pat may do everything."""

    carol: Person
    alice: Person
    bob: Person
    pat: Person


def team(lab: Lab) -> Team:
    roles = {"carol": "developer", "alice": "approver", "bob": "approver", "pat": "platform"}
    for name, role in roles.items():
        binding = (f"--clusterrole=lockstep-{role}", f"--user={name}@example.com")
        lab.kubectl("create", "rolebinding", name, *binding)
    return Team(
        carol=Person(lab, "carol@example.com", (ML,)),
        alice=Person(lab, "alice@example.com", (ML,)),
        bob=Person(lab, "bob@example.com", (ML,)),
        pat=Person(lab, "pat@example.com"),
    )


def on_trial(lab: Lab, people: Team, *stages: Manifest) -> str:
    """Version 2 beside version 1, both written by Carol; the revision of version 1."""
    people.carol.applies(lab.fraud("1.0.0", strategy=canary(*stages)))
    stable = revision(lab.until(healthy("1.0.0")))
    people.carol.applies(lab.fraud("2.0.0", strategy=canary(*stages)))
    return stable


def test_two_people_approve_and_the_author_is_refused(lab: Lab) -> None:
    people = team(lab)
    on_trial(lab, people, {**stage("half", 50), "approval": APPROVAL}, stage("full", 100))
    asked = lab.until(phase("Paused", "ApprovalNeeded"))
    candidate = revision(asked, "candidate")
    assert asked["status"]["candidate"]["author"] == "carol@example.com"
    assert f"waits for approval from group {ML}" in asked["status"]["message"]

    lab.kubectl("create", "rolebinding", "too-much", "--clusterrole=lockstep-approver",
                "--user=carol@example.com")  # fmt: skip
    hers = people.carol.tries("Approve", stage="half")
    assert "carol@example.com" in hers.stderr
    assert hers.returncode != 0
    assert people.alice.tries("Approve", stage="half", by="bob@example.com").returncode != 0
    assert people.alice.decides("Approve", stage="half") == "Applied"
    lab.until(says("1 of 2 approvals (alice@example.com)"))
    assert people.alice.decides("Approve", stage="half") == "Applied"
    assert people.bob.decides("Approve", stage="half") == "Applied"

    done = lab.until(healthy("2.0.0"))
    assert revision(done) == candidate
    told = done["status"]["history"][-1]["message"]
    assert told.endswith("approved by alice@example.com (half), bob@example.com (half)")
    assert lab.events("DecisionApplied")


def test_a_rejected_revision_comes_back_with_a_retry_and_skips_a_stage(lab: Lab) -> None:
    people = team(lab)
    stages = (
        {**stage("half", 50), "approval": {"required": 1}},
        stage("most", 75, "1h"),
        stage("full", 100),
    )
    stable = on_trial(lab, people, *stages)
    asked = lab.until(phase("Paused", "ApprovalNeeded"))
    candidate = revision(asked, "candidate")
    callers = lab.callers(new=20)
    assert people.bob.decides("Reject", stage="half") == "Applied"
    back = lab.until(rolled_back("2.0.0", "Rejected"))
    assert "by bob@example.com: the load test is over" in back["status"]["rejected"]["message"]
    lab.wait("vanished", lambda: lab.vanished(candidate), 40)
    assert len(lab.uids(stable)) == 4

    assert people.carol.decides("Retry", revision=candidate) == "Applied"
    lab.until(phase("Paused", "ApprovalNeeded"))
    assert people.alice.decides("Approve", stage="half") == "Applied"
    lab.until(holding("most"))
    assert people.alice.tries("SkipStage", stage="most").returncode != 0
    assert people.pat.decides("SkipStage", stage="most") == "Applied"
    done = lab.until(healthy("2.0.0"))
    outcomes = [line["outcome"] for line in done["status"]["history"]]
    assert outcomes == ["Promoted", "RolledBack", "StageSkipped", "Promoted"]
    assert not callers.calls().new.unanswered, callers.calls()


def test_an_aborted_revision_is_held_and_tried_again_in_full(lab: Lab) -> None:
    people = team(lab)
    stable = on_trial(lab, people, stage("half", 50, "1h"), stage("full", 100))
    candidate = revision(lab.until(holding("half")), "candidate")
    callers = lab.callers(new=20)
    assert people.carol.decides("Pause") == "Applied"
    assert people.carol.decides("Abort") == "Applied"
    lab.until(rolled_back("2.0.0", "Aborted"))
    lab.wait("vanished", lambda: lab.vanished(candidate), 40)
    assert len(lab.uids(stable)) == 4

    assert people.carol.decides("Retry", revision=candidate) == "Applied"
    lab.until(says("paused by carol@example.com"))
    assert people.carol.decides("Resume") == "Applied"
    lab.until(holding("half"))
    assert people.pat.decides("PromoteFull") == "Applied"
    done = lab.until(healthy("2.0.0"))
    assert "promoted in full by pat@example.com" in done["status"]["history"][-2]["message"]
    assert not callers.calls().new.unanswered, callers.calls()
