"""One answer of Prometheus as one measurement of one revision. Never a pick among several."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from lockstep.api.exit_criteria import PrometheusQuery, Reduce
from lockstep.core.gates.question import DEPLOYMENT, NAMESPACE, Answer, Broken, Reply, Series
from lockstep.core.key import Named

_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Value:
    """A number, which may be infinite: an infinite latency does exceed its limit."""

    number: float


@dataclass(frozen=True, slots=True)
class NoData:
    """Prometheus answered and had nothing to say; ``idle``: it had NaN, as of nobody's calls."""

    idle: bool = False


@dataclass(frozen=True, slots=True)
class Mute:
    """Nothing about the candidate, while the same question has this ``number`` about stable."""

    stable: str
    number: float


Reading = Value | NoData | Broken


def read(answer: Answer, source: PrometheusQuery, of: Named, revision: str) -> Reading:
    """What ``answer`` says about ``revision`` of the ModelDeployment ``of``."""
    match answer:
        case Broken():
            return answer
        case Reply(series):
            return _number(_of(series, source.per_revision_label, of, revision), source.reduce)
        case other:
            assert_never(other)


def _of(series: Sequence[Series], label: str | None, of: Named, revision: str) -> Sequence[Series]:
    """What names another namespace or ModelDeployment is theirs, whatever its revision is called.

    Before scheme 2, equal manifests in two namespaces had one revision id.
    """
    if label is None:
        return series
    place = {NAMESPACE: of.namespace, DEPLOYMENT: of.name}
    return [
        one
        for one in series
        if one.labels.get(label) == revision
        and all(one.labels.get(key, value) == value for key, value in place.items() if key != label)
    ]


def _number(series: Sequence[Series], reduce: Reduce | None) -> Reading:
    if not series:
        return NoData()
    if len(series) > 1 and reduce is None:
        return Broken(_several(series))
    numbers = [one.value for one in series if not math.isnan(one.value)]
    result = _reduced(numbers, reduce) if numbers else math.nan
    return NoData(idle=True) if math.isnan(result) else Value(result)


def _reduced(numbers: Sequence[float], reduce: Reduce | None) -> float:
    match reduce:
        case None:
            return numbers[0]
        case Reduce.MIN:
            return min(numbers)
        case Reduce.MAX:
            return max(numbers)
        case Reduce.SUM:
            return sum(numbers)
        case Reduce.MEAN:
            return sum(numbers) / len(numbers)
        case other:
            assert_never(other)


def _several(series: Sequence[Series]) -> str:
    named = [_labels(one.labels) for one in series[:_NAMED]]
    more = len(series) - len(named)
    rest = f" and {more} more" if more else ""
    return (
        f"the query yields {len(series)} series ({', '.join(named)}{rest}); "
        "aggregate it to one or set reduce"
    )


def _labels(labels: Mapping[str, str]) -> str:
    written = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
    return "{" + written[:200] + "}"
