"""N rollouts at once, then nothing, then a restart: time, requests, CPU and memory of each."""

import asyncio
import os
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks.rollouts import audit, workload
from benchmarks.rollouts.plane import Plane, plane
from benchmarks.rollouts.process import Operator, cpu_seconds, memory_mib, operator
from benchmarks.rollouts.workload import STAGES, Manifest, Users
from tests.apiserver.api import GROUP
from tests.cluster.progress import Progress

PATIENCE_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollouts:
    """N rollouts at once."""

    wall_seconds: float
    median_seconds: float
    requests_each: float
    requests: dict[str, float]
    passes_each: float
    cpu_ms_each: float
    peak_mib: float
    api_server_cpu_ms_each: float
    load: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """Nothing to do for a while."""

    seconds: float
    requests_a_minute: float
    beyond_watches_and_lease: int
    requests: dict[str, int]
    cpu_percent_of_a_core: float
    mib: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """A new process until it has looked at everything once."""

    caught_up_seconds: float
    requests: int
    by_kind: dict[str, int]
    cpu_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    n: int
    rollouts: Rollouts
    idle: Idle
    restart: Restart


class Promotions:
    """Who has been promoted to which version, and when, as a watch tells it."""

    def __init__(self) -> None:
        self.at: dict[str, dict[str, float]] = {}
        self.changed = asyncio.Event()

    def seen(self, it: Manifest) -> None:
        status = it.get("status") or {}
        stable = (status.get("stable") or {}).get("version", "")
        if status.get("phase") == "Healthy" and stable:
            self.at.setdefault(stable, {}).setdefault(it["metadata"]["name"], time.monotonic())
            self.changed.set()

    async def all(self, version: str, count: int) -> dict[str, float]:
        """When each of ``count`` was promoted to ``version``."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.at.get(version, {})) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.at[version]


async def measure(n: int, idle_seconds: float) -> Scale:
    """All of it for one N, on a cluster of its own."""
    told = Progress()
    with plane() as made:
        async with workload.users(made.admin) as who:
            seen = Promotions()
            async with who.watching(f"{GROUP}/modeldeployments", seen.seen):
                await workload.make_namespaces(who)
                with operator(made) as ours:
                    with told.step(f"{n} ModelDeployments, first version"):
                        await workload.create(who, n, "1.0.0", STAGES)
                        await seen.all("1.0.0", n)
                        await asyncio.sleep(3)
                    with told.step(f"{n} rollouts at once"):
                        rollouts = await _rollouts(made, who, seen, ours, n)
                    with told.step("nothing"):
                        await asyncio.sleep(10)
                        idle = await _idle(made, ours, idle_seconds)
            with told.step("a restart"):
                restart = await _restart(made, n)
    return Scale(n=n, rollouts=rollouts, idle=idle, restart=restart)


async def _rollouts(made: Plane, who: Users, seen: Promotions, ours: Operator, n: int) -> Rollouts:
    server, since, began = made.pid("kube-apiserver"), datetime.now(UTC), time.monotonic()
    cpu, server_cpu = cpu_seconds(ours.pid), cpu_seconds(server)
    passes = await asyncio.to_thread(ours.metric, "lockstep_passes_total")
    await workload.update(who, range(n), "2.0.0")
    at = sorted((await seen.all("2.0.0", n)).values())
    load = os.getloadavg()[0]
    await asyncio.sleep(8)  # what follows a promotion belongs to it
    counted = audit.requests(made.audit(), since, datetime.now(UTC))
    after = await asyncio.to_thread(ours.metric, "lockstep_passes_total")
    return Rollouts(
        wall_seconds=round(at[-1] - began, 1),
        median_seconds=round(at[n // 2] - began, 1),
        requests_each=round(audit.beyond_free(counted) / n, 2),
        requests={kind: round(count / n, 2) for kind, count in sorted(counted.items())},
        passes_each=round((after - passes) / n, 1),
        cpu_ms_each=round(1000 * (cpu_seconds(ours.pid) - cpu) / n, 1),
        peak_mib=round(memory_mib(ours.pid, "VmHWM")),
        api_server_cpu_ms_each=round(1000 * (cpu_seconds(server) - server_cpu) / n),
        load=round(load, 1),
    )


async def _idle(made: Plane, ours: Operator, seconds: float) -> Idle:
    since, cpu = datetime.now(UTC), cpu_seconds(ours.pid)
    await asyncio.sleep(seconds)
    counted = audit.requests(made.audit(), since, datetime.now(UTC))
    return Idle(
        seconds=seconds,
        requests_a_minute=round(60 * counted.total() / seconds, 1),
        beyond_watches_and_lease=audit.beyond_free(counted),
        requests=dict(sorted(counted.items())),
        cpu_percent_of_a_core=round(100 * (cpu_seconds(ours.pid) - cpu) / seconds, 2),
        mib=round(memory_mib(ours.pid, "VmRSS")),
    )


async def _restart(made: Plane, n: int) -> Restart:
    since = datetime.now(UTC)
    with operator(made) as ours:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await asyncio.to_thread(_caught_up, ours, n):
                await asyncio.sleep(0.1)
        took = time.monotonic() - ours.began
        cpu = cpu_seconds(ours.pid)
        await asyncio.sleep(2)
        counted: Counter[str] = audit.requests(made.audit(), since, datetime.now(UTC))
    return Restart(
        caught_up_seconds=round(took, 1),
        requests=counted.total(),
        by_kind=dict(sorted(counted.items())),
        cpu_seconds=round(cpu, 1),
    )


def _caught_up(ours: Operator, n: int) -> bool:
    """Every ModelDeployment has had its pass and none waits for one."""
    return ours.metric("lockstep_passes_total") >= n and not ours.metric("lockstep_queue_depth")
