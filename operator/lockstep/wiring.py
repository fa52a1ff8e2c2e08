"""The one place that picks implementations. It decides nothing else."""

import asyncio
import os
import socket
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from lockstep.adapters.routers.registry import ROUTERS, kinds
from lockstep.clients import probes
from lockstep.clients.kopf.session import WatchEvents
from lockstep.clients.kopf.thread_handoff import ThreadHandoff
from lockstep.clients.kopf.watch_thread import RegistryOf, WatchContext
from lockstep.clients.kubernetes import connection
from lockstep.clients.kubernetes.api import Kube
from lockstep.clients.kubernetes.connection import Connection
from lockstep.clients.kubernetes.lease import Lease
from lockstep.clients.kubernetes.named_watches import NamedWatches
from lockstep.clients.prometheus import PrometheusClient
from lockstep.clients.smoke import SmokeClient
from lockstep.core.rollout import planner
from lockstep.settings import Settings
from lockstep.shell.loop.queue import Queue
from lockstep.shell.loop.schedule import share
from lockstep.shell.loop.workers import WorkerPool
from lockstep.shell.process.clock import Clock
from lockstep.shell.process.health import Health
from lockstep.shell.process.manager import Manager
from lockstep.shell.rollout.act import Act
from lockstep.shell.rollout.ask import Ask
from lockstep.shell.rollout.controller import RolloutController, RolloutPlanner, controller
from lockstep.shell.rollout.criteria import CriteriaStatus
from lockstep.shell.rollout.follow import Follow
from lockstep.shell.rollout.measure import Measure
from lockstep.shell.rollout.memory import Memory
from lockstep.shell.rollout.observe import Observe
from lockstep.shell.rollout.smokes import SmokeTests
from lockstep.shell.rollout.store import Store
from lockstep.shell.rollout.tell import Tell
from lockstep.shell.telemetry.metrics import Metrics
from lockstep.shell.telemetry.objects import ObjectMetrics
from lockstep.shell.watch.caches import Caches
from lockstep.shell.watch.informers import Informer
from lockstep.shell.watch.references import Configs
from lockstep.shell.watch.watching import Watching

DEEPEST_JSON: Final = 50_000
"""The API server lets in objects that nest 10,000 levels deep. Python reads no more than 1,000
unless told otherwise, and one such object would end every list and watch of its kind."""


async def run(
    settings: Settings,
    registry_of: RegistryOf,
    stop: asyncio.Event,
    thinking: RolloutPlanner = planner,
    others: Collection[Informer] = (),
) -> None:
    """Run one operator until ``stop``; it lives in this event loop and one thread beside it.

    ``others`` are watched as well.

    Raises:
        InvariantError: It cannot go on; the process should end and be started again.
    """
    sys.setrecursionlimit(max(sys.getrecursionlimit(), DEEPEST_JSON))
    way = await connection.connect(settings.kubeconfig, user_agent())
    async with _operator(settings, registry_of, way, thinking, others) as life:
        await life.live(stop)


def user_agent() -> str:
    try:
        return f"lockstep-operator/{version('lockstep-operator')}"
    except PackageNotFoundError:
        return "lockstep-operator/source"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What everything else is made of. ``closing``: what was opened last is closed first."""

    settings: Settings
    way: Connection
    metrics: Metrics
    memory: Memory
    clock: Clock
    kube: Kube
    caches: Caches
    named: NamedWatches
    closing: AsyncExitStack


@asynccontextmanager
async def _operator(
    settings: Settings,
    registry_of: RegistryOf,
    way: Connection,
    thinking: RolloutPlanner,
    others: Collection[Informer],
) -> AsyncIterator[Manager]:
    """All parts, put together; everything that has to be closed is closed at the end."""
    async with AsyncExitStack() as closing:
        parts = _parts(settings, way, others, closing)
        caches, metrics = parts.caches, parts.metrics
        queue = Queue(share(settings.workers))
        work = WorkerPool(queue, (_rollouts(parts, thinking),), metrics, parts.clock)
        caches.enqueue = work.enqueue
        health = Health(caches, parts.named.deaf)
        _measured(parts, queue, work, health)
        manager = Manager(
            kube=parts.kube,
            caches=caches,
            watching=Watching(
                discovery=parts.kube,
                informers=caches,
                registry_of=registry_of,
                context=_context(way, caches, health, metrics),
                namespaces=settings.namespaces,
            ),
            lease=_lease(parts),
            work=work,
            criteria=CriteriaStatus(caches, parts.memory.verdicts, parts.kube),
            health=health,
            workers=settings.workers,
            grace=timedelta(seconds=settings.stop_seconds),
        )
        async with probes.serving(
            settings.probe_port, health.healthy, health.ready, metrics.exposed
        ):
            yield manager


def _parts(
    settings: Settings, way: Connection, others: Collection[Informer], closing: AsyncExitStack
) -> _Parts:
    metrics, timeout = Metrics(), timedelta(seconds=settings.api_timeout_seconds)
    kube = Kube(way, metrics.requested, connections=settings.api_connections, timeout=timeout)
    closing.push_async_callback(kube.close)
    named = NamedWatches(way, metrics.requested)
    closing.push_async_callback(named.close)
    caches = Caches(settings.namespaces, kinds(ROUTERS))
    for informer in others:
        caches.add(informer)
    return _Parts(
        settings=settings,
        way=way,
        metrics=metrics,
        memory=Memory(),
        clock=Clock(),
        kube=kube,
        caches=caches,
        named=named,
        closing=closing,
    )


def _rollouts(parts: _Parts, thinking: RolloutPlanner) -> RolloutController:
    """What ModelDeployments give to the loop."""
    caches, memory, kube, clock = parts.caches, parts.memory, parts.kube, parts.clock
    prometheus = PrometheusClient(
        parts.settings.prometheus_url,
        timeout=timedelta(seconds=parts.settings.prometheus_timeout_seconds),
    )
    parts.closing.push_async_callback(prometheus.close)
    configs = Configs(parts.named, caches)
    parts.closing.push_async_callback(configs.stop)
    smokes = SmokeTests(SmokeClient(user_agent()), caches)
    parts.closing.push_async_callback(smokes.stop)
    return controller(
        caches,
        thinking,
        follow=Follow(caches, memory, kube, clock, configs),
        observe=Observe(caches, memory, ROUTERS, clock, configs),
        ask=Ask(Measure(prometheus, caches), smokes, kube, parts.metrics),
        store=Store(caches, memory, kube),
        act=Act(caches, memory, kube, ROUTERS, clock),
        tell=Tell(caches, memory, kube, parts.metrics, clock),
    )


def _lease(parts: _Parts) -> Lease:
    """With a connection of its own: it is renewed however busy the others are."""
    settings, lasts = parts.settings, timedelta(seconds=parts.settings.lease_seconds)
    kube = Kube(parts.way, parts.metrics.requested, connections=1, timeout=lasts / 3)
    parts.closing.push_async_callback(kube.close)
    lease = Lease(
        kube,
        settings.lease_namespace,
        settings.lease_name,
        _identity(settings.pod_uid),
        lasts,
        parts.clock,
        settings.pod_uid,
        parts.clock.follow,
    )
    lease.away = parts.clock.answers_again
    return lease


def _measured(parts: _Parts, queue: Queue, work: WorkerPool, health: Health) -> None:
    """What /metrics says of the parts."""

    def leading() -> bool:
        return health.standing == "leading"

    parts.metrics.watch(
        last_pass_age=work.last_pass_age,
        queue_depth=queue.depth,
        rollouts=lambda: _phases(parts.caches),
        leading=lambda: float(leading()),
    )
    per_object = parts.settings.object_metrics
    parts.metrics.add(ObjectMetrics(parts.caches, parts.memory, leading, per_object))


def _context(way: Connection, caches: Caches, health: Health, metrics: Metrics) -> WatchContext:
    """What kopf's thread hears is handed to this event loop, in order."""
    here = ThreadHandoff(asyncio.get_running_loop()).there
    watch_events = WatchEvents(
        watches=frozenset(it.watch for it in caches.informers),
        seen=caches.seen,
        on_list=here(caches.on_list),
        on_event=here(caches.on_event),
        connected=here(health.connected),
        count=metrics.requested,
    )
    return WatchContext(connection=way, watch_events=watch_events)


def _identity(pod_uid: str) -> str:
    """One process, once: a restarted container is another candidate for the lease."""
    host = os.environ.get("HOSTNAME") or socket.gethostname()
    return f"{host}_{pod_uid}_{uuid.uuid4().hex[:8]}"


def _phases(caches: Caches) -> Counter[str]:
    records: Any = caches.model_deployments
    return Counter(str(record.wire.get("phase", "")) for record in records)
