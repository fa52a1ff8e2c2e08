"""For every CEL rule what it refuses, how it says so, and what it allows; models say the same.

A key is a sentence; `at` is where the API server and the model find the mistake.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lockstep.api.base import HOW_TO_PIN, NO_SCHEME, NO_SEMVER
from lockstep.api.durations import A_DURATION
from lockstep.api.json_path import JSON_PATH_SENTENCE
from tests.unit.api.manifests import BLUE_GREEN, GONE, PINNED

A_YEAR: Final = A_DURATION
SOMETHING: Final = "must be at least 1ms"
A_SECOND: Final = "must be at least 1s"
KEY: Final = "a key has at most 317 characters"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    kind: str
    at: str
    says: str
    refused: Mapping[str, Any]
    allowed: Mapping[str, Any] = field(default_factory=dict)


def _deployment(
    at: str, says: str, refused: Mapping[str, Any], allowed: Mapping[str, Any] | None = None
) -> Case:
    return Case(kind="ModelDeployment", at=at, says=says, refused=refused, allowed=allowed or {})


def _value(at: str, says: str, refused: object, allowed: object) -> Case:
    return _deployment(at, says, {at: refused}, {at: allowed})


_STAGE: Final = "spec.strategy.canary.stages[0]"
_TEMPLATE: Final = "spec.template"
_EXPECT: Final = "spec.smokeTest.expect"
_SERVICE: Final = "spec.service"
_SERVICE_KEYS: Final = (
    "keys that begin with lockstep.dev/ are set by the operator, and none is above 317 characters"
)
_ONE_STRATEGY: Final = "strategy needs exactly one of canary, blueGreen, rolling"
_LETTER: Final = (
    "metadata.name must be a DNS label of at most 50 characters that begins with a letter: "
    "its Services and ReplicaSets are named after it"
)
_PORT: Final = (
    "must be a port from 1 to 65535 or the name of a container port, at most 15 characters"
)
_OURS: Final = "labels that begin with lockstep.dev/ are set by the operator: choose another prefix"

NAMES: Final[Mapping[str, Case]] = {
    "a name of 51 characters": _deployment(
        "", _LETTER, {"metadata.name": "x" * 51}, {"metadata.name": "x" * 50}
    ),
    "a name that is not one label": _deployment(
        "", _LETTER, {"metadata.name": "fraud.v2"}, {"metadata.name": "fraud-v2"}
    ),
    "a name that begins with a digit": _deployment(
        "", _LETTER, {"metadata.name": "2fraud"}, {"metadata.name": "fraud2"}
    ),
}
"""About the object's name, which is no field of the models."""

_DEPLOYMENTS: Final[Mapping[str, Case]] = {
    "an artifact without a digest": _value(
        "spec.model.artifact", HOW_TO_PIN, "registry.example.com/ml/fraud:2.4.0", PINNED
    ),
    "an artifact in a bucket": _value(
        "spec.model.artifact", NO_SCHEME, "s3://models/fraud", PINNED
    ),
    "an image behind a scheme": _value(
        f"{_TEMPLATE}.spec.containers[0].image", NO_SCHEME, "https://" + PINNED, PINNED
    ),
    "an init container's image behind a scheme": _value(
        f"{_TEMPLATE}.spec.initContainers[0].image", NO_SCHEME, "oci://" + PINNED, PINNED
    ),
    "a volume's image behind a scheme": _value(
        f"{_TEMPLATE}.spec.volumes[0].image.reference", NO_SCHEME, "oci://" + PINNED, PINNED
    ),
    "a version with a v": _value("spec.model.version", NO_SEMVER, "v1.0.0", "1.0.0"),
    "a version of two numbers": _value("spec.model.version", NO_SEMVER, "1.0", "1.0.0-rc.1"),
    "a version of one number": _value("spec.model.version", NO_SEMVER, "7", "7.0.0"),
    "a duration in words": _value(f"{_STAGE}.soak", A_DURATION, "5 minutes", "5m"),
    "a smoke test of days": _value("spec.smokeTest.timeout", A_DURATION, "1d", "1m"),
    "a duration in days": _value(f"{_STAGE}.soak", A_DURATION, "1d", "24h"),
    "a duration that no clock can add up": _value(
        f"{_STAGE}.soak", A_DURATION, "99999999h", "8760h"
    ),
    "an image without a digest": _value(
        f"{_TEMPLATE}.spec.containers[0].image", HOW_TO_PIN, "fraud:latest", PINNED
    ),
    "an init container's image without a digest": _value(
        f"{_TEMPLATE}.spec.initContainers[0].image", HOW_TO_PIN, "fraud", PINNED
    ),
    "a volume's image with half a digest": _value(
        f"{_TEMPLATE}.spec.volumes[0].image.reference",
        HOW_TO_PIN,
        "fraud@sha256:" + "ab" * 31,
        "fraud@sha256:" + "ab" * 32,
    ),
    "a pod label of ours": _deployment(
        f"{_TEMPLATE}.metadata.labels",
        _OURS,
        {f"{_TEMPLATE}.metadata.labels": {"lockstep.dev/revision": "1"}},
        {f"{_TEMPLATE}.metadata.labels": {"lockstep.dev.example.com/revision": "1"}},
    ),
    "a label with a key that is too long": _value(
        f"{_TEMPLATE}.metadata.labels", KEY, {"k" * 318: ""}, {"k" * 317: ""}
    ),
    "an annotation with a key that is too long": _value(
        f"{_TEMPLATE}.metadata.annotations", KEY, {"k" * 318: ""}, {"k" * 317: ""}
    ),
    "a port beyond the last": _value("spec.service.targetPort", _PORT, 65536, 65535),
    "port 0": _value("spec.service.targetPort", _PORT, 0, 1),
    "a port name without a letter": _value("spec.service.targetPort", _PORT, "8-0", "8-o"),
    "a port name that ends in a dash": _value("spec.service.targetPort", _PORT, "web-", "w-eb"),
    "a label of the Service that is ours": _deployment(
        f"{_SERVICE}.labels",
        _SERVICE_KEYS,
        {f"{_SERVICE}.labels": {"lockstep.dev/deployment": "x"}},
        {f"{_SERVICE}.labels": {"team": "x"}},
    ),
    "an annotation of the Service with a key that is too long": _value(
        f"{_SERVICE}.annotations", _SERVICE_KEYS, {"k" * 318: ""}, {"k" * 317: ""}
    ),
    "two ports of one number": _deployment(
        f"{_SERVICE}.ports",
        "two ports must not have the same number and protocol",
        {f"{_SERVICE}.ports": [{"name": "a", "port": 80}, {"name": "b", "port": 80}]},
        {
            f"{_SERVICE}.ports": [
                {"name": "a", "port": 80},
                {"name": "b", "port": 80, "protocol": "UDP"},
            ]
        },
    ),
    "a node's port inside the cluster": _deployment(
        _SERVICE,
        "nodePort needs type NodePort or LoadBalancer",
        {f"{_SERVICE}.type": "ClusterIP"},
        {f"{_SERVICE}.type": "LoadBalancer"},
    ),
    "a headless load balancer": _deployment(
        _SERVICE,
        "headless needs type ClusterIP",
        {f"{_SERVICE}.headless": True, f"{_SERVICE}.type": "LoadBalancer"},
        {
            f"{_SERVICE}.headless": True,
            f"{_SERVICE}.type": "ClusterIP",
            f"{_SERVICE}.ports": GONE,
        },
    ),
    "a port behind one of several that is none": _value(
        f"{_SERVICE}.ports[0].targetPort", _PORT, 0, 1
    ),
    "bounds without a path": _deployment(
        _EXPECT,
        "min and max need jsonPath: they bound the number found there",
        {f"{_EXPECT}.jsonPath": GONE, f"{_EXPECT}.min": GONE},
        {f"{_EXPECT}.jsonPath": GONE, f"{_EXPECT}.min": GONE, f"{_EXPECT}.max": GONE},
    ),
    "an answer above its maximum": _deployment(
        _EXPECT,
        "min is above max: no answer could pass",
        {f"{_EXPECT}.min": 1, f"{_EXPECT}.max": 0.9},
        {f"{_EXPECT}.min": 1, f"{_EXPECT}.max": 1.0},
    ),
    "neither a pod more nor one less": _deployment(
        "spec.strategy.rolling",
        "maxSurge and maxUnavailable are both 0: no pod could be replaced; maxUnavailable 1 "
        "removes an old one first",
        {"spec.strategy": {"rolling": {"maxSurge": 0}}},
        {"spec.strategy": {"rolling": {"maxSurge": 0, "maxUnavailable": 1}}},
    ),
    "no strategy": _value("spec.strategy", _ONE_STRATEGY, {}, {"rolling": {}}),
    "two strategies": _deployment(
        "spec.strategy", _ONE_STRATEGY, {"spec.strategy.rolling": {}}, {}
    ),
    "canary and blue-green": _deployment(
        "spec.strategy", _ONE_STRATEGY, {"spec.strategy.blueGreen": {}}, {}
    ),
    "a restart before there were computers": _value(
        "spec.restartAt",
        "must be a time after 1969",
        "1970-01-01T00:00:00+00:01",
        "1970-01-01T00:00:00Z",
    ),
    "a first revision gated without gates": _deployment(
        "spec",
        "initialRollout Gate needs canary or blueGreen: rolling has no gates to measure",
        {"spec.initialRollout": "Gate", "spec.strategy": {"rolling": {}}},
        {"spec.initialRollout": "Gate"},
    ),
    "a window beyond what is remembered": _deployment(
        "spec",
        "rollbackWindow.revisions is above revisionHistoryLimit: older ones are deleted",
        {"spec.rollbackWindow.revisions": 10, "spec.revisionHistoryLimit": 9},
        {"spec.rollbackWindow.revisions": 9, "spec.revisionHistoryLimit": 9},
    ),
    "a default window beyond what is remembered": _deployment(
        "spec",
        "rollbackWindow.revisions is above revisionHistoryLimit: older ones are deleted",
        {"spec.rollbackWindow": {"maxAge": "1h"}, "spec.revisionHistoryLimit": 2},
        {"spec.rollbackWindow": {"maxAge": "1h"}, "spec.revisionHistoryLimit": 3},
    ),
}


def _around(path: str) -> dict[str, Any]:
    """The other strategy, where ``path`` leads into it."""
    return {"spec.strategy": {"blueGreen": BLUE_GREEN}} if "blueGreen" in path else {}


def _criteria_twice(*holders: str) -> Iterator[tuple[str, Case]]:
    for at in (f"{holder}.exitCriteria" for holder in holders):
        twice = [{"name": "serving"}, {"name": "serving", "kind": "ExitCriteria"}]
        differ = [{"name": "serving"}, {"name": "serving", "kind": "ClusterExitCriteria"}]
        yield (
            f"{at}: criteria twice, once by default",
            _deployment(
                at,
                "must not name the same criteria twice",
                {**_around(at), at: twice},
                {**_around(at), at: differ},
            ),
        )


def _longer_than_a_year(paths: Mapping[str, str]) -> Iterator[tuple[str, Case]]:
    for path, kind in paths.items():
        yield (
            f"{kind}: {path} of more than a year",
            Case(
                kind=kind,
                at=path,
                says=A_YEAR,
                refused={**_around(path), path: "8760h1ms"},
                allowed={**_around(path), path: "8760h"},
            ),
        )


def _shorter_than(
    least: str, less: str, says: str, paths: Mapping[str, str]
) -> Iterator[tuple[str, Case]]:
    for path, kind in paths.items():
        yield (
            f"{kind}: {path} of {less}",
            Case(
                kind=kind,
                at=path,
                says=says,
                refused={**_around(path), path: less},
                allowed={**_around(path), path: least},
            ),
        )


_METRIC: Final = "spec.metrics[0]"
_QUERY: Final = f"{_METRIC}.prometheus"


def _bounds(kind: str, name: str) -> Iterator[tuple[str, Case]]:
    at = f"{_METRIC}.{name}"
    rows: dict[str, tuple[str, dict[str, object], dict[str, object]]] = {
        "two lower ends": (
            "set min or minArg, not both",
            {"min": 0, "minArg": "limit"},
            {"minArg": "limit", "max": 9},
        ),
        "two upper ends": (
            "set max or maxArg, not both",
            {"max": 9, "maxArg": "limit"},
            {"min": 0, "maxArg": "limit"},
        ),
        "no end": (
            "needs min, minArg, max or maxArg",
            {},
            {"max": 0},
        ),
        "ends that are crossed": (
            "min is above max: no value can be in range",
            {"min": 2, "max": 1.5},
            {"min": 1.5, "max": 1.5},
        ),
    }
    for row, (says, refused, allowed) in rows.items():
        case = Case(kind=kind, at=at, says=says, refused={at: refused}, allowed={at: allowed})
        yield f"{kind}: {name} with {row}", case


def _criteria(kind: str) -> Iterator[tuple[str, Case]]:
    yield from _bounds(kind, "successWhen")
    yield from _bounds(kind, "failWhen")
    success, failure = f"{_METRIC}.successWhen", f"{_METRIC}.failWhen"
    no_limit = "needs successWhen or failWhen: without a limit the metric can never fail"
    ignore = "onNoData Ignore is for dryRun metrics only: missing data is never success"
    unclosed = (
        "has a {{ without a closing }}: write {{name}}, at most 128 characters between the braces"
    )
    no_arg = "minArg and maxArg must name one of args"
    rows: dict[str, tuple[str, str, dict[str, object], dict[str, object]]] = {
        "a metric without a limit": (
            _METRIC,
            no_limit,
            {success: GONE, failure: GONE},
            {success: GONE},
        ),
        "no data ignored where it decides": (
            _METRIC,
            ignore,
            {f"{_METRIC}.onNoData": "Ignore"},
            {f"{_METRIC}.onNoData": "Ignore", f"{_METRIC}.dryRun": True},
        ),
        "no data ignored where dryRun is absent": (
            _METRIC,
            ignore,
            {f"{_METRIC}.onNoData": "Ignore", f"{_METRIC}.dryRun": GONE},
            {f"{_METRIC}.onNoData": "Fail", f"{_METRIC}.dryRun": GONE},
        ),
        "fewer measurements than samples": (
            _METRIC,
            "count is below minSamples: the gate could never pass",
            {f"{_METRIC}.count": 2},
            {f"{_METRIC}.count": 3},
        ),
        "an argument that is not there": (
            "spec",
            no_arg,
            {f"{success}.maxArg": "limits"},
            {f"{success}.maxArg": "limit"},
        ),
        "a lower end that is not there": (
            "spec",
            no_arg,
            {failure: {"minArg": "other"}},
            {failure: {"minArg": "limit"}},
        ),
        "an argument where there are none": ("spec", no_arg, {"spec.args": GONE}, {}),
        "a placeholder that nobody closes": (
            f"{_QUERY}.query",
            unclosed,
            {f"{_QUERY}.query": "{{" + " " * 4090},
            {f"{_QUERY}.query": 'x{a="{{name}}",b="{{ args.limit }}"}[{{interval}}] { {'},
        ),
        "a placeholder in three braces": (
            f"{_QUERY}.query",
            unclosed,
            {f"{_QUERY}.query": "x{{{name}}}"},
            {f"{_QUERY}.query": "x{ {{name}}}"},
        ),
        "a placeholder that is longer than any": (
            "spec.minimumRequests.query",
            unclosed,
            {"spec.minimumRequests.query": "{{" + "x" * 129 + "}}"},
            {"spec.minimumRequests.query": "{{" + "x" * 128 + "}}"},
        ),
    }
    for row, (at, says, refused, allowed) in rows.items():
        yield (
            f"{kind}: {row}",
            Case(kind=kind, at=at, says=says, refused=refused, allowed=allowed),
        )


_ADDRESS: Final = f"{_QUERY}.address"
_TENANT: Final[Mapping[str, Case]] = {
    "a tenant's own Prometheus": Case(
        kind="ExitCriteria",
        at=_QUERY,
        says="address may be given in a ClusterExitCriteria only: here it would aim the operator's "
        "credentials; leave it out to ask the operator's own Prometheus",
        refused={_ADDRESS: "http://prometheus.example.com"},
    )
}

_NO_REVISION: Final = "revision is required except for Pause, Resume and Adopt"
_NO_STAGE: Final = "stage is required for Approve, Reject and SkipStage"
_NO_REASON: Final = "reason is required except for Approve"


def _decision(says: str, refused: Mapping[str, Any], allowed: Mapping[str, Any]) -> Case:
    return Case(kind="Decision", at="spec", says=says, refused=refused, allowed=allowed)


_DECISIONS: Final[Mapping[str, Case]] = {
    "a decision about no revision": _decision(
        _NO_REVISION,
        {"spec.act": "Promote", "spec.revision": GONE},
        {"spec.act": "Pause", "spec.revision": GONE},
    ),
    "a decision about a revision without a name": _decision(
        _NO_REVISION,
        {"spec.act": "Retry", "spec.revision": ""},
        {"spec.act": "Resume", "spec.revision": ""},
    ),
    "a decision about no revision, where there may be none": _decision(
        _NO_REVISION,
        {"spec.act": "PromoteFull", "spec.revision": GONE},
        {"spec.act": "Adopt", "spec.revision": GONE},
    ),
    "an approval of no stage": _decision(
        _NO_STAGE, {"spec.stage": GONE}, {"spec.act": "Promote", "spec.stage": GONE}
    ),
    "a rejection of no stage": _decision(
        _NO_STAGE,
        {"spec.act": "Reject", "spec.stage": GONE},
        {"spec.act": "Abort", "spec.stage": GONE},
    ),
    "no stage skipped": _decision(
        _NO_STAGE,
        {"spec.act": "SkipStage", "spec.stage": GONE},
        {"spec.act": "PromoteFull", "spec.stage": GONE},
    ),
    "a rejection without a reason": _decision(
        _NO_REASON, {"spec.act": "Reject", "spec.reason": GONE}, {"spec.reason": GONE}
    ),
    "a pause for no reason": _decision(
        _NO_REASON, {"spec.act": "Pause", "spec.reason": ""}, {"spec.reason": ""}
    ),
}

_BLUE_GREEN: Final = "spec.strategy.blueGreen"
_ANY_LENGTH: Final = {
    f"{_BLUE_GREEN}.prePromotion.soak": "ModelDeployment",
    f"{_BLUE_GREEN}.keepOld": "ModelDeployment",
    f"{_STAGE}.soak": "ModelDeployment",
    "spec.rollback.keepFailed": "ModelDeployment",
    "spec.unschedulableGrace": "ModelDeployment",
    "spec.drain": "ModelDeployment",
}
_NOT_NOTHING: Final = {
    f"{_BLUE_GREEN}.prePromotion.deadline": "ModelDeployment",
    f"{_BLUE_GREEN}.prePromotion.approval.expiresAfter": "ModelDeployment",
    f"{_BLUE_GREEN}.postPromotion.duration": "ModelDeployment",
    "spec.strategy.canary.bake.duration": "ModelDeployment",
    f"{_STAGE}.approval.expiresAfter": "ModelDeployment",
    "spec.rollbackWindow.maxAge": "ModelDeployment",
    f"{_STAGE}.deadline": "ModelDeployment",
    "spec.progressDeadline": "ModelDeployment",
}
_SMOKE_TEST: Final = {"spec.smokeTest.timeout": "ModelDeployment"}
_CRITERIA: Final = ("ExitCriteria", "ClusterExitCriteria")

IN_SPEC: Final[Mapping[str, Case]] = {
    **_DEPLOYMENTS,
    **_TENANT,
    **_DECISIONS,
    **dict(
        _criteria_twice(
            *(_STAGE, "spec.strategy.canary.bake"),
            *(f"{_BLUE_GREEN}.prePromotion", f"{_BLUE_GREEN}.postPromotion"),
        )
    ),
    **dict(_longer_than_a_year(_ANY_LENGTH | _NOT_NOTHING)),
    **dict(_shorter_than("1ms", "0.9ms", SOMETHING, _NOT_NOTHING | _SMOKE_TEST)),
    **{name: case for kind in _CRITERIA for name, case in _criteria(kind)},
    **{
        name: case
        for kind in _CRITERIA
        for name, case in (
            *_longer_than_a_year(
                {
                    "spec.minimumSoak": kind,
                    f"{_METRIC}.interval": kind,
                    f"{_METRIC}.initialDelay": kind,
                }
            ),
            *_shorter_than("1s", "999ms", A_SECOND, {f"{_METRIC}.interval": kind}),
        )
    },
}
"""About what is in the spec: the model and the API server have to agree."""

AT_ADMISSION: Final[Mapping[str, Case]] = {
    **{
        f"the JSONPath {refused}": _value(
            f"{_EXPECT}.jsonPath", JSON_PATH_SENTENCE, refused, allowed
        )
        for refused, allowed in {
            "$..*..*..*..*..*": "$..*",
            "$.v[?search(@, '(a|a)*$')]": "$.v[?@=='(a|a)*$']",
            "$[?@==$[0]]": "$[?@==0]",
            "$[0,0][0,0]": "$[0][-1]",
            "$[?@.a[?@.b]]": "$[?@.a['b'][0].c>= -1.5].d",
            "$[": "$",
            "$.a..b..c": "$.outputs[?@.name == 'p'].data[0]..b",
            "$..a$": '$["a b"]..*',
        }.items()
    },
    "a smoke test of a year": _value(
        "spec.smokeTest.timeout",
        "must be at most 1m: no client would wait longer",
        "8760h",
        "1m",
    ),
}
"""Refused where it is written; what got in before is read, and bounded where it is used."""

CASES: Final[Mapping[str, Case]] = {**NAMES, **IN_SPEC, **AT_ADMISSION}
