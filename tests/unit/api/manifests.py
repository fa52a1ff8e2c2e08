"""Manifests in which every field is given, and how to change one of them at a path."""

import copy
import re
from collections.abc import Mapping
from typing import Any, Final

Manifest = dict[str, Any]
PINNED: Final = "registry.example.com/ml/fraud:2.4.0@sha256:" + "ab" * 32
API_VERSION: Final = "lockstep.dev/v1alpha1"

_LISTS: Final[Manifest] = {
    "env": [{"name": "LEVEL", "value": "info"}],
    "envFrom": [{"configMapRef": {"name": "settings"}}],
    "ports": [{"containerPort": 8080}],
    "volumeMounts": [{"name": "words", "mountPath": "/mnt/words"}],
}

MODEL_DEPLOYMENT: Final[Manifest] = {
    "apiVersion": API_VERSION,
    "kind": "ModelDeployment",
    "metadata": {"name": "fraud"},
    "spec": {
        "model": {"version": "2.4.0", "artifact": PINNED, "mountPath": "/mnt/models"},
        "changeRequest": {
            "system": "jira",
            "id": "CHG-10482",
            "url": "https://tickets.example.com/CHG-10482",
            "requestedBy": "alice@example.com",
        },
        "replicas": 6,
        "minReadySeconds": 5,
        "paused": False,
        "template": {
            "metadata": {"labels": {"team": "fraud"}, "annotations": {"example.com/note": "x"}},
            "spec": {
                "containers": [{"name": "server", "image": PINNED, **_LISTS}],
                "initContainers": [
                    {"name": "warm-up", "image": PINNED, "args": ["--fast"], **_LISTS}
                ],
                "volumes": [
                    {"name": "words", "image": {"reference": PINNED, "pullPolicy": "Always"}}
                ],
                "serviceAccountName": "fraud",
            },
        },
        "service": {
            "port": 80,
            "targetPort": 8080,
            "ports": [
                {
                    "name": "http",
                    "port": 80,
                    "targetPort": "http",
                    "protocol": "TCP",
                    "appProtocol": "kubernetes.io/h2c",
                    "nodePort": 30080,
                }
            ],
            "type": "NodePort",
            "headless": False,
            "labels": {"team": "fraud"},
            "annotations": {"example.com/note": "x"},
        },
        "smokeTest": {
            "path": "/v2/models/fraud/infer",
            "body": "{}",
            "expect": {"status": 200, "jsonPath": "$.outputs[0]", "min": 0.8, "max": 0.9},
            "timeout": "5s",
        },
        "strategy": {
            "canary": {
                "maxSurge": 1,
                "stableScale": "Shrink",
                "stages": [
                    {
                        "name": "first",
                        "weight": 5,
                        "soak": "10m",
                        "deadline": "2h",
                        "exitCriteria": [{"kind": "ClusterExitCriteria", "name": "serving"}],
                        "approval": {
                            "required": 2,
                            "groups": ["ml-fraud"],
                            "expiresAfter": "72h",
                            "excludeAuthor": True,
                        },
                    },
                    {"name": "full", "weight": 100},
                ],
                "bake": {
                    "duration": "24h",
                    "exitCriteria": [{"kind": "ClusterExitCriteria", "name": "serving"}],
                },
            }
        },
        "rollback": {"onFailure": "Rollback", "speed": "Immediate", "keepFailed": "30s"},
        "progressDeadline": "10m",
        "restartLimit": {"startup": 5, "serving": 1},
        "unschedulableGrace": "10m",
        "rollbackWindow": {"revisions": 3, "maxAge": "168h"},
        "initialRollout": "Direct",
        "retry": "",
        "rollbackTo": "7f9c2b1e",
        "restartAt": "2026-01-01T00:00:00Z",
        "deletionPolicy": "Delete",
        "drain": "5s",
        "revisionHistoryLimit": 10,
    },
}

EXIT_CRITERIA: Final[Manifest] = {
    "apiVersion": API_VERSION,
    "kind": "ExitCriteria",
    "metadata": {"name": "serving"},
    "spec": {
        "minimumSoak": "10m",
        "minimumRequests": {"count": 2000, "query": "sum(requests)"},
        "args": [{"name": "limit", "value": 0.25}],
        "metrics": [
            {
                "name": "p99-latency",
                "prometheus": {
                    "query": "max(latency)",
                    "perRevisionLabel": "revision",
                    "reduce": "Max",
                },
                "interval": "30s",
                "initialDelay": "1m",
                "count": 10,
                "successWhen": {"maxArg": "limit", "min": 0},
                "failWhen": {"min": 0.5, "maxArg": "limit"},
                "failureLimit": 1,
                "inconclusiveLimit": 1,
                "consecutiveErrorLimit": 1,
                "minSamples": 3,
                "onNoData": "Pause",
                "onFailure": "Rollback",
                "dryRun": False,
            }
        ],
    },
}

CLUSTER_EXIT_CRITERIA: Final[Manifest] = {**EXIT_CRITERIA, "kind": "ClusterExitCriteria"}

DECISION: Final[Manifest] = {
    "apiVersion": API_VERSION,
    "kind": "Decision",
    "metadata": {"name": "fraud-approve"},
    "spec": {
        "target": {"kind": "ModelDeployment", "name": "fraud"},
        "act": "Approve",
        "revision": "7f9c2b1e",
        "stage": "quarter",
        "by": "alice@example.com",
        "groups": ["ml-fraud"],
        "reason": "p99 spike was the load test",
    },
}

BLUE_GREEN: Final[Manifest] = {
    "previewReplicas": 1,
    "prePromotion": {
        "soak": "5m",
        "deadline": "1h",
        "exitCriteria": [{"kind": "ClusterExitCriteria", "name": "serving"}],
        "approval": {
            "required": 1,
            "groups": ["ml-fraud"],
            "expiresAfter": "72h",
            "excludeAuthor": False,
        },
    },
    "autoPromote": True,
    "postPromotion": {
        "duration": "1h",
        "exitCriteria": [{"kind": "ClusterExitCriteria", "name": "serving"}],
    },
    "keepOld": "30m",
}
"""The other strategy in which every field is given."""

WHOLE: Final = {
    each["kind"]: each
    for each in (MODEL_DEPLOYMENT, EXIT_CRITERIA, CLUSTER_EXIT_CRITERIA, DECISION)
}

GONE: Final = object()
"""In place of a value: the field is left out."""

Step = str | int


def steps(path: str) -> list[Step]:
    """`spec.stages[0].name` as `["spec", "stages", 0, "name"]`."""
    return [
        int(number) if number else name
        for name, number in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path)
    ]


def change(manifest: Manifest, changes: Mapping[str, object]) -> Manifest:
    """A copy of ``manifest`` with ``changes`` made to it, by path."""
    copied = copy.deepcopy(manifest)
    for path, value in changes.items():
        *way, last = steps(path)
        at: Any = copied
        for step in way:
            at = at[step]
        if value is GONE:
            del at[last]
        else:
            at[last] = copy.deepcopy(value)
    return copied


def get(manifest: Manifest, path: str) -> Any:
    """What stands at ``path``."""
    at: Any = manifest
    for step in steps(path):
        at = at[step]
    return at
