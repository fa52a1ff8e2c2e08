"""A HorizontalPodAutoscaler on the scale subresource, followed through a canary and a blue-green.

The controller is Kubernetes' own; only the number that it scales by is played.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.cluster.shell import run
from tests.e2e import manifests
from tests.e2e.lab import Lab, revision
from tests.e2e.manifests import NAME, QUICK, RESTRICTED, Manifest, canary, stage
from tests.e2e.states import condition, healthy, holding

pytestmark = pytest.mark.e2e

API: Final = "v1beta1.external.metrics.k8s.io"
SYNC_SECONDS: Final = 60
"""The autoscaler looks every 15 s, and what it decided still has to become pods."""


def certificate() -> str:
    """A key and a certificate of nobody's; the API server is told not to look at it."""
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = Path(folder, "key"), Path(folder, "certificate")
        wish = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        told = ("-subj", "/CN=metrics", "-days", "1", "-keyout", key, "-out", certificate)
        run(["openssl", "req", *wish, *told], what="making a certificate for the metrics")
        return key.read_text() + certificate.read_text()


def metrics(image: str, identity: str) -> Manifest:
    serving = {
        "name": "metrics",
        "image": image,
        "command": ["python3", "metrics.py"],
        "env": [{"name": "CERTIFICATE", "value": identity}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
        "securityContext": RESTRICTED,
    }
    pod = manifests.pod_spec(serving, terminationGracePeriodSeconds=1)
    metadata = {"name": "metrics", "labels": {"app": "metrics"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod}


def api_service(namespace: str) -> Manifest:
    version, _, group = API.partition(".")
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": API},
        "spec": {
            "group": group,
            "version": version,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": True,
            "service": {"name": "metrics", "namespace": namespace, "port": 443},
        },
    }


def autoscaler(kind: str, name: str) -> Manifest:
    versions = {"ModelDeployment": manifests.API_VERSION, "ReplicaSet": "apps/v1"}
    target = {"type": "AverageValue", "averageValue": "1"}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "fraud-load"},
        "spec": {
            "scaleTargetRef": {"apiVersion": versions[kind], "kind": kind, "name": name},
            "minReplicas": 2,
            "maxReplicas": 8,
            "metrics": [
                {"type": "External", "external": {"metric": {"name": "load"}, "target": target}}
            ],
        },
    }


@contextmanager
def measured(lab: Lab) -> Iterator[None]:
    """The cluster's external metrics come from this scenario's pod; nobody else asks for any."""
    service = manifests.service("metrics", {"app": "metrics"})
    service["spec"]["ports"] = [{"port": 443, "targetPort": 8443}]
    lab.apply(metrics(lab.image, certificate()), service)
    load(lab, 2)
    world = lab.world.kubectl
    world("apply", "--filename", "-", stdin=yaml.safe_dump(api_service(lab.namespace)))
    try:
        world("wait", "--for=condition=Available", f"apiservice/{API}", "--timeout=110s")
        yield
    finally:
        world("delete", "apiservice", API)


def load(lab: Lab, pods: int) -> None:
    """So many pods' worth of load from now on."""
    lab.kubectl("wait", "--for=condition=Ready", "pod/metrics", "--timeout=110s")
    lab.world.api.through(lab.namespace, "metrics", f"load/{pods}", "POST")


def without_replicas(wanted: Manifest) -> Manifest:
    del wanted["spec"]["replicas"]
    return wanted


def asked(lab: Lab, replicas: int) -> None:
    def scaled() -> bool:
        return bool(lab.look()["spec"]["replicas"] == replicas)

    lab.wait(f"scaled to {replicas} by the autoscaler", scaled, SYNC_SECONDS)


def counts(lab: Lab, seen: Manifest) -> tuple[int, ...]:
    """Pods of stable and candidate."""
    return tuple(len(lab.uids(revision(seen, arm))) for arm in ("stable", "candidate"))


def stages(soak: str) -> Manifest:
    return canary(stage("half", 50, soak), stage("full", 100))


def preview(soak: str) -> Manifest:
    return {"blueGreen": {"prePromotion": {"soak": soak}, "keepOld": "0s"}}


def test_an_autoscaler_is_followed_through_a_canary_and_a_blue_green(lab: Lab) -> None:
    lab.apply(without_replicas(lab.fraud("1.0.0", strategy=stages("10m"))))
    lab.until(healthy("1.0.0"))
    with measured(lab):
        lab.apply(autoscaler("ModelDeployment", NAME))
        asked(lab, 2)
        lab.until(healthy("1.0.0"))
        callers = lab.callers(new=10)

        lab.apply(without_replicas(lab.fraud("2.0.0", strategy=stages("10m"))))
        half = lab.until(holding("half"))
        assert counts(lab, half) == (1, 1)
        load(lab, 6)
        asked(lab, 6)
        lab.wait("three of each", lambda: counts(lab, half) == (3, 3), SYNC_SECONDS)
        assert lab.until(holding("half"))["spec"]["replicas"] == 6
        lab.apply(without_replicas(lab.fraud("2.0.0", strategy=stages("1s"))))
        done = lab.until(healthy("2.0.0"), 150)
        assert done["spec"]["replicas"] == 6, "a constant load moved it"
        lab.wait("six pods", lambda: len(lab.pods()) == 6, 20)

        lab.apply(without_replicas(lab.fraud("3.0.0", strategy=preview("10m"))))
        shown = lab.until(holding("pre-promotion"))
        assert counts(lab, shown) == (6, 6)
        assert shown["status"]["replicas"] == 6
        load(lab, 8)
        asked(lab, 8)
        lab.wait("eight of each", lambda: counts(lab, shown) == (8, 8), SYNC_SECONDS)
        lab.apply(without_replicas(lab.fraud("3.0.0", strategy=preview("1s"))))
        done = lab.until(healthy("3.0.0"), 150)
        assert done["spec"]["replicas"] == 8, "idle pods moved it"
        lab.wait("eight pods", lambda: len(lab.pods()) == 8, 20)
        calls = callers.calls()
    lab.measured("scaled 2 to 6 in a canary, 6 to 8 in a blue-green", f"{calls}")
    assert not calls.unanswered, calls


def test_an_autoscaler_on_a_child_is_a_conflict_that_heals_and_stops_nothing(lab: Lab) -> None:
    lab.apply(lab.fraud("1.0.0", replicas=2, strategy=QUICK))
    child = f"{NAME}-{revision(lab.until(healthy('1.0.0')))}"

    def conflict() -> Manifest:
        return condition(lab.look(), "Conflict")

    hpa = autoscaler("ReplicaSet", child)
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
    hpa["spec"]["metrics"] = [{"type": "Resource", "resource": cpu}]  # that nobody measures here
    lab.apply(hpa)
    lab.wait("in conflict", lambda: conflict().get("reason") == "AutoscalerOnChild", 10)
    assert f"HorizontalPodAutoscaler fraud-load scales ReplicaSet {child}" in conflict()["message"]
    lab.apply(lab.fraud("2.0.0", replicas=2, strategy=QUICK))
    lab.until(healthy("2.0.0"))
    lab.apply(lab.fraud("1.0.0", replicas=2, strategy=QUICK))
    lab.until(healthy("1.0.0"))
    lab.wait("in conflict again", conflict, 10)
    target = {"scaleTargetRef": autoscaler("ModelDeployment", NAME)["spec"]["scaleTargetRef"]}
    lab.kubectl("patch", "hpa/fraud-load", "--type=merge", "-p", json.dumps({"spec": target}))
    lab.wait("at peace", lambda: not conflict(), 10)
