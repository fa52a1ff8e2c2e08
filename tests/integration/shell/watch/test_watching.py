"""kopf itself, in its thread, against an API server of a hundred lines: what it lists is taken as a
whole, what it watches comes one by one, and what vanished in between is gone.
"""

import asyncio
import gc
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import kopf
import pytest
from aiohttp import web

from lockstep import handlers
from lockstep.adapters.kubernetes import pods, services
from lockstep.api.base import DEPLOYMENT_LABEL, GROUP, Manifest
from lockstep.api.resources import POD, RESOURCES, Resource, Watch
from lockstep.clients.kopf.session import WatchEvents
from lockstep.clients.kopf.watch_thread import WatchContext, apart
from lockstep.clients.kubernetes.api import Kube
from lockstep.errors import InvariantError
from lockstep.shell.watch.cache import Cache
from lockstep.shell.watch.caches import Caches
from lockstep.shell.watch.informers import Informer
from lockstep.shell.watch.watching import Watching
from tests.integration.clients.scripted import connection
from tests.unit.shell.written import FRAUD, child, model_deployment

SOON = 10.0


SERVED = {
    "/api/v1": ("pods", "services", "configmaps", "namespaces"),
    "/apis/apps/v1": ("replicasets", "deployments", "controllerrevisions"),
    "/apis/policy/v1": ("poddisruptionbudgets",),
    "/apis/autoscaling/v2": ("horizontalpodautoscalers",),
    "/apis/lockstep.dev/v1alpha1": tuple(it.plural for it in RESOURCES if it.group == GROUP),
    "/apis/apiextensions.k8s.io/v1": ("customresourcedefinitions",),
}
DISCOVERY = 3
"""Slashes in the path of a group and version."""
GONE: Manifest = {"type": "ERROR", "object": {"code": 410, "message": "too old"}}


@dataclass
class TinyApi:
    """``objects`` are what a list finds; ``say`` puts an event into the watches of a resource."""

    objects: dict[str, list[Manifest]] = field(default_factory=lambda: defaultdict(list))
    streams: dict[str, list[asyncio.Queue[Any]]] = field(default_factory=lambda: defaultdict(list))
    lists: list[str] = field(default_factory=list)
    queries: dict[str, dict[str, str]] = field(default_factory=dict)
    wrong: list[web.Response] = field(default_factory=list)
    served: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(SERVED))
    version: int = 100
    url: str = ""

    def say(self, plural: str, *events: Any) -> None:
        for stream in self.streams[plural]:
            for event in events:
                stream.put_nowait(event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        plural = _told_of(request)
        if path == "/api":
            return web.json_response({"versions": ["v1"]})
        if path == "/apis":
            return web.json_response({"groups": [*map(_group, self.served)]})
        if path in self.served:
            return web.json_response({"resources": [*map(_resource, self.served[path])]})
        if path.startswith("/apis/") and path.count("/") == DISCOVERY:
            raise web.HTTPNotFound
        if request.query.get("watch"):
            return await self._watch(request, plural)
        self.lists.append(plural)
        self.queries[plural] = dict(request.query)
        if self.wrong:
            return self.wrong.pop()
        metadata = {"resourceVersion": str(self.version)}
        return web.json_response({"metadata": metadata, "items": self.objects[plural]})

    async def _watch(self, request: web.Request, plural: str) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        stream: asyncio.Queue[Any] = asyncio.Queue()
        self.streams[plural].append(stream)
        try:
            while event := await stream.get():
                said = event if isinstance(event, str) else json.dumps(event)
                await response.write(said.encode() + b"\n")
        finally:
            self.streams[plural].remove(stream)
        return response


def _told_of(request: web.Request) -> str:
    """The resource, with the label that it is watched by if that is not ModelDeployments'."""
    selector = request.query.get("labelSelector", DEPLOYMENT_LABEL)
    other = "" if selector == DEPLOYMENT_LABEL else f"?{selector}"
    return request.path.rsplit("/", 1)[-1] + other


def _group(path: str) -> Manifest:
    group, version = path.split("/")[-2:]
    return {
        "name": group,
        "versions": [{"version": version}],
        "preferredVersion": {"version": version},
    }


def _resource(plural: str) -> Manifest:
    return {
        "name": plural,
        "kind": plural,
        "singularName": plural,
        "namespaced": plural not in ("namespaces", "clusterexitcriteria"),
        "verbs": ["list", "watch", "get"],
    }


@asynccontextmanager
async def tiny_api() -> AsyncIterator[TinyApi]:
    api, app = TinyApi(), web.Application()
    app.router.add_route("GET", "/{tail:.*}", api.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        api.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield api
    finally:
        await runner.cleanup()


@dataclass
class Listener:
    caches: Caches
    task: asyncio.Task[None]

    async def until(self, seen: Callable[[], bool]) -> None:
        async with asyncio.timeout(SOON):
            while not seen():
                assert not self.task.done(), self.task
                await asyncio.sleep(0.01)


@asynccontextmanager
async def listening(
    api: TinyApi,
    monkeypatch: pytest.MonkeyPatch,
    namespaces: tuple[str, ...] = (),
    others: tuple[Informer, ...] = (),
) -> AsyncIterator[Listener]:
    async def known(*_: object) -> None:
        """There is no file to read credentials from."""

    monkeypatch.setattr("lockstep.clients.kubernetes.connection._load", known)
    often = timedelta(milliseconds=50)
    monkeypatch.setattr("lockstep.shell.watch.watching._OPTIONAL_EVERY", often)
    caches, loop = Caches(namespaces), asyncio.get_running_loop()
    for informer in others:
        caches.add(informer)
    watch_events = WatchEvents(
        watches=frozenset(it.watch for it in caches.informers),
        seen=caches.seen,
        on_list=lambda *told: _there(loop, caches.on_list, *told),
        on_event=lambda *told: _there(loop, caches.on_event, *told),
        connected=lambda *_: None,
        count=lambda *_: None,
    )
    way = connection(api.url)
    kube = Kube(way, lambda *_: None, connections=1, timeout=timedelta(seconds=SOON))
    watching = Watching(
        discovery=kube,
        informers=caches,
        registry_of=handlers.registry,
        context=WatchContext(connection=way, watch_events=watch_events),
        namespaces=namespaces,
    )
    task = asyncio.create_task(watching.listen())
    try:
        yield Listener(caches, task)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await kube.close()


def _there(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *told: object) -> None:
    loop.call_soon_threadsafe(function, *told)


def names(caches: Caches) -> list[str]:
    return [record.meta.name for record in caches.replica_sets.children(FRAUD)]


async def test_everything_is_seen_before_it_is_called_complete(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with tiny_api() as api:
        api.objects["modeldeployments"] = [model_deployment()]
        api.objects["replicasets"] = [child("r1"), child("r2")]
        async with listening(api, monkeypatch) as listener:
            await listener.until(lambda: listener.caches.complete)
            assert names(listener.caches) == ["fraud-r1", "fraud-r2"]
            assert listener.caches.keys() == (FRAUD,)
    assert sorted(api.lists) == sorted({watch.plural for watch, _ in listener.caches.scopes})
    assert api.queries["replicasets"]["labelSelector"] == "lockstep.dev/deployment"
    assert "labelSelector" not in api.queries["modeldeployments"]


async def test_events_come_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with tiny_api() as api, listening(api, monkeypatch) as listener:
        await listener.until(lambda: bool(api.streams["replicasets"]))
        api.say("replicasets", {"type": "ADDED", "object": child("r1", version=101)})
        await listener.until(lambda: names(listener.caches) == ["fraud-r1"])
        api.say("replicasets", {"type": "DELETED", "object": child("r1", version=102)})
        await listener.until(lambda: names(listener.caches) == [])


async def test_what_vanished_while_the_watch_was_broken_is_gone_after_the_next_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with tiny_api() as api:
        api.objects["replicasets"] = [child("r1"), child("r2")]
        async with listening(api, monkeypatch) as listener:
            await listener.until(lambda: bool(api.streams["replicasets"]))
            assert names(listener.caches) == ["fraud-r1", "fraud-r2"]
            api.objects["replicasets"], api.version = [], 200
            api.say("replicasets", GONE)
            await listener.until(lambda: names(listener.caches) == [])
    assert api.lists.count("replicasets") == 2


NO_EVENTS: dict[str, Any] = {
    "an error of the server's": {"type": "ERROR", "object": {"code": 500, "message": "no leader"}},
    "an error without a code": {"type": "ERROR", "object": None},
    "HTML": "<html>502 Bad Gateway</html>",
    "half an event": '{"type":"ADDED","object":{"metadata":',
    "an object without metadata": {"type": "ADDED", "object": {}},
    "a number": 7,
}


@pytest.mark.parametrize("event", NO_EVENTS.values(), ids=NO_EVENTS)
async def test_after_what_is_no_event_everything_is_listed_again(
    monkeypatch: pytest.MonkeyPatch, event: Any
) -> None:
    monkeypatch.setattr("lockstep.clients.kopf.session._PAUSE_SECONDS", 0.0)
    async with tiny_api() as api, listening(api, monkeypatch) as listener:
        await listener.until(lambda: bool(api.streams["replicasets"]))
        api.objects["replicasets"], api.version = [child("r1", version=150)], 200
        api.say("replicasets", event)
        await listener.until(lambda: names(listener.caches) == ["fraud-r1"])


NO_LISTS: dict[str, dict[str, Any]] = {
    "HTML": {"text": "<html>login</html>", "content_type": "text/html"},
    "an empty object": {"text": "{}"},
    "no items": {"text": '{"metadata": {}, "items": null}'},
    "items that are no objects": {"text": '{"metadata": {}, "items": [null]}'},
    "bad request": {"status": 400},
    "gone": {"status": 410},
    "too many requests until a date": {
        "status": 429,
        "headers": {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"},
    },
}


@pytest.mark.parametrize("wrong", NO_LISTS.values(), ids=NO_LISTS)
async def test_after_what_is_no_list_it_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any]
) -> None:
    monkeypatch.setattr("lockstep.clients.kopf.session._PAUSE_SECONDS", 0.0)
    async with tiny_api() as api:
        api.wrong = [web.Response(**wrong)]
        async with listening(api, monkeypatch) as listener:
            await listener.until(lambda: listener.caches.complete)


async def test_a_watch_that_ended_in_good_order_goes_on_without_a_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with tiny_api() as api, listening(api, monkeypatch) as listener:
        await listener.until(lambda: bool(api.streams["replicasets"]))
        (before,) = api.streams["replicasets"]
        api.say("replicasets", None)
        await listener.until(lambda: api.streams["replicasets"] not in ([], [before]))
        api.say("replicasets", {"type": "ADDED", "object": child("r1", version=101)})
        await listener.until(lambda: names(listener.caches) == ["fraud-r1"])
    assert api.lists.count("replicasets") == 1


async def test_chosen_namespaces_are_listed_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with tiny_api() as api, listening(api, monkeypatch, ("pay", "shop")) as listener:
        await listener.until(lambda: listener.caches.complete)
    assert api.lists.count("pods") == 2
    assert api.lists.count("clusterexitcriteria") == 1


async def test_kopf_ending_by_itself_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "registry", lambda _: kopf.OperatorRegistry())  # no way to log in
    async with tiny_api() as api, listening(api, monkeypatch) as listener:
        with pytest.raises(InvariantError, match=r"the watches stopped: .* observer: LoginError"):
            await asyncio.wait_for(asyncio.shield(listener.task), SOON)


async def test_what_kopf_leaves_behind_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails() -> None:
        raise kopf.PermanentError("no credentials")

    async def spawned(**_: object) -> list[asyncio.Task[None]]:
        left = asyncio.create_task(fails())
        await asyncio.wait([left])
        return [asyncio.create_task(asyncio.sleep(0))]

    monkeypatch.setattr(kopf, "spawn_tasks", spawned)
    async with tiny_api() as api, listening(api, monkeypatch) as listener:
        await asyncio.wait([listener.task])
    gc.collect()
    left = [it for it in caplog.records if "never retrieved" in it.getMessage()]
    (told,) = (it for it in left if "no credentials" in it.getMessage())  # of other tests perhaps
    assert told.exc_info is None, "a traceback parses source, perhaps in the middle of a parse"


ROUTE = Resource(
    group="routes.example.com",
    version="v1",
    plural="routes",
    kind="Route",
    selectors=("",),
    optional=True,
)
TRIALS = "example.com/trial"


def informer(resource: Resource, selector: str, cache: Cache[Any]) -> Informer:
    (watch,) = (it for it in resource.watches if it.selector == selector)
    return Informer(resource=resource, watch=watch, cache=cache, tell=lambda _: None)


async def test_an_optional_resource_that_is_not_served_keeps_nobody_waiting_and_may_come_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    routes = informer(ROUTE, "", Cache(services.prune))
    async with tiny_api() as api, listening(api, monkeypatch, others=(routes,)) as listener:
        await listener.until(lambda: listener.caches.complete)
        assert "routes" not in api.lists
        api.objects["routes"] = [child("r1")]
        api.served["/apis/routes.example.com/v1"] = ("routes",)
        await listener.until(lambda: bool(api.streams["routes"]) and len(routes.cache) == 1)
        api.say("routes", {"type": "ADDED", "object": child("r2", version=101)})
        await listener.until(lambda: len(routes.cache) == 2)
    assert len(api.lists) == len(set(api.lists)), "what was watched already was left alone"


async def test_an_optional_resource_that_is_served_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    routes = informer(ROUTE, "", Cache(services.prune))
    async with tiny_api() as api:
        api.served["/apis/routes.example.com/v1"] = ("routes",)
        api.objects["routes"] = [child("r1")]
        async with listening(api, monkeypatch, others=(routes,)) as listener:
            await listener.until(lambda: listener.caches.complete)
            assert len(routes.cache) == 1


async def test_pods_are_watched_by_the_label_of_each_kind_on_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = replace(POD, selectors=(*POD.selectors, TRIALS))
    trials = informer(both, TRIALS, Cache(pods.prune))
    async with tiny_api() as api:
        api.objects["pods"] = [child("r1")]
        api.objects[f"pods?{TRIALS}"] = [child("t1"), child("t2")]
        async with listening(api, monkeypatch, others=(trials,)) as listener:
            await listener.until(lambda: listener.caches.complete)
            assert (len(listener.caches.pods), len(trials.cache)) == (1, 2)
            await listener.until(lambda: bool(api.streams["pods"]))
            api.say("pods", {"type": "DELETED", "object": child("r1", version=101)})
            await listener.until(lambda: not len(listener.caches.pods))
            assert len(trials.cache) == 2


def test_watches_are_put_apart_only_where_they_share_a_resource() -> None:
    by_deployment, by_trial = (Watch("", "v1", "pods", it) for it in (DEPLOYMENT_LABEL, TRIALS))
    one, other = Watch("", "v1", "services"), Watch("example.com", "v1", "services")
    assert apart([by_deployment, one, other]) == [(by_deployment, one, other)]
    assert apart([by_deployment, by_trial, one]) == [(by_deployment, one), (by_trial,)]
    assert len(apart(watch for it in RESOURCES for watch in it.watches)) == 1
