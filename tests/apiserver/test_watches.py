"""What is watched besides: a resource that may be missing, and the pods of a second kind."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from lockstep.adapters.kubernetes import pods
from lockstep.adapters.kubernetes.meta import Meta, meta
from lockstep.api.base import Manifest
from lockstep.api.resources import POD, Resource
from lockstep.shell.watch.cache import Cache
from lockstep.shell.watch.informers import Informer
from tests.apiserver.lab import DEADLINE, Lab, lab
from tests.cluster.probe import free_ports

pytestmark = pytest.mark.apiserver

ROUTE = Resource(
    group="routes.example.com",
    version="v1",
    plural="routes",
    kind="Route",
    selectors=("",),
    optional=True,
)
TRIALS = "example.com/trial"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Routes:
    """A record with nothing but its metadata."""

    def __init__(self, raw: Manifest) -> None:
        self.meta: Meta = meta(raw)


@pytest.fixture
async def world(
    api_server: Path, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Lab]:
    monkeypatch.setattr("lockstep.shell.watch.watching._OPTIONAL_EVERY", timedelta(seconds=1))
    async with lab(api_server, namespace, tmp_path) as made:
        (made.probe_port,) = free_ports(1)
        yield made


def informer(resource: Resource, selector: str, cache: Cache[Any]) -> Informer:
    (watch,) = (it for it in resource.watches if it.selector == selector)
    return Informer(resource=resource, watch=watch, cache=cache, tell=lambda _: None)


async def until(world: Lab, holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not holds():
            world.check()
            await asyncio.sleep(0.05)


async def ready(world: Lab) -> str:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{world.probe_port}/readyz") as answer,
    ):
        return await answer.text()


def definition() -> Manifest:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "metadata": {"name": f"{ROUTE.plural}.{ROUTE.group}"},
        "spec": {
            "group": ROUTE.group,
            "scope": "Namespaced",
            "names": {"kind": ROUTE.kind, "plural": ROUTE.plural},
            "versions": [{"name": ROUTE.version, **version}],
        },
    }


async def test_an_optional_resource_may_be_missing_and_come_later(world: Lab) -> None:
    """The operator is ready without it, works, and watches it from when its CRD is there."""
    routes: Cache[Routes] = Cache(Routes)
    world.others = (informer(ROUTE, "", routes),)
    world.start()
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    assert await ready(world) == "ok\n"
    await world.api("POST", CRDS, definition())
    path = f"{ROUTE.api}/namespaces/{world.namespace}/{ROUTE.plural}"
    await until(world, lambda: any(it.watch and it.path == path for it in world.proxy.open))
    body = {"apiVersion": f"{ROUTE.group}/v1", "kind": "Route", "metadata": {"name": "a"}}
    await world.api("POST", path, body)
    await until(world, lambda: [it.meta.name for it in routes] == ["a"])
    await world.api("DELETE", f"{path}/a")
    await until(world, lambda: not len(routes))
    await world.apply("2.0.0")
    await world.healthy("2.0.0")
    await world.api("DELETE", f"{CRDS}/{definition()['metadata']['name']}")


async def test_pods_of_a_second_kind_are_seen_by_their_own_label(world: Lab) -> None:
    both = replace(POD, selectors=(*POD.selectors, TRIALS))
    trials = Cache(pods.prune)
    world.others = (informer(both, TRIALS, trials),)
    world.start()
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    assert len(trials) == 0
    image = "registry.example.com/trial@sha256:" + "a" * 64
    pod = {
        "metadata": {"name": "trial", "labels": {TRIALS: "one"}},
        "spec": {"containers": [{"name": "trial", "image": image}]},
    }
    await world.api("POST", world.core("pods"), pod)
    await until(world, lambda: [it.meta.name for it in trials] == ["trial"])
    await world.apply("2.0.0")
    await world.healthy("2.0.0")
    assert len(trials) == 1
