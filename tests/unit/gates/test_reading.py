"""One number out of an answer, or a reason why there is none."""

import math

import pytest

from lockstep.api.exit_criteria import PrometheusQuery
from lockstep.core.gates.question import Answer, Broken, Reply, Series
from lockstep.core.gates.reading import NoData, Reading, Value, read
from lockstep.core.key import Named
from tests.unit.gates.stages import DOWN, NO_DATA, value

NAN, INF = math.nan, math.inf


def pods(*numbers: float) -> Reply:
    return Reply(tuple(Series(number, {"pod": f"p{at}"}) for at, number in enumerate(numbers)))


READINGS: dict[str, tuple[dict[str, str], Answer, Reading]] = {
    "a value": ({}, value(0.5), Value(0.5)),
    "an infinite value is one": ({}, value(INF), Value(INF)),
    "NaN is no data of somebody whom nobody calls": ({}, value(NAN), NoData(idle=True)),
    "no series is no data": ({}, NO_DATA, NoData()),
    "a broken answer stays broken": ({}, DOWN, DOWN),
    "several series, even if all but one are NaN": (
        {}, pods(1, NAN),
        Broken('the query yields 2 series ({pod="p0"}, {pod="p1"}); '
               "aggregate it to one or set reduce")),
    "many series are not all named": (
        {}, pods(1, 2, 3, 4, 5),
        Broken('the query yields 5 series ({pod="p0"}, {pod="p1"}, {pod="p2"} and 2 more); '
               "aggregate it to one or set reduce")),
    "the least": ({"reduce": "Min"}, pods(3, 1, 2), Value(1)),
    "the most": ({"reduce": "Max"}, pods(1, 3, 2), Value(3)),
    "the sum": ({"reduce": "Sum"}, pods(1, 2, 3.5), Value(6.5)),
    "the mean": ({"reduce": "Mean"}, pods(1, 2, 6), Value(3)),
    "a pod without traffic does not spoil the others": ({"reduce": "Max"}, pods(NAN, 2), Value(2)),
    "nor does its place": ({"reduce": "Max"}, pods(2, NAN), Value(2)),
    "nor does it count in the mean": ({"reduce": "Mean"}, pods(NAN, 2, 4), Value(3)),
    "only pods without traffic": ({"reduce": "Max"}, pods(NAN, NAN), NoData(idle=True)),
    "infinities that cancel out": ({"reduce": "Sum"}, pods(INF, -INF), NoData(idle=True)),
    "the series of the revision": (
        {"perRevisionLabel": "rev"}, Reply((Series(1, {"rev": "b"}), Series(2, {"rev": "a"}))),
        Value(2)),
    "no series of the revision": ({"perRevisionLabel": "rev"}, value(1, rev="b"), NoData()),
    "a series without the label": ({"perRevisionLabel": "rev"}, value(1), NoData()),
    "a neighbour's series of a revision of that name": (
        {"perRevisionLabel": "rev"},
        Reply((Series(5, {"rev": "a", "namespace": "staging"}),
               Series(1, {"rev": "a", "namespace": "payments"}))),
        Value(1)),
    "only a neighbour's": (
        {"perRevisionLabel": "rev"}, value(5, rev="a", namespace="staging"), NoData()),
    "another ModelDeployment's of this namespace": (
        {"perRevisionLabel": "rev"},
        value(5, rev="a", namespace="payments", model_deployment="other"), NoData()),
    "its own, in full": (
        {"perRevisionLabel": "rev"},
        value(5, rev="a", namespace="payments", model_deployment="fraud"), Value(5)),
    "a query that names no label takes what it asked for": (
        {}, value(5, namespace="ingress"), Value(5)),
    "two series of the revision": (
        {"perRevisionLabel": "rev"}, Reply((Series(1, {"rev": "a"}), Series(2, {"rev": "a"}))),
        Broken('the query yields 2 series ({rev="a"}, {rev="a"}); '
               "aggregate it to one or set reduce")),
    "two series of the revision, reduced": (
        {"perRevisionLabel": "rev", "reduce": "Sum"},
        Reply((Series(1, {"rev": "a"}), Series(2, {"rev": "a"}), Series(4, {"rev": "b"}))),
        Value(3)),
}  # fmt: skip


@pytest.mark.parametrize(("source", "answer", "reading"), READINGS.values(), ids=READINGS)
def test_read(source: dict[str, str], answer: Answer, reading: Reading) -> None:
    query = PrometheusQuery.model_validate({"query": "up", **source})
    assert read(answer, query, Named("payments", "fraud"), "a") == reading
