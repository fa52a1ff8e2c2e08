"""Coming back on a real API server: rollbackTo, a gated first revision, a bake that fails."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.kubelet import STARTING
from tests.apiserver.lab import Lab, lab

pytestmark = pytest.mark.apiserver

WINDOW: dict[str, Any] = {"rollbackWindow": {"revisions": 2}}
SERVING = [{"name": "serving"}]
HALF = {"name": "half", "weight": 50, "soak": "2s", "exitCriteria": SERVING}
GATED: dict[str, Any] = {"strategy": {"canary": {"stages": [HALF]}}}
SLOW: dict[str, Any] = {"strategy": {"canary": {"stages": [HALF | {"soak": "60s"}]}}}
BAKED: dict[str, Any] = {
    "strategy": {
        "canary": {
            "stages": [{"name": "full", "weight": 100}],
            "bake": {"duration": "60s", "exitCriteria": SERVING},
        }
    }
}


@pytest.fixture
async def world(api_server: Path, namespace: str, tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(api_server, namespace, tmp_path) as made:
        made.start()
        yield made


def outcomes(status: dict[str, Any]) -> list[tuple[str, str]]:
    return [(it["version"], it["outcome"]) for it in status["history"]]


async def at_stage(world: Lab, name: str) -> dict[str, Any]:
    """Wait until the stage's weight is reached."""

    def holds(status: dict[str, Any]) -> bool:
        stage = status.get("stage") or {}
        return stage.get("name") == name and "enteredAt" in stage

    return await world.until(f"at stage {name}", holds)


async def test_rollback_to_skips_the_stages_and_empty_again_walks_them(world: Lab) -> None:
    await world.apply("1.0.0", **WINDOW)
    await world.healthy("1.0.0")
    await world.apply("2.0.0", **WINDOW)
    await world.healthy("2.0.0")
    await world.apply("2.0.0", rollbackTo=world.id_of("1.0.0"), **WINDOW, **GATED)
    back = await world.healthy("1.0.0")
    assert back["history"][-1]["message"].startswith("returned to version 1.0.0")
    assert "clear it to roll out version 2.0.0" in back["message"]
    await world.callers_on("1.0.0")
    await world.only("1.0.0")
    await world.apply("2.0.0", **WINDOW, **GATED)
    await world.reason("CriteriaMissing")
    await world.criteria()
    done = await world.healthy("2.0.0")
    assert outcomes(done) == [(it, "Promoted") for it in ("1.0.0", "2.0.0", "1.0.0", "2.0.0")]


async def test_outside_the_window_rollback_to_goes_through_the_stages(world: Lab) -> None:
    await world.criteria()
    for version in ("1.0.0", "2.0.0"):
        await world.apply(version)
        await world.healthy(version)
    asked = world.prometheus.asked
    await world.apply("2.0.0", rollbackTo=world.id_of("1.0.0"), **GATED)
    await world.healthy("1.0.0")
    assert world.prometheus.asked > asked


async def test_an_operator_that_dies_on_the_way_back_arrives(world: Lab) -> None:
    for version in ("1.0.0", "2.0.0"):
        await world.apply(version, **WINDOW)
        await world.healthy(version)
    await world.only("2.0.0")
    world.kubelet.health["1.0.0"] = STARTING
    await world.apply("2.0.0", rollbackTo=world.id_of("1.0.0"), **WINDOW)
    await world.until("returning", lambda it: (it.get("candidate") or {}).get("ungated"))
    await world.die()
    del world.kubelet.health["1.0.0"]
    world.start()
    done = await world.healthy("1.0.0")
    assert outcomes(done) == [(it, "Promoted") for it in ("1.0.0", "2.0.0", "1.0.0")]


async def test_a_target_that_nobody_knows_holds_a_trial_until_it_is_corrected(world: Lab) -> None:
    await world.criteria()
    await world.apply("1.0.0", **GATED)
    await world.healthy("1.0.0")
    await world.apply("2.0.0", **SLOW)
    await at_stage(world, "half")
    await world.apply("2.0.0", rollbackTo="00000000", **SLOW)
    status = await world.reason("RollbackTargetMissing")
    valid = next(it for it in status["conditions"] if it["type"] == "SpecValid")
    assert (valid["status"], status["phase"]) == ("False", "Degraded")
    assert f"{world.id_of('1.0.0')} (version 1.0.0)" in status["message"]
    assert status["candidate"]["version"] == "2.0.0"
    await world.apply("2.0.0", rollbackTo=world.id_of("1.0.0"), **SLOW)
    done = await world.healthy("1.0.0")
    assert outcomes(done) == [("1.0.0", "Promoted"), ("2.0.0", "Returned")]


async def test_a_rejection_outlives_a_rollback_to_stable(world: Lab) -> None:
    await world.criteria()
    await world.apply("1.0.0", **GATED)
    await world.healthy("1.0.0")
    world.prometheus.sick.add(world.id_of("2.0.0"))
    await world.apply("2.0.0", **GATED)
    await world.reason("RolledBack")
    await world.apply("2.0.0", rollbackTo=world.id_of("1.0.0"), **GATED)
    await world.healthy("1.0.0")
    await world.apply("2.0.0", **GATED)
    status = await world.reason("RolledBack")
    assert outcomes(status) == [("1.0.0", "Promoted"), ("2.0.0", "RolledBack")]


async def test_a_gated_first_revision_that_fails_never_had_a_caller(world: Lab) -> None:
    await world.criteria()
    world.prometheus.sick.add(world.id_of("1.0.0"))
    await world.apply("1.0.0", initialRollout="Gate", **GATED)
    status = await world.reason("RolledBack")
    assert "never received traffic" in status["message"]
    assert (await world.selector())["lockstep.dev/revision"] != world.id_of("1.0.0")
    world.prometheus.sick.clear()
    await world.apply("1.0.0", initialRollout="Gate", retry="mended", **SLOW)
    measured = await at_stage(world, "initial")
    assert measured["weights"]["desired"] == 0
    assert (await world.selector("fraud-candidate"))["lockstep.dev/revision"] == world.id_of(
        "1.0.0"
    )
    assert (await world.selector())["lockstep.dev/revision"] != world.id_of("1.0.0")
    await world.apply("1.0.0", initialRollout="Gate", retry="mended", **GATED)
    await world.healthy("1.0.0")
    await world.callers_on("1.0.0")
    await world.no_preview()


async def test_a_bake_that_fails_sends_every_caller_back(world: Lab) -> None:
    await world.criteria()
    await world.apply("1.0.0", **BAKED)
    await world.healthy("1.0.0")
    await world.apply("2.0.0", **BAKED)
    baking = await at_stage(world, "bake")
    await world.callers_on("2.0.0")
    assert baking["stable"]["version"] == "1.0.0"
    world.prometheus.sick.add(world.id_of("2.0.0"))
    status = await world.reason("RolledBack")
    await world.callers_on("1.0.0")
    assert "at 100% of traffic" in status["message"]
