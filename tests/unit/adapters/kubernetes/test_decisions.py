from datetime import UTC, datetime

import pytest

from lockstep.adapters.kubernetes.decisions import prune, render
from lockstep.api.base import Manifest
from lockstep.api.decision import Act, DecisionSpec, DecisionStatus
from lockstep.api.model_deployment_status import Outcome
from lockstep.core.facts import Unreadable
from lockstep.core.rollout.actions import AnswerDecision
from tests.unit.api.manifests import DECISION, GONE, change

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
METADATA = {
    "name": "fraud-approve",
    "namespace": "payments",
    "uid": "d1",
    "resourceVersion": "7",
    "creationTimestamp": "2026-01-01T12:00:00Z",
}


def decision(**changes: object) -> Manifest:
    by_path = {path.replace("__", "."): value for path, value in changes.items()}
    return change({**DECISION, "metadata": METADATA}, by_path)


def test_what_was_decided_is_read() -> None:
    record = prune(decision())
    assert isinstance(record.decided.spec, DecisionSpec)
    assert record.decided.spec.act is Act.APPROVE
    assert (record.decided.name, record.decided.uid) == ("fraud-approve", "d1")
    assert (record.decided.at, record.decided.outcome) == (AT, None)


def test_it_belongs_to_what_is_decided_about() -> None:
    assert prune(decision()).meta.parent_name == "fraud"


@pytest.mark.parametrize("outcome", Outcome)
def test_what_became_of_it_is_read(outcome: Outcome) -> None:
    assert prune(decision(status={"outcome": outcome.value})).decided.outcome is outcome


UNREADABLE: dict[str, tuple[Manifest, str, str]] = {
    "an act that nobody knows": (
        decision(spec__act="Explode"),
        "fraud",
        "spec.act: Input should be 'Approve', ",
    ),
    "no target": (decision(spec__target=GONE), "", "spec.target: Field required"),
    "a target that is no object": (decision(spec__target="fraud"), "", "spec.target: "),
    "no spec": (decision(spec=GONE), "", "spec: "),
}


@pytest.mark.parametrize(("raw", "target", "why"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_says_where(raw: Manifest, target: str, why: str) -> None:
    record = prune(raw)
    assert record.meta.parent_name == target
    assert isinstance(record.decided.spec, Unreadable)
    assert record.decided.spec.message.startswith(why)


def test_a_status_that_nobody_knows_is_no_answer() -> None:
    for status in ({"outcome": "Perhaps"}, {"outcome": 7}, {}, None):
        assert prune(decision(status=status)).decided.outcome is None


def test_an_answer_is_for_exactly_one_object() -> None:
    answer = AnswerDecision(
        name="fraud-approve", uid="d1", outcome=Outcome.SUPERSEDED, message="x" * 2000, at=AT
    )
    manifest = render("payments", answer)
    assert manifest["metadata"] == {"name": "fraud-approve", "namespace": "payments", "uid": "d1"}
    assert manifest["status"]["at"] == "2026-01-01T12:00:00.000Z"
    assert DecisionStatus.model_validate(manifest["status"]).outcome is Outcome.SUPERSEDED
    assert len(manifest["status"]["message"]) == 1024
    assert prune({**decision(), **manifest, "metadata": METADATA}).decided.outcome
