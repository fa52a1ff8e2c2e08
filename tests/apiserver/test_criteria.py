"""What the operator says to criteria, on a real API server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.api import GROUP, Manifest
from tests.apiserver.lab import Lab, lab

pytestmark = pytest.mark.apiserver

STAGE = {"name": "half", "weight": 50, "soak": "1h", "exitCriteria": [{"name": "serving"}]}
GATED: dict[str, Any] = {"strategy": {"canary": {"stages": [STAGE]}}}
SECONDS = 90


@pytest.fixture
async def world(api_server: Path, namespace: str, tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(api_server, namespace, tmp_path) as made:
        yield made


async def told(world: Lab, enough: Callable[[Manifest], bool]) -> Manifest:
    path = f"{GROUP}/namespaces/{world.namespace}/exitcriteria/serving"
    async with asyncio.timeout(SECONDS):
        while True:
            world.check()
            status = dict((await world.api("GET", path)).get("status") or {})
            if enough(status):
                return status
            await asyncio.sleep(0.2)


async def test_criteria_are_told_whether_they_can_be_asked_and_who_uses_them(world: Lab) -> None:
    world.start()
    await world.criteria(prometheus={"query": 'errors{revision="{{revison}}"}'})
    await world.apply("1.0.0", **GATED)
    status = await told(world, lambda it: it.get("usedBy") == 1)
    assert status["valid"] == "False"
    assert status["message"].startswith("metric errors cannot be asked: {{revison}} is not")
    assert status["users"] == [f"{world.namespace}/fraud"]
    await world.criteria()
    status = await told(world, lambda it: it.get("valid") == "True")
    assert "message" not in status
    assert status["observedGeneration"] == 2
