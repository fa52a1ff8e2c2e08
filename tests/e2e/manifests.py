"""What users of the end-to-end scenarios apply. Every builder gives a fresh, whole manifest."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

Manifest = dict[str, Any]

API_VERSION: Final = "lockstep.dev/v1alpha1"
NAME: Final = "fraud"
CRITERIA: Final = "serving"
RESTRICTED: Final[Manifest] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
OURS: Final = 'namespace="{{namespace}}",revision="{{revision}}"'
ERROR_RATIO: Final = (
    f'sum(rate(http_requests_total{{{OURS},code=~"5.."}}[5s]))'
    f" / sum(rate(http_requests_total{{{OURS}}}[5s]))"
)
P99_SECONDS: Final = (
    "histogram_quantile(0.99, sum by (le) "
    f"(rate(http_request_duration_seconds_bucket{{{OURS}}}[5s])))"
)
SMOKE_TEST: Final[Manifest] = {
    "path": "/v2/models/fraud/infer",
    "body": '{"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [0.1]}]}',
    "expect": {"jsonPath": "$.outputs[0].data[0]", "min": 0.8, "max": 0.9},
}


def stage(name: str, weight: int, soak: str = "", *, gated: bool = False) -> Manifest:
    return {
        "name": name,
        "weight": weight,
        **({"soak": soak} if soak else {}),
        **({"exitCriteria": [{"name": CRITERIA}]} if gated else {}),
    }


def canary(*stages: Manifest, max_surge: int = 1) -> Manifest:
    return {"canary": {"maxSurge": max_surge, "stages": list(stages)}}


HALF_THEN_ALL: Final = (stage("half", 50, "6s", gated=True), stage("full", 100))
QUICK: Final = canary(stage("half", 50, "1s"), stage("full", 100))


def container(
    image: str, version: str, env: Mapping[str, str], fields: Mapping[str, object]
) -> Manifest:
    told = {"VERSION": version, **env}
    revision = {"fieldRef": {"fieldPath": "metadata.labels['lockstep.dev/revision']"}}
    return {
        "name": "server",
        "image": image,
        "env": [
            {"name": "REVISION", "valueFrom": revision},
            *({"name": name, "value": value} for name, value in sorted(told.items())),
        ],
        "ports": [{"containerPort": 8080}],
        "readinessProbe": {
            "httpGet": {"path": "/healthz", "port": 8080},
            "periodSeconds": 1,
            "timeoutSeconds": 3,
        },
        "resources": {"requests": {"cpu": "2m", "memory": "16Mi"}},
        "securityContext": RESTRICTED,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **fields,
    }


def pod_spec(*containers: Manifest, **fields: object) -> Manifest:
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 20,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": list(containers),
        **fields,
    }


def fraud(
    image: str,
    version: str,
    *,
    env: Mapping[str, str] | None = None,
    in_container: Mapping[str, object] | None = None,
    in_pod: Mapping[str, object] | None = None,
    artifact: str = "",
    **spec: object,
) -> Manifest:
    """A ModelDeployment of four pods whose canary is half, then all; ``spec`` replaces fields."""
    serving = container(image, version, env or {}, in_container or {})
    scraped = {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelDeployment",
        "metadata": {"name": NAME},
        "spec": {
            "model": {"version": version, **({"artifact": artifact} if artifact else {})},
            "replicas": 4,
            "template": {
                "metadata": {"annotations": scraped},
                "spec": pod_spec(serving, **(in_pod or {})),
            },
            "strategy": canary(*HALF_THEN_ALL),
            "rollback": {"keepFailed": "15s"},
            "progressDeadline": "60s",
            "drain": "8s",
            **spec,
        },
    }


def criteria(**fields: object) -> Manifest:
    """At most 5 % errors and five seconds at the 99th percentile, looked at every two seconds."""
    looked_at = {"interval": "2s", "failureLimit": 1, "minSamples": 2, **fields}
    limits = {"error-ratio": (ERROR_RATIO, 0.05), "p99-seconds": (P99_SECONDS, 5)}
    return {
        "apiVersion": API_VERSION,
        "kind": "ExitCriteria",
        "metadata": {"name": CRITERIA},
        "spec": {
            "metrics": [
                {
                    "name": name,
                    "prometheus": {"query": query},
                    "successWhen": {"max": most},
                    **looked_at,
                }
                for name, (query, most) in limits.items()
            ]
        },
    }


def cluster_criteria() -> Manifest:
    """The platform team's, which no deployment of the scenarios uses."""
    return {**criteria(), "kind": "ClusterExitCriteria", "metadata": {"name": "e2e-platform"}}


def caller(name: str, image: str, host: str, seconds: int, env: Mapping[str, str]) -> Manifest:
    """A pod of callers; the cluster ends it when it should have ended itself."""
    told = {"HOST": host, "SECONDS": str(seconds), **env}
    calling = {
        "name": "caller",
        "image": image,
        "command": ["python3", "caller.py"],
        "env": [{"name": name, "value": value} for name, value in told.items()],
        "readinessProbe": {"httpGet": {"path": "/now", "port": 8080}, "periodSeconds": 1},
        "securityContext": RESTRICTED,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": pod_spec(
            calling,
            restartPolicy="Never",
            activeDeadlineSeconds=seconds + 120,
            terminationGracePeriodSeconds=1,
        ),
    }


def namespace(name: str) -> Manifest:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def quota(pods: int) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few-pods"},
        "spec": {"hard": {"pods": str(pods)}},
    }


def service(name: str, selector: Mapping[str, str]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": dict(selector), "ports": [{"port": 80, "targetPort": 8080}]},
    }


def names_of(objects: Sequence[Manifest]) -> set[str]:
    return {it["metadata"]["name"] for it in objects}
