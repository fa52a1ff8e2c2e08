"""Copies of ConfigMaps and records of Secrets: what is made, missed, forgotten and said."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.model_deployment_status import (
    ModelDeploymentStatus,
    Phase,
    RevisionStatus,
    SecretSeen,
    StageStatus,
)
from lockstep.core.config import copy_name
from lockstep.core.facts import Foreign
from lockstep.core.rollout import revision
from lockstep.core.rollout.actions import (
    Action,
    PruneConfig,
    PutReplicaSet,
    StoreConfig,
    StoreRevision,
)
from lockstep.core.rollout.observed import (
    Answers,
    Arm,
    CallerService,
    ConfigCopy,
    DryRunResult,
    Observed,
    StoredRevision,
)
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.planner import plan
from lockstep.core.rollout.routing import Only
from tests.sim.obey import obey
from tests.unit.rollout.conftest import Says
from tests.unit.rollout.worlds import KEY, NOW, PORTS, arm, spec_of, template

DRAIN = timedelta(seconds=5)
SETTINGS = {"configMapRef": {"name": "settings"}}
CREDENTIAL = {"secretRef": {"name": "key"}}
ONE, TWO = (SecretSeen(name="key", uid="u", version=version) for version in ("1", "2"))


def reading(*sources: Mapping[str, Any]) -> dict[str, Any]:
    written = template("1.0.0")
    written["spec"]["containers"][0]["envFrom"] = list(sources)
    return written


def inputs(content: str | None = "a", *sources: Mapping[str, Any]) -> dict[str, Any]:
    configs = {} if content is None else {"settings": content}
    written = reading(*(sources or (SETTINGS,)))
    return revision.inputs(written, spec_of("1.0.0").model, configs)


def stored(name: str, number: int, written: Mapping[str, Any]) -> StoredRevision:
    return StoredRevision(
        name=f"fraud-{name}",
        revision=name,
        scheme="1",
        number=number,
        inputs=dict(written),
        template=revision.render("fraud", name, dict(written), DRAIN),
    )


def copy(name: str, content: str = "a") -> ConfigCopy:
    named = copy_name("fraud", name, "settings")
    return ConfigCopy(name=named, revision=name, source="settings", digest=content)


OLD, YOUNG = stored("0000000a", 1, inputs("a")), stored("0000000b", 2, inputs("b"))
A, B = OLD.revision, YOUNG.revision
STORE_A = StoreConfig(name=f"fraud-{A}-settings", revision=A, source="settings", digest="a")


def named(name: str) -> RevisionStatus:
    return RevisionStatus(revision=name, version="1.0.0", smoke_tested=True)


@dataclass(frozen=True, kw_only=True)
class World:
    """Stable read ``a`` and has its copy; ConfigMap settings still says so."""

    sources: tuple[Mapping[str, Any], ...] = (SETTINGS,)
    spec: Mapping[str, Any] = field(default_factory=dict)
    stable: str | None = A
    candidate: str | None = None
    stored: tuple[StoredRevision, ...] = (OLD,)
    arms: tuple[Arm, ...] = (arm(A, 4),)
    configs: Mapping[str, str] = field(default_factory=lambda: {"settings": "a"})
    copies: tuple[ConfigCopy, ...] = (copy(A),)
    secrets: Mapping[str, SecretSeen] = field(default_factory=dict)
    seen: tuple[SecretSeen, ...] = ()
    tried: tuple[SecretSeen, ...] = ()
    foreign: tuple[Foreign, ...] = ()

    def observed(self) -> Observed:
        written = reading(*self.sources)
        spec = spec_of("1.0.0", template=written, **self.spec)
        wanted = revision.resolve(KEY, written, spec.model, self.stored, self.configs)
        return Observed(
            key=KEY,
            uid="u",
            generation=7,
            spec=spec,
            template=written,
            status=ModelDeploymentStatus(
                phase=Phase.HEALTHY,
                stable=named(self.stable) if self.stable else None,
                candidate=named(self.candidate) if self.candidate else None,
                stage=StageStatus(name="half", index=0) if self.candidate else None,
                secrets=self.seen,
                candidate_secrets=self.tried,
                observed_generation=7,
            ),
            arms={it.revision: it for it in self.arms},
            service=CallerService(uid="s", routing=Only(self.stable), ports=PORTS)
            if self.stable
            else None,
            stored=self.stored,
            foreign=self.foreign,
            configs=self.configs,
            copies=self.copies,
            secrets=self.secrets,
            answers=Answers(dry_run=DryRunResult(wanted.revision, None)),
        )

    def plan(self) -> Plan:
        return plan(self.observed(), NOW)


def config_of(decided: Plan) -> list[Action]:
    return [it for it in decided.actions if isinstance(it, StoreConfig | PruneConfig)]


def moving(decided: Plan) -> list[Action]:
    """What touches revisions, their pods and their config."""
    kinds = StoreRevision | PutReplicaSet | StoreConfig | PruneConfig
    return [it for it in decided.actions if isinstance(it, kinds)]


def condition(decided: Plan, kind: str) -> tuple[str, str]:
    found = (it for it in decided.status.conditions if it.type == kind)
    return next(((it.reason, it.message) for it in found), ("", ""))


NONE: list[Action] = []
LATER: dict[str, tuple[World, list[Action]]] = {
    "a copy that is there needs nothing": (World(), NONE),
    "a copy that was deleted is made anew": (World(copies=()), [STORE_A]),
    "not from other content": (World(copies=(), stored=(OLD, YOUNG), configs={}), NONE),
    "not over an object of somebody else": (
        World(
            copies=(), foreign=(Foreign("ConfigMap", "other"), Foreign("ConfigMap", STORE_A.name))
        ),
        NONE,
    ),
    "an old revision gets its copy back while that is possible": (
        World(stored=(OLD, YOUNG), copies=(copy(A),), configs={"settings": "a"}, arms=(arm(A, 4),)),
        NONE,
    ),
    "a copy of a revision in the history stays": (
        World(stored=(OLD, YOUNG), copies=(copy(A), copy(B, "b"))),
        NONE,
    ),
    "a copy goes with its revision": (
        World(copies=(copy(A), copy("0000000c", "c"))),
        [PruneConfig("fraud-0000000c-settings")],
    ),
    "but not while pods of it are there": (
        World(copies=(copy(A), copy("0000000c", "c")), arms=(arm(A, 4), arm("0000000c", 1))),
        NONE,
    ),
    "a revision whose ControllerRevision was deleted keeps its copy": (
        World(stored=(), copies=(copy(A),), configs={"settings": "b"}),
        NONE,
    ),
}


@pytest.mark.parametrize(("world", "actions"), LATER.values(), ids=LATER)
def test_copies(world: World, actions: list[Action]) -> None:
    assert config_of(world.plan()) == actions


def test_changed_content_is_a_new_revision_with_its_copy_before_its_pods() -> None:
    decided = World(configs={"settings": "b"}).plan()
    candidate = decided.status.candidate
    assert candidate is not None
    assert candidate.revision not in {A, B}
    kinds = [type(it) for it in decided.actions]
    assert kinds.index(StoreRevision) < kinds.index(StoreConfig) < kinds.index(PutReplicaSet)
    (made,) = config_of(decided)
    assert made == StoreConfig(
        name=f"fraud-{candidate.revision}-settings",
        revision=candidate.revision,
        source="settings",
        digest="b",
    )
    put = next(
        it
        for it in decided.actions
        if isinstance(it, PutReplicaSet) and it.revision == candidate.revision
    )
    source = put.template["spec"]["containers"][0]["envFrom"][0]["configMapRef"]["name"]
    assert source == made.name


def test_old_content_ends_the_trial_of_the_new() -> None:
    world = World(
        candidate=B,
        stored=(OLD, YOUNG),
        copies=(copy(A), copy(B, "b")),
        arms=(arm(A, 4), arm(B, 1)),
    )
    decided = world.plan()
    assert decided.status.candidate is None
    assert decided.status.history[-1].outcome == "Returned"
    assert config_of(decided) == [], "the copy of what was tried stays with its revision"


def test_a_config_map_that_vanished_ends_no_trial() -> None:
    world = World(
        candidate=B,
        stored=(OLD, YOUNG),
        copies=(copy(A), copy(B, "b")),
        arms=(arm(A, 2), arm(B, 2)),
        configs={},
    )
    decided = world.plan()
    assert decided.status.candidate is not None
    assert decided.status.candidate.revision == B


OPTIONAL = {"configMapRef": {"name": "settings", "optional": True}}
PROBLEMS: dict[str, tuple[World, str, str]] = {  # reason and sentence; empty: it begins
    "a missing ConfigMap": (
        World(stable=None, stored=(), arms=(), copies=(), configs={}),
        "ConfigMapMissing",
        (
            "spec.template.spec.containers[0].envFrom[0].configMapRef reads ConfigMap settings, "
            "which does not exist in namespace payments; create it, or set optional: true there"
        ),
    ),
    "a missing Secret": (
        World(sources=(SETTINGS, CREDENTIAL)),
        "SecretMissing",
        (
            "spec.template.spec.containers[0].envFrom[1].secretRef reads Secret key, which "
            "does not exist in namespace payments; create it, or set optional: true there"
        ),
    ),
    "too many": (
        World(sources=tuple({"secretRef": {"name": f"s{n}"}} for n in range(65))),
        "TooManyConfigs",
        "the template reads 65 ConfigMaps and Secrets, at most 64 are allowed; merge some of them",
    ),
    "a Secret that is there": (World(sources=(SETTINGS, CREDENTIAL), secrets={"key": ONE}), "", ""),
    "an optional one that is not": (World(sources=(OPTIONAL,), configs={}), "", ""),
}


@pytest.mark.parametrize(("world", "reason", "message"), PROBLEMS.values(), ids=PROBLEMS)
def test_what_cannot_begin(world: World, reason: str, message: str, says: Says) -> None:
    decided = world.plan()
    accepted = ("Accepted", "the API server would take this revision")
    assert condition(decided, "SpecValid") == ((reason, message) if reason else accepted)
    assert any(isinstance(it, StoreRevision) for it in decided.actions) == (not reason)
    says(decided)


def test_what_runs_needs_its_sources_no_more() -> None:
    decided = World(configs={}).plan()
    assert (decided.status.phase, moving(decided)) == (Phase.HEALTHY, [])
    assert condition(decided, "SpecValid")[0] == "Accepted"


def test_what_cannot_begin_leaves_stable_alone() -> None:
    decided = World(sources=(SETTINGS, CREDENTIAL)).plan()
    assert moving(decided) == []
    assert (decided.status.phase, decided.status.candidate) == (Phase.DEGRADED, None)


def test_a_return_whose_copy_is_lost_is_refused_before_it_begins() -> None:
    world = World(
        stable=B,
        stored=(OLD, YOUNG),
        copies=(copy(B, "b"),),
        configs={"settings": "b"},
        arms=(arm(B, 4),),
        spec={"rollbackTo": A},
    )
    assert condition(world.plan(), "SpecValid")[0] == "ConfigLost"
    whole = replace(world, copies=(copy(A), copy(B, "b")))
    assert condition(whole.plan(), "SpecValid")[0] == "Checking", "the API server is asked first"


LOST: dict[str, tuple[World, str]] = {
    "a copy that is there": (World(configs={"settings": "b"}, spec={"paused": True}), ""),
    "a copy that can be made anew": (World(copies=()), ""),
    "a copy whose source has other content": (
        World(copies=(), configs={"settings": "b"}, spec={"paused": True}),
        (
            "ConfigMap fraud-0000000a-settings, a copy of ConfigMap settings for revision "
            "0000000a, is missing"
        ),
    ),
    "a copy that was replaced by another": (
        World(copies=(copy(A, "x"),)),
        (
            "ConfigMap fraud-0000000a-settings, a copy of ConfigMap settings for revision "
            "0000000a, has changed"
        ),
    ),
}


@pytest.mark.parametrize(("world", "message"), LOST.values(), ids=LOST)
def test_a_lost_copy_is_said_and_pods_are_left_alone(
    world: World, message: str, says: Says
) -> None:
    decided = world.plan()
    assert condition(decided, "ConfigLost")[1].startswith(message)
    assert bool(condition(decided, "ConfigLost")[1]) == bool(message)
    assert not any(isinstance(it, PutReplicaSet) for it in decided.actions)
    says(decided)


def test_a_taken_name_stops_the_revision_that_needs_it() -> None:
    foreign = Foreign("ConfigMap", f"fraud-{B}-settings")
    world = World(stored=(OLD, YOUNG), configs={"settings": "b"}, foreign=(foreign,))
    decided = world.plan()
    assert condition(decided, "Conflict")[0] == "NameTaken"
    assert moving(decided) == []
    assert condition(World(foreign=(foreign,)).plan(), "Conflict") == ("", "")


READS_KEY = stored("0000000d", 1, inputs("a", SETTINGS, CREDENTIAL))
D = READS_KEY.revision
SECRETIVE = World(
    sources=(SETTINGS, CREDENTIAL),
    stable=D,
    stored=(READS_KEY,),
    arms=(arm(D, 4),),
    copies=(copy(D),),
    secrets={"key": ONE},
    seen=(ONE,),
)


def restarted(replaced: int) -> tuple[Arm, ...]:
    """Four pods of an hour ago, of which a restart has replaced some."""
    base, hour_ago = arm(D, 4), NOW - timedelta(hours=1)
    ages = (NOW if number < replaced else hour_ago for number in range(4))
    pods = (replace(pod, created=at) for pod, at in zip(base.pods, ages, strict=True))
    child = base.replica_set and replace(base.replica_set, surplus=min(replaced, 1))
    return (replace(base, pods=tuple(pods), replica_set=child),)


MINUTE_AGO = NOW - timedelta(minutes=1)
RESTART = {"restartAt": MINUTE_AGO.isoformat()}
SECRETS: dict[str, tuple[World, tuple[SecretSeen, ...], str]] = {
    "one that is seen first is taken note of": (replace(SECRETIVE, seen=()), (ONE,), ""),
    "one that did not change": (SECRETIVE, (ONE,), ""),
    "one that changed is told and its record stays": (
        replace(SECRETIVE, secrets={"key": TWO}),
        (ONE,),
        "Secret key changed after the pods of fraud-0000000d started",
    ),
    "one that vanished is no other one": (replace(SECRETIVE, secrets={}), (ONE,), ""),
    "a restart that is due takes note anew": (
        replace(SECRETIVE, secrets={"key": TWO}, spec=RESTART, arms=restarted(0)),
        (TWO,),
        "",
    ),
    "one that changed after the restart is told again": (
        replace(SECRETIVE, secrets={"key": TWO}, spec=RESTART, arms=restarted(1)),
        (ONE,),
        "Secret key changed",
    ),
    "one that stable does not read": (
        World(seen=(ONE,), secrets={"key": TWO}),
        (),
        "",
    ),
    "a stable whose ControllerRevision was deleted keeps what was known": (
        replace(SECRETIVE, stored=(), sources=(SETTINGS,), secrets={"key": TWO}),
        (ONE,),
        "Secret key changed",
    ),
}


@pytest.mark.parametrize(("world", "record", "message"), SECRETS.values(), ids=SECRETS)
def test_secrets(world: World, record: tuple[SecretSeen, ...], message: str, says: Says) -> None:
    decided = world.plan()
    assert decided.status.secrets == record
    said = condition(decided, "SecretRotated")[1]
    assert said.startswith(message)
    assert bool(said) == bool(message)
    says(decided)


NEW = stored("0000000e", 2, inputs("b", SETTINGS, CREDENTIAL))
E = NEW.revision
TRYING = replace(
    SECRETIVE, stored=(READS_KEY, NEW), configs={"settings": "b"}, copies=(copy(D), copy(E, "b"))
)
ON_TRIAL = replace(TRYING, candidate=E, arms=(arm(D, 4), arm(E, 4)))


def test_a_candidate_has_read_what_there_was_when_its_trial_began() -> None:
    begun = TRYING.plan()
    assert begun.status.candidate is not None
    assert begun.status.candidate_secrets == (ONE,)
    rotated = replace(ON_TRIAL, secrets={"key": TWO}, tried=(ONE,)).plan()
    assert rotated.status.candidate_secrets == (ONE,)


def test_a_secret_that_changed_during_the_trial_is_told_once_it_is_promoted() -> None:
    last = replace(
        ON_TRIAL, secrets={"key": TWO}, seen=(TWO,), tried=(ONE,),
        spec={"strategy": {"rolling": {}}}, arms=(arm(D, 1), arm(E, 4)),
    )  # fmt: skip
    seen = replace(last.observed(), service=CallerService(uid="s", routing=Only(E), ports=PORTS))
    promoted = plan(seen, NOW)
    assert promoted.status.stable is not None
    assert promoted.status.stable.revision == E
    assert (promoted.status.secrets, promoted.status.candidate_secrets) == ((ONE,), ())
    assert condition(promoted, "SecretRotated")[1].startswith("Secret key changed")


def test_the_command_that_restarts_is_the_same_in_every_pass() -> None:
    world = replace(SECRETIVE, secrets={"key": TWO})
    said = condition(world.plan(), "SecretRotated")[1]
    assert said.endswith(
        "kubectl patch mldep fraud -n payments --type merge "
        '-p "{\\"spec\\":{\\"restartAt\\":\\"$(date -u +%FT%TZ)\\"}}"'
    )
    later = plan(world.observed(), NOW + timedelta(hours=1))
    assert condition(later, "SecretRotated")[1] == said


EVERY = {**LATER, **PROBLEMS, **LOST, **SECRETS}


@pytest.mark.parametrize("world", [row[0] for row in EVERY.values()], ids=EVERY)
def test_a_repeated_pass_asks_for_no_copy_again(world: World) -> None:
    observed = world.observed()
    assert isinstance(observed.spec, ModelDeploymentSpec)
    after = obey(observed, plan(observed, NOW))
    again = plan(after, NOW)
    assert config_of(again) == []
    assert again.status.secrets == after.status.secrets
