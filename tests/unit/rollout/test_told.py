"""What is told of a pass: everything that happened, by its names, as often as it happens."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockstep.adapters.kubernetes import events
from lockstep.api.decision import Act
from lockstep.api.gate_status import Verdict
from lockstep.api.model_deployment_status import StageStatus
from lockstep.core import config
from lockstep.core.facts import ConfigEdit
from lockstep.core.rollout import changes
from lockstep.core.rollout.observed import (
    Answers,
    ConfigCopy,
    DryRunResult,
    Observed,
)
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.planner import needs, plan
from lockstep.core.rollout.routing import Only
from lockstep.shell.rollout.tell import trial_of
from tests.sim.obey import obey
from tests.unit.rollout.test_deciding import MINUTE, decision
from tests.unit.rollout.test_gated import BAD, GOOD, REF, SPEC, criteria
from tests.unit.rollout.test_planner import trouble
from tests.unit.rollout.test_returns import ALL, back
from tests.unit.rollout.worlds import (
    NOW,
    V1,
    V2,
    V3,
    arm,
    named,
    rejection,
    template,
    trial,
    world,
)

SECONDS = timedelta(seconds=1)
STAGES: dict[str, Any] = {
    "strategy": {
        "canary": {
            "stages": [
                {"name": "half", "weight": 50, "exitCriteria": [{"name": "serving"}]},
                {"name": "rest", "weight": 100},
            ]
        }
    }
}


def entered(ago: timedelta = MINUTE, soak: timedelta = timedelta(0)) -> StageStatus:
    begun = NOW - ago
    return StageStatus(
        name="half", index=0, entered_at=begun, soak_until=begun + soak, deadline=NOW + 9 * MINUTE
    )


def measured(seen: Observed, candidate: Any, stable: Any) -> tuple[Plan, Plan]:
    """The two passes in which a gate is measured, and stable is heard."""
    plans = []
    for _ in range(2):
        asked = needs(seen, NOW).questions
        answers = {one: stable if V1 in one.query else candidate for one in asked}
        decided = plan(replace(seen, answers=Answers(metrics=answers)), NOW)
        plans.append(decided)
        seen = replace(seen, status=decided.status)
    return plans[0], plans[1]


def reasons(decided: Plan) -> list[str]:
    return [event.reason for event in decided.events]


def saying(decided: Plan, reason: str) -> str:
    return next(event.message for event in decided.events if event.reason == reason)


def test_a_gate_that_passes_and_ends_its_stage_at_once_is_told_and_counted() -> None:
    base = trial(stage=entered(), spec=STAGES, rest={"criteria": {REF: criteria(count=1)}})
    passed, _ = measured(base.observed(), GOOD, GOOD)
    assert passed.status.stage is not None
    assert (passed.status.stage.name, passed.status.gates) == ("rest", ())
    assert passed.verdicts == (Verdict.PASS,)
    assert passed.concluded
    [row] = passed.concluded.gates
    assert (passed.concluded.revision, passed.concluded.stage) == (V2, "half")
    assert (row.name, row.verdict, row.value) == ("errors", Verdict.PASS, "0.001")
    assert saying(passed, "GatePass") == (
        "stage half: gate errors (ExitCriteria/serving) was 0.001, allowed at most 0.01; "
        "1 of 1 measurement"
    )


def test_a_gate_that_ends_the_trial_is_told_and_counted_and_leaves_nothing_behind() -> None:
    base = trial(stage=entered(soak=2 * MINUTE), spec=SPEC, rest={"criteria": {REF: criteria()}})
    _, failed = measured(base.observed(), BAD, GOOD)
    assert reasons(failed) == ["GateFail", "RolledBack"]
    assert failed.verdicts == (Verdict.FAIL,)
    assert failed.concluded
    assert [it.verdict for it in failed.concluded.gates] == [Verdict.FAIL]
    assert saying(failed, "GateFail").startswith("stage half: gate errors (ExitCriteria/serving) ")
    assert failed.status.gates == (), "the sentence of the rollback says it"


def test_a_stage_that_comes_to_nothing_concludes_nothing() -> None:
    base = trial(stage=entered(soak=2 * MINUTE), spec=SPEC, rest={"criteria": {REF: criteria()}})
    assert [it.concluded for it in measured(base.observed(), GOOD, GOOD)] == [None, None]


def test_a_stage_in_which_nothing_is_waited_for_is_no_event_of_its_own() -> None:
    last = StageStatus(name="rest", index=1)
    seen = trial(
        4, stable=1, stage=last, spec=STAGES, routing=Only(V2), rest={"criteria": {REF: criteria()}}
    ).observed()
    promoted = plan(seen, NOW)
    assert promoted.status.stable is not None
    assert promoted.status.stable.revision == V2
    assert reasons(promoted) == ["Promoted"]


def test_every_try_is_told_as_the_first_was() -> None:
    seen, names = world(answers=Answers(dry_run=DryRunResult(V2, None))).observed(), []
    for number in range(2):
        now = NOW + number * SECONDS
        begun = plan(seen, now)
        event = next(it for it in begun.events if it.reason == "RolloutStarted")
        told = events.render(seen, event, trial_of(begun.status, seen.status), NOW)
        names.append(told["metadata"]["name"])
        aborted = replace(obey(seen, begun), decisions=(decision(Act.ABORT, revision=V2),))
        after = plan(aborted, now)
        assert after.status.rejected is not None
        again = replace(obey(aborted, after), decisions=(decision(Act.RETRY, revision=V2),))
        seen = replace(again, answers=Answers(dry_run=DryRunResult(V2, None)))
    assert len(set(names)) == 2


def test_a_stage_that_is_measured_anew_is_entered_anew() -> None:
    seen = trial(2, stage=entered(soak=5 * MINUTE), spec={"retry": "again", **STAGES}).observed()
    seen = replace(seen, criteria={REF: criteria(count=3)})
    anew = plan(seen, NOW)
    assert reasons(anew) == ["StageEntered"]
    before, after = trial_of(seen.status), trial_of(anew.status)
    assert before != after, "or the Event would have the name of the first one"


VERSION_AND_LABELS = (
    "; changed since stable: spec.model.version, spec.template.metadata.labels.version"
)
CHANGED: dict[str, tuple[Observed, str]] = {
    "another version": (
        world().observed(),
        VERSION_AND_LABELS,
    ),
    "by somebody who is known": (
        world(rest={"author": "alice"}).observed(),
        f"{VERSION_AND_LABELS}, last written by alice",
    ),
}


@pytest.mark.parametrize(("seen", "says"), CHANGED.values(), ids=CHANGED)
def test_what_has_changed_is_told_with_the_beginning(seen: Observed, says: str) -> None:
    begun = plan(seen, NOW)
    assert (
        saying(begun, "RolloutStarted") == f"rollout of version 2.0.0 (revision {V2}) started{says}"
    )


def edited(**server: Any) -> dict[str, Any]:
    """A template in which the container of this name has these fields."""
    base = template("1.0.0")
    [container] = base["spec"]["containers"]
    return {**base, "spec": {"containers": [{**container, **server}]}}


ENV = [{"name": "THRESHOLD", "value": "0.5"}, {"name": "TOKEN", "value": "secret"}]
FIELDS: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "an image": (
        edited(), edited(image="other"), ["spec.template.spec.containers[server].image"]),
    "a variable, never its value": (
        edited(env=ENV), edited(env=[ENV[0], {"name": "TOKEN", "value": "hidden"}]),
        ["spec.template.spec.containers[server].env[TOKEN].value"]),
    "a variable more": (
        edited(env=ENV[:1]), edited(env=ENV), ["spec.template.spec.containers[server].env[TOKEN]"]),
    "the order of variables": (
        edited(env=ENV), edited(env=ENV[::-1]), ["spec.template.spec.containers[server].env"]),
    "a limit": (
        edited(resources={"limits": {"nvidia.com/gpu": 1}}),
        edited(resources={"limits": {"nvidia.com/gpu": 2}}),
        ["spec.template.spec.containers[server].resources.limits[nvidia.com/gpu]"]),
    "arguments, which have no names": (
        edited(args=["-a"]), edited(args=["-b"]), ["spec.template.spec.containers[server].args"]),
    "no deeper than anybody reads": (
        edited(x={"a": {"b": {"c": {"d": {"e": 1}}}}}),
        edited(x={"a": {"b": {"c": {"d": {"e": 2}}}}}),
        ["spec.template.spec.containers[server].x.a.b.c"]),
    "a name as long as it likes": (
        edited(), edited(**{"a" * 400: 1}),
        [f"spec.template.spec.containers[server].{'a' * 121}…"]),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "expected"), FIELDS.values(), ids=FIELDS)
def test_the_field_that_was_edited_is_named(
    before: dict[str, Any], after: dict[str, Any], expected: list[str]
) -> None:
    assert list(changes.changed({"template": before}, {"template": after})) == expected


GATED = {"criteria": {REF: criteria()}}
PAUSES = {**SPEC, "rollback": {"onFailure": "Pause"}}
SOAKS = entered(soak=2 * MINUTE)
CRASH = trouble(V2, 1, 2)
NAMES: dict[str, tuple[Observed, str, str]] = {
    "a rollback for its pods": (
        trial(stage=SOAKS, spec=SPEC, arms=(arm(V1, 2), CRASH), rest=GATED).observed(),
        "RolledBack", "CrashLoop: stage half: pod fraud-"),
    "a pause for its pods": (
        trial(stage=SOAKS, spec=PAUSES, arms=(arm(V1, 2), CRASH), rest=GATED).observed(),
        "CrashLoop", "stage half: pod fraud-"),
    "a trial that is superseded": (
        trial(stage=SOAKS, spec=SPEC, version="3.0.0", rest=GATED).observed(),
        "Superseded",
        (f"version 2.0.0 (revision {V2}): superseded by version 3.0.0 (revision {V3}); the "
        "rollout ended in stage half")),
    "a trial that is put back": (
        trial(stage=SOAKS, spec=SPEC, version="1.0.0", rest=GATED).observed(),
        "Returned",
        (f"version 2.0.0 (revision {V2}): the spec asks for version 1.0.0 again, which is stable; "
        "the rollout ended in stage half")),
    "what somebody took back": (
        replace(trial(stage=SOAKS, spec=SPEC, rest=GATED).observed(),
                decisions=(decision(Act.ABORT, revision=V2),)),
        "RolledBack", "Aborted: stage half: aborted by alice"),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "why", "says"), NAMES.values(), ids=NAMES)
def test_what_ends_a_trial_or_halts_it_names_the_stage(seen: Observed, why: str, says: str) -> None:
    assert saying(plan(seen, NOW), why).startswith(says)


@pytest.mark.parametrize("action", ["Rollback", "Pause"])
def test_what_a_gate_ends_or_halts_names_stage_and_gate(action: str) -> None:
    spec = {**SPEC, "rollback": {"onFailure": action}}
    base = trial(stage=SOAKS, spec=spec, rest=GATED)
    _, failed = measured(base.observed(), BAD, GOOD)
    reason, before = ("RolledBack", "GateFailed: ") if action == "Rollback" else ("GateFailed", "")
    assert saying(failed, reason).startswith(f"{before}stage half: gate errors was 0.3")


def test_a_config_map_that_has_changed_is_named_and_nobody_is_blamed_for_it() -> None:
    reads = {
        **template("1.0.0"),
        "spec": {
            "containers": template("1.0.0")["spec"]["containers"],
            "volumes": [{"name": "c", "configMap": {"name": "scorer-config"}}],
        },
    }
    base = world(version="1.0.0", stored=(V1,), rest={"author": "alice"}).observed()
    inputs = {"template": reads, "version": "1.0.0", "configMaps": {"scorer-config": "old"}}
    kept = replace(base.stored[0], inputs=inputs)
    seen = replace(base, template=reads, stored=(kept,), configs={"scorer-config": "new"})
    asked = needs(seen, NOW).dry_run
    assert asked is not None
    tried = Answers(dry_run=DryRunResult(asked.revision, None))
    begun = plan(replace(seen, answers=tried), NOW)
    assert saying(begun, "RolloutStarted").endswith(
        " started; changed since stable: ConfigMap scorer-config"
    )


READS = {**template("1.0.0"), "spec": {
    "containers": template("1.0.0")["spec"]["containers"],
    "volumes": [{"name": "c", "configMap": {"name": "limits"}}],
}}  # fmt: skip
OLD, NEW = {"data": {"max": "1", "min": "0", "kept": "x"}}, {"data": {"max": "2", "kept": "x"}}
EDITS: dict[str, tuple[config.Keys, ConfigEdit | None, str]] = {
    "keys, and through whom": (
        config.keys(OLD), ConfigEdit(config.keys(NEW), "kubectl-edit"),
        "ConfigMap limits (max, min, by kubectl-edit)"),
    "keys alone": (
        config.keys(OLD), ConfigEdit(config.keys(NEW), ""), "ConfigMap limits (max, min)"),
    "a copy that is gone": ((), ConfigEdit(config.keys(NEW), "vim"),
                            "ConfigMap limits (by vim)"),
    "so many that they are counted": (
        config.keys({"data": {f"k{n}": "1" for n in range(9)}}),
        ConfigEdit(config.keys({"data": {f"k{n}": "2" for n in range(9)}}), ""),
        "ConfigMap limits (k0, k1, k2, k3, k4, and 4 more)"),
    "more keys than are looked at": (
        config.keys({"data": {f"k{n}": "1" for n in range(65)}}),
        ConfigEdit(config.keys(NEW), ""), "ConfigMap limits"),
    "nothing more is known": ((), None, "ConfigMap limits"),
}  # fmt: skip


@pytest.mark.parametrize(("kept", "edit", "says"), EDITS.values(), ids=EDITS)
def test_of_a_config_map_the_keys_are_told_and_through_whom_they_were_written(
    kept: config.Keys, edit: ConfigEdit | None, says: str
) -> None:
    base = world(version="1.0.0", stored=(V1,)).observed()
    inputs = {"template": READS, "version": "1.0.0", "configMaps": {"limits": "old"}}
    copied = ConfigCopy(name="c", revision=V1, source="limits", digest="old", keys=kept)
    seen = replace(
        base,
        template=READS,
        stored=(replace(base.stored[0], inputs=inputs),),
        configs={"limits": "new"},
        copies=(copied,),
        edits={"limits": edit} if edit else {},
    )
    asked = needs(seen, NOW).dry_run
    assert asked is not None
    tried = Answers(dry_run=DryRunResult(asked.revision, None))
    told = saying(plan(replace(seen, answers=tried), NOW), "RolloutStarted")
    assert told.endswith(f"changed since stable: {says}")


def history(seen: Observed) -> str:
    return plan(seen, NOW).status.history[-1].message


def test_history_says_how_a_revision_came_and_how_long_it_took() -> None:
    last = StageStatus(
        name="rest", index=1, entered_at=NOW - MINUTE, soak_until=NOW, deadline=NOW + MINUTE
    )
    begun = {"begunAt": NOW - 9 * MINUTE, "took": "half 5m12s"}
    there: dict[str, Any] = {"ready": 4, "stable": 1, "stage": last, "spec": STAGES}
    rest = {"criteria": {REF: criteria()}}
    new = trial(**there, rest=rest, candidate=named(V2, **begun), routing=Only(V2))
    assert history(new.observed()) == "every stage passed in 9m (half 5m12s, rest 1m)"
    arms = (arm(V3, 1), arm(V2, 4))
    older = trial(
        **there, rest=rest, candidate=named(V2, **begun), routing=Only(V2), stored=(V1, V2, V3)
    )
    seen = replace(older, stable=V3, arms=arms).observed()
    assert history(seen).startswith("returned through the stages: every stage passed in 9m (half")


def test_what_is_stable_remembers_nothing_of_its_trial() -> None:
    done = plan(
        trial(
            4, stable=1, stage=StageStatus(name="rest", index=1), spec=STAGES, routing=Only(V2),
            candidate=named(V2, begunAt=NOW - MINUTE, took="half 1m"),
            rest={"criteria": {REF: criteria()}},
        ).observed(),
        NOW,
    ).status  # fmt: skip
    assert done.stable is not None
    assert (done.stable.begun_at, done.stable.took) == (None, None)


def test_a_return_without_stages_is_told_by_its_own_words() -> None:
    begun = plan(back("2.0.0", *ALL).observed(), NOW)
    assert "changed since stable" not in saying(begun, "RolloutStarted")


def test_a_rejection_that_stands_is_told_once() -> None:
    seen = world(rejected=rejection(V2)).observed()
    first = plan(seen, NOW)
    assert plan(replace(seen, status=first.status), NOW).events == ()
