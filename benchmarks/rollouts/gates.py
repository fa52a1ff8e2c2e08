"""From a metric turning bad at a real Prometheus to callers reaching stable only."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp
import yaml
from aiohttp import web

from benchmarks.rollouts import audit, workload
from benchmarks.rollouts.plane import Plane, plane
from benchmarks.rollouts.process import cpu_seconds, operator
from benchmarks.rollouts.workload import Manifest, Users
from tests import cluster
from tests.apiserver.api import GROUP
from tests.cluster.probe import Http, free_ports
from tests.cluster.processes import Component
from tests.cluster.progress import Progress

PATIENCE_SECONDS = 300.0
METRICS = ("errors", "latency")
_REVISION = "lockstep.dev/revision"
_QUERIES = 'prometheus_http_requests_total{code="200",handler="/api/v1/query"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """Seconds from the scrape that first saw the bad value to the Service selecting stable only."""

    deployments: int
    interval_seconds: int
    trials: int
    median_seconds: float
    p95_seconds: float
    longest_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measuring:
    """Everything is measured and nothing changes."""

    deployments: int
    metrics: int
    interval_seconds: int
    queries_a_minute: float
    status_writes_a_minute: float
    other_requests: int
    cpu_percent_of_a_core: float


@dataclass
class Exporter:
    """What Prometheus scrapes in the place of pods: a number per ModelDeployment and metric."""

    bad: set[str] = field(default_factory=set)
    seen_bad: dict[str, float] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    def set_bad(self, names: set[str]) -> None:
        self.bad |= names

    def set_good(self, name: str) -> None:
        self.bad.discard(name)
        self.seen_bad.pop(name, None)

    @asynccontextmanager
    async def serving(self, port: int) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_get("/metrics", self._scraped)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            yield
        finally:
            await runner.cleanup()

    async def _scraped(self, _: web.Request) -> web.Response:
        now = time.monotonic()
        for name in self.bad:
            self.seen_bad.setdefault(name, now)
        lines = (
            f'bench_{metric}{{model_deployment="{name}"}} {0.3 if name in self.bad else 0.001}\n'
            for name in sorted(self.names)
            for metric in METRICS
        )
        return web.Response(text="".join(lines), content_type="text/plain")


class Callers:
    """Whom each Service selects: one revision since when, or every pod."""

    def __init__(self) -> None:
        self.since: dict[str, float] = {}

    def seen(self, service: Manifest) -> None:
        name = service["metadata"]["name"]
        if _REVISION in (service["spec"].get("selector") or {}):
            self.since.setdefault(name, time.monotonic())
        else:
            self.since.pop(name, None)

    async def until(self, names: set[str], *, split: bool) -> None:
        """Wait until every one of ``names`` is split between both arms, or is not."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while any((name in self.since) is split for name in names):
                await asyncio.sleep(0.02)


@contextmanager
def _prometheus(made: Plane, exporter: int) -> Iterator[str]:
    """A Prometheus that scrapes the exporter once a second."""
    (port,) = free_ports(1)
    scrape = {"job_name": "bench", "static_configs": [{"targets": [f"127.0.0.1:{exporter}"]}]}
    told = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "900ms"},
        "scrape_configs": [scrape],
    }
    file = made.state / "prometheus.yaml"
    program = cluster.ensure(["prometheus"])["prometheus"]
    made.start(
        Component(
            name="prometheus",
            argv=(
                str(program),
                f"--config.file={file}",
                f"--storage.tsdb.path={made.state / 'prometheus'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=warn",
            ),
            probe=Http("127.0.0.1", port, "/-/ready"),
            files={file: yaml.safe_dump(told)},
        )
    )
    yield f"http://127.0.0.1:{port}"


async def _queries(prometheus: str) -> float:
    """Instant queries that Prometheus has answered so far, as it counts them itself."""
    async with aiohttp.ClientSession() as session, session.get(f"{prometheus}/metrics") as reply:
        lines = (await reply.text()).splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(_QUERIES))


def _criteria(interval: int, metrics: tuple[str, ...]) -> Manifest:
    return {
        "apiVersion": "lockstep.dev/v1alpha1",
        "kind": "ClusterExitCriteria",
        "metadata": {"name": _named(interval, metrics)},
        "spec": {
            "metrics": [
                {
                    "name": metric,
                    "interval": f"{interval}s",
                    "failureLimit": 0,
                    "prometheus": {"query": f'bench_{metric}{{model_deployment="{{{{name}}}}"}}'},
                    "successWhen": {"max": 0.01},
                }
                for metric in metrics
            ]
        },
    }


def _named(interval: int, metrics: tuple[str, ...]) -> str:
    return f"every-{interval}s-{len(metrics)}"


def _stages(interval: int, metrics: tuple[str, ...]) -> list[Manifest]:
    reference = {"kind": "ClusterExitCriteria", "name": _named(interval, metrics)}
    return [{"name": "half", "weight": 50, "soak": "1h", "exitCriteria": [reference]}]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """Everything a trial needs."""

    made: Plane
    who: Users
    exporter: Exporter
    callers: Callers
    prometheus: str
    pid: int

    async def expect(self, interval: int, metrics: tuple[str, ...]) -> None:
        await self.who.api("POST", f"{GROUP}/clusterexitcriteria", _criteria(interval, metrics))

    async def serve(self, numbers: range, interval: int, metrics: tuple[str, ...]) -> set[str]:
        """First versions, up and reached by callers."""
        names = {workload.name(number) for number in numbers}
        self.exporter.names |= names
        stages = _stages(interval, metrics)
        await self.who.at_once(
            self.who.api(
                "POST",
                workload.path(number),
                workload.model_deployment(number, "1.0.0", stages),
            )
            for number in numbers
        )
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not names <= self.callers.since.keys():
                await asyncio.sleep(0.1)
        return names


@asynccontextmanager
async def _bench() -> AsyncIterator[_Bench]:
    """A cluster, a Prometheus with something to scrape, and the operator."""
    (port,) = free_ports(1)
    exporter, callers = Exporter(), Callers()
    with plane() as made, _prometheus(made, port) as prometheus:
        async with workload.users(made.admin) as who, exporter.serving(port):
            await workload.make_namespaces(who)
            async with who.watching("/api/v1/services", callers.seen):
                with operator(made, prometheus) as ours:
                    yield _Bench(
                        made=made,
                        who=who,
                        exporter=exporter,
                        callers=callers,
                        prometheus=prometheus,
                        pid=ours.pid,
                    )


async def measure_one(intervals: tuple[int, ...], trials: int) -> list[Reaction]:
    """One deployment for each interval, side by side."""
    with Progress().step(f"{trials} times from a bad metric to stable only, one deployment"):
        async with _bench() as bench:
            reactions = (
                _react_one(bench, number, interval, trials)
                for number, interval in enumerate(intervals)
            )
            return list(await asyncio.gather(*reactions))


async def measure_many(count: int, interval: int) -> tuple[Measuring, Reaction]:
    with Progress().step(f"from two bad metrics each to stable only, {count} at once"):
        async with _bench() as bench:
            return await _react_many(bench, count, interval)


async def _react_one(bench: _Bench, number: int, interval: int, trials: int) -> Reaction:
    """One deployment, one metric, again and again; it turns bad at any moment of an interval."""
    metrics = METRICS[:1]
    await bench.expect(interval, metrics)
    name = next(iter(await bench.serve(range(number, number + 1), interval, metrics)))
    await asyncio.sleep(3)
    took = []
    for trial in range(trials):
        await workload.update(bench.who, [number], f"2.0.{trial}")
        await bench.callers.until({name}, split=True)
        await asyncio.sleep(random.uniform(1.0, 1.0 + interval))
        bench.exporter.set_bad({name})
        await bench.callers.until({name}, split=False)
        took.append(bench.callers.since[name] - bench.exporter.seen_bad[name])
        bench.exporter.set_good(name)
        await asyncio.sleep(2)  # until Prometheus has seen that it is well again
    return _reaction(1, interval, took)


async def _react_many(bench: _Bench, count: int, interval: int) -> tuple[Measuring, Reaction]:
    """Many deployments with two metrics each, which all turn bad at once."""
    await bench.expect(interval, METRICS)
    names = await bench.serve(range(count), interval, METRICS)
    await asyncio.sleep(5)
    await workload.update(bench.who, range(count), "2.0.0")
    await bench.callers.until(names, split=True)
    await asyncio.sleep(3 * interval)
    measuring = await _measuring(bench, count, interval)
    bench.exporter.set_bad(names)
    await bench.callers.until(names, split=False)
    took = [bench.callers.since[name] - bench.exporter.seen_bad[name] for name in names]
    return measuring, _reaction(count, interval, took)


async def _measuring(bench: _Bench, count: int, interval: int) -> Measuring:
    seconds, since, cpu = 60.0, datetime.now(UTC), cpu_seconds(bench.pid)
    asked = await _queries(bench.prometheus)
    await asyncio.sleep(seconds)
    queries = await _queries(bench.prometheus) - asked
    counted = audit.requests(bench.made.audit(), since, datetime.now(UTC))
    writes = counted["update modeldeployments/status"]
    return Measuring(
        deployments=count,
        metrics=len(METRICS),
        interval_seconds=interval,
        queries_a_minute=round(60 * queries / seconds),
        status_writes_a_minute=round(60 * writes / seconds),
        other_requests=audit.beyond_free(counted) - writes,
        cpu_percent_of_a_core=round(100 * (cpu_seconds(bench.pid) - cpu) / seconds, 1),
    )


def _reaction(count: int, interval: int, took: list[float]) -> Reaction:
    took = sorted(took)
    return Reaction(
        deployments=count,
        interval_seconds=interval,
        trials=len(took),
        median_seconds=round(took[len(took) // 2], 2),
        p95_seconds=round(took[-(-95 * len(took) // 100) - 1], 2),
        longest_seconds=round(took[-1], 2),
    )
