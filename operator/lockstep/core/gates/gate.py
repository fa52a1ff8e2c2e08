"""One gate: a metric of one criteria, or the traffic they demand, with the question it asks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from lockstep.api.exit_criteria import Metric, MinimumRequests, PrometheusQuery
from lockstep.api.gate_status import GateStatus
from lockstep.api.strategy import CriteriaRef
from lockstep.core.facts import Criteria
from lockstep.core.gates.due import Grid, grid
from lockstep.core.gates.placeholders import (
    NO_REVISION,
    OF_STABLE,
    Values,
    depends_on_revision,
    render,
    timeless,
)
from lockstep.core.gates.question import Asker, Question
from lockstep.core.gates.ranges import is_whole, ripe, shortened
from lockstep.core.gates.thresholds import limits
from lockstep.core.gates.trial import NamedCriteria, Trial

MINIMUM_REQUESTS: Final = "minimum-requests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A row of the stage. ``rule`` says what its answers mean, ``source`` what is asked."""

    criteria: str
    generation: int
    name: str
    source: PrometheusQuery
    interval: timedelta
    initial_delay: timedelta
    rule: Metric | MinimumRequests
    args: Mapping[str, float]

    @property
    def dry_run(self) -> bool:
        return isinstance(self.rule, Metric) and self.rule.dry_run

    @property
    def address(self) -> str:
        """Where it is asked; empty for the operator's own Prometheus."""
        return self.source.address or ""

    @property
    def limit(self) -> str:
        match self.rule:
            case Metric():
                return limits(self.rule, self.args).text
            case MinimumRequests(count=count):
                return f"at least {count}"
            case other:
                assert_never(other)

    @property
    def about_one_arm(self) -> bool:
        """Whether stable needs a question of its own: its answer is not in the candidate's."""
        return depends_on_revision(self.source.query)

    @property
    def about_both_arms(self) -> bool:
        """Whether one answer tells of every revision, each in a series of its own."""
        return self.source.per_revision_label is not None and not self.about_one_arm


def title(ref: CriteriaRef) -> str:
    """How people call a criteria object: ``ClusterExitCriteria/serving``."""
    return f"{ref.kind}/{ref.name}"


def gates_of(criteria: tuple[NamedCriteria, ...]) -> tuple[Gate, ...]:
    """Every gate of a stage, in the order in which its criteria were written."""
    return tuple(gate for ref, found in criteria for gate in _gates(title(ref), found))


def _gates(criteria: str, found: Criteria) -> Iterator[Gate]:
    args = {arg.name: arg.value for arg in found.spec.args}
    if found.spec.minimum_requests:
        yield _requests(criteria, found, found.spec.minimum_requests, args)
    for metric in found.spec.metrics:
        yield Gate(
            criteria=criteria,
            generation=found.generation,
            name=metric.name,
            source=metric.prometheus,
            interval=metric.interval,
            initial_delay=metric.initial_delay,
            rule=metric,
            args=args,
        )


def _requests(
    criteria: str, found: Criteria, wanted: MinimumRequests, args: Mapping[str, float]
) -> Gate:
    """Traffic is looked at as often as the most eager metric beside it."""
    return Gate(
        criteria=criteria,
        generation=found.generation,
        name=MINIMUM_REQUESTS,
        source=PrometheusQuery(query=wanted.query),
        interval=min(metric.interval for metric in found.spec.metrics),
        initial_delay=timedelta(0),
        rule=wanted,
        args=args,
    )


def values(gate: Gate, trial: Trial, revision: str) -> Values:
    return Values(
        namespace=trial.namespace,
        name=trial.name,
        revision=revision,
        stable=trial.stable,
        weight=trial.weight,
        interval=gate.interval,
        entered_at=trial.entered_at,
        args=gate.args,
    )


def question(gate: Gate, trial: Trial, revision: str, at: datetime) -> Question:
    """What the gate asks about ``revision`` at ``at``: what was before the stage is not asked."""
    wanted = asker(gate, trial, revision)
    whole = render(gate.source.query, replace(wanted.values, stable=OF_STABLE), at)
    query = shortened(whole, at - trial.entered_at, _grain(gate))
    query = query.replace(OF_STABLE, trial.stable or NO_REVISION)
    by, many = gate.source.per_revision_label or "", gate.source.reduce is not None
    return Question(gate.address, query, at, by, many=many or by != "", askers=(wanted,))


def asker(gate: Gate, trial: Trial, revision: str) -> Asker:
    """By whom the gate's questions about ``revision`` are asked: they are not rendered again."""
    return Asker(gate.name, gate.source, values(gate, trial, revision))


def first_look(gate: Gate, trial: Trial) -> timedelta:
    """How long after the stage began there is something to ask about."""
    asked = timeless(gate.source.query, _of_candidate(gate, trial))
    return max(gate.initial_delay, ripe(asked, _grain(gate)))


def is_short(gate: Gate, trial: Trial, at: datetime) -> bool:
    """Whether at ``at`` the gate looks back on less than its query says."""
    asked = render(gate.source.query, _of_candidate(gate, trial), at)
    return not is_whole(asked, at - trial.entered_at)


def _of_candidate(gate: Gate, trial: Trial) -> Values:
    """With stable still to be named: a range that is about it alone may look back further."""
    return replace(values(gate, trial, trial.candidate), stable=OF_STABLE)


def _grain(gate: Gate) -> timedelta:
    return gate.interval if gate.about_both_arms else timedelta(seconds=1)


def grid_of(gate: Gate, trial: Trial) -> Grid:
    """The instants at which the gate asks about the candidate."""
    query = timeless(gate.source.query, values(gate, trial, trial.candidate))
    return grid(gate.address, query, gate.interval)


def evidence(gate: Gate, trial: Trial) -> GateStatus:
    """What the gate has seen in this stage, under these criteria; a new row when that is nothing.

    A row measured before the stage was entered is that of an earlier stage with the same criteria.
    """
    for row in trial.gates:
        same = (row.criteria, row.name, row.generation) == (
            gate.criteria,
            gate.name,
            gate.generation,
        )
        if same and (row.measured_at is None or row.measured_at > trial.entered_at):
            return row
    return GateStatus(
        name=gate.name,
        criteria=gate.criteria,
        limit=gate.limit,
        generation=gate.generation,
        dry_run=gate.dry_run,
        message="waits for its first measurement",
    )
