"""What the demo makes of what it sees: when an act is over, what breaks a promise, what is told."""

import re
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from examples.caller.caller import Second, Tally
from examples.demo import manifests
from examples.demo.acts import (
    APPROVAL,
    FIRST,
    PROMOTION,
    QUESTION,
    RETURN,
    ROLLBACK,
    SWITCH,
    Act,
    Played,
)
from examples.demo.calls import Calls
from examples.demo.look import Arm, Gate, Look, read
from examples.demo.people import ALICE, DANA, approval
from examples.demo.story import Story, wrongs
from examples.demo.summary import announcement, summary
from examples.demo.view import changed, line, screen
from lockstep.api.decision import Act as DecisionAct
from lockstep.api.decision import DecisionSpec
from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.model_deployment_status import RevisionStatus
from lockstep.core.rollout.stages import steps

Manifest = dict[str, Any]

ONE, TWO, THREE, FOUR, FIVE = "aaaaaaaa", "bbbbbbbb", "cccccccc", "dddddddd", "eeeeeeee"
STABLE = Arm("stable", "2.0.0", TWO, ready=5, pods=5)
REJECTED = Arm("rejected", "3.0.0", THREE, ready=0, pods=0)
PINNED = {
    tag: f"{tag}@sha256:{'5e' * 32}"
    for tag in (manifests.SERVER_TAG, *manifests.MODEL_TAGS.values())
}
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
ASKING = look(phase="Paused", reason="ApprovalNeeded", stage="fifth", desired=20)
AT_FIVE = replace(STABLE, version="5.0.0", revision=FIVE)


def pod(revision: str, name: str = "", *, ready: bool = True, leaving: bool = False) -> Manifest:
    gone = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if leaving else {}
    said = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {
        "metadata": {"name": name, "labels": {"lockstep.dev/revision": revision}, **gone},
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
        "kept": {"revision": THREE, "version": "3.0.0", "until": "2026-01-01T00:00:00.000Z"},
        "gates": [{"name": "p99", "verdict": "Fail", "value": "2", "limit": "at most 1"}],
        "conditions": [{"type": "Ready", "status": "False", "reason": "Soaking"}],
    }
    deployment = {"metadata": {"generation": 4}, "spec": {"replicas": 5}, "status": status}
    pods = [
        pod(ONE, "a"),
        pod(ONE, "b"),
        pod(ONE, "c", leaving=True),
        pod(TWO, "d", ready=False),
        {"metadata": {}},
    ]
    seen = read(deployment, pods, at=7.0)
    assert seen.arms == (
        Arm("stable", "1.0.0", ONE, 2, 2, frozenset("ab")),
        Arm("candidate", "2.0.0", TWO, 0, 1, frozenset("d")),
        Arm("kept", "3.0.0", THREE, 0, 0),
    )
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
    "people are asked": (QUESTION, ASKING, (True, False)),
    "a person is awaited for another reason": (
        QUESTION,
        replace(ASKING, reason="Inconclusive"),
        (False, True),
    ),
    "nobody was asked": (QUESTION, look(arms=(AT_FIVE,)), (False, False)),
    "approvals are not counted yet": (APPROVAL, ASKING, (False, False)),
    "approvals expired": (APPROVAL, replace(ASKING, reason="ApprovalExpired"), (False, True)),
    "approved and promoted": (APPROVAL, look(arms=(AT_FIVE,)), (True, False)),
    "rejected": (APPROVAL, ROLLED_BACK, (False, True)),
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
REFUSED = Played(ROLLBACK, 101.7, [TRIED, ROLLED_BACK])


def test_an_act_tells_how_long_each_stage_took() -> None:
    assert PROMOTED.stages() == {"fifth": 25.0, "half": 15.0, "full": 10.0}
    assert PROMOTED.seconds == 51.0


SERVED = frozenset({"p1", "p2", "p3", "p4", "p5"})
STARTED = SERVED - {"p5"} | {"p6"}
KEPT = Arm("kept", "2.0.0", TWO, 5, 5, SERVED)
PREVIEWED = [
    look(at=200.0, stage="pre-promotion", arms=(STABLE, Arm("candidate", "4.0.0", FOUR, 1, 1))),
    look(at=220.0, stage="promotion"),
    look(at=226.0, stage="post-promotion"),
    look(at=246.0, arms=(Arm("stable", "4.0.0", FOUR, 5, 5), KEPT)),
]
SWITCHED = Played(SWITCH, 199.0, PREVIEWED)
RETURNED = Played(RETURN, 250.0, [look(at=252.0, arms=(replace(STABLE, names=SERVED),))])
ASKED = Played(QUESTION, 260.0, [replace(ASKING, at=285.0, arms=(AT_FIVE,))])
APPROVED = Played(APPROVAL, 290.0, [look(at=297.0, arms=(AT_FIVE,))])
AFTER = (
    second(210, {TWO: [3] * 30}, {}),
    second(225, {FOUR: [3] * 30}, {}),
    second(251, {FOUR: [3] * 10, TWO: [3] * 20}, {}),
    second(270, {TWO: [3] * 24, FIVE: [3] * 6}, {}),
    second(295, {FIVE: [3] * 30}, {}),
)
REFUSAL = "dana@example.com wrote this revision"


def story(
    calls: tuple[Second, ...] = (*GOOD, *BAD, *AFTER),
    promoted: Played = PROMOTED,
    switched: Played = SWITCHED,
    returned: Played = RETURNED,
) -> Story:
    """Everything as it should be, plus the named differences."""
    first = Played(FIRST, 0.0, [look(at=12.0)])
    acts = (first, promoted, REFUSED, switched, returned, ASKED, APPROVED)
    return Story.told(Calls.of(calls), 300.0, REFUSAL, *acts)


def unanswered(at: float, count: int = 1) -> Second:
    return second(at, {}, {"": {"refused": count}})


PROMISES: dict[str, tuple[Story, tuple[str, ...]]] = {
    "all were kept": (story(), ()),
    "nobody called": (story((*BAD, *AFTER)), ("no caller",)),
    "an error in the promotion": (
        story((*GOOD, unanswered(101.5), *BAD, *AFTER)),
        ("1 new connections failed while this was played: Version 2.0.0",),
    ),
    "a stage was left out": (
        story(promoted=Played(PROMOTION, 99.0, WALKED[2:])),
        ("['half', 'full']",),
    ),
    "stable failed somebody too": (
        story((*GOOD, *BAD, second(105, {}, {TWO: {"503": 2}}), *AFTER)),
        ("2 new connections failed for which",),
    ),
    "the bad version failed nobody": (story((*GOOD, BAD[1], *AFTER)), ("never failed",)),
    "an error in the switch": (
        story((*GOOD, *BAD, unanswered(222, 3), *AFTER)),
        ("3 new connections failed while this was played: Version 4.0.0",),
    ),
    "a caller met the preview": (
        story((*GOOD, *BAD, second(212, {FOUR: [3, 3]}, {}), *AFTER)),
        ("2 callers met version 4.0.0",),
    ),
    "the switch was not seen": (
        story(switched=replace(SWITCHED, looks=[PREVIEWED[0], PREVIEWED[-1]])),
        ("never seen on its way",),
    ),
    "an error on the way back": (
        story((*GOOD, *BAD, *AFTER, unanswered(252))),
        ("1 new connections failed while this was played: spec.rollbackTo",),
    ),
    "a pod was started to return": (
        story(returned=replace(RETURNED, looks=[look(arms=(replace(STABLE, names=STARTED),))])),
        ("1 pods of version 2.0.0 had to be started",),
    ),
    "an error while people decided": (
        story((*GOOD, *BAD, *AFTER, unanswered(296))),
        ("1 new connections failed while this was played: Its author",),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "told"), PROMISES.values(), ids=PROMISES)
def test_promises(seen: Story, told: tuple[str, ...]) -> None:
    said = wrongs(seen)
    assert len(said) == len(told), said
    assert all(words in sentence for words, sentence in zip(told, said, strict=True)), said


def test_what_the_tutorial_tries_afterwards_is_there_pinned(tmp_path: Path) -> None:
    manifests.write(tmp_path, PINNED, [{"kind": "Pod"}])
    page = (manifests.EXAMPLES.parent / "docs" / "tutorial" / "first-rollout.md").read_text()
    named = re.findall(r"build/demo/([\w/.-]+\w)", page)
    assert len(named) > 4
    assert not [path for path in named if not (tmp_path / path).exists()]
    lines = (file.read_text().splitlines() for file in tmp_path.rglob("*.yaml"))
    references = [line for line in chain(*lines) if "registry.example.com" in line]
    assert references
    assert all("@sha256:" in line for line in references)


def test_the_demo_says_at_its_start_how_long_it_takes() -> None:
    assert announcement(timedelta()) == "This usually takes 5 minutes: six acts of a model's life."
    first = announcement(timedelta(minutes=10, seconds=30))
    assert first.startswith("This usually takes 18 minutes on two cores: 11 minutes to build ")


def test_the_summary_tells_what_was_measured() -> None:
    told = summary(story())
    for words in (
        "serving after 12 s",
        "promoted in 51 s (fifth 25 s, half 15 s, full 10 s)",
        "30 times (0 errors, p99 4 ms) on new connections",
        "5 of the 6 new connections that reached it failed",
        "took over in 47 s (pre-promotion 20 s, promotion 6 s, post-promotion 20 s)",
        "1 s later the last new connection had been answered by 4.0.0 (0 errors)",
        "asked for its two approvals after 25 s",
        REFUSAL,
        "promoted in 7 s (0 errors on new connections)",
    ):
        assert words in told


def test_an_approval_is_the_example_filled_in() -> None:
    spec = DecisionSpec.model_validate(approval(ALICE, FIVE)["spec"])
    assert (spec.act, spec.revision, spec.stage) == (DecisionAct.APPROVE, FIVE, "fifth")
    assert (spec.by, spec.groups) == ("alice@example.com", ("ml-fraud",))


def test_the_author_in_the_manifest_is_who_applies_it() -> None:
    deployment = manifests.rendered(manifests.DEPLOYMENT_FILES["5.0.0"], {})
    assert deployment["spec"]["changeRequest"]["requestedBy"] == DANA.name


WALKS: dict[str, tuple[str, dict[str, str], list[tuple[str, int]]]] = {
    "a rolling update": ("1.0.0", {}, []),
    "a canary": ("2.0.0", {}, [("fifth", 20), ("half", 50), ("full", 100)]),
    "a blue-green": (
        "4.0.0",
        {},
        [("pre-promotion", 0), ("promotion", 100), ("post-promotion", 100)],
    ),
    "a return": ("4.0.0", {"rollbackTo": TWO}, [("direct", 100)]),
}


@pytest.mark.parametrize(("version", "fields", "stages"), WALKS.values(), ids=WALKS)
def test_the_show_draws_the_stages_that_the_operator_walks(
    version: str, fields: dict[str, str], stages: list[tuple[str, int]]
) -> None:
    deployment = manifests.rendered(manifests.DEPLOYMENT_FILES[version], PINNED)
    deployment["spec"] |= fields
    assert [*manifests.stages(deployment)] == stages
    candidate = RevisionStatus(revision=FOUR, version=version, ungated="Returned" if fields else "")
    walked = steps(ModelDeploymentSpec.model_validate(deployment["spec"]), candidate)
    assert not stages or [(step.name, step.weight) for step in walked] == stages


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
