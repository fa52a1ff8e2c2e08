"""One namespace on a real API server, with the operator in this process and the rest played."""

import asyncio
import copy
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from lockstep import handlers, wiring
from lockstep.api.model_deployment import Model
from lockstep.clients.kubernetes.connection import connect
from lockstep.core.key import Key
from lockstep.core.rollout import revision
from lockstep.settings import Settings
from lockstep.shell.watch.informers import Informer
from tests.apiserver.api import APPLY, GROUP, Api, Manifest
from tests.apiserver.kubelet import Kubelet
from tests.apiserver.prometheus import Prometheus
from tests.apiserver.proxy import Proxy

DEADLINE = 120.0
DIGEST = "@sha256:" + "a" * 64


def template(version: str) -> Manifest:
    return {
        "metadata": {"labels": {"version": version}},
        "spec": {
            "containers": [{"name": "server", "image": f"registry.example.com/fraud{DIGEST}"}]
        },
    }


def soon() -> str:
    """A second from now: older than that are all pods there are, and none that comes then.

    Of a pod only the second is known in which it was made.
    """
    at = datetime.now(UTC) + timedelta(seconds=1)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


class Lab:
    """What a test may do: apply, wait for a named state, look, and have the operator die."""

    def __init__(self, api: Api, namespace: str, proxy: Proxy, prometheus: Prometheus) -> None:
        self.api, self.namespace, self.proxy, self.prometheus = api, namespace, proxy, prometheus
        self.kubelet = Kubelet(api, namespace)
        self._operator: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self.playing: asyncio.Task[None] | None = None
        self.probe_port = 0
        self.api_timeout = 10.0
        self.neighbours: tuple[str, ...] = ()
        self.others: tuple[Informer, ...] = ()

    # What users do.

    def model_deployment(self, version: str, name: str = "fraud", **spec: Any) -> Manifest:
        stages = [{"name": "half", "weight": 50}, {"name": "full", "weight": 100}]
        return {
            "apiVersion": "lockstep.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {
                "model": {"version": version},
                "replicas": 2,
                "template": template(version),
                "strategy": {"canary": {"stages": stages}},
                "drain": "0s",
                **copy.deepcopy(spec),
            },
        }

    async def apply(self, version: str, name: str = "fraud", **spec: Any) -> Manifest:
        manifest = self.model_deployment(version, name, **spec)
        query = {"fieldManager": "test", "force": "true"}
        return await self.api("PATCH", self.path(name), manifest, APPLY, **query)

    async def criteria(self, **metric: Any) -> None:
        found = {
            "name": "errors",
            "interval": "1s",
            "prometheus": {"query": 'errors{revision="{{revision}}"}'},
            "successWhen": {"max": 0.01},
            **metric,
        }
        manifest = {
            "apiVersion": "lockstep.dev/v1alpha1",
            "kind": "ExitCriteria",
            "metadata": {"name": "serving"},
            "spec": {"metrics": [found]},
        }
        path = f"{GROUP}/namespaces/{self.namespace}/exitcriteria/serving"
        await self.api("PATCH", path, manifest, APPLY, fieldManager="test", force="true")

    # What can be looked at.

    def id_of(self, version: str, name: str = "fraud") -> str:
        """The revision that a version is here."""
        model, key = (
            Model.model_validate({"version": version}),
            Key("ModelDeployment", self.namespace, name),
        )
        return revision.resolve(key, template(version), model, ()).revision

    def path(self, name: str = "fraud") -> str:
        return f"{GROUP}/namespaces/{self.namespace}/modeldeployments/{name}"

    def core(self, plural: str) -> str:
        return f"/api/v1/namespaces/{self.namespace}/{plural}"

    def apps(self, plural: str) -> str:
        return f"/apis/apps/v1/namespaces/{self.namespace}/{plural}"

    async def status(self, name: str = "fraud") -> Manifest:
        return dict((await self.api("GET", self.path(name))).get("status") or {})

    async def pods(self) -> dict[str, str]:
        """Name of each pod's version by its uid."""
        pods = await self.api.items(self.core("pods"))
        return {it["metadata"]["uid"]: it["metadata"]["labels"]["version"] for it in pods}

    async def sets(self) -> list[Manifest]:
        """What pods come from."""
        return await self.api.items(self.apps("replicasets"))

    async def selector(self, name: str = "fraud") -> dict[str, str]:
        service = await self.api("GET", f"{self.core('services')}/{name}")
        return dict(service["spec"]["selector"])

    async def services(self) -> set[str]:
        """Names of all Services."""
        return {it["metadata"]["name"] for it in await self.api.items(self.core("services"))}

    async def no_preview(self) -> None:
        """Wait until only callers' own Service is left: a preview's goes after the promotion."""
        async with asyncio.timeout(DEADLINE):
            while await self.services() != {"fraud"}:
                await asyncio.sleep(0.05)

    async def events(self) -> list[str]:
        events = await self.api.items(self.core("events"))
        return sorted(it["reason"] for it in events)

    async def told(self, reason: str, what: str) -> bool:
        """Whether an Event of this reason says ``what``."""
        events = await self.api.items(self.core("events"))
        return any(it["reason"] == reason and what in str(it) for it in events)

    async def passes(self) -> dict[str, int]:
        """How many passes this life of the operator has ended, by how they did."""
        address = f"http://127.0.0.1:{self.probe_port}/metrics"
        try:
            async with aiohttp.ClientSession() as session, session.get(address) as answer:
                lines = (await answer.text()).splitlines()
        except aiohttp.ClientError:
            return {}  # it is just starting
        counted = [line for line in lines if line.startswith("lockstep_passes_total{")]
        return {line.split('"')[1]: int(float(line.split()[-1])) for line in counted}

    def writes(self) -> int:
        """How many writes the operator has asked for, the lease aside."""
        return sum(asked.write for asked in self.proxy.seen)

    # Waiting for a state, never for a time.

    async def until(
        self, what: str, holds: Callable[[Manifest], object], name: str = "fraud"
    ) -> Manifest:
        """Poll the status until ``holds``; fails with everything that was last seen."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            self.check()
            status = await self.status(name)
            if holds(status):
                return status
            await asyncio.sleep(0.05)
        shown = json.dumps(status, indent=1)
        raise AssertionError(f"not within {DEADLINE:g} s: {what}\n{shown}")

    async def reached(self, look: Callable[[], Awaitable[object]], wanted: object) -> None:
        """Wait until ``look`` gives ``wanted``."""
        seen = None
        try:
            async with asyncio.timeout(DEADLINE):
                while (seen := await look()) != wanted:
                    self.check()
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{seen} is not {wanted}\n{await self.status()}") from None

    async def callers_on(self, version: str) -> None:
        """Wait until the Service selects this version alone."""
        async with asyncio.timeout(DEADLINE):
            while (await self.selector()).get("lockstep.dev/revision") != self.id_of(version):
                await asyncio.sleep(0.05)

    async def only(self, version: str) -> dict[str, str]:
        """Wait until no pod of another version is left; gives the pods."""
        async with asyncio.timeout(DEADLINE):
            while set((pods := await self.pods()).values()) != {version}:
                await asyncio.sleep(0.05)
        return pods

    async def replaced(self, pods: Collection[str]) -> None:
        """Wait until none of these is left, nor any surplus of their restart."""

        async def left() -> tuple[set[str], bool]:
            sets = await self.sets()
            return (await self.pods()).keys() & set(pods), all(map(_settled, sets))

        await self.reached(left, (set(), True))

    async def healthy(self, version: str, name: str = "fraud") -> Manifest:
        def holds(status: Manifest) -> bool:
            stable = (status.get("stable") or {}).get("version")
            return status.get("phase") == "Healthy" and stable == version

        return await self.until(f"{version} healthy", holds, name)

    async def reason(self, reason: str, name: str = "fraud") -> Manifest:
        return await self.until(reason, lambda status: reason_of(status) == reason, name)

    # The operator.

    def settings(self) -> Settings:
        return Settings(
            namespaces=(self.namespace, *self.neighbours),
            prometheus_url=self.prometheus.address,
            api_timeout_seconds=self.api_timeout,
            lease_namespace=self.namespace,
            lease_seconds=30.0,
            stop_seconds=2.0,
            probe_port=self.probe_port,
            kubeconfig=self.kubeconfig,
        )

    def start(self) -> None:
        self._stop = asyncio.Event()
        self._operator = asyncio.create_task(
            wiring.run(self.settings(), handlers.registry, self._stop, others=self.others)
        )

    async def stop(self) -> None:
        """As a SIGTERM does."""
        self._stop.set()
        if self._operator:
            await asyncio.gather(self._operator, return_exceptions=True)
        self._operator = None

    async def die(self) -> None:
        """As a kill does: nothing is said to anybody, and the lease is left to run out."""
        if self._operator:
            self._operator.cancel()
            await asyncio.gather(self._operator, return_exceptions=True)
        self._operator = None
        self.proxy.heal()
        leases = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"
        await self.api("DELETE", leases)

    def check(self) -> None:
        """An operator that ended by itself is a failure of any test."""
        if self._operator and self._operator.done():
            self._operator.result()
            raise AssertionError("the operator ended by itself")
        if self.playing and self.playing.done():
            self.playing.result()

    kubeconfig: Path


def surplus_of(child: Manifest) -> str:
    """How many of its pods are there for a restart only, as the child itself says."""
    return str((child["metadata"].get("annotations") or {}).get("lockstep.dev/surplus", ""))


def _settled(child: Manifest) -> bool:
    """Whether its controller has made of it what it asks for, without a surplus."""
    status, wanted = child["status"], child["spec"]["replicas"]
    seen = status.get("observedGeneration") == child["metadata"]["generation"]
    return seen and status.get("replicas", 0) == wanted and not surplus_of(child)


def reason_of(status: Manifest) -> str:
    ready = (it["reason"] for it in status.get("conditions", ()) if it["type"] == "Ready")
    return next(ready, "")


@asynccontextmanager
async def lab(kubeconfig: Path, namespace: str, folder: Path) -> AsyncIterator[Lab]:
    """Everything but the operator, which a test starts when it likes."""
    connection = await connect(kubeconfig, "lockstep-test")
    proxy, prometheus = Proxy(connection), Prometheus()
    async with Api(connection) as api, proxy.serving(), prometheus.serving():
        account = {"metadata": {"name": "default"}}
        await api("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", account)
        made = Lab(api, namespace, proxy, prometheus)
        made.kubeconfig = _kubeconfig(folder, proxy.address)
        made.playing = asyncio.create_task(made.kubelet.play())
        try:
            yield made
        finally:
            proxy.heal()
            await made.stop()
            made.playing.cancel()
            with suppress(asyncio.CancelledError):
                await made.playing


def _kubeconfig(folder: Path, address: str) -> Path:
    path = folder / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": address}}],
        "users": [{"name": "u", "user": {}}],
    }
    path.write_text(json.dumps(config))
    return path
