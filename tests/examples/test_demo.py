"""What the demo makes of what it sees: when an act is over, what breaks a promise, what is told."""

from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from examples.caller.caller import Second, Tally
from examples.demo.acts import FIRST, PROMOTION, ROLLBACK, Act, Played, wrongs
from examples.demo.calls import Calls
from examples.demo.look import Arm, Gate, Look, read
from examples.demo.summary import summary
from examples.demo.view import changed, line, screen

Manifest = dict[str, Any]

ONE, TWO, THREE = "aaaaaaaa", "bbbbbbbb", "cccccccc"
STABLE = Arm("stable", "2.0.0", TWO, ready=5, pods=5)
REJECTED = Arm("rejected", "3.0.0", THREE, ready=0, pods=0)
GATE = Gate("error-ratio", "Measuring", "0.02", "at most 0.05", samples=3, failures=0)


def look(**differences: Any) -> Look:
    """Version 2.0.0 serves and nothing is on trial, plus the named differences."""
    healthy = Look(
        at=100.0,
        current=True,
        replicas=5,
        phase="Healthy",
        reason="Completed",
        message="version 2.0.0 serves",
        stage="",
        holding=False,
        desired=0,
        actual=0,
        arms=(STABLE,),
        gates=(),
        rejected_at=None,
        rejected_for="",
    )
    return replace(healthy, **differences)


ROLLED_BACK = look(
    phase="Degraded",
    reason="RolledBack",
    arms=(STABLE, REJECTED),
    rejected_at=101.5,
    rejected_for="GateFailed",
)


def pod(revision: str, *, ready: bool = True, leaving: bool = False) -> Manifest:
    gone = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if leaving else {}
    said = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {
        "metadata": {"labels": {"lockstep.dev/revision": revision}, **gone},
        "status": {"conditions": said},
    }


def test_a_look_counts_the_pods_that_stay_and_reads_the_status() -> None:
    status = {
        "observedGeneration": 4,
        "phase": "Progressing",
        "message": "stage fifth: holding 20%",
        "stage": {"name": "fifth", "index": 0, "enteredAt": "2026-01-01T00:00:00.000Z"},
        "weights": {"desired": 20, "actual": 25, "method": "ReplicaRatio"},
        "stable": {"revision": ONE, "version": "1.0.0"},
        "candidate": {"revision": TWO, "version": "2.0.0"},
        "gates": [{"name": "p99", "verdict": "Fail", "value": "2", "limit": "at most 1"}],
        "conditions": [{"type": "Ready", "status": "False", "reason": "Soaking"}],
    }
    deployment = {"metadata": {"generation": 4}, "spec": {"replicas": 5}, "status": status}
    pods = [pod(ONE), pod(ONE), pod(ONE, leaving=True), pod(TWO, ready=False), {"metadata": {}}]
    seen = read(deployment, pods, at=7.0)
    assert seen.arms == (Arm("stable", "1.0.0", ONE, 2, 2), Arm("candidate", "2.0.0", TWO, 0, 1))
    assert (seen.stage, seen.holding, seen.desired, seen.actual) == ("fifth", True, 20, 25)
    assert (seen.current, seen.reason, seen.gates[0].verdict) == (True, "Soaking", "Fail")


def test_a_look_before_the_operator_has_seen_anything_is_not_current() -> None:
    seen = read({"metadata": {"generation": 1}, "spec": {"replicas": 5}}, [], at=1.0)
    assert (seen.current, seen.phase, seen.arms, seen.version("stable")) == (False, "", (), "")


CASES: dict[str, tuple[Act, Look, tuple[bool, bool]]] = {
    "the version asked for serves": (PROMOTION, look(), (True, False)),
    "another version serves": (FIRST, look(), (False, False)),
    "it is on its way": (PROMOTION, look(phase="Progressing"), (False, False)),
    "a promotion pauses": (PROMOTION, look(phase="Paused"), (False, True)),
    "a promotion degrades": (PROMOTION, ROLLED_BACK, (False, True)),
    "rolled back by its gate, stable whole again": (ROLLBACK, ROLLED_BACK, (True, False)),
    "stable still grows back": (
        ROLLBACK,
        replace(ROLLED_BACK, arms=(replace(STABLE, ready=4), REJECTED)),
        (False, False),
    ),
    "a failed pod is still kept": (
        ROLLBACK,
        replace(ROLLED_BACK, arms=(STABLE, replace(REJECTED, pods=1))),
        (False, False),
    ),
    "rolled back for another reason": (
        ROLLBACK,
        replace(ROLLED_BACK, rejected_for="ImagePullFailed"),
        (True, True),
    ),
    "the bad version is promoted": (
        ROLLBACK,
        look(arms=(replace(STABLE, version="3.0.0"),)),
        (False, True),
    ),
    "the bad version pauses": (ROLLBACK, look(phase="Paused"), (False, True)),
}


@pytest.mark.parametrize(("act", "seen", "over_broken"), CASES.values(), ids=CASES)
def test_an_act_knows_when_it_is_over_and_when_it_is_broken(
    act: Act, seen: Look, over_broken: tuple[bool, bool]
) -> None:
    assert (act.reached(seen), act.broken(seen) is not None) == over_broken


def second(at: float, ms: dict[str, list[int]], failed: dict[str, dict[str, int]]) -> Second:
    return Second(at=at, new=Tally(ms, failed), kept=Tally({TWO: [3]}))


GOOD = (second(101, {ONE: [3] * 24, TWO: [4] * 6}, {}),)
BAD = (
    second(102, {TWO: [3] * 24, THREE: [2900]}, {THREE: {"503": 5}}),
    second(104, {TWO: [3] * 30}, {}),
)
WALKED = [
    look(at=100.0, stage="fifth"),
    look(at=110.0, stage="fifth"),
    look(at=125.0, stage="half"),
    look(at=140.0, stage="full"),
    look(at=150.0),
]
PROMOTED = Played(PROMOTION, 99.0, WALKED)
TRIED = replace(ROLLED_BACK, arms=(STABLE, replace(REJECTED, role="candidate")), rejected_at=None)
REFUSED = Played(ROLLBACK, 100.0, [TRIED, ROLLED_BACK])


def test_an_act_tells_how_long_each_stage_took() -> None:
    assert PROMOTED.stages() == {"fifth": 25.0, "half": 15.0, "full": 10.0}
    assert PROMOTED.seconds == 51.0


PROMISES: dict[str, tuple[Played, tuple[Second, ...], tuple[Second, ...], str]] = {
    "all were kept": (PROMOTED, GOOD, BAD, ""),
    "nobody called": (PROMOTED, (), BAD, "no caller"),
    "an error in the promotion": (
        PROMOTED,
        (second(101, {ONE: [3]}, {"": {"refused": 1}}),),
        BAD,
        "1 new connections failed while",
    ),
    "a stage was left out": (Played(PROMOTION, 99.0, WALKED[2:]), GOOD, BAD, "['half', 'full']"),
    "stable failed somebody too": (
        PROMOTED,
        GOOD,
        (*BAD, second(105, {}, {TWO: {"503": 2}})),
        "2 new connections failed for which",
    ),
    "the bad version failed nobody": (PROMOTED, GOOD, BAD[1:], "never failed"),
}


@pytest.mark.parametrize(("promotion", "good", "bad", "told"), PROMISES.values(), ids=PROMISES)
def test_promises(
    promotion: Played, good: tuple[Second, ...], bad: tuple[Second, ...], told: str
) -> None:
    said = wrongs(promotion, REFUSED, Calls.of(good), Calls.of(bad))
    assert len(said) == (1 if told else 0)
    assert told in "".join(said)


def test_the_summary_tells_what_was_measured() -> None:
    first = Played(FIRST, 0.0, [look(at=12.0)])
    told = summary(first, PROMOTED, REFUSED, Calls.of(GOOD), Calls.of(BAD))
    assert "serving after 12 s" in told
    assert "promoted in 51 s (fifth 25 s, half 15 s, full 10 s)" in told
    assert "30 times (0 errors, p99 4 ms) on new connections" in told
    assert "5 of the 6 new connections that reached it failed" in told


def test_spans_of_calls_end_where_they_are_told_to() -> None:
    assert Calls.between(BAD, 102, 104).new.requests() == 30
    assert Calls.last(BAD, 1).all.requests() == 31
    assert (Calls.of(BAD).first_error(), Calls.of(BAD).last_of(THREE)) == (102, 102)
    assert Calls.of(GOOD).first_error() is None


SAME = {
    "a new value of a gate": {"gates": (replace(GATE, value="0.03", samples=4),)},
    "a new sentence": {"message": "holding"},
}
OTHER = {
    "a gate's first bad measurement": {"gates": (replace(GATE, failures=1),)},
    "a gate's verdict": {"gates": (replace(GATE, verdict="Pass"),)},
    "another stage": {"stage": "half"},
    "a pod more": {"arms": (replace(STABLE, pods=6),)},
}


@pytest.mark.parametrize("differences", SAME.values(), ids=SAME)
def test_a_log_is_not_told_of(differences: dict[str, Any]) -> None:
    assert not changed(look(gates=(GATE,)), look(**{"gates": (GATE,), **differences}))


@pytest.mark.parametrize("differences", OTHER.values(), ids=OTHER)
def test_a_log_is_told_of(differences: dict[str, Any]) -> None:
    assert changed(look(gates=(GATE,)), look(**{"gates": (GATE,), **differences}))


ON_TRIAL = look(
    phase="Progressing",
    stage="half",
    desired=50,
    actual=40,
    message="stage half: holding 50%",
    arms=(STABLE, Arm("candidate", "3.0.0", THREE, 1, 2)),
    gates=(GATE, replace(GATE, name="p99-seconds", value="")),
)


def test_a_line_says_it_all() -> None:
    told = line(ON_TRIAL, BAD)
    for words in (
        "half 50% (now 40%)",
        "candidate 3.0.0 1/2",
        "error-ratio Measuring 0.02 (at most 0.05)",
        "62 requests in 5 s, 5 errors, 90% on 2.0.0, 10% on 3.0.0",
    ):
        assert words in told


def test_the_screen_says_it_all() -> None:
    console = Console(width=110, record=True, quiet=False, file=None)
    stages = (("fifth", 20), ("half", 50), ("full", 100))
    with console.capture() as captured:
        console.print(screen("Version 3.0.0", ON_TRIAL, stages, BAD, elapsed=12.0))
    told = captured.get()
    for words in ("✓ fifth 20%", "▶ half 50% (ready pods make 40%)", "full 100%", "1/2 pods ready"):
        assert words in told
    assert "nothing yet (at most 0.05)" in told
    assert "stage half: holding 50%" in told
