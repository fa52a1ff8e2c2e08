"""What may be changed of a frozen model is what it has, and nothing is changed past the types."""

from datetime import datetime
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_overloads, get_type_hints

import pytest
from pydantic import AwareDatetime, BaseModel

from lockstep.api.changes import changed
from lockstep.api.gate_status import GateStatus
from lockstep.api.model_deployment_status import ModelDeploymentStatus, StageStatus
from tests.sim.changes import changed_spec

ROOT = Path(__file__).parents[3]
WHERE_COPIES_ARE_MADE = {"operator/lockstep/api/changes.py", "tests/sim/changes.py"}
UNTYPED = "model_" + "copy("


def _plain(hint: Any) -> Any:
    """Without how pydantic checks it: mypy takes AwareDatetime for a datetime."""
    if hint is AwareDatetime:
        return datetime
    if get_origin(hint) in {Union, UnionType}:
        return frozenset(_plain(it) for it in get_args(hint))
    return hint


def _fields(hints: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain(hint) for name, hint in hints.items()}


SIGNATURES = [get_type_hints(it) for it in (*get_overloads(changed), changed_spec)]
MODELS = {
    model: get_args(hints["changes"])[0] for hints in SIGNATURES for model in [hints["return"]]
}


@pytest.mark.parametrize("model", MODELS, ids=lambda it: it.__name__)
def test_the_fields_that_can_be_changed_are_those_of_the_model(model: type[BaseModel]) -> None:
    written = _fields(get_type_hints(MODELS[model]))
    had = _fields({it: get_type_hints(model)[it] for it in model.model_fields})
    assert written == had
    assert not MODELS[model].__required_keys__


def test_each_model_is_changed_to_one_of_its_kind() -> None:
    for hints in SIGNATURES:
        first = next(iter(hints.values()))
        assert first is hints["return"]


def test_what_is_not_changed_stays() -> None:
    row = GateStatus(name="errors", criteria="x", samples=3)
    assert changed(row, errors=1) == GateStatus(name="errors", criteria="x", samples=3, errors=1)


def refused_by_mypy(status: ModelDeploymentStatus, stage: StageStatus) -> None:
    """Each ``ignore`` is one that mypy must find in use: what it let through would fail there."""
    changed(status, stabel=None)  # type: ignore[call-overload]  # a misspelt field
    changed(status, standing_since=None)  # type: ignore[call-overload]  # of another model
    changed(status, message=1)  # type: ignore[call-overload]  # of another type
    changed(stage, pods=["a"])  # type: ignore[call-overload]  # a list would not be frozen
    changed(stage, name=None)  # type: ignore[call-overload]  # it is always there


def test_nothing_is_copied_past_the_types() -> None:
    found = {
        str(path.relative_to(ROOT))
        for folder in ("operator", "tests", "benchmarks", "examples")
        for path in (ROOT / folder).rglob("*.py")
        if UNTYPED in path.read_text()
    }
    assert found == WHERE_COPIES_ARE_MADE
