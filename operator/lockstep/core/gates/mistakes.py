"""What makes a stage's criteria impossible to measure, said before the stage is tried.

What one object alone can get wrong is refused by ``api``; here is what only shows in a stage.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from lockstep.api.exit_criteria import Metric
from lockstep.core.gates.gate import MINIMUM_REQUESTS, Gate, gates_of
from lockstep.core.gates.placeholders import unknown
from lockstep.core.gates.thresholds import limits
from lockstep.core.gates.trial import NamedCriteria, Soaked

MOST_GATES: Final = 32
"""What status has room for."""


def mistakes(stage: Soaked, criteria: tuple[NamedCriteria, ...], soak: timedelta) -> Iterator[str]:
    """Every mistake as a sentence that names stage, criteria and metric."""
    gates = gates_of(criteria)
    if len(gates) > MOST_GATES:
        yield (
            f"stage {stage.name} has {len(gates)} gates (one per metric and one per "
            f"minimumRequests), at most {MOST_GATES} are allowed; refer to fewer criteria"
        )
    for gate in gates:
        for why in in_gate(gate, soak):
            yield f"stage {stage.name}: metric {gate.name} of {gate.criteria} {why}"


def in_gate(gate: Gate, soak: timedelta) -> Iterator[str]:
    """What is wrong with one gate, to be said after its name."""
    why = unknown(gate.source.query, gate.args)
    if why:
        yield f"has an invalid query: {why}"
    if isinstance(gate.rule, Metric):
        yield from _in_metric(gate, gate.rule, soak)


def _in_metric(gate: Gate, metric: Metric, soak: timedelta) -> Iterator[str]:
    if gate.name == MINIMUM_REQUESTS:
        yield "has a name that is reserved for minimumRequests; choose another"
    if metric.count is None and not soak:
        yield "has no count and the stage has no soak: it would never end; set one of them"
    if metric.count is not None and metric.failure_limit >= metric.count:
        yield (
            f"can never fail: failureLimit {metric.failure_limit} tolerates "
            f"all of its {metric.count} measurements"
        )
    bounds = limits(metric, gate.args)
    for name, limit in (("successWhen", bounds.success), ("failWhen", bounds.failure)):
        if limit and limit.empty:
            yield f"has a {name} that no number can satisfy: {limit.inside()}"
