"""What every ModelDeployment shows to Prometheus: where it is, its weight, its gates and deaths.

Read from the caches when somebody scrapes, so that series go with their object. No more objects
than a setting says have series of their own; how many have none is a series, too.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from lockstep.adapters.kubernetes import model_deployments
from lockstep.adapters.kubernetes.model_deployments import ModelDeploymentRecord
from lockstep.api import model_deployment
from lockstep.api.base import Manifest
from lockstep.api.strategy import CriteriaRef
from lockstep.core.facts import Criteria, Unreadable
from lockstep.core.gates.gate import title
from lockstep.core.gates.thresholds import Limits, limits
from lockstep.core.key import Key
from lockstep.shell.rollout.memory import Memory
from lockstep.shell.watch.caches import Caches

_MALFORMED: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What reading a status ends in that we did not write; it tells nothing, and ends no scrape."""

_WHO: Final = ("namespace", "name")
_GATE: Final = (*_WHO, "stage", "criteria", "gate")
_LIMIT: Final = (*_GATE, "bound")
_FAMILIES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "info": (
        "Always 1; the labels say where a ModelDeployment is",
        (*_WHO, "phase", "reason", "strategy", "stage"),
    ),
    "weight_desired": ("Percent of new connections that the stage sends to the candidate", _WHO),
    "weight_actual": ("Percent of new connections that results from the ready pods", _WHO),
    "candidate_deaths": ("Deaths of candidate pods since the stage began", _WHO),
    "gate_value": ("Last value of a gate of the current stage", _GATE),
    "gate_failures": ("Failed measurements of a gate of the current stage", _GATE),
    "gate_limit": ("Limit of a gate: a bound of successWhen or failWhen", _LIMIT),
}
Families = dict[str, GaugeMetricFamily]


class ObjectMetrics(Collector):
    """``watching``: whether this operator works; another one would say the same a second time."""

    def __init__(
        self, caches: Caches, memory: Memory, watching: Callable[[], bool], most: int
    ) -> None:
        self._caches = caches
        self._memory = memory
        self._watching = watching
        self._most = most

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return (*_families().values(), _left_out(0))

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every series of every object that has some."""
        families = _families()
        records = list(self._caches.model_deployments) if self._watching() else []
        records.sort(key=lambda it: (it.meta.namespace, it.meta.name))
        for record in records[: self._most]:
            with suppress(*_MALFORMED):
                self._tell(families, record)
        yield from families.values()
        yield _left_out(max(len(records) - self._most, 0))

    def _tell(self, families: Families, record: ModelDeploymentRecord) -> None:
        who = [record.meta.namespace, record.meta.name]
        key = Key(model_deployment.KIND, *who)
        status = self._status(key, record)
        stage = _map(status, "stage")
        place = [str(status.get("phase", "")), _reason(status), _strategy(record)]
        families["info"].add_metric([*who, *place, str(stage.get("name", ""))], 1)
        if "candidate" not in status:
            return
        weights = _map(status, "weights")
        families["weight_desired"].add_metric(who, float(weights.get("desired", 0)))
        families["weight_actual"].add_metric(who, float(weights.get("actual", 0)))
        families["candidate_deaths"].add_metric(who, float(_map(stage, "deaths").get("count", 0)))
        bounds = self._bounds(key, record)
        for row in status.get("gates", ()):
            gate = [*who, str(stage.get("name", "")), row["criteria"], row["name"]]
            if "value" in row:
                families["gate_value"].add_metric(gate, float(row["value"]))
            families["gate_failures"].add_metric(gate, float(row.get("failures", 0)))
            for bound, number in bounds.get((row["criteria"], row["name"]), {}).items():
                families["gate_limit"].add_metric([*gate, bound], number)

    def _status(self, key: Key, record: ModelDeploymentRecord) -> Manifest:
        """What is stored, or what is known beyond that and not worth a write yet."""
        known = self._memory.objects.get(key)
        pending = known.pending if known else None
        if pending and pending.uid == record.meta.uid and pending.wire == record.wire:
            return model_deployments.write_status(pending.status)
        return record.wire

    def _bounds(
        self, key: Key, record: ModelDeploymentRecord
    ) -> dict[tuple[str, str], dict[str, float]]:
        found: dict[tuple[str, str], dict[str, float]] = {}
        for ref in record.criteria():
            seen = self._caches.criteria(key, ref)
            if seen and isinstance(seen.criteria, Criteria):
                found |= _of_criteria(ref, seen.criteria)
        return found


def _of_criteria(
    ref: CriteriaRef, criteria: Criteria
) -> Iterator[tuple[tuple[str, str], dict[str, float]]]:
    args = {it.name: it.value for it in criteria.spec.args}
    for metric in criteria.spec.metrics:
        yield (title(ref), metric.name), dict(_numbers(limits(metric, args)))


def _numbers(found: Limits) -> Iterator[tuple[str, float]]:
    for name, both in (("success", found.success), ("fail", found.failure)):
        if both and both.low is not None:
            yield f"{name}_min", both.low
        if both and both.high is not None:
            yield f"{name}_max", both.high


def _families() -> Families:
    return {
        name: GaugeMetricFamily(f"lockstep_rollout_{name}", meaning, labels=labels)
        for name, (meaning, labels) in _FAMILIES.items()
    }


def _left_out(count: int) -> GaugeMetricFamily:
    meaning = "ModelDeployments without series of their own, beyond LOCKSTEP_OBJECT_METRICS"
    return GaugeMetricFamily("lockstep_rollouts_without_series", meaning, value=count)


def _map(held: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = held.get(key)
    return found if isinstance(found, dict) else {}


def _reason(status: Manifest) -> str:
    ready = (it.get("reason", "") for it in status.get("conditions", ()) if it["type"] == "Ready")
    return str(next(ready, ""))


def _strategy(record: ModelDeploymentRecord) -> str:
    if isinstance(record.spec, Unreadable):
        return ""
    strategy = record.spec.strategy
    if strategy.canary:
        return "canary"
    return "blueGreen" if strategy.blue_green else "rolling"
