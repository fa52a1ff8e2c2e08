"""Time on its feet, on a real API server: what its pods died of is told by their status alone."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.kubelet import CRASHING
from tests.apiserver.lab import Lab, lab

pytestmark = pytest.mark.apiserver

SOAKS = {
    "canary": {
        "stages": [
            {"name": "half", "weight": 50, "soak": "20s"},
            {"name": "full", "weight": 100},
        ]
    }
}


@pytest.fixture
async def world(api_server: Path, namespace: str, tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(api_server, namespace, tmp_path) as made:
        made.start()
        yield made


def back_again(restarts: int, code: int = 3, reason: str = "Error") -> dict[str, Any]:
    """A server that has died and runs: ready, whenever somebody looks."""
    ended = {"exitCode": code, "reason": reason, "finishedAt": "2026-01-01T00:00:00Z"}
    state = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    return {
        "ready": True,
        "restartCount": restarts,
        "state": state,
        "lastState": {"terminated": {**ended, "startedAt": "2026-01-01T00:00:00Z"}},
    }


def soaks(status: dict[str, Any]) -> bool:
    return bool((status.get("stage") or {}).get("soakUntil"))


async def on_trial(world: Lab) -> str:
    """Version 2 soaks beside version 1; until when."""
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    await world.apply("2.0.0", strategy=SOAKS)
    status = await world.until("it soaks", soaks)
    return str(status["stage"]["soakUntil"])


async def test_a_candidate_that_dies_and_is_always_back_is_taken_back(world: Lab) -> None:
    until = await on_trial(world)
    world.kubelet.health["2.0.0"] = back_again(1)
    anew = await world.until(
        "its soak began anew", lambda it: soaks(it) and it["stage"]["soakUntil"] > until
    )
    assert anew["stage"]["deaths"]["count"] >= 1
    assert "last exit code 3" in anew["message"]
    world.kubelet.health["2.0.0"] = back_again(2)
    status = await world.reason("RolledBack")
    assert status["rejected"]["reason"] == "CandidateDied"
    assert "1 tolerated" in status["rejected"]["message"]


async def test_deaths_are_not_forgotten_while_no_operator_looks(world: Lab) -> None:
    await on_trial(world)
    await world.until("its pods are known", lambda it: bool(it["stage"].get("pods")))
    await world.stop()
    world.kubelet.health["2.0.0"] = back_again(1, 137, "OOMKilled")
    world.start()
    status = await world.reason("RolledBack")
    assert status["rejected"]["reason"] == "OOMKilled"


async def test_a_slow_start_is_told_and_waited_for(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    world.kubelet.health["2.0.0"] = {**CRASHING, "restartCount": 3}
    await world.apply("2.0.0")
    await world.until("it is told", lambda it: "restartLimit.startup" in it["message"])
    world.kubelet.health["2.0.0"] = back_again(3)
    await world.healthy("2.0.0")
