"""The same rollouts by Argo Rollouts: N of two replicas, three weights, all updated at once.

It gets what the cluster's own controllers get: more requests a second and more workers than by
default, so that they are not what is measured.
"""

import asyncio
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from benchmarks.rollouts import audit, workload
from benchmarks.rollouts.plane import OPERATOR, SYSTEM, Plane, kubectl, plane
from benchmarks.rollouts.process import cpu_seconds, memory_mib
from benchmarks.rollouts.took import Took, took
from benchmarks.rollouts.workload import REPLICAS, STAGES, Manifest, Users
from tests import cluster
from tests.apiserver.api import MERGE
from tests.cluster.go_tools import source
from tests.cluster.probe import Http, free_ports
from tests.cluster.processes import Component
from tests.cluster.progress import Progress

PATIENCE_SECONDS = 900.0
CONTROLLER = "rollouts-controller"
GROUP = "/apis/argoproj.io/v1alpha1"
OLD, NEW = "1.0.0", "2.0.0"
_RAISED = ("--qps=2000", "--burst=4000", "--rollout-threads=32")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollouts(Took):
    """What N updates took, and the controller that made them."""

    median_seconds: float
    requests_each: float
    cpu_ms_each: float
    peak_mib: float


class Healthy:
    """Which Rollouts have gone all the way to a version, and when, as a watch tells it."""

    def __init__(self) -> None:
        self.at: dict[str, dict[str, float]] = {}

    def seen(self, it: Manifest) -> None:
        if _healthy(it):
            version = it["spec"]["template"]["metadata"]["annotations"]["version"]
            self.at.setdefault(version, {}).setdefault(it["metadata"]["name"], time.monotonic())

    async def all(self, version: str, count: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.at.get(version, ())) < count:
                await asyncio.sleep(0.05)


def _healthy(it: Manifest) -> bool:
    """The phase alone is not enough: right after an update it is still the one from before."""
    status = it.get("status", {})
    told = (status.get("phase"), status.get("observedGeneration"), status.get("stableRS"))
    return told == ("Healthy", str(it["metadata"]["generation"]), status.get("currentPodHash"))


async def measure(n: int) -> Rollouts:
    """The pods of a ModelDeployment and its Service, by a Rollout in the place of both."""
    with Progress().step(f"{n} rollouts by Argo Rollouts"), plane() as made:
        _install(made)
        async with workload.users(made.admin) as who:
            seen = Healthy()
            async with who.watching(f"{GROUP}/rollouts", seen.seen):
                await workload.make_namespaces(who)
                await who.at_once(_create(who, number) for number in range(n))
                await seen.all(OLD, n)
                await asyncio.sleep(5)
                return await _rollouts(made, who, seen, n)


async def _rollouts(made: Plane, who: Users, seen: Healthy, n: int) -> Rollouts:
    pid, since, began = made.pid(CONTROLLER), datetime.now(UTC), time.monotonic()
    cpu = cpu_seconds(pid)
    update = await took(made, n, _all_updated(who, seen, n))
    counted = audit.requests(made.audit(), since, datetime.now(UTC), f"{CONTROLLER}/")
    return Rollouts(
        **asdict(update),
        median_seconds=round(sorted(seen.at[NEW].values())[n // 2] - began, 1),
        requests_each=round(audit.beyond_free(counted) / n, 2),
        cpu_ms_each=round(1000 * (cpu_seconds(pid) - cpu) / n, 1),
        peak_mib=round(memory_mib(pid, "VmHWM")),
    )


async def _all_updated(who: Users, seen: Healthy, n: int) -> None:
    await who.at_once(_update(who, number) for number in range(n))
    await seen.all(NEW, n)


def _install(made: Plane) -> None:
    """Its CRDs from its own module, and the controller with every right.

    It borrows the operator's identity, which nobody else uses here: requests of that user are the
    only ones that the API server writes down, so both are counted, and slowed down, alike.
    """
    kubectl(made, "apply", "--server-side", "-k", str(source(CONTROLLER) / "manifests" / "crds"))
    kubectl(made, "wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    account = f"--serviceaccount={SYSTEM}:{OPERATOR}"
    kubectl(
        made, "create", "clusterrolebinding", CONTROLLER, "--clusterrole=cluster-admin", account
    )
    made.start(_controller(made))


def _controller(made: Plane) -> Component:
    health, metrics = free_ports(2)
    return Component(
        name=CONTROLLER,
        argv=(
            str(cluster.ensure([CONTROLLER])[CONTROLLER]),
            f"--kubeconfig={made.operator}",
            f"--healthzPort={health}",
            f"--metricsPort={metrics}",
            "--leader-elect=false",
            "--loglevel=warn",
            *_RAISED,
        ),
        probe=Http("127.0.0.1", health, "/healthz"),
    )


def _path(number: int) -> str:
    return f"{GROUP}/namespaces/{workload.namespace(number)}/rollouts"


async def _create(who: Users, number: int) -> None:
    name, labels = workload.name(number), {"app": workload.name(number)}
    await who.api("POST", _path(number), _rollout(number, labels))
    service = {"metadata": {"name": name}, "spec": {"selector": labels, "ports": [{"port": 80}]}}
    await who.api("POST", f"/api/v1/namespaces/{workload.namespace(number)}/services", service)


def _rollout(number: int, labels: dict[str, str]) -> Manifest:
    template = workload.model_deployment(number, OLD, [])["spec"]["template"]
    canary = {
        "maxSurge": 1,
        "maxUnavailable": 0,
        "steps": [{"setWeight": stage["weight"]} for stage in STAGES],
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": workload.name(number)},
        "spec": {
            "replicas": REPLICAS,
            "selector": {"matchLabels": labels},
            "template": {**template, "metadata": {"labels": labels, **_marked(OLD)}},
            "strategy": {"canary": canary},
        },
    }


def _marked(version: str) -> Manifest:
    return {"annotations": {"version": version}}


async def _update(who: Users, number: int) -> None:
    body = {"spec": {"template": {"metadata": _marked(NEW)}}}
    await who.api("PATCH", f"{_path(number)}/{workload.name(number)}", body, MERGE)
