"""Our own kinds on the wire."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from lockstep.adapters.kubernetes import model_deployments
from lockstep.adapters.kubernetes.exit_criteria import (
    prune_cluster_exit_criteria,
    prune_exit_criteria,
)
from lockstep.adapters.merge_patch import merge_patch
from lockstep.api.base import Manifest, Seen
from lockstep.api.condition import Condition, Truth
from lockstep.api.gate_status import GateStatus, Verdict
from lockstep.api.model_deployment_status import ModelDeploymentStatus, Phase, RevisionStatus
from lockstep.api.strategy import CriteriaKind, CriteriaRef
from lockstep.core.facts import Criteria, Unreadable
from lockstep.errors import InvariantError
from tests.unit.shell.written import TEMPLATE, model_deployment

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
STAGES = [
    {"name": "a", "weight": 5, "exitCriteria": [{"name": "quality"}]},
    {
        "name": "b",
        "weight": 50,
        "soak": "1m",
        "exitCriteria": [{"kind": "ClusterExitCriteria", "name": "serving"}, {"name": "quality"}],
    },
]


def test_a_model_deployment() -> None:
    strategy = {"canary": {"stages": STAGES}}
    record = model_deployments.prune(model_deployment(strategy=strategy))
    assert not isinstance(record.spec, Unreadable)
    assert record.template == TEMPLATE
    assert record.criteria() == {
        CriteriaRef(name="quality"),
        CriteriaRef(kind=CriteriaKind.CLUSTER, name="serving"),
    }


UNREADABLE: dict[str, tuple[Manifest, str]] = {
    "a number out of range": ({"replicas": -1}, "spec.replicas: "),
    "a field deep down": (
        {"strategy": {"canary": {"stages": [{"name": "a", "weight": 0}]}}},
        "spec.strategy.canary.stages[0].weight: "),
    "a rule over several fields": (
        {"strategy": {}}, "spec.strategy: strategy needs exactly one of"),
    "an unknown field": ({"replica": 1}, "spec.replica: "),
    "more than one mistake": ({"replicas": -1, "minReadySeconds": -1}, "(and 1 more)"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "sentence"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_a_sentence_that_names_the_field(
    change: Manifest, sentence: str
) -> None:
    record = model_deployments.prune(model_deployment(**change))
    assert isinstance(record.spec, Unreadable)
    assert sentence in record.spec.message
    assert record.criteria() == frozenset()


def criteria(**spec: object) -> Manifest:
    metadata = {"name": "serving", "uid": "c", "generation": 4, "resourceVersion": "3"}
    return {"metadata": metadata, "spec": spec}


METRIC = {"name": "p99", "prometheus": {"query": "up"}, "successWhen": {"max": 1}}


def test_exit_criteria_carry_their_generation() -> None:
    for prune in (
        prune_exit_criteria,
        prune_cluster_exit_criteria,
    ):
        found = prune(criteria(metrics=[METRIC])).criteria
        assert isinstance(found, Criteria)
        assert (found.generation, found.spec.metrics[0].name) == (4, "p99")


def test_exit_criteria_that_cannot_be_read() -> None:
    found = prune_exit_criteria(criteria(metrics=[])).criteria
    assert isinstance(found, Unreadable)
    assert found.message.startswith("spec.metrics: ")


def test_a_status_survives_the_wire() -> None:
    now = datetime(2026, 1, 1, 12, 0, 0, 250_000, tzinfo=UTC)
    gate = GateStatus(name="p99", criteria="C/serving", verdict=Verdict.PASS, measured_at=now)
    status = ModelDeploymentStatus(phase=Phase.PROGRESSING, observed_generation=3, gates=(gate,))
    wire = model_deployments.write_status(status)
    assert model_deployments.read_status(wire) == status
    assert model_deployments.write_status(model_deployments.read_status(wire)) == wire
    assert "stage" not in wire


def texts(value: object) -> Iterator[str]:
    """Every text of a status."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else ():
        yield from texts(inner)
    for inner in value if isinstance(value, list) else ():
        yield from texts(inner)


def test_text_that_says_nothing_is_not_written_and_reads_as_before() -> None:
    candidate = RevisionStatus(revision="7f9c2b1e", version="2.0.0")
    said = Condition(type="Ready", status=Truth.TRUE, reason="Completed", last_transition_time=NOW)
    gate = GateStatus(name="p99", criteria="ExitCriteria/quality")
    status = ModelDeploymentStatus(candidate=candidate, conditions=(said,), gates=(gate,))
    wire = model_deployments.write_status(status)
    assert "" not in texts(wire)
    assert wire["candidate"] == {"revision": "7f9c2b1e", "version": "2.0.0", "smokeTested": False}
    assert model_deployments.read_status(wire) == status


def test_what_an_earlier_operator_wrote_empty_reads_the_same() -> None:
    now = {"candidate": {"revision": "7f9c2b1e", "version": "2.0.0"}}
    earlier = {"message": "", "candidate": {**now["candidate"], "image": "", "author": ""}}
    assert model_deployments.read_status(earlier) == model_deployments.read_status(now)


def test_text_without_which_nothing_could_be_read_back_is_written_empty() -> None:
    status = ModelDeploymentStatus(stable=RevisionStatus(revision="7f9c2b1e", version=""))
    wire = model_deployments.write_status(status)
    assert wire["stable"]["version"] == ""
    assert model_deployments.read_status(wire) == status


def test_a_status_that_is_not_ours_is_not_guessed() -> None:
    with pytest.raises(InvariantError, match=r"status\.phase: "):
        model_deployments.read_status({"phase": "Splendid"})


PATCHES: dict[str, tuple[Manifest, Manifest, Manifest]] = {
    "nothing changed": ({"a": 1}, {"a": 1}, {}),
    "a value": ({"a": 1, "b": 2}, {"a": 3, "b": 2}, {"a": 3}),
    "what has to go is null": ({"a": 1, "b": 2}, {"a": 1}, {"b": None}),
    "deep down": ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"c": None}}),
    "lists are replaced whole": ({"a": [1, 2]}, {"a": [1]}, {"a": [1]}),
    "from nothing": ({}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    "an object in the place of a list": ({"a": [1]}, {"a": {"b": 1}}, {"a": {"b": 1}}),
}


def merged(before: Manifest, patch: Manifest) -> Manifest:
    """RFC 7386, as the API server does it."""
    after = dict(before)
    for key, value in patch.items():
        known = after.get(key)
        if value is None:
            after.pop(key, None)
        elif isinstance(value, dict):
            after[key] = merged(known if isinstance(known, dict) else {}, value)
        else:
            after[key] = value
    return after


@pytest.mark.parametrize(("before", "after", "patch"), PATCHES.values(), ids=PATCHES)
def test_merge_patch(before: Manifest, after: Manifest, patch: Manifest) -> None:
    assert merge_patch(before, after) == patch
    assert merged(before, patch) == after


def models(base: type[Seen]) -> Iterator[type[Seen]]:
    for model in base.__subclasses__():
        yield model
        yield from models(model)


@pytest.mark.parametrize("model", sorted(set(models(Seen)), key=str))
def test_every_text_that_may_be_empty_is_left_out_then(model: type[Seen]) -> None:
    kept = [
        name
        for name, field in model.model_fields.items()
        if field.default == "" and not (field.exclude_if and field.exclude_if(""))
    ]
    assert kept == []
