from pathlib import Path
from typing import Any

import pytest
import yaml
from lupa import lua51  # the Lua that Argo CD's own interpreter speaks

from lockstep.api.model_deployment_status import Outcome

ROOT = Path(__file__).parents[3]
KEY = "resource.customizations.health.lockstep.dev_"
SCRIPTS = yaml.safe_load((ROOT / "manifests/argocd/health.yaml").read_text())["data"]
UNSEEN = "the operator has not looked at this yet; is it running?"
STALE = "the operator has not looked at the latest change yet"


def health(kind: str, generation: int, status: dict[str, Any] | None) -> tuple[str, str]:
    lua = lua51.LuaRuntime()
    obj: dict[str, Any] = {"metadata": {"generation": generation}}
    if status is not None:
        obj["status"] = status
    lua.globals().obj = lua.table_from(obj, recursive=True)
    told = lua.execute(SCRIPTS[KEY + kind])
    return told["status"], told["message"]


def seen(phase: str, generation: int = 3) -> dict[str, Any]:
    return {"phase": phase, "observedGeneration": generation, "message": "because"}


CASES: dict[str, tuple[dict[str, Any] | None, tuple[str, str]]] = {
    "done, nothing on trial": (seen("Healthy"), ("Healthy", "because")),
    "moving, soaking, measuring": (seen("Progressing"), ("Progressing", "because")),
    "a person is awaited": (seen("Paused"), ("Suspended", "because")),
    "rolled back, or cannot go on": (seen("Degraded"), ("Degraded", "because")),
    "a phase of a later version": (seen("Baking"), ("Unknown", "because")),
    "just applied": (None, ("Progressing", UNSEEN)),
    "looked at, but nothing said yet": ({"observedGeneration": 3}, ("Progressing", UNSEEN)),
    "a fix that was not looked at is not degraded": (
        seen("Degraded", generation=2),
        ("Progressing", STALE),
    ),
    "a change that was not looked at is not healthy": (
        seen("Healthy", generation=2),
        ("Progressing", STALE),
    ),
    "no message": ({"phase": "Healthy", "observedGeneration": 3}, ("Healthy", "")),
}


@pytest.mark.parametrize(("status", "told"), CASES.values(), ids=CASES)
def test_health(status: dict[str, Any] | None, told: tuple[str, str]) -> None:
    assert health("ModelDeployment", 3, status) == told


UNTAKEN = ("Progressing", "the operator has not taken this yet; is it running?")
DECISIONS: dict[str, tuple[dict[str, Any] | None, tuple[str, str]]] = {
    "not taken yet": (None, UNTAKEN),
    "without an outcome": ({"message": "soon"}, UNTAKEN),
    "done": ({"outcome": "Applied", "message": "because"}, ("Healthy", "because")),
    "too late to matter": ({"outcome": "Superseded", "message": "because"}, ("Healthy", "because")),
    "not allowed": ({"outcome": "Refused", "message": "because"}, ("Degraded", "because")),
    "an outcome of a later version": ({"outcome": "Deferred"}, ("Unknown", "")),
}


@pytest.mark.parametrize(("status", "told"), DECISIONS.values(), ids=DECISIONS)
def test_health_of_a_decision(status: dict[str, Any] | None, told: tuple[str, str]) -> None:
    assert health("Decision", 1, status) == told


def test_every_outcome_has_a_meaning() -> None:
    told = {health("Decision", 1, {"outcome": outcome.value})[0] for outcome in Outcome}
    assert told == {"Healthy", "Degraded"}
