"""What N updates took, whoever made them: to measure ourselves against."""

import asyncio
import os
import time
from collections.abc import Awaitable
from dataclasses import dataclass

from benchmarks.rollouts.plane import Plane
from benchmarks.rollouts.process import cpu_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    n: int
    wall_seconds: float
    api_server_cpu_ms_each: float
    load: float


async def took(made: Plane, n: int, update: Awaitable[object]) -> Took:
    """Let ``update`` run to its end, and take in what the API server does right after it."""
    server = made.pid("kube-apiserver")
    began, cpu = time.monotonic(), cpu_seconds(server)
    await update
    wall, load = time.monotonic() - began, os.getloadavg()[0]
    await asyncio.sleep(8)  # what follows belongs to it, as where we are measured
    return Took(
        n=n,
        wall_seconds=round(wall, 1),
        api_server_cpu_ms_each=round(1000 * (cpu_seconds(server) - cpu) / n),
        load=round(load, 1),
    )
