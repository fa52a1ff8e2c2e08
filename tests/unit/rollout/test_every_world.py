"""The planner in every combination of small facts: what it promises holds in all of them.

Most of these worlds will never be; a planner that is right only in likely ones is not safe.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from lockstep.api.exit_criteria import ExitCriteriaSpec
from lockstep.api.model_deployment import CriteriaRef
from lockstep.api.status import GateStatus, ModelDeploymentStatus, Phase, StageStatus, Verdict
from lockstep.core.observed import (
    Answers,
    Arm,
    Criteria,
    DryRunResult,
    Everyone,
    Nobody,
    Observed,
    Only,
    SmokeResult,
    Trouble,
)
from lockstep.core.rollout.planner import needs, plan
from tests.sim import promises
from tests.sim.obey import carried_out, obey
from tests.sim.resource import wire
from tests.unit.rollout.worlds import NOW, V1, V2, V3, World, arm, named, rejection

STRIDE: Final = 23
"""Of the whole product every so many worlds are looked at in a run of seconds; a prime, so that
every value meets every other one."""
REPEATS: Final = 8

MINUTE: Final = timedelta(minutes=1)
GATED: Final = [{"name": "gate"}]
CRITERIA: Final = {
    CriteriaRef(name="gate"): Criteria(
        ExitCriteriaSpec.model_validate(
            {
                "metrics": [
                    {
                        "name": "errors",
                        "prometheus": {"query": "errors"},
                        "count": 2,
                        "successWhen": {"max": 0.01},
                    }
                ]
            }
        ),
        generation=1,
    )
}


def _strategy(**canary: Any) -> dict[str, Any]:
    stages = [
        {"name": "half", "weight": 50, "exitCriteria": GATED},
        {"name": "full", "weight": 100, "soak": "1m"},
    ]
    return {"canary": {"stages": stages, **canary}}


SPECS: Final[dict[str, dict[str, Any]]] = {
    "shrink": {"strategy": _strategy()},
    "keep": {"strategy": _strategy(stableScale="Keep")},
    "no surge": {"strategy": _strategy(maxSurge=0)},
    "paced": {"strategy": _strategy(), "rollback": {"speed": "Paced"}},
    "pausing": {"strategy": _strategy(), "rollback": {"onFailure": "Pause"}},
    "rolling": {"strategy": {"rolling": {}}},
}
CRASHES: Final = Trouble("CrashLoop", "container server was restarted 2 times")


def _pods(name: str, how: str, replicas: int) -> Arm | None:
    match how:
        case "absent":
            return None
        case "down":
            return arm(name, 0, replicas)
        case "one":
            return arm(name, min(1, replicas), max(1, replicas))
        case "crashing":
            return arm(name, min(1, replicas), max(2, replicas), trouble=CRASHES)
        case _:
            return arm(name, replicas)


def _gate(verdict: Verdict | None) -> tuple[GateStatus, ...]:
    if verdict is None:
        return ()
    row = GateStatus(
        name="errors",
        criteria="ExitCriteria/gate",
        verdict=verdict,
        samples=2,
        suspect=verdict is Verdict.INCONCLUSIVE,
        measured_at=NOW,
        generation=1,
        message="was 0.3, allowed at most 0.01",
    )
    return (row,)


STABLES: Final = (None, "absent", "down", "one", "whole")
CANDIDATES: Final = (
    None,
    *itertools.product((False, True), ("absent", "down", "one", "crashing", "whole")),
)
ROUTINGS: Final = (None, Nobody(), Only(V1), Only(V2), Only(V3), Everyone())
STAGES: Final = (
    StageStatus(name="half", index=0),
    StageStatus(
        name="half",
        index=0,
        entered_at=NOW - MINUTE,
        soak_until=NOW - MINUTE,
        deadline=NOW + 60 * MINUTE,
    ),
    StageStatus(name="full", index=1, progress_at=NOW - 20 * MINUTE, progress_ready=0),
)
PRODUCT: Final[Mapping[str, tuple[Any, ...]]] = {
    "strategy": tuple(SPECS),
    "replicas": (0, 1, 3),
    "paused": (False, True),
    "version": ("1.0.0", "2.0.0", "3.0.0"),
    "stable": STABLES,
    "candidate": CANDIDATES,
    "third": (None, "one"),
    "routing": ROUTINGS,
    "stage": STAGES,
    "gate": (None, Verdict.MEASURING, Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE),
    "rejected": (False, True),
    "wrong": (False, True),
}


def _world(facts: Mapping[str, Any]) -> Observed:
    replicas, candidate = facts["replicas"], facts["candidate"]
    arms = [
        _pods(V1, facts["stable"] or "absent", replicas),
        _pods(V2, candidate[1], replicas) if candidate else None,
        _pods(V3, facts["third"] or "absent", 1),
    ]
    trial = named(V2, smoke_tested=candidate[0]) if candidate else None
    stage = facts["stage"] if candidate else None
    smoke = SmokeResult(V2, "HTTP 500, expected 200" if facts["wrong"] else None)
    wanted = {"1.0.0": V1, "2.0.0": V2, "3.0.0": V3}[facts["version"]]
    return World(
        version=facts["version"],
        spec=SPECS[facts["strategy"]]
        | {"replicas": replicas, "paused": facts["paused"], "smokeTest": {"path": "/"}},
        stable=V1 if facts["stable"] else None,
        candidate=trial,
        stage=stage,
        rejected=rejection(V2, keep_until=NOW + MINUTE) if facts["rejected"] else None,
        arms=tuple(it for it in arms if it),
        routing=facts["routing"],
        stored=(V1, V2, V3),
        status={"gates": _gate(facts["gate"]) if trial else (), "phase": Phase.PROGRESSING},
        rest={"criteria": CRITERIA},
        answers=Answers(smoke=smoke, dry_run=DryRunResult(wanted, None)),
    ).observed()


def _worlds(first: int, stride: int) -> Iterator[tuple[dict[str, Any], Observed]]:
    for values in itertools.islice(itertools.product(*PRODUCT.values()), first, None, stride):
        facts = dict(zip(PRODUCT, values, strict=True))
        if _is_possible(facts):
            yield facts, _world(facts)
