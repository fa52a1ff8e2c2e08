"""The one place that picks implementations. It decides nothing else."""

import asyncio
import os
import socket
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
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
from lockstep.shell.rollout.controller import RolloutPlanner, controller
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


@asynccontextmanager
async def _operator(
    settings: Settings,
    registry_of: RegistryOf,
    way: Connection,
    thinking: RolloutPlanner,
    others: Collection[Informer],
) -> AsyncIterator[Manager]:
    """All parts, put together; everything that has to be closed is closed at the end."""
    metrics, memory, clock = Metrics(), Memory(), Clock()
    queue = Queue(share(settings.workers))
    timeout = timedelta(seconds=settings.api_timeout_seconds)
    kube = Kube(way, metrics.requested, connections=settings.api_connections, timeout=timeout)
    lease_time = timedelta(seconds=settings.lease_seconds)
    lease_kube = Kube(way, metrics.requested, connections=1, timeout=lease_time / 3)
    prometheus = PrometheusClient(
        settings.prometheus_url, timeout=timedelta(seconds=settings.prometheus_timeout_seconds)
    )
    caches = Caches(settings.namespaces, kinds(ROUTERS))
    for informer in others:
        caches.add(informer)
    smokes = SmokeTests(SmokeClient(user_agent()), caches)
    named = NamedWatches(way, metrics.requested)
    configs = Configs(named, caches)
    rollouts = controller(
        caches,
        thinking,
        follow=Follow(caches, memory, kube, clock, configs),
        observe=Observe(caches, memory, ROUTERS, clock, configs),
        ask=Ask(Measure(prometheus, caches), smokes, kube, metrics),
        store=Store(caches, memory, kube),
        act=Act(caches, memory, kube, ROUTERS, clock),
        tell=Tell(caches, memory, kube, metrics, clock),
    )
    work = WorkerPool(queue, (rollouts,), metrics, clock)
    caches.enqueue = work.enqueue
    lease = Lease(
        lease_kube,
        settings.lease_namespace,
        settings.lease_name,
        _identity(settings.pod_uid),
        lease_time,
        clock,
        settings.pod_uid,
        clock.follow,
    )
    lease.away = clock.answers_again
    health = Health(caches, named.deaf)
    metrics.watch(
        last_pass_age=work.last_pass_age,
        queue_depth=queue.depth,
        rollouts=lambda: _phases(caches),
        leading=lambda: float(health.standing == "leading"),
    )
    metrics.add(
        ObjectMetrics(caches, memory, lambda: health.standing == "leading", settings.object_metrics)
    )
    try:
        async with probes.serving(
            settings.probe_port, health.healthy, health.ready, metrics.exposed
        ):
            yield Manager(
                kube=kube,
                caches=caches,
                watching=Watching(
                    discovery=kube,
                    informers=caches,
                    registry_of=registry_of,
                    context=_context(way, caches, health, metrics),
                    namespaces=settings.namespaces,
                ),
                lease=lease,
                work=work,
                criteria=CriteriaStatus(caches, memory.verdicts, kube),
                health=health,
                workers=settings.workers,
                grace=timedelta(seconds=settings.stop_seconds),
            )
    finally:
        await smokes.stop()
        await configs.stop()
        await named.close()
        await prometheus.close()
        await kube.close()
        await lease_kube.close()


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
