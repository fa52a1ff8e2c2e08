"""What cannot be measured is said before it is tried, naming stage, criteria and metric."""

from typing import Any

import pytest

from lockstep.api.strategy import Stage
from lockstep.core.gates.stage import NamedCriteria, problems, soak
from tests.unit.gates.stages import cluster_criteria, criteria, metric

ONE = [{"name": "a", "value": 1}]
METRICS = [metric(name=f"m{number}") for number in range(8)]
WHERE = "stage quarter: metric errors of ExitCriteria/quality "


def stage(**changes: Any) -> Stage:
    return Stage.model_validate({"name": "quarter", "weight": 25, "soak": "10m", **changes})


FINE: dict[str, tuple[Stage, tuple[NamedCriteria, ...]]] = {
    "a soak and no count": (stage(), (criteria(),)),
    "the criteria's soak and no count": (stage(soak="0s"), (criteria(minimumSoak="1m"),)),
    "a count and no soak": (stage(soak="0s"), (criteria(metric(count=3)),)),
    "no criteria at all": (stage(soak="0s"), ()),
    "arguments": (
        stage(), (criteria(metric(query="x > {{args.a}}"), args=ONE),)),
    "as many gates as there is room for": (
        stage(), tuple(cluster_criteria(*METRICS, name=f"c{number}") for number in range(4))),
}  # fmt: skip


@pytest.mark.parametrize(("given", "named"), FINE.values(), ids=FINE)
def test_nothing_is_wrong_with(given: Stage, named: tuple[NamedCriteria, ...]) -> None:
    assert problems(given, named) is None


REQUESTS: dict[str, Any] = {"minimumRequests": {"count": 1, "query": "requests"}}

WRONG: dict[str, tuple[Stage, tuple[NamedCriteria, ...], str]] = {
    "neither soak nor count": (
        stage(soak="0s"), (criteria(),),
        WHERE + "has no count and the stage has no soak: it would never end; set one of them"),
    "one of several without a count": (
        stage(soak="0s"), (criteria(metric(name="first", count=1), metric()),),
        WHERE + "has no count"),
    "an unknown placeholder": (
        stage(), (criteria(metric(query="x{a='{{pod}}'}")),),
        (WHERE + "has an invalid query: {{pod}} is not a placeholder; use one of {{namespace}} "
         "{{name}}")),
    "a missing argument": (
        stage(), (criteria(metric(query="x > {{args.a}}")),),
        WHERE + "has an invalid query: {{args.a}} needs an argument named 'a'"),
    "an unknown placeholder in the traffic query": (
        stage(), (criteria(minimumRequests={"count": 1, "query": "{{x}}"}),),
        ("stage quarter: metric minimum-requests of ExitCriteria/quality has an invalid query: "
         "{{x}} is")),
    "a metric that takes the traffic's name": (
        stage(), (criteria(metric(name="minimum-requests")),),
        ("stage quarter: metric minimum-requests of ExitCriteria/quality has a name that is "
         "reserved")),
    "more failures tolerated than measured": (
        stage(), (criteria(metric(count=3, failureLimit=3)),),
        WHERE + "can never fail: failureLimit 3 tolerates all of its 3 measurements"),
    "limits that no number meets": (
        stage(),
        (criteria(metric(successWhen={"min": 2, "maxArg": "a"}), args=ONE),),
        WHERE + "has a successWhen that no number can satisfy: between 2 and 1"),
    "more gates than there is room for": (
        stage(),
        tuple(cluster_criteria(*METRICS, name=f"c{number}", **REQUESTS) for number in range(4)),
        "stage quarter has 36 gates (one per metric and one per minimumRequests), at most 32 are"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "named", "sentence"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said(
    given: Stage, named: tuple[NamedCriteria, ...], sentence: str
) -> None:
    assert (problems(given, named) or "").startswith(sentence)


@pytest.mark.parametrize(
    ("own", "theirs", "longest"),
    [("10m", [], 600), ("10m", ["1m", "1h"], 3600), ("2h", ["1h"], 7200), ("0s", ["0s"], 0)],
)
def test_the_longest_soak_counts(own: str, theirs: list[str], longest: int) -> None:
    named = tuple(criteria(minimumSoak=one) for one in theirs)
    assert soak(stage(soak=own), named).total_seconds() == longest
