"""What users do in the benchmark: N ModelDeployments, all updated at once, and who watches them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp

from lockstep.clients.kubernetes.connection import Connection, connect
from tests.apiserver.api import GROUP, MERGE, Api, Refused

Manifest = dict[str, Any]
NAMESPACES = 10
REPLICAS = 2
STAGES = [
    {"name": "first", "weight": 20},
    {"name": "half", "weight": 50},
    {"name": "full", "weight": 100},
]
_AT_A_TIME = 16
_OK = 200
_DIGEST = "@sha256:" + "a" * 64


class Users:
    """One administrator's session, and a watch that remembers the last status of everything."""

    def __init__(self, connection: Connection, api: Api) -> None:
        self._connection = connection
        self.api = api

    async def at_once(self, calls: Iterable[Awaitable[Any]]) -> None:
        """Send many requests, a few at a time."""
        gate = asyncio.Semaphore(_AT_A_TIME)

        async def sent(call: Awaitable[Any]) -> None:
            async with gate:
                await call

        await asyncio.gather(*(sent(call) for call in calls))

    @asynccontextmanager
    async def watching(self, path: str, seen: Callable[[Manifest], None]) -> AsyncIterator[None]:
        """Hand on every object below ``path`` as it appears and changes, while the block runs."""
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self._watch(path, seen))
            yield
            task.cancel()

    async def _watch(self, path: str, seen: Callable[[Manifest], None]) -> None:
        async with aiohttp.ClientSession(
            self._connection.server,
            connector=aiohttp.TCPConnector(ssl=self._connection.ssl_context),
            timeout=aiohttp.ClientTimeout(total=None),
            read_bufsize=2**22,
        ) as session:
            while True:
                async with session.get(path, params={"watch": "true"}) as reply:
                    if reply.status != _OK:
                        await asyncio.sleep(0.2)  # the kind is not served yet
                        continue
                    async for line in reply.content:
                        event = json.loads(line)
                        if event["type"] == "ERROR":
                            break  # too slow for the API server: it tells all of it again
                        seen(event["object"])


@asynccontextmanager
async def users(kubeconfig: Path) -> AsyncIterator[Users]:
    connection = await connect(kubeconfig, "benchmark")
    async with Api(connection) as api:
        yield Users(connection, api)


def namespace(number: int) -> str:
    return f"bench-{number % NAMESPACES:02}"


def name(number: int) -> str:
    return f"model-{number:04}"


def path(number: int) -> str:
    return f"{GROUP}/namespaces/{namespace(number)}/modeldeployments"


def model_deployment(number: int, version: str, stages: list[Manifest]) -> Manifest:
    """A served model such as people have: ports, probe, resources, an environment."""
    container = {
        "name": "server",
        "image": f"registry.example.com/ml/model-{number}{_DIGEST}",
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [{"name": "OMP_NUM_THREADS", "value": "1"}],
        "readinessProbe": {"httpGet": {"path": "/v2/health/ready", "port": "http"}},
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
    }
    return {
        "apiVersion": "lockstep.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name(number), "namespace": namespace(number)},
        "spec": {
            "model": {"version": version},
            "replicas": REPLICAS,
            "template": {"spec": {"containers": [container]}},
            "service": {"port": 80, "targetPort": "http"},
            "strategy": {"canary": {"stages": stages}},
        },
    }


async def make_namespaces(who: Users) -> None:
    for number in range(NAMESPACES):
        body = {"metadata": {"name": namespace(number)}}
        await who.api("POST", "/api/v1/namespaces", body)
    for number in range(NAMESPACES):
        account = f"/api/v1/namespaces/{namespace(number)}/serviceaccounts/default"
        while await who.api.found(account) is None:
            await asyncio.sleep(0.1)
    while not await _taken_in(who):
        await asyncio.sleep(0.1)


async def _taken_in(who: Users) -> bool:
    """Whether the policy that stamps authors knows the kind, some seconds after its CRD."""
    try:
        await who.api("POST", path(0), model_deployment(0, "0.0.0", STAGES), dryRun="All")
    except Refused as refused:
        if refused.code != HTTPStatus.SERVICE_UNAVAILABLE:
            raise
        return False
    return True


async def create(who: Users, count: int, version: str, stages: list[Manifest]) -> None:
    await who.at_once(
        _put(who, path(number), model_deployment(number, version, stages))
        for number in range(count)
    )


async def _put(who: Users, where: str, manifest: Manifest) -> None:
    try:
        await who.api("POST", where, manifest)
    except Refused as refused:
        raise AssertionError(f"the API server refused a ModelDeployment: {refused}") from refused


async def update(who: Users, numbers: Iterable[int], version: str) -> None:
    """A new model version in each: one patch, as Argo CD or kubectl would send it."""
    body = {"spec": {"model": {"version": version}}}
    await who.at_once(
        who.api("PATCH", f"{path(number)}/{name(number)}", body, MERGE) for number in numbers
    )
