"""Whose approval counts: groups, authors, one for each person, and the time there is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lockstep.api.model_deployment_status import Approved
from lockstep.api.strategy import Approval
from lockstep.core.governance import approvals
from lockstep.core.governance.approvals import Authors

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CI = "system:serviceaccount:argocd:argocd-application-controller"
KNOWN = Authors(frozenset({"carol"}))
UNKNOWN = (
    "the author of this revision is unknown: the API server records the author of a change from "
    "Kubernetes 1.36 on (annotation lockstep.dev/author); without it, set excludeAuthor to false "
    "to let anyone approve"
)


def rule(**changes: Any) -> Approval:
    return Approval.model_validate(changes)


def by(name: str, *groups: str, stage: str = "quarter") -> Approved:
    return Approved(stage=stage, by=name, groups=groups, at=NOW)


REFUSALS: dict[str, tuple[Approval, str, tuple[str, ...], Authors, str]] = {
    "anybody may": (rule(), "alice", (), KNOWN, ""),
    "the author may where nobody minds": (rule(), "carol", (), KNOWN, ""),
    "a group that is asked for": (rule(groups=["ml", "risk"]), "alice", ("risk",), KNOWN, ""),
    "another group": (
        rule(groups=["ml"]), "alice", ("ops",), KNOWN,
        "approval is required from group ml; alice approved for ops"),
    "no group": (
        rule(groups=["ml"]), "alice", (), KNOWN,
        "approval is required from group ml; alice approved for no group"),
    "somebody else than the author": (rule(excludeAuthor=True), "alice", (), KNOWN, ""),
    "the author": (rule(excludeAuthor=True), "carol", (), KNOWN,
        "carol wrote, edited or asked for this revision, and excludeAuthor is set"),
    "a name is not another name": (rule(excludeAuthor=True), "Carol", (), KNOWN, ""),
    "an author nobody knows": (
        rule(excludeAuthor=True), "alice", (), approvals.authors("", "", None),
        f"excludeAuthor is set and {UNKNOWN}"),
    "an author nobody knows where nobody minds": (
        rule(), "alice", (), approvals.authors("", "", None), ""),
    "the group is asked before the author": (
        rule(groups=["ml"], excludeAuthor=True), "carol", (), KNOWN,
        "approval is required from group ml; carol approved for no group"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("approval", "name", "groups", "known", "why"), REFUSALS.values(), ids=REFUSALS
)
def test_who_may_approve(
    approval: Approval, name: str, groups: tuple[str, ...], known: Authors, why: str
) -> None:
    assert approvals.refusal(approval, name, groups, known) == why


AUTHORS: dict[str, tuple[tuple[str, str, str | None], set[str], str]] = {
    "a person": (("carol", "carol", None), {"carol"}, ""),
    "somebody edited it since": (("carol", "dan", None), {"carol", "dan"}, ""),
    "a person who names another": (("carol", "carol", "dan"), {"carol", "dan"}, ""),
    "a machine for a person": ((CI, CI, "dan"), {CI, "dan"}, ""),
    "a machine for nobody": (
        (CI, CI, None), {CI},
        (f"{CI} applied this revision, and it is not known for whom: name the person in "
         "spec.changeRequest.requestedBy")),
    "a machine that edited it since": (("carol", CI, None), {"carol", CI}, ""),
    "no stamp": (("", "", None), set(), UNKNOWN),
    "no stamp, and anybody may have named dan": (("", "", "dan"), {"dan"}, UNKNOWN),
    "no stamp when it was written": (("", "dan", None), {"dan"}, UNKNOWN),
}  # fmt: skip


def test_whoever_began_a_revision_is_behind_it_whoever_tries_it_again() -> None:
    known = approvals.authors("bob", "bob", None, ("carol", "dan"))
    assert known.people == {"bob", "carol", "dan"}


def test_whoever_changed_what_runs_is_behind_it_whoever_changes_the_spec_after_them() -> None:
    known = approvals.authors("bob", "bob", None, (), ("alice", "bob"))
    assert (set(known.people), known.unknown) == ({"alice", "bob"}, "")


def test_people_whose_names_were_not_kept_let_nobody_approve() -> None:
    known = approvals.authors("bob", "bob", None, (), ("alice", "?"))
    assert "more than 16" in known.unknown
    assert known.people == {"alice", "bob"}


def test_a_machine_that_had_a_hand_in_it_did_it_for_somebody() -> None:
    assert "requestedBy" in approvals.authors("bob", "bob", None, (), (CI, "bob")).unknown
    assert approvals.authors("bob", "bob", "zoe", (), (CI, "bob")).people == {CI, "bob", "zoe"}


@pytest.mark.parametrize(("said", "people", "unknown"), AUTHORS.values(), ids=AUTHORS)
def test_who_is_behind_a_revision(
    said: tuple[str, str, str | None], people: set[str], unknown: str
) -> None:
    known = approvals.authors(*said)
    assert (set(known.people), known.unknown) == (people, unknown)


TWO = rule(required=2)
COUNTS: dict[str, tuple[Approval, tuple[Approved, ...], list[str]]] = {
    "nobody": (TWO, (), []),
    "two people": (TWO, (by("alice"), by("bob")), ["alice", "bob"]),
    "one person twice": (TWO, (by("alice"), by("alice")), ["alice"]),
    "another stage": (TWO, (by("alice"), by("bob", stage="full")), ["alice"]),
    "a rule that became stricter": (
        rule(groups=["ml"]), (by("alice", "ml"), by("bob", "ops")), ["alice"]),
    "the author, since the rule minds": (rule(excludeAuthor=True), (by("carol"),), []),
    "one person, for the right group at last": (
        rule(groups=["ml"]), (by("alice", "ops"), by("alice", "ml")), ["alice"]),
}  # fmt: skip


@pytest.mark.parametrize(("approval", "given", "names"), COUNTS.values(), ids=COUNTS)
def test_whose_approval_counts(
    approval: Approval, given: tuple[Approved, ...], names: list[str]
) -> None:
    counted = approvals.counting(approval, "quarter", given, KNOWN)
    assert [it.by for it in counted] == names


def test_a_second_approval_takes_the_place_of_the_first() -> None:
    given = (by("alice"), by("bob"), by("alice", stage="full"))
    again = by("alice", "ml")
    assert approvals.added(given, again) == (by("bob"), by("alice", stage="full"), again)


def test_only_the_groups_that_are_asked_for_are_kept() -> None:
    assert approvals.spoken_for(rule(groups=["ml"]), ("ops", "ml")) == ("ml",)
    assert approvals.spoken_for(rule(), ("ops", "ml")) == ("ops", "ml")


def test_the_time_to_approve_runs_from_the_question() -> None:
    approval = rule(expiresAfter="72h")
    assert approvals.expires(approval, NOW) == NOW + timedelta(hours=72)


SENTENCES = {
    "0 of 1 approvals": approvals.tally(rule(), ()),
    "1 of 2 approvals (alice)": approvals.tally(TWO, (by("alice"),)),
    "anyone with permission to approve": approvals.wanted_from(rule()),
    "group ml": approvals.wanted_from(rule(groups=["ml"])),
    "groups ml or risk": approvals.wanted_from(rule(groups=["ml", "risk"])),
}


@pytest.mark.parametrize(("said", "got"), SENTENCES.items(), ids=SENTENCES)
def test_what_is_said(said: str, got: str) -> None:
    assert got == said
