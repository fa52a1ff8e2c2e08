"""Numbers, and limits as they are said."""

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.api.exit_criteria import Metric
from lockstep.core.gates.numbers import plain, rounded
from lockstep.core.gates.thresholds import Limits, Measured, Range, limits
from tests.unit.gates.stages import metric

S, F, N = Measured.SUCCESS, Measured.FAILURE, Measured.NEITHER
INF = math.inf
ARGS = {"limit": 0.25}

LIMITS: dict[str, tuple[dict[str, Any], str, dict[float, Measured]]] = {
    "a most": ({"successWhen": {"max": 0.5}}, "at most 0.5", {-1: S, 0.5: S, 0.51: F, INF: F}),
    "a least": ({"successWhen": {"min": 0.5}}, "at least 0.5", {0.4: F, 0.5: S, INF: S, -INF: F}),
    "between": (
        {"successWhen": {"min": 1, "max": 2}}, "between 1 and 2", {0.9: F, 1: S, 2: S, 2.1: F}),
    "an argument": ({"successWhen": {"maxArg": "limit"}}, "at most 0.25", {0.25: S, 0.3: F}),
    "zero is a limit": ({"successWhen": {"max": 0}}, "at most 0", {0: S, 0.1: F}),
    "a failure from": ({"failWhen": {"min": 0.5}}, "below 0.5", {0.4: S, 0.5: F}),
    "a failure up to": ({"failWhen": {"max": 0.5}}, "above 0.5", {0.6: S, 0.5: F}),
    "a failure within": (
        {"failWhen": {"min": 1, "max": 2}}, "below 1 or above 2", {0: S, 1.5: F, 3: S}),
    "both": (
        {"successWhen": {"maxArg": "limit"}, "failWhen": {"min": 0.5}},
        "at most 0.25, fails when at least 0.5", {0.2: S, 0.3: N, 0.5: F}),
    "both and overlapping": (
        {"successWhen": {"max": 0.5}, "failWhen": {"min": 0.4}},
        "at most 0.5, fails when at least 0.4", {0.45: F, 0.3: S, 0.6: F}),
}  # fmt: skip


@pytest.mark.parametrize(("spec", "text", "cases"), LIMITS.values(), ids=LIMITS)
def test_limits(spec: dict[str, Any], text: str, cases: dict[float, Measured]) -> None:
    bare = {name: item for name, item in metric().items() if name != "successWhen"}
    bounds = limits(Metric.model_validate({**bare, **spec}), ARGS)
    assert bounds.text == text
    assert {number: bounds.measure(number) for number in cases} == cases


SAID: dict[str, tuple[Limits, float, str, str]] = {
    "the limit it kept": (Limits(Range(None, 0.5), None), 0.2, "0.2", "at most 0.5"),
    "the limit it broke": (Limits(Range(None, 0.25), Range(0.5, None)), 0.8, "0.8", "below 0.5"),
    "a digit more where rounding would hide the failure": (
        Limits(Range(None, 0.5), None), 0.50000004, "0.50000004", "at most 0.5"),
}  # fmt: skip


@pytest.mark.parametrize(("bounds", "number", "shown", "allowed"), SAID.values(), ids=SAID)
def test_a_measured_number_is_said_with(
    bounds: Limits, number: float, shown: str, allowed: str
) -> None:
    assert (bounds.shown(number), bounds.allowed(number)) == (shown, allowed)


NUMBERS: dict[float, str] = {
    -0.0: "0", 5: "5", 0.25: "0.25", 0.8123456789: "0.812346", 1234567: "1234567",
    1234567.8: "1234570", 0.00001234: "0.00001234", -3.5: "-3.5", 1e14: "100000000000000",
    1e20: "100000000000000000000", 1e300: "1e+300", 1e-300: "1e-300",
    math.inf: "+Inf", -math.inf: "-Inf", math.nan: "NaN",
}  # fmt: skip


@pytest.mark.parametrize(("number", "text"), NUMBERS.items(), ids=NUMBERS.values())
def test_a_measured_number(number: float, text: str) -> None:
    assert rounded(number) == text


@settings(deadline=None)
@given(st.floats())
def test_every_number_fits_status_and_can_be_read_back(number: float) -> None:
    assert len(rounded(number)) <= 32
    assert len(plain(number)) <= 32
    if math.isfinite(number):
        assert float(plain(number)) == number
        assert math.isclose(float(rounded(number)), number, rel_tol=1e-5)
        assert Decimal(rounded(number)).is_finite()
