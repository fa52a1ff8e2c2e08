"""Promises over every story of answers that can be told."""

import math
from collections import Counter
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.api.gate_status import Verdict
from lockstep.core.gates.question import Answer, Broken, Reply
from lockstep.core.gates.stage import Failed, Inconclusive, Invalid, Measuring, Passed, Shared
from tests.unit.gates.stages import (
    DOWN,
    NAN,
    NO_DATA,
    OF_REVISION,
    PLAIN,
    criteria,
    metric,
    play,
    trial,
    value,
)

SILENT: st.SearchStrategy[Answer] = st.sampled_from([NO_DATA, NAN, DOWN])
NUMBERS: st.SearchStrategy[Answer] = st.sampled_from([0.1, 0.6, 0.9, math.inf]).map(value)
STORY = st.lists(SILENT | NUMBERS, max_size=30)
LIMIT = st.integers(0, 3)
STORIES = settings(max_examples=50, deadline=None)


@st.composite
def metrics(draw: st.DrawFn, /, **fixed: Any) -> dict[str, Any]:
    count = draw(st.none() | st.integers(1, 6))
    changes: dict[str, Any] = {
        "query": draw(st.sampled_from([PLAIN, OF_REVISION])),
        "failureLimit": draw(LIMIT),
        "inconclusiveLimit": draw(LIMIT),
        "consecutiveErrorLimit": draw(LIMIT),
        "minSamples": draw(st.integers(1, count or 6)),
        "onNoData": draw(st.sampled_from(["Pause", "Fail", None])),
    }
    if count:
        changes["count"] = count
    if draw(st.booleans()):
        changes["failWhen"] = {"min": 0.8}
    return metric(**{**changes, **fixed})


def good(answer: Answer) -> bool:
    return isinstance(answer, Reply) and any(one.value <= 0.5 for one in answer.series)


@STORIES
@given(metrics(), st.lists(SILENT, max_size=30), st.sampled_from([NO_DATA, DOWN]))
def test_zero_evidence_never_passes(
    spec: dict[str, Any], story: list[Answer], stable: Answer
) -> None:
    _, judged, _ = play(trial(criteria(spec)), story, stable)
    assert not isinstance(judged.outcome, Passed)


@STORIES
@given(metrics(), STORY, st.sampled_from([NO_DATA, DOWN, value(0.1), value(0.9)]))
def test_a_pass_has_its_samples_within_every_limit(
    spec: dict[str, Any], story: list[Answer], stable: Answer
) -> None:
    stage, judged, now = play(trial(criteria(spec)), story, stable)
    (row,) = judged.gates
    wanted = spec.get("count", spec["minSamples"])
    if isinstance(judged.outcome, Passed):
        assert row.samples >= wanted
        assert row.failures <= spec["failureLimit"]
        assert row.inconclusive <= spec["inconclusiveLimit"]
        assert any(good(answer) for answer in story)
        assert "count" in spec or now >= stage.soak_until


@STORIES
@given(metrics(onNoData="Pause"), STORY)
def test_only_bad_numbers_beyond_the_limit_fail(spec: dict[str, Any], story: list[Answer]) -> None:
    _, judged, _ = play(trial(criteria(spec)), story, stable=value(0.1))
    if isinstance(judged.outcome, Failed):
        bad = [said for said in story if isinstance(said, Reply) and said.series and not good(said)]
        assert len(bad) > spec["failureLimit"]


@STORIES
@given(metrics(query=OF_REVISION), STORY, st.sampled_from([0.9, math.inf]))
def test_nobody_is_rolled_back_while_stable_fails_too(
    spec: dict[str, Any], story: list[Answer], sick: float
) -> None:
    _, judged, _ = play(trial(criteria(spec)), story, stable=value(sick))
    assert not isinstance(judged.outcome, Failed)


@STORIES
@given(metrics(), metrics(name="dry", dryRun=True, query="dry"), STORY)
def test_a_dry_run_never_decides(
    real: dict[str, Any], dry: dict[str, Any], story: list[Answer]
) -> None:
    _, judged, _ = play(trial(criteria(dry)), story)
    assert judged.outcome == Passed()
    stage, _, _ = play(trial(criteria(real)), story, stable=value(0.1))
    _, alone, _ = play(stage, [])
    _, beside, _ = play(trial(criteria(real, dry), gates=stage.gates), [])
    assert type(alone.outcome) is type(beside.outcome)


@STORIES
@given(metrics(query=PLAIN), st.lists(NUMBERS, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_the_evidence_does_not_change_the_counts(
    spec: dict[str, Any], story: list[Answer], chance: Any
) -> None:
    tolerant = {**spec, "failureLimit": 99, "inconclusiveLimit": 99}
    tolerant.pop("count", None)
    shuffled = chance.sample(story, len(story))
    (one,) = play(trial(criteria(tolerant)), story)[1].gates
    (other,) = play(trial(criteria(tolerant)), shuffled)[1].gates
    assert (one.samples, one.failures, one.inconclusive) == (
        other.samples,
        other.failures,
        other.inconclusive,
    )
    assert one.samples == len(story)


@STORIES
@given(metrics(), STORY, st.sampled_from([NO_DATA, value(0.1), value(0.9)]))
def test_whoever_waits_knows_for_what(
    spec: dict[str, Any], story: list[Answer], stable: Answer
) -> None:
    """Every state either asks again in time or is one that a person has to see."""
    _, judged, _ = play(trial(criteria(spec)), story, stable)
    match judged.outcome:
        case Measuring(message):
            assert message
            assert judged.look_again is not None
        case Inconclusive(message, heals):
            assert message
            assert (judged.look_again is not None) is heals
        case Failed() | Shared():
            assert judged.look_again is None
        case Passed():
            assert judged.gates[0].verdict is Verdict.PASS
        case Invalid(message):
            assert message
            assert judged.look_again is not None
    if judged.look_again is not None:
        assert timedelta(0) < judged.look_again <= timedelta(seconds=30)


@STORIES
@given(metrics(), st.lists(st.just(DOWN), min_size=1, max_size=40))
def test_a_prometheus_that_is_down_neither_passes_nor_fails(
    spec: dict[str, Any], story: list[Answer]
) -> None:
    _, judged, _ = play(trial(criteria(spec)), story)
    expected = Inconclusive if len(story) > spec["consecutiveErrorLimit"] else Measuring
    assert isinstance(judged.outcome, expected)
    if isinstance(judged.outcome, Inconclusive):
        assert judged.outcome.heals
    assert Counter(type(said) for said in story) == {Broken: len(story)}
