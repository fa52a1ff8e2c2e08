"""What the operator says to a Decision that there is nothing to decide about."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.apiserver.api import GROUP, Manifest
from tests.apiserver.lab import DEADLINE, Lab, lab

pytestmark = pytest.mark.apiserver


@pytest.fixture
async def world(api_server: Path, namespace: str, tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(api_server, namespace, tmp_path) as made:
        yield made


def _path(world: Lab) -> str:
    return f"{GROUP}/namespaces/{world.namespace}/decisions"


async def _decide(world: Lab, name: str, target: str) -> Manifest:
    spec = {"target": {"name": target}, "act": "Pause", "by": "alice@example.com", "reason": "why"}
    manifest = {
        "apiVersion": "lockstep.dev/v1alpha1",
        "kind": "Decision",
        "metadata": {"name": name},
        "spec": spec,
    }
    return await world.api("POST", _path(world), manifest)


async def _answered(world: Lab, name: str) -> Manifest:
    async with asyncio.timeout(DEADLINE):
        while True:
            world.check()
            found = await world.api("GET", f"{_path(world)}/{name}")
            if found.get("status"):
                return found
            await asyncio.sleep(0.05)


async def test_what_does_not_exist_is_named(world: Lab) -> None:
    world.start()
    await _decide(world, "hold", "nothing")
    status = (await _answered(world, "hold"))["status"]
    assert status["outcome"] == "Refused"
    assert status["message"].startswith(
        f"there is no ModelDeployment nothing in namespace {world.namespace}; "
    )


async def test_what_was_decided_while_the_operator_was_away_is_answered(world: Lab) -> None:
    await _decide(world, "hold", "nothing")
    world.start()
    assert (await _answered(world, "hold"))["status"]["outcome"] == "Refused"


async def test_what_was_answered_is_answered_once(world: Lab) -> None:
    """Another one, answered later, shows that the operator has been there again."""
    world.start()
    await _decide(world, "first", "nothing")
    first = await _answered(world, "first")
    await _decide(world, "second", "nothing")
    await _answered(world, "second")
    assert await world.api("GET", f"{_path(world)}/first") == first


async def test_a_target_that_goes_leaves_nobody_without_an_answer(world: Lab) -> None:
    world.start()
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    await world.stop()
    await _decide(world, "hold", "fraud")
    await world.api("DELETE", world.path())
    world.start()
    assert (await _answered(world, "hold"))["status"]["outcome"] == "Refused"
