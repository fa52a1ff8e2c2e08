"""The planner in every combination of small facts: what it promises holds in all of them.

Most of these worlds will never be; a planner that is right only in likely ones is not safe.
"""

import functools
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from lockstep.api.exit_criteria import ExitCriteriaSpec
from lockstep.api.failures import FailureReason
from lockstep.api.gate_status import GateStatus, Verdict
from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.model_deployment_status import (
    Kept,
    Leaving,
    ModelDeploymentStatus,
    Phase,
    StageStatus,
)
from lockstep.api.strategy import CriteriaRef
from lockstep.core.facts import Criteria, Trouble
from lockstep.core.rollout.needs import Needs
from lockstep.core.rollout.observed import (
    Answers,
    Arm,
    CallerService,
    DryRunResult,
    Observed,
    SmokeResult,
)
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.planner import needs, plan
from lockstep.core.rollout.routing import Everyone, Nobody, Only
from tests.sim import promises
from tests.sim.obey import carried_out, obey
from tests.sim.resource import wire
from tests.unit.rollout.worlds import (
    KEY,
    NOW,
    PORTS,
    V1,
    V2,
    V3,
    VERSIONS,
    arm,
    named,
    rejection,
    spec_of,
    stored,
    template,
)

Facts = Mapping[str, Any]

STRIDE: Final = 1193
"""In a run of seconds every so many worlds of the product are looked at, in `make soak` the others.

A prime that divides no number of choices, so that every choice meets every other one.
"""
REPEATS: Final = 8

MINUTE: Final = timedelta(minutes=1)
WANTED: Final = {version: name for name, version in VERSIONS.items()}
STORED: Final = tuple(stored(name, number) for number, name in enumerate(VERSIONS, 1))
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


APPROVED: Final[dict[str, Any]] = {
    "canary": {
        "stages": [
            {"name": "half", "weight": 50, "exitCriteria": GATED, "approval": {"required": 2}},
            {"name": "full", "weight": 100, "approval": {}},
        ]
    }
}
SPECS: Final[dict[str, dict[str, Any]]] = {
    "shrink": {"strategy": _strategy()},
    "keep": {"strategy": _strategy(stableScale="Keep")},
    "no surge": {"strategy": _strategy(maxSurge=0)},
    "paced": {"strategy": _strategy(), "rollback": {"speed": "Paced"}},
    "pausing": {"strategy": _strategy(), "rollback": {"onFailure": "Pause"}},
    "rolling": {"strategy": {"rolling": {}}},
    "one place": {"strategy": {"rolling": {"maxSurge": 0, "maxUnavailable": 1}}},
    "approved": {"strategy": APPROVED},
    "gated first": {"strategy": _strategy(), "initialRollout": "Gate"},
    "to the oldest": {"strategy": _strategy(), "rollbackTo": V1},
    "to nowhere": {"strategy": _strategy(), "rollbackTo": "0" * 8},
    "blue-green": {
        "strategy": {
            "blueGreen": {
                "previewReplicas": 1,
                "prePromotion": {"exitCriteria": GATED},
                "postPromotion": {"duration": "1m"},
            }
        }
    },
}
CRASHES: Final = Trouble(FailureReason.CRASH_LOOP, "container server was restarted 2 times")


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
CANDIDATES: Final = tuple(
    itertools.product((False, True), ("absent", "down", "one", "crashing", "whole"))
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
    StageStatus(name="pre-promotion", index=0, entered_at=NOW - MINUTE, soak_until=NOW - MINUTE),
    StageStatus(name="post-promotion", index=2, entered_at=NOW, soak_until=NOW + MINUTE),
)
NO_TRIAL: Final[Facts] = {
    "leaving": False,
    "candidate": None,
    "stage": None,
    "gate": None,
    "wrong": False,
    "left": "absent",
    "rejected": False,
    "kept": None,
}
VERDICTS: Final = (None, *Verdict)


def _trials() -> Iterator[Facts]:
    """What may be on trial, how far it is and what is known against it."""
    for candidate, stage, gate, wrong in itertools.product(
        CANDIDATES, STAGES, VERDICTS, (False, True)
    ):
        if stage.entered_at or gate is None:
            yield {
                **NO_TRIAL,
                "candidate": candidate,
                "stage": stage,
                "gate": gate,
                "wrong": wrong,
            }


def _leftovers() -> Iterator[Facts]:
    """What may be left of a trial that is over."""
    for left, rejected in itertools.product(("absent", "one", "whole"), (False, True)):
        yield {**NO_TRIAL, "left": left, "rejected": rejected}
    for left in ("one", "whole"):
        yield {**NO_TRIAL, "left": left, "leaving": True}
    for left, until in itertools.product(("absent", "one", "whole"), (NOW, NOW + MINUTE)):
        yield {**NO_TRIAL, "left": left, "kept": until}


def _callers() -> Iterator[Facts]:
    """Stable and whom callers reach; without a stable, nobody was called but by a proven trial."""
    for stable, routing in itertools.product(STABLES, ROUTINGS):
        if stable or routing in {None, Nobody()}:
            yield {"stable": stable, "routing": routing}


PRODUCT: Final[tuple[tuple[Facts, ...], ...]] = (
    tuple({"strategy": name} for name in SPECS),
    tuple({"replicas": replicas} for replicas in (0, 1, 3)),
    tuple({"paused": paused} for paused in (False, True)),
    tuple({"version": version} for version in VERSIONS.values()),
    tuple({"third": third} for third in ("absent", "one")),
    tuple(_callers()),
    (*_leftovers(), *_trials()),
)
WORLDS: Final = math.prod(len(choices) for choices in PRODUCT)


def facts_of(number: int) -> Facts:
    """The world of that number."""
    facts: dict[str, Any] = {}
    for choices in PRODUCT:
        number, choice = divmod(number, len(choices))
        facts |= choices[choice]
    return facts


@functools.cache
def _spec(strategy: str, replicas: int, paused: bool, version: str) -> ModelDeploymentSpec:  # noqa: FBT001
    changes = {"replicas": replicas, "paused": paused, "smokeTest": {"path": "/"}}
    return spec_of(version, **SPECS[strategy], **changes)


def _spec_in(facts: Facts) -> ModelDeploymentSpec:
    return _spec(facts["strategy"], facts["replicas"], facts["paused"], facts["version"])


def _arms(facts: Facts) -> dict[str, Arm]:
    replicas, candidate = facts["replicas"], facts["candidate"]
    arms = (
        _pods(V1, facts["stable"] or "absent", replicas),
        _pods(V2, candidate[1] if candidate else facts["left"], replicas),
        _pods(V3, facts["third"], 1),
    )
    return {it.revision: it for it in arms if it}


def _status(facts: Facts) -> ModelDeploymentStatus:
    candidate = facts["candidate"]
    return ModelDeploymentStatus(
        phase=Phase.PROGRESSING,
        stable=named(V1) if facts["stable"] else None,
        candidate=named(V2, smoke_tested=candidate[0]) if candidate else None,
        stage=facts["stage"],
        gates=_gate(facts["gate"]),
        rejected=rejection(V2, keep_until=NOW + MINUTE) if facts["rejected"] else None,
        leaving=Leaving(revision=V2, version="2.0.0") if facts["leaving"] else None,
        kept=Kept(revision=V2, version="2.0.0", until=facts["kept"]) if facts["kept"] else None,
    )


def world_of(facts: Facts) -> Observed:
    routing, version = facts["routing"], facts["version"]
    smoke = SmokeResult(V2, "HTTP 500, expected 200" if facts["wrong"] else None)
    return Observed(
        key=KEY,
        uid="u",
        generation=7,
        spec=_spec_in(facts),
        template=template(version),
        status=_status(facts),
        arms=_arms(facts),
        service=CallerService(uid="s", routing=routing, ports=PORTS) if routing else None,
        stored=STORED,
        criteria=CRITERIA,
        answers=Answers(smoke=smoke, dry_run=DryRunResult(WANTED[version], None)),
    )


def _falls_silent(seen: Observed, decided: Plan) -> None:
    """Repeated passes soon plan nothing, unless they wait for an answer."""
    before = obey(seen, decided)
    for _ in range(REPEATS):
        before = replace(before, answers=Answers())
        if needs(before, NOW) != Needs():
            return
        again = plan(before, NOW)
        if not again.actions and wire(again.status) == wire(before.status):
            assert not again.events, again.events
            return
        before = obey(before, again)
    raise AssertionError("repeated passes never fall silent")


def promises_hold(seen: Observed) -> None:
    needs(seen, NOW)
    decided = plan(seen, NOW)
    standing = seen
    for action in decided.actions:
        promises.of_action(standing, decided, action)
        standing = carried_out(standing, action)
    for of_pass in promises.OF_PASSES:
        of_pass(seen, replace(standing, status=decided.status), decided)
    _falls_silent(seen, decided)


def broken(first: int, stride: int) -> list[str]:
    """The promises that do not hold in some of the worlds, with the world."""
    found = []
    for number in range(first, WORLDS, stride):
        facts = facts_of(number)
        try:
            promises_hold(world_of(facts))
        except AssertionError as error:
            found.append(f"{error}\n  in {facts}")
    return found
