"""Worlds for the tables: a canary about to begin beside a healthy stable, and differences."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lockstep.api.changes import StatusChanges, changed
from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.model_deployment_status import (
    ModelDeploymentStatus,
    Rejection,
    RevisionStatus,
    StageStatus,
)
from lockstep.api.service import Service
from lockstep.core.key import Key
from lockstep.core.pods import Pod
from lockstep.core.rollout import revision
from lockstep.core.rollout.children.budget import NEEDED_FROM
from lockstep.core.rollout.observed import (
    Answers,
    Arm,
    Budget,
    CallerService,
    ChildReplicaSet,
    DryRunResult,
    Observed,
    StoredRevision,
)
from lockstep.core.rollout.routing import Everyone, Nobody, Only, Routing

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
KEY = Key("ModelDeployment", "payments", "fraud")
PORTS = Service().served()
IMAGE = "registry.example.com/fraud@sha256:" + "a" * 64


def template(version: str) -> dict[str, Any]:
    return {
        "metadata": {"labels": {"version": version}},
        "spec": {"containers": [{"name": "server", "image": IMAGE}]},
    }


def spec_of(version: str, **changes: Any) -> ModelDeploymentSpec:
    raw = {
        "model": {"version": version},
        "replicas": 4,
        "template": template(version),
        "strategy": {
            "canary": {"stages": [{"name": "half", "weight": 50}, {"name": "full", "weight": 100}]}
        },
    }
    return ModelDeploymentSpec.model_validate(raw | changes)


def id_of(version: str) -> str:
    spec = spec_of(version)
    return revision.resolve(KEY, template(version), spec.model, ()).revision


V1, V2, V3 = id_of("1.0.0"), id_of("2.0.0"), id_of("3.0.0")
VERSIONS = {V1: "1.0.0", V2: "2.0.0", V3: "3.0.0"}


def stored(name: str, number: int, authors: tuple[str, ...] = ()) -> StoredRevision:
    spec = spec_of(VERSIONS[name])
    written = revision.inputs(template(VERSIONS[name]), spec.model)
    return StoredRevision(
        name=f"fraud-{name}",
        revision=name,
        scheme=revision.SCHEME,
        number=number,
        inputs=written,
        template=revision.render("fraud", name, written, timedelta(seconds=5)),
        authors=authors,
        ports=PORTS,
    )


def arm(name: str, ready: int, wanted: int | None = None, **pod: Any) -> Arm:
    """An arm of ``wanted`` pods of which ``ready`` answer; ``pod`` describes the others."""
    asked = ready if wanted is None else wanted
    good = tuple(_pod(name, n, ready=True) for n in range(ready))
    bad = tuple(_pod(name, n, **pod) for n in range(ready, asked))
    child = ChildReplicaSet(
        name=f"fraud-{name}", uid=f"d-{name}", revision=name, replicas=asked, available=ready
    )
    return Arm(revision=name, replica_set=child, pods=good + bad)


def _pod(name: str, number: int, **facts: Any) -> Pod:
    return Pod(
        name=f"fraud-{name}-{number}",
        uid=f"{name}-{number}",
        revision=name,
        owner_uid=f"d-{name}",
        ip=f"10.0.0.{number + 1}",
        **facts,
    )


def named(name: str, **changes: Any) -> RevisionStatus:
    facts = {"revision": name, "version": VERSIONS[name], "image": IMAGE, "smoke_tested": True}
    return RevisionStatus.model_validate(facts | changes)


def rejection(name: str, **changes: Any) -> Rejection:
    facts = {
        "revision": name,
        "version": VERSIONS[name],
        "reason": "GateFailed",
        "message": "gate errors was 0.3, allowed at most 0.01",
        "at": NOW,
    }
    return Rejection.model_validate(facts | changes)


@dataclass(frozen=True, kw_only=True)
class World:
    """A canary of version 2 beside a healthy version 1; ``observed`` makes it what a pass sees."""

    version: str = "2.0.0"
    spec: Mapping[str, Any] = field(default_factory=dict)
    stable: str | None = V1
    candidate: RevisionStatus | None = None
    stage: StageStatus | None = None
    rejected: Rejection | None = None
    arms: tuple[Arm, ...] = (arm(V1, 4),)
    routing: Routing | None = Only(V1)
    stored: tuple[str, ...] = (V1, V2)
    authors: tuple[str, ...] = ()
    status: StatusChanges = field(default_factory=StatusChanges)
    rest: Mapping[str, Any] = field(default_factory=dict)
    answers: Answers = Answers(dry_run=DryRunResult(V2, None))

    def observed(self) -> Observed:
        memory = ModelDeploymentStatus(
            stable=named(self.stable) if self.stable else None,
            candidate=self.candidate,
            stage=self.stage,
            rejected=self.rejected,
        )
        spec = spec_of(self.version, **self.spec)
        budget = Budget(uid="b") if spec.replicas >= NEEDED_FROM else None
        service = (
            None
            if self.routing is None
            else CallerService(uid="s", routing=self.routing, ports=PORTS)
        )
        return Observed(
            key=KEY,
            uid="u",
            generation=7,
            spec=spec,
            template=template(self.version),
            status=changed(memory, **self.status),
            arms={arm.revision: arm for arm in self.arms},
            service=service,
            stored=tuple(
                stored(name, number, self.authors) for number, name in enumerate(self.stored, 1)
            ),
            answers=self.answers,
            **{"budget": budget, **self.rest},
        )


def world(**changes: Any) -> World:
    return World(**changes)


def trial(ready: int = 2, wanted: int | None = None, stable: int = 2, **changes: Any) -> World:
    """The first stage, 50 percent, with its weight reached unless told otherwise."""

    facts: dict[str, Any] = {
        "candidate": named(V2),
        "stage": StageStatus(name="half", index=0),
        "arms": (arm(V1, stable), arm(V2, ready, wanted)),
        "routing": Everyone(),
        "answers": Answers(),
    }
    return World(**(facts | changes))


def first(ready: int = 0, wanted: int = 4, **changes: Any) -> World:
    """No stable: version 2 comes up as the first revision."""
    facts: dict[str, Any] = {
        "stable": None,
        "candidate": named(V2, smoke_tested=False),
        "stage": StageStatus(name="first", index=0),
        "arms": (arm(V2, ready, wanted),),
        "routing": Nobody(),
        "stored": (V2,),
        "answers": Answers(),
    }
    return World(**(facts | changes))


def but(base: World, **changes: Any) -> World:
    return replace(base, **changes)
