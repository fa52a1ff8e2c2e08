"""Churn: what an operator has in memory does not grow with what it has seen.

An hour of it with `LOCKSTEP_SOAK=all`; `LOCKSTEP_SOAK_MINUTES` sets another time. The bounds are
per hour and stay what they are.
"""

import asyncio
import os
import time
from pathlib import Path
from statistics import linear_regression

import pytest

from tests.apiserver.lab import lab
from tests.sampling import EVERYTHING, SAMPLE
from tests.soak.churn import Churn
from tests.soak.process import Operator, running

pytestmark = [pytest.mark.soak, pytest.mark.apiserver]

USUAL_MINUTES = 60 if os.environ.get(SAMPLE) == EVERYTHING else 20
MINUTES = float(os.environ.get("LOCKSTEP_SOAK_MINUTES", USUAL_MINUTES))
WARMING_UP = 0.25
"""The part of the time in which caches, connections and the allocator find their size."""
MOST_PER_HOUR = 15.0
"""MiB. Of two thousand ModelDeployments an hour, each with three revisions, no 8 KiB may stay; what
is remembered of the deleted, so that a late event brings none back, fills up to its limit in it."""
MOST = 150.0
"""MiB, at any time."""
SLOTS = 8
EVERY_SECONDS = 5.0


async def test_memory_stays_flat_over_all_that_comes_and_goes(
    api_server: Path, namespace: str, tmp_path: Path
) -> None:
    async with (
        lab(api_server, namespace, tmp_path) as world,
        running(world.settings(), tmp_path) as operator,
    ):
        churn = Churn(world)
        churning = asyncio.create_task(churn.keep(SLOTS))
        try:
            samples = await _sampled(operator, churning, MINUTES * 60)
        finally:
            churning.cancel()
            await asyncio.gather(churning, return_exceptions=True)
        passes = await operator.passes()
    times, sizes = zip(*samples[int(len(samples) * WARMING_UP) :], strict=True)
    slope = linear_regression(times, sizes).slope * 3600
    print(f"\n{MINUTES:g} min, {dict(churn.ended)}, passes {passes}")
    print(f"{sizes[0]:.1f} MiB after warming up, {sizes[-1]:.1f} at the end, {slope:+.2f} an hour")
    assert "crashed" not in passes
    assert churn.ended["lives"] >= SLOTS, "too little happened to tell anything"
    assert max(sizes) <= MOST
    assert slope <= MOST_PER_HOUR


async def _sampled(
    operator: Operator, churning: asyncio.Task[None], seconds: float
) -> list[tuple[float, float]]:
    """Time and size, again and again; fails as soon as the churn does."""
    began, samples = time.monotonic(), []
    while (now := time.monotonic() - began) < seconds:
        samples.append((now, operator.mebibytes()))
        await asyncio.wait({churning}, timeout=EVERY_SECONDS)
        if churning.done():
            churning.result()
    return samples
