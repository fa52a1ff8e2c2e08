"""What users write in the stories, and what is the matter with the models they write it about."""

import functools
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from lockstep.api.base import Manifest
from lockstep.api.changes import changed
from lockstep.api.exit_criteria import ClusterExitCriteriaSpec
from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.strategy import CriteriaKind, CriteriaRef
from lockstep.core.facts import Criteria
from lockstep.core.key import Key
from lockstep.core.rollout import revision
from tests.sim.changes import changed_spec

KEY: Final = Key("ModelDeployment", "payments", "fraud")
IMAGE: Final = "registry.example.com/fraud@sha256:" + "a" * 64
SMOKE_PATH: Final = "/v2/models/fraud/infer"


class Nature(StrEnum):
    """What a revision really is; the operator has to find out."""

    GOOD = "is good"
    FAILS_UNDER_LOAD = "answers wrongly under load"
    MUTE_UNDER_LOAD = "is too busy under load to be scraped"
    WRONG_ANSWER = "answers the smoke test wrongly"
    CRASHES = "crashes"
    NO_IMAGE = "has an image that cannot be pulled"
    NO_ROOM = "fits on no node"
    NOT_CREATED = "has pods that may not be created"
    REFUSED = "would be refused by the API server"
    SLOW_START = "needs three tries to start"
    DIES = "dies again and again and is back before anybody looks"
    OUT_OF_MEMORY = "runs out of memory when it is called"
    EVICTED = "fills the disk of its node"
    NOT_TAKEN = "is refused by every kubelet"


SCRIPTED: Final = frozenset({
    Nature.MUTE_UNDER_LOAD, Nature.SLOW_START, Nature.DIES, Nature.OUT_OF_MEMORY, Nature.EVICTED,
    Nature.NOT_TAKEN,
})  # fmt: skip
"""Natures of the scripted stories; in the others anybody's pods die, see ``Weather.sickness``."""


class Way(StrEnum):
    """The strategies that the stories are told for."""

    SHRINK = "canary"
    KEEP = "canary that keeps stable"
    NO_SURGE = "canary without surge"
    PACED = "canary that goes back at its pace"
    BAKED = "canary that bakes"
    BLUE_GREEN = "blue-green"
    ROLLING = "rolling"
    ONE_PLACE = "rolling in one place"


COUNTED: Final = {"kind": "ClusterExitCriteria", "name": "counted"}
SOAKED: Final = {"kind": "ClusterExitCriteria", "name": "soaked"}


def template(version: str) -> Manifest:
    return {
        "metadata": {"labels": {"version": version}},
        "spec": {"containers": [{"name": "server", "image": IMAGE}]},
    }


@functools.cache
def revision_of(version: str) -> str:
    """The revision that a version's template has; versions are all that differs between them."""
    model = spec(Way.ROLLING, version).model
    return revision.resolve(KEY, template(version), model, ()).revision


def strategy(way: Way, stages: list[dict[str, Any]]) -> dict[str, Any]:
    shape: dict[Way, dict[str, Any]] = {
        Way.SHRINK: {},
        Way.KEEP: {"stableScale": "Keep"},
        Way.NO_SURGE: {"maxSurge": 0},
        Way.PACED: {},
        Way.BAKED: {"bake": BAKE},
    }
    match way:
        case Way.ROLLING:
            return {"rolling": {}}
        case Way.ONE_PLACE:
            return {"rolling": {"maxSurge": 0, "maxUnavailable": 1}}
        case Way.BLUE_GREEN:
            return {"blueGreen": PREVIEW_THEN_ALL}
        case _:
            return {"canary": {"stages": stages, **shape[way]}}


BAKE: Final[dict[str, Any]] = {"duration": "60s", "exitCriteria": [SOAKED]}
PREVIEW_THEN_ALL: Final[dict[str, Any]] = {
    "previewReplicas": 1,
    "prePromotion": {"deadline": "5m", "exitCriteria": [COUNTED]},
    "postPromotion": {"duration": "40s", "exitCriteria": [SOAKED]},
    "keepOld": "1m",
}
HALF_THEN_ALL: Final[list[dict[str, Any]]] = [
    {"name": "half", "weight": 50, "deadline": "5m", "exitCriteria": [COUNTED]},
    {"name": "full", "weight": 100, "soak": "20s"},
]


def spec(
    way: Way, version: str, stages: list[dict[str, Any]] | None = None, **changes: Any
) -> ModelDeploymentSpec:
    """A ModelDeployment of ``version``; ``changes`` are named as on the wire."""
    raw = {
        "model": {"version": version},
        "replicas": 4,
        "template": template(version),
        "smokeTest": {"path": SMOKE_PATH},
        "progressDeadline": "2m",
        "strategy": strategy(way, stages or HALF_THEN_ALL),
        "rollback": {"speed": "Paced" if way is Way.PACED else "Immediate"},
    }
    return ModelDeploymentSpec.model_validate(raw | changes)


def of_version(before: ModelDeploymentSpec, version: str) -> ModelDeploymentSpec:
    other, service = spec(Way.ROLLING, version), before.service
    if moves_ports(before):
        service = changed(service, target_port=port_of(version))
    return changed_spec(before, model=other.model, template=other.template, service=service)


USUAL_PORT: Final = 8080


def port_of(version: str) -> int:
    """Where a version listens in a story in which every version listens elsewhere."""
    return USUAL_PORT + int(version.partition(".")[0])


def moves_ports(written: ModelDeploymentSpec) -> bool:
    """Whether every version of a story listens elsewhere, as the first one does."""
    return written.service.target_port != USUAL_PORT


def criteria() -> dict[CriteriaRef, Criteria]:
    """One that wants a number of measurements, and one that measures until the soak is over."""
    counted = {
        "metrics": [
            {
                "name": "errors",
                "prometheus": {"query": 'errors{revision="{{revision}}"}'},
                "interval": "5s",
                "count": 4,
                "successWhen": {"max": 0.01},
                "failWhen": {"min": 0.05},
                "failureLimit": 1,
                "inconclusiveLimit": 2,
            }
        ]
    }
    soaked = {
        "minimumSoak": "30s",
        "minimumRequests": {
            "count": 100,
            "query": 'requests{revision="{{revision}}"}[{{stageElapsed}}]',
        },
        "metrics": [
            {
                "name": "late-errors",
                "prometheus": {"query": 'errors{revision="{{revision}}"}'},
                "interval": "5s",
                "initialDelay": "5s",
                "successWhen": {"max": 0.01},
                "failureLimit": 1,
                "minSamples": 3,
            }
        ],
    }
    return {
        CriteriaRef(kind=CriteriaKind.CLUSTER, name=name): Criteria(
            ClusterExitCriteriaSpec.model_validate(raw), generation=1
        )
        for name, raw in (("counted", counted), ("soaked", soaked))
    }


def seconds(value: timedelta) -> float:
    return value.total_seconds()
