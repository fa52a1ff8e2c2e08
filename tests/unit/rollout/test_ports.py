"""What fits one revision is not applied to another: a Service has its callers' pods' ports."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from lockstep.api.changes import changed
from lockstep.api.model_deployment_status import StageStatus
from lockstep.api.service import Ports, Service
from lockstep.core.rollout.actions import (
    NotePorts,
    SetPreview,
    SetTraffic,
    StoreRevision,
)
from lockstep.core.rollout.observed import Answers, CallerService, Observed, StoredRevision
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.planner import needs, plan
from lockstep.core.rollout.routing import Everyone, Nobody, Only, Routing
from tests.unit.rollout.conftest import Says
from tests.unit.rollout.test_planner import did, reason
from tests.unit.rollout.worlds import (
    NOW,
    V1,
    V2,
    World,
    arm,
    first,
    named,
    rejection,
    trial,
    world,
)

FULL = [{"name": "full", "weight": 100}]
BLUE_GREEN: dict[str, Any] = {"strategy": {"blueGreen": {}}}
AT_ONCE: dict[str, Any] = {"strategy": {"canary": {"maxSurge": 4, "stages": FULL}}}
WHOLE: dict[str, Any] = {"strategy": {"canary": {"maxSurge": 1, "stages": FULL}}}
SMOKE = {"smokeTest": {"path": "/infer"}}
UNPROVEN = named(V2, smoke_tested=False)
LAST = StageStatus(name="full", index=0, entered_at=NOW)


def at(target: int | str, **service: Any) -> Ports:
    return Service(target_port=target, **service).served()


@dataclass(frozen=True, kw_only=True)
class Told:
    """A world in which version 1 was rolled out at port 8080; ``names``: of the ports of each."""

    base: World
    target: int | str = 9090
    standing: Ports = at(8080)
    noted: Mapping[str, Ports] = field(default_factory=lambda: {V1: at(8080)})
    names: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)

    def observed(self) -> Observed:
        service = {"targetPort": self.target}
        base = replace(self.base, spec={"service": service, **self.base.spec, **self.spec})
        seen = base.observed()
        _name(seen.template, self.names.get(V2 if base.version == "2.0.0" else V1, {}))
        callers = seen.service and replace(seen.service, ports=self.standing)
        stored = tuple(map(self._stored, seen.stored))
        return replace(seen, service=callers, stored=stored)

    def _stored(self, it: StoredRevision) -> StoredRevision:
        names = self.names.get(it.revision, {})
        _name(it.template, names)
        _name(it.inputs["template"], names)
        return replace(it, ports=self.noted.get(it.revision, ()))


def _name(template: dict[str, Any], names: Mapping[str, int]) -> None:
    ports = [{"name": name, "containerPort": number} for name, number in names.items()]
    if ports:
        template["spec"]["containers"][0]["ports"] = ports


def moved(decided: Plan) -> tuple[Routing, list[int | str]] | None:
    found = next((it for it in decided.actions if isinstance(it, SetTraffic)), None)
    return (found.routing, [port.target_port for port in found.ports]) if found else None


BOTH = {V1: at(8080), V2: at(9090)}
HTTP = {V1: {"http": 8080}, V2: {"http": 9090}}

MOVES: dict[str, tuple[Told, tuple[Routing, list[int | str]] | None]] = {
    "stable keeps its port while a new version is looked at": (
        Told(base=world(spec=BLUE_GREEN)), None),
    "stable keeps its port while the candidate comes up": (
        Told(base=trial(1, 4, spec=BLUE_GREEN, routing=Only(V1), stable=4), noted=BOTH), None),
    "callers move and the port with them, in one write": (
        Told(base=trial(4, spec=AT_ONCE, stage=LAST, routing=Only(V1), stable=4), noted=BOTH),
        (Only(V2), [9090])),
    "half of a candidate gets nobody where the port would fit only one": (
        Told(base=trial(2, 4, spec=AT_ONCE, stage=LAST, routing=Only(V1), stable=4), noted=BOTH),
        None),
    "a rollback takes callers back to stable's port": (
        Told(base=world(rejected=rejection(V2), routing=Only(V2), arms=(arm(V1, 4), arm(V2, 4))),
             standing=at(9090), noted=BOTH),
        (Only(V1), [8080])),
    "whoever answers alone is asked at its own port until stable does": (
        Told(base=world(rejected=rejection(V2), routing=Only(V2), arms=(arm(V1, 0, 4), arm(V2, 4))),
             standing=at(9090), noted=BOTH),
        None),
    "a paced return is none where callers cannot be split": (
        Told(base=world(rejected=rejection(V2), routing=Only(V2), arms=(arm(V1, 2, 4), arm(V2, 4)),
                        spec={"rollback": {"speed": "Paced"}}),
             standing=at(9090), noted=BOTH),
        (Only(V1), [8080])),
    "back to the stable content is back to its port": (
        Told(base=trial(version="1.0.0", routing=Only(V2), stable=4, spec=AT_ONCE, ready=4),
             target=8080, standing=at(9090), noted=BOTH),
        (Only(V1), [8080])),
    "rollbackTo asks the older revision where it was": (
        Told(base=trial(4, version="1.0.0", stable=4, spec={**AT_ONCE, "rollbackTo": V2},
                        stage=LAST, routing=Only(V1)),
             target=8080, noted=BOTH),
        (Only(V2), [9090])),
    "a port that changes with no new revision is stable's at once": (
        Told(base=world(version="1.0.0")), (Only(V1), [9090])),
    "a rejected version's port is nobody's": (
        Told(base=world(rejected=rejection(V2)), noted=BOTH), None),
    "a name may mean another number in each": (
        Told(base=trial(2, routing=Only(V1)), target="http", standing=at("http"),
             noted={V1: at("http"), V2: at("http")}, names=HTTP),
        (Everyone(), ["http"])),
    "a name in the candidate for the number that stable has": (
        Told(base=trial(2, routing=Only(V1)), target="http", noted={V1: at(8080), V2: at("http")},
             names={V2: {"http": 8080}}),
        (Everyone(), [8080])),
    "a number in the candidate for stable's name": (
        Told(base=trial(2, routing=Only(V1)), target=8080, standing=at("http"),
             noted={V1: at("http"), V2: at(8080)}, names={V1: {"http": 8080}}),
        (Everyone(), [8080])),
    "callers that are split already stay where a port is edited that would not fit both": (
        Told(base=trial(2), noted={V1: at(8080), V2: at(8080)}), None),
    "a foreign port is taken away": (
        Told(base=world(version="1.0.0"), target=8080,
             standing=(*at(8080), *Service.model_validate(
                 {"ports": [{"name": "grpc", "port": 9000, "targetPort": 8080}]}).served())),
        (Only(V1), [8080])),
    "what an earlier operator kept no ports of has those that stand": (
        Told(base=world(), noted={}), None),
}  # fmt: skip


@pytest.mark.parametrize(("told", "expected"), MOVES.values(), ids=MOVES)
def test_whom_callers_reach_at_which_port(
    told: Told, expected: tuple[Routing, list[int | str]] | None
) -> None:
    assert moved(plan(told.observed(), NOW)) == expected


REFUSED: dict[str, tuple[Told, str]] = {
    "two numbers and a canary that splits callers": (Told(base=world()), "PortsDiffer"),
    "two numbers and a rolling update": (
        Told(base=world(spec={"strategy": {"rolling": {}}})), "PortsDiffer"),
    "all callers at once, but no room for a whole candidate": (
        Told(base=world(spec=WHOLE)), "PortsDiffer"),
    "all callers at once, with room": (Told(base=world(spec=AT_ONCE)), "Moving"),
    "a rolling update of one pod moves all at once": (
        Told(base=world(spec={"strategy": {"rolling": {}}, "replicas": 1}, arms=(arm(V1, 1),))),
        "Moving"),
    "blue-green": (Told(base=world(spec=BLUE_GREEN)), "Moving"),
    "a name that both have": (
        Told(base=world(), target="http", noted={V1: at("http")}, names=HTTP), "Moving"),
    "a name that stable has at another number than it is asked at": (
        Told(base=world(), target="http", names={V1: {"http": 1}, V2: {"http": 9090}}),
        "PortsDiffer"),
    "another language at the same port": (
        Told(base=world(spec={"service": {"ports": [
            {"name": "http", "port": 80, "targetPort": 8080, "appProtocol": "kubernetes.io/h2c"}
        ]}})),
        "PortsDiffer"),
    "another port beside the same one": (
        Told(base=world(spec={"service": {"ports": [
            {"name": "http", "port": 80, "targetPort": 8080}, {"name": "grpc", "port": 9000}
        ]}})),
        "Moving"),
    "a port with nothing in common": (
        Told(base=world(spec={"service": {"ports": [{"name": "grpc", "port": 9000}]}})),
        "PortsDiffer"),
    "a port that stable's pods have not": (
        Told(base=world(version="1.0.0"), target="htpp"), "TargetPortMissing"),
    "the first version has nobody to fit": (
        Told(base=first(), noted={}, standing=at(9090)), "Moving"),
    "in the middle of a trial": (
        Told(base=trial(2), noted={V1: at(8080), V2: at(8080)}), "PortsDiffer"),
}  # fmt: skip


@pytest.mark.parametrize(("told", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_done_with_one_service(told: Told, expected: str, says: Says) -> None:
    decided = plan(told.observed(), NOW)
    assert reason(decided) == expected
    if expected != "Moving":
        assert moved(decided) is None
        valid = next(it for it in decided.status.conditions if it.type == "SpecValid")
        assert valid.status == "False"
    says(decided)


def test_the_refusal_names_both_ports_and_the_ways_out() -> None:
    message = plan(Told(base=world()).observed(), NOW).status.message
    assert f"maps to 8080 in version 1.0.0 (revision {V1}) and to 9090 in version 2.0.0" in message
    assert "one port name in both templates" in message
    assert "blueGreen" in message


def test_a_smoke_test_asks_the_candidate_at_its_own_port() -> None:
    base = trial(1, spec={**BLUE_GREEN, **SMOKE}, candidate=UNPROVEN, routing=Only(V1), stable=4)
    asked = needs(Told(base=base, noted=BOTH).observed(), NOW).smoke
    assert asked is not None
    assert asked.url == "http://10.0.0.1:9090/infer"


def test_the_preview_is_of_the_candidate_at_its_own_port() -> None:
    base = trial(1, 4, spec=BLUE_GREEN, routing=Only(V1), stable=4)
    seen = Told(base=base, noted=BOTH).observed()
    preview = next(it for it in plan(seen, NOW).actions if isinstance(it, SetPreview))
    assert preview.ports == at(9090)
    standing = replace(seen, preview=CallerService(uid="v", routing=Only(V2), ports=preview.ports))
    assert "preview" not in did(plan(standing, NOW))


def test_a_revision_is_kept_with_its_ports() -> None:
    base = trial(0, 4, spec=BLUE_GREEN, stored=(V1,), arms=(arm(V1, 4),), routing=Only(V1))
    actions = plan(Told(base=base).observed(), NOW).actions
    assert next(it.ports for it in actions if isinstance(it, StoreRevision)) == at(9090)


NOTES: dict[str, tuple[Told, list[NotePorts]]] = {
    "a port that changes with no new revision": (
        Told(base=world(version="1.0.0")), [NotePorts(f"fraud-{V1}", at(9090))]),
    "of the revision that the spec speaks of nothing has to be, where nothing was": (
        Told(base=world(version="1.0.0"), noted={}), []),
    "what an earlier operator did not keep, before callers move": (
        Told(base=world(), noted={}), [NotePorts(f"fraud-{V1}", at(8080))]),
    "nothing new": (Told(base=world(version="1.0.0"), target=8080), []),
}  # fmt: skip


@pytest.mark.parametrize(("told", "expected"), NOTES.values(), ids=NOTES)
def test_what_is_noted(told: Told, expected: list[NotePorts]) -> None:
    actions = plan(told.observed(), NOW).actions
    assert [it for it in actions if isinstance(it, NotePorts)] == expected


def test_another_port_in_the_middle_of_a_trial_is_tested_before_it_is_called() -> None:
    base = trial(1, spec={**BLUE_GREEN, **SMOKE}, routing=Only(V1), stable=4)
    decided = plan(Told(base=base, noted={V1: at(8080), V2: at(9091)}).observed(), NOW)
    assert decided.status.candidate is not None
    assert not decided.status.candidate.smoke_tested


SPLIT: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], list[tuple[int, int | str]]]] = {
    "a port of the candidate alone waits, by number": (
        [{"name": "http", "port": 80, "targetPort": 8080}],
        [{"name": "http", "port": 80, "targetPort": 8080}, {"name": "grpc", "port": 9000}],
        [(80, 8080)],
    ),
    "a port of one alone is there at once, by name: others are not asked": (
        [{"name": "http", "port": 80, "targetPort": 8080}],
        [
            {"name": "http", "port": 80, "targetPort": 8080},
            {"name": "grpc", "port": 9000, "targetPort": "http"},
        ],
        [(80, 8080), (9000, "http")],
    ),
    "a port that the candidate has no more goes, by number": (
        [{"name": "http", "port": 80, "targetPort": 8080}, {"name": "grpc", "port": 9000}],
        [{"name": "http", "port": 80, "targetPort": 8080}],
        [(80, 8080)],
    ),
    "another name for the same port": (
        [{"name": "http", "port": 80, "targetPort": 8080}],
        [{"name": "web", "port": 80, "targetPort": 8080}],
        [(80, 8080)],
    ),
    "another number for callers under the same name": (
        [{"name": "http", "port": 80, "targetPort": 8080}],
        [{"name": "http", "port": 81, "targetPort": 8080}],
        [(81, 8080)],
    ),
}


@pytest.mark.parametrize(("stable", "candidate", "shared"), SPLIT.values(), ids=SPLIT)
def test_ports_while_callers_are_split(
    stable: list[dict[str, Any]],
    candidate: list[dict[str, Any]],
    shared: list[tuple[int, int | str]],
) -> None:
    before, after = (Service.model_validate({"ports": it}).served() for it in (stable, candidate))
    told = Told(
        base=trial(2, routing=Only(V1), spec={"service": {"ports": candidate}}),
        standing=before,
        noted={V1: before, V2: after},
        names=HTTP,
    )
    action = next(it for it in plan(told.observed(), NOW).actions if isinstance(it, SetTraffic))
    assert action.routing == Everyone()
    assert [(it.port, it.target_port) for it in action.ports] == shared


def test_an_edit_of_the_ports_by_hand_is_told_and_a_move_of_callers_is_not() -> None:
    foreign = Told(base=world(version="1.0.0"), target=8080, standing=at(1)).observed()
    assert foreign.service is not None
    edited = replace(foreign, service=replace(foreign.service, edited=True))
    seen = replace(edited, status=changed(edited.status, observed_generation=7))
    assert [it.reason for it in plan(seen, NOW).events if it.reason == "ChildRestored"]
    away = replace(seen, service=CallerService(uid="s", routing=Nobody(), ports=at(1), edited=True))
    assert not [it for it in plan(away, NOW).events if it.reason == "ChildRestored"]


def test_available_is_not_true_while_callers_are_sent_elsewhere() -> None:
    seen = world(version="1.0.0", answers=Answers()).observed()
    assert seen.service is not None
    seen = replace(seen, service=replace(seen.service, drifted=True, astray=True))
    decided = plan(seen, NOW)
    claim = next(it for it in decided.status.conditions if it.type == "Available")
    assert (claim.status, claim.reason) == ("Unknown", "CallersAstray")
    assert moved(decided) is not None
