"""Config that goes through a rollout like any other change, and comes back with its revision."""

import json
import shlex
import subprocess
from functools import partial
from typing import Any

import pytest

from tests.e2e.lab import Lab, revision
from tests.e2e.manifests import QUICK, Manifest, canary, criteria, stage
from tests.e2e.states import condition, healthy, phase, rolled_back

pytestmark = pytest.mark.e2e

GATED = canary(stage("half", 50, "30s", gated=True), stage("full", 100))
IN_CONTAINER: dict[str, Any] = {
    "envFrom": [{"configMapRef": {"name": "settings"}}],
    "volumeMounts": [{"name": "mounted", "mountPath": "/etc/fraud", "readOnly": True}],
}
IN_POD: dict[str, Any] = {
    "volumes": [
        {"name": "mounted", "projected": {"sources": [{"configMap": {"name": "settings"}}]}}
    ]
}


def settings(ratio: str) -> Manifest:
    """A ConfigMap that tells servers which part of the calls to fail."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings"},
        "data": {"ERROR_RATIO": ratio},
    }


def reading(lab: Lab, version: str, **spec: Any) -> Manifest:
    return lab.fraud(version, in_container=IN_CONTAINER, in_pod=IN_POD, **spec)


def mounted(lab: Lab, pods: list[Manifest]) -> set[str]:
    """What pods find in the file that is mounted into them."""
    return {said for pod in pods if (said := _read(lab, pod["metadata"]["name"]))}


def _read(lab: Lab, pod: str) -> str:
    """Nothing if the pod went meanwhile."""
    cat = ("exec", pod, "--", "cat", "/etc/fraud/ERROR_RATIO")
    ended = lab.world.kubectl.try_("--namespace", lab.namespace, *cat)
    if ended.returncode:
        left = lab.world.api.find("Pod", lab.namespace, pod)
        assert left is None or "deletionTimestamp" in left["metadata"], ended.stderr
    return ended.stdout


def copies(lab: Lab) -> dict[str, str]:
    """What our copies say, by the revision that reads them."""
    selector = "lockstep.dev/deployment=fraud"
    found = json.loads(lab.kubectl("get", "configmaps", f"--selector={selector}", "-o=json"))
    return {
        it["metadata"]["labels"]["lockstep.dev/revision"]: it["data"]["ERROR_RATIO"]
        for it in found["items"]
    }


def test_bad_config_is_rolled_back_while_stable_reads_what_it_always_read(lab: Lab) -> None:
    lab.apply(criteria(), settings("0"), reading(lab, "1.0.0", strategy=GATED))
    stable = revision(lab.until(healthy("1.0.0")))
    first = lab.uids(stable)
    callers = lab.callers(new=40)
    began = callers.now()

    lab.apply(settings("0.5"))
    seen = lab.wait("a trial", partial(_trial, lab), 20)
    candidate = revision(seen, "candidate")
    lab.wait("two readings", lambda: mounted(lab, _running(lab, candidate)) == {"0.5"}, 30)
    assert mounted(lab, _running(lab, stable)) == {"0"}
    seen = lab.until(rolled_back("1.0.0", "GateFailed"))
    assert str(seen["status"]["rejected"]["revision"]) == candidate
    lab.wait("vanished", lambda: lab.vanished(candidate), 40)
    lab.wait("four pods", lambda: len(_running(lab, stable)) == 4, 20)
    assert mounted(lab, _running(lab, stable)) == {"0"}
    assert first & lab.uids(stable), "pods of stable that stayed were not restarted"
    assert copies(lab) == {stable: "0", candidate: "0.5"}
    calls = callers.calls().between(began)
    assert not calls.by(stable).failed, calls
    lab.measured("calls of stable while bad config was on trial", len(calls.by(stable)))

    lab.apply(settings("0"))
    assert revision(lab.until(healthy("1.0.0"))) == stable
    lab.apply(settings("0.01"), reading(lab, "1.0.0", strategy=QUICK, revisionHistoryLimit=1))
    lab.wait("the oldest forgotten", lambda: set(copies(lab).values()) == {"0.5", "0.01"}, 60)


def test_a_return_brings_the_old_config_back(lab: Lab) -> None:
    lab.apply(settings("0"), reading(lab, "1.0.0", strategy=QUICK, replicas=2))
    stable = revision(lab.until(healthy("1.0.0")))
    pods = lab.uids(stable)
    lab.kubectl("label", "configmap", f"fraud-{stable}-settings", "lockstep.dev/deployment-")
    lab.wait("labelled again", lambda: stable in copies(lab), 20)
    assert lab.uids(stable) == pods

    lab.apply(settings("0.01"), reading(lab, "2.0.0", strategy=QUICK, replicas=2))
    lab.until(healthy("2.0.0"))
    back = reading(lab, "2.0.0", strategy=QUICK, replicas=2, rollbackTo=stable)
    lab.apply(back)
    assert revision(lab.until(healthy("1.0.0"))) == stable
    assert mounted(lab, _running(lab, stable)) == {"0"}


def test_a_missing_secret_is_waited_for_and_a_rotated_one_is_told(lab: Lab) -> None:
    secret = ("create", "secret", "generic", "key", "--from-literal")
    in_container = {"envFrom": [{"secretRef": {"name": "key"}}]}
    wanted = partial(lab.fraud, in_container=in_container, strategy=QUICK, replicas=1)
    lab.apply(wanted("1.0.0"))
    told = lab.until(phase("Degraded", "SecretMissing"))["status"]["message"]
    assert "spec.template.spec.containers[0].envFrom[0].secretRef reads Secret key" in told
    lab.kubectl(*secret, "PASSWORD=one")
    before = lab.until(healthy("1.0.0"))
    pods = lab.uids(revision(before))
    change = json.dumps({"stringData": {"PASSWORD": "two"}})
    lab.kubectl("patch", "secret", "key", "--patch", change)
    seen = lab.wait("told", partial(_rotated, lab), 20)
    assert lab.uids(revision(seen)) == pods, "nobody restarts pods unasked"
    _run(lab, condition(seen, "SecretRotated")["message"].rpartition("with: ")[2])
    lab.wait("told no more", lambda: not _rotated(lab), 30)
    lab.wait("replaced", lambda: not lab.uids(revision(before)) & pods, 60)
    assert revision(lab.until(healthy("1.0.0"))) == revision(before)


def _trial(lab: Lab) -> Manifest | None:
    seen = lab.look()
    return seen if seen["status"].get("candidate") else None


def _rotated(lab: Lab) -> Manifest | None:
    seen = lab.look()
    return seen if condition(seen, "SecretRotated") else None


def _running(lab: Lab, revision: str) -> list[Manifest]:
    return [pod for pod in lab.pods(revision) if pod["status"]["phase"] == "Running"]


def _run(lab: Lab, command: str) -> None:
    """The command from the message, as a person would paste it into a shell."""
    kubectl = lab.world.kubectl
    program, kubeconfig = shlex.quote(str(kubectl.program)), shlex.quote(str(kubectl.kubeconfig))
    pasted = f'kubectl() {{ {program} --kubeconfig {kubeconfig} "$@"; }}; {command}'
    subprocess.run(["/bin/sh", "-c", pasted], check=True, timeout=60)
