"""Deploys the operator as users do: its image, `kubectl apply -k`, waiting until it is there."""

import json
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from tests.cluster import Cluster, ClusterError, base_image, build_image, ensure, wheelhouse
from tests.cluster.shell import run

ROOT: Final = Path(__file__).parents[2]
OVERLAY: Final = Path("manifests", "overlays", "local")
NAMESPACE: Final = "lockstep-system"
NAME: Final = "lockstep-operator"
IMAGE: Final = "registry.invalid/lockstep-operator"
READY_SECONDS: Final = 120.0
POLL_SECONDS: Final = 0.5
LOG_LINES: Final = 5

Manifest = dict[str, Any]
T = TypeVar("T")


def deploy_operator(cluster: Cluster, checkout: Path = ROOT) -> None:
    """Build the operator's image, apply the manifests and wait until the operator is ready.

    Raises:
        ClusterError: It is not; says what stands in its way.
    """
    wanted = render(cluster, operator_image(cluster, checkout), checkout)
    _kubectl(cluster, "apply", "--server-side", "--force-conflicts", "--filename=-", stdin=wanted)
    wait_ready(cluster)


def operator_image(cluster: Cluster, checkout: Path = ROOT) -> str:
    """The operator's image, built from a checkout, this one if absent, and named by digest."""
    lock = checkout / "requirements" / "operator.lock"
    plain = ("Dockerfile", "pyproject.toml", "requirements/operator.lock", "operator/lockstep")
    files = {"wheels": wheelhouse(lock), **{name: checkout / name for name in plain}}
    return build_image(cluster, "operator", args={"BASE_IMAGE": base_image(cluster)}, files=files)


def render(cluster: Cluster, image: str, checkout: Path = ROOT) -> str:
    """The local overlay under a kustomization that adds image and Prometheus, as a user's would."""
    overlay = checkout / OVERLAY
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "kustomization.yaml").write_text(
            yaml.safe_dump(kustomization(os.path.relpath(overlay, folder), image, cluster))
        )
        return _kubectl(cluster, "kustomize", folder)


def kustomization(overlay: str, image: str, cluster: Cluster) -> Manifest:
    """What differs from one machine to the next."""
    name, _, digest = image.partition("@")
    return {
        "resources": [overlay],
        "images": [{"name": IMAGE, "newName": name, "digest": digest}],
        "configMapGenerator": [
            {
                "name": "lockstep-settings",
                "namespace": NAMESPACE,
                "behavior": "merge",
                "literals": [f"LOCKSTEP_PROMETHEUS_URL={cluster.prometheus_url}"],
            }
        ],
    }


def wait_ready(cluster: Cluster, within_seconds: float = READY_SECONDS) -> None:
    """Wait until the Deployment as last applied is available.

    Raises:
        ClusterError: It was not in time; with the pod's own reason and last words.
    """
    _wait(
        lambda: available(_deployment(cluster)),
        within_seconds,
        lambda: _trouble(cluster, within_seconds),
    )


def operator_pod(cluster: Cluster) -> Manifest:
    """The operator's one pod.

    Raises:
        ClusterError: There is none, or more than one that is not on its way out.
    """
    pods = [pod for pod in _pods(cluster) if "deletionTimestamp" not in pod["metadata"]]
    if len(pods) != 1:
        names = ", ".join(pod["metadata"]["name"] for pod in pods) or "none"
        raise ClusterError(f"one operator pod was expected, there is {names}")
    return pods[0]


def kill_operator(cluster: Cluster) -> None:
    """Kill the operator's process with SIGKILL and wait until its container runs anew.

    Where its process is not on this machine the pod is deleted without grace, which is as sudden.

    Raises:
        ClusterError: Nothing ran anew in time.
    """
    before = _incarnation(operator_pod(cluster))
    if cluster.flavor == "local":
        os.kill(_process(operator_pod(cluster)), signal.SIGKILL)
    else:
        pod = operator_pod(cluster)["metadata"]["name"]
        _kubectl(cluster, "delete", "pod", pod, "--grace-period=0", "--force", "-n", NAMESPACE)

    def anew() -> bool:
        return any(_runs(pod) and _incarnation(pod) != before for pod in _pods(cluster))

    _wait(anew, READY_SECONDS, lambda: _trouble(cluster, READY_SECONDS))


def _incarnation(pod: Manifest) -> tuple[str, str]:
    """Changes with every start of the operator's process."""
    return pod["metadata"]["uid"], _container(pod).get("containerID", "")


def _runs(pod: Manifest) -> bool:
    return "running" in _container(pod).get("state", {})


def _container(pod: Manifest) -> Manifest:
    statuses = pod.get("status", {}).get("containerStatuses") or [{}]
    return dict(statuses[0])


def _process(pod: Manifest) -> int:
    """The process id, on this machine, of the operator in ``pod``."""
    identity = str(_container(pod).get("containerID", "")).rpartition("/")[2]
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and identity and identity in _cgroups(folder):
            return int(folder.name)
    raise ClusterError(f"no process of pod {pod['metadata']['name']} is on this machine")


def _cgroups(process: Path) -> str:
    try:
        return (process / "cgroup").read_text()
    except OSError:  # it has ended meanwhile
        return ""


def available(deployment: Manifest) -> bool:
    """The latest spec has been seen, and all pods there are are its own and available."""
    status, wanted = deployment.get("status", {}), deployment["spec"]["replicas"]
    counts = {status.get(it) for it in ("replicas", "updatedReplicas", "availableReplicas")}
    seen = status.get("observedGeneration") == deployment["metadata"]["generation"]
    return seen and counts == {wanted}


def _deployment(cluster: Cluster) -> Manifest:
    return _get(cluster, "deployment", NAME)


def _pods(cluster: Cluster) -> list[Manifest]:
    found = _get(cluster, "pods", f"--selector=app.kubernetes.io/name={NAME}")
    return list(found["items"])


def _trouble(cluster: Cluster, within_seconds: float) -> str:
    pods = [it for pod in _pods(cluster) for it in complaints(pod)]
    why = "; ".join([*refusals(_deployment(cluster)), *pods]) or "nothing says why"
    log = _last_words(cluster)
    return f"the operator was not ready within {within_seconds:g} s: {why}" + (
        f"; it logged last: {log}" if log else ""
    )


def refusals(deployment: Manifest) -> Iterator[str]:
    """Why no pod was made."""
    for condition in deployment.get("status", {}).get("conditions", ()):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            yield condition["message"]


def complaints(pod: Manifest) -> Iterator[str]:
    """What scheduler and kubelet say of a pod that is not ready."""
    name, container = pod["metadata"]["name"], _container(pod)
    for condition in pod.get("status", {}).get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield f"{name}: {condition.get('message', condition.get('reason'))}"
    for kind, state in container.get("state", {}).items():
        if kind != "running":
            yield f"{name}: {state.get('reason', kind)} {state.get('message', '')}".rstrip()
        elif not container.get("ready"):
            yield f"{name}: running since {state.get('startedAt')}, not ready"


def _last_words(cluster: Cluster) -> str:
    try:
        log = _kubectl(
            cluster, "logs", f"deployment/{NAME}", f"--tail={LOG_LINES}", f"--namespace={NAMESPACE}"
        )
    except ClusterError:
        return ""
    return " | ".join(log.split("\n")).strip(" |")


def _wait(reached: Callable[[], bool], within_seconds: float, told: Callable[[], str]) -> None:
    end = time.monotonic() + within_seconds
    while not reached():
        if time.monotonic() > end:
            raise ClusterError(told())
        time.sleep(POLL_SECONDS)


def _get(cluster: Cluster, *what: str) -> Manifest:
    found: Manifest = json.loads(
        _kubectl(cluster, "get", *what, f"--namespace={NAMESPACE}", "--output=json")
    )
    return found


def _kubectl(cluster: Cluster, *words: str, stdin: str = "") -> str:
    argv = [ensure(["kubectl"])["kubectl"], "--kubeconfig", cluster.kubeconfig, *words]
    return run(argv, what=f"kubectl {words[0]}", stdin=stdin, timeout_seconds=120)
