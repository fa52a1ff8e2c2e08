"""ExitCriteria and ClusterExitCriteria: named metrics and limits that a stage has to meet."""

import re
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import Field

from lockstep.api.base import DnsLabel, KeyedBy, Number, Rule, Rules, Spec
from lockstep.api.durations import Duration, Interval
from lockstep.api.model_deployment import FailureAction

KIND = "ExitCriteria"
PLURAL = "exitcriteria"
CLUSTER_KIND = "ClusterExitCriteria"
CLUSTER_PLURAL = "clusterexitcriteria"

_LONGEST_QUERY: Final = 4096
_CLOSED: Final = r"([^{]|\{\{[^{}]{0,128}\}\}|\{[^{]|\{$)*"
"""Text in which every ``{{`` is the beginning of one placeholder."""

Query = Annotated[
    str,
    Field(min_length=1, max_length=_LONGEST_QUERY),
    Rule(
        f"self.matches(r'^{_CLOSED}$')",
        "has a {{ without a closing }}: write {{name}}, at most 128 characters between the braces",
        lambda text: len(text) <= _LONGEST_QUERY and re.fullmatch(_CLOSED, text) is not None,
    ),
]
ArgName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Limit = Annotated[int, Field(ge=0, le=10000)]


class OnNoData(StrEnum):
    PAUSE = "Pause"
    FAIL = "Fail"
    IGNORE = "Ignore"


class Reduce(StrEnum):
    MIN = "Min"
    MAX = "Max"
    SUM = "Sum"
    MEAN = "Mean"


class Bounds(Spec):
    """An interval, ends included; each end is a number or the name of an argument."""

    min: Number | None = None
    """The value is at least this."""
    min_arg: ArgName | None = None
    """The value is at least this argument."""
    max: Number | None = None
    """The value is at most this."""
    max_arg: ArgName | None = None
    """The value is at most this argument."""

    RULES: ClassVar[Rules] = (
        Rule(
            "!has(self.min) || !has(self.minArg)",
            "set min or minArg, not both",
            lambda it: it.min is None or it.min_arg is None,
        ),
        Rule(
            "!has(self.max) || !has(self.maxArg)",
            "set max or maxArg, not both",
            lambda it: it.max is None or it.max_arg is None,
        ),
        Rule(
            "has(self.min) || has(self.minArg) || has(self.max) || has(self.maxArg)",
            "needs min, minArg, max or maxArg",
            lambda it: (it.min, it.min_arg, it.max, it.max_arg) != (None,) * 4,
        ),
        Rule(
            "!has(self.min) || !has(self.max) || self.min <= self.max",
            "min is above max: no value can be in range",
            lambda it: it.min is None or it.max is None or it.min <= it.max,
        ),
    )


class PrometheusQuery(Spec):
    """A PromQL query and how its result becomes one number."""

    query: Query
    """The query; {{placeholders}} are filled in for each deployment and stage."""
    per_revision_label: (
        Annotated[str, Field(max_length=128, pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")] | None
    ) = None
    """The label that holds the revision. A query without placeholders is then asked once for all
    deployments that use it, and each takes its series."""
    reduce: Reduce | None = None
    """How several series become one number; without it several series are an error."""
    address: Annotated[str, Field(max_length=512, pattern=r"^https?://")] | None = None
    """Another Prometheus than the operator's own; in a ClusterExitCriteria only."""

    RULES: ClassVar[Rules] = (
        Rule(
            "!has(self.address)",
            "address may be given in a ClusterExitCriteria only: here it would aim the operator's "
            "credentials; leave it out to ask the operator's own Prometheus",
            lambda it: it.address is None,
        ),
    )


class ClusterPrometheusQuery(PrometheusQuery):
    """A PromQL query and how its result becomes one number."""

    RULES: ClassVar[Rules] = ()


class MinimumRequests(Spec):
    """Traffic that the candidate must have seen before its stage may end."""

    count: Annotated[int, Field(ge=1, le=1_000_000_000)]
    """How many requests."""
    query: Query
    """PromQL that counts the candidate's requests in this stage."""


class Arg(Spec):
    """A number with a name, for limits and queries."""

    name: ArgName
    """The name that limits (`maxArg`) and queries (`{{args.name}}`) use."""
    value: Number
    """The number."""


class Metric(Spec):
    """A query that is repeated, and what its results mean."""

    name: DnsLabel
    """Name of the metric, unique."""
    prometheus: PrometheusQuery
    interval: Interval = timedelta(seconds=30)
    """Time from one measurement to the next."""
    initial_delay: Duration = timedelta(0)
    """Time from the beginning of the stage to the first measurement."""
    count: Annotated[int, Field(ge=1, le=10000)] | None = None
    """Valid measurements required. Absent: until the soak ends, with at least minSamples."""
    success_when: Bounds | None = None
    """A value in this range is a success. Absent: any value that is not a failure."""
    fail_when: Bounds | None = None
    """A value inside is a failure; between the two it is inconclusive. Absent: whatever is not a
    success."""
    failure_limit: Limit = 0
    """Failures that are tolerated; one more fails the gate."""
    inconclusive_limit: Limit = 0
    """Inconclusive measurements that are tolerated; one more makes the gate Inconclusive."""
    consecutive_error_limit: Limit = 4
    """Failed queries in a row that are tolerated; one more makes the gate Inconclusive."""
    min_samples: Annotated[int, Field(ge=1, le=10000)] = 1
    """Valid measurements that the gate needs to pass."""
    on_no_data: OnNoData | None = None
    """What a measurement without data means. Pause: wait for data, however long. Fail: a failed
    measurement. Ignore (dryRun metrics only): nothing. Absent: wait, but from the third in a row on
    it is a failed measurement if the candidate receives traffic and the same query has data for
    stable."""
    on_failure: FailureAction | None = None
    """What a failure of this metric does. Default: rollback.onFailure of the deployment."""
    dry_run: bool = False
    """Measure and show the metric without deciding anything."""

    RULES: ClassVar[Rules] = (
        Rule(
            "has(self.successWhen) || has(self.failWhen)",
            "needs successWhen or failWhen: without a limit the metric can never fail",
            lambda it: it.success_when is not None or it.fail_when is not None,
        ),
        Rule(
            "!has(self.onNoData) || self.onNoData != 'Ignore' || has(self.dryRun) && self.dryRun",
            "onNoData Ignore is for dryRun metrics only: missing data is never success",
            lambda it: it.on_no_data is not OnNoData.IGNORE or it.dry_run,
        ),
        Rule(
            "!has(self.count) || !has(self.minSamples) || self.count >= self.minSamples",
            "count is below minSamples: the gate could never pass",
            lambda it: it.count is None or it.count >= it.min_samples,
        ),
    )


class ClusterMetric(Metric):
    """A query that is repeated, and what its results mean."""

    prometheus: ClusterPrometheusQuery


def _args_named(spec: "ExitCriteriaSpec") -> Iterator[str | None]:
    for metric in spec.metrics:
        for bounds in (metric.success_when, metric.fail_when):
            if bounds is not None:
                yield from (bounds.min_arg, bounds.max_arg)


def _cel_args_exist(bounds: str) -> str:
    known = "(has(self.args) && self.args.exists(arg, arg.name == metric.{0}.{1}))"
    ends = " && ".join(
        f"(!has(metric.{bounds}.{end}) || {known.format(bounds, end)})"
        for end in ("minArg", "maxArg")
    )
    return f"(!has(metric.{bounds}) || {ends})"


class ExitCriteriaSpec(Spec):
    """Metrics and limits that a stage has to meet; stages refer to them by name."""

    minimum_soak: Duration = timedelta(0)
    """The shortest time in a stage that uses these criteria."""
    minimum_requests: MinimumRequests | None = None
    args: Annotated[tuple[Arg, ...], Field(max_length=32), KeyedBy(("name",))] = ()
    """Numbers that limits and queries refer to by name."""
    metrics: Annotated[tuple[Metric, ...], Field(min_length=1, max_length=16), KeyedBy(("name",))]
    """What is measured; the worst verdict decides."""

    RULES: ClassVar[Rules] = (
        Rule(
            "self.metrics.all(metric, "
            f"{_cel_args_exist('successWhen')} && {_cel_args_exist('failWhen')})",
            "minArg and maxArg must name one of args",
            lambda it: set(_args_named(it)) <= {None, *(arg.name for arg in it.args)},
        ),
    )


class ClusterExitCriteriaSpec(ExitCriteriaSpec):
    """Metrics and limits of the platform team; stages of every namespace may refer to them."""

    metrics: Annotated[
        tuple[ClusterMetric, ...], Field(min_length=1, max_length=16), KeyedBy(("name",))
    ]
    """What is measured; the worst verdict decides."""
