"""What the operator measures of itself. Every name is here; alert rules refer to them."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.registry import Collector

from lockstep.api.gate_status import Verdict
from lockstep.api.model_deployment_status import Phase

_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

disable_created_metrics()  # type: ignore[no-untyped-call]  # twice the series, for nobody


class Metrics:
    """Counters of one operator; gauges are read when somebody scrapes."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._passes = Counter(
            "lockstep_passes", "Passes by outcome", ["outcome"], registry=self._registry
        )
        self._duration = Histogram(
            "lockstep_pass_duration_seconds",
            "Duration of a pass, including the answers it waits for",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._requests = Counter(
            "lockstep_api_requests",
            "Requests to the API server; code none means no answer",
            ["verb", "resource", "code"],
            registry=self._registry,
        )
        self._verdicts = Counter(
            "lockstep_gate_verdicts",
            "Verdicts that gates reached",
            ["verdict"],
            registry=self._registry,
        )
        self._questions = Counter(
            "lockstep_prometheus_queries",
            "Queries of passes to Prometheus; equal queries are sent once",
            ["outcome"],
            registry=self._registry,
        )
        for verdict in Verdict:
            self._verdicts.labels(verdict.value)

    @contextmanager
    def timed(self) -> Iterator[None]:
        begin = time.perf_counter()
        try:
            yield
        finally:
            self._duration.observe(time.perf_counter() - begin)

    def passed(self, outcome: str) -> None:
        self._passes.labels(outcome).inc()

    def requested(self, verb: str, resource: str, code: str) -> None:
        self._requests.labels(verb, resource, code).inc()

    def verdict(self, verdict: Verdict) -> None:
        self._verdicts.labels(verdict.value).inc()

    def asked(self, outcome: str) -> None:
        self._questions.labels(outcome).inc()

    def watch(
        self,
        *,
        last_pass_age: Callable[[], float],
        queue_depth: Callable[[], float],
        rollouts: Callable[[], Mapping[str, int]],
        leading: Callable[[], float],
    ) -> None:
        """Read these whenever somebody scrapes."""
        gauges = {
            "lockstep_last_pass_age_seconds": (
                "Seconds since the last pass ended; 0 while there are no objects",
                last_pass_age,
            ),
            "lockstep_queue_depth": ("Objects that are due and wait for a worker", queue_depth),
            "lockstep_leading": ("1 while this operator holds the lease", leading),
        }
        for name, (meaning, read) in gauges.items():
            Gauge(name, meaning, registry=self._registry).set_function(read)
        phases = Gauge(
            "lockstep_rollouts", "ModelDeployments by phase", ["phase"], registry=self._registry
        )
        for phase in Phase:
            phases.labels(phase.value).set_function(_one(rollouts, phase.value))

    def add(self, collector: Collector) -> None:
        """Read a collector, too, whenever somebody scrapes."""
        self._registry.register(collector)

    def exposed(self) -> bytes:
        return generate_latest(self._registry)


def _one(rollouts: Callable[[], Mapping[str, int]], phase: str) -> Callable[[], float]:
    return lambda: rollouts().get(phase, 0)
