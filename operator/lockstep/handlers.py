"""kopf's decorators, by which it knows what to list and watch. Nothing is decided here.

Only ``on.event``: everything else of kopf writes finalizers or annotations to users' objects, and
needs those writes to come back.
"""

from collections.abc import Iterator
from typing import Final

import kopf

from lockstep.api import decision, exit_criteria, model_deployment
from lockstep.api.base import GROUP, VERSION
from lockstep.shell.process.health import WATCH_SECONDS
from lockstep.shell.watch.caches import (
    AUTOSCALERS,
    CHILDREN,
    LABEL_SELECTOR,
)
from lockstep.shell.watch.watch_thread import WatchContext

REGISTRY: Final = kopf.OperatorRegistry()


class _ForEver:
    """Delays between tries of one request, in seconds: a watch never gives up by itself."""

    def __iter__(self) -> Iterator[float]:
        delay = 0.5
        while True:
            yield delay
            delay = min(delay * 2, 15.0)


@kopf.on.startup(registry=REGISTRY)
async def configure(settings: kopf.OperatorSettings, **_: object) -> None:
    tame(settings)


def tame(settings: kopf.OperatorSettings) -> None:
    """What kopf may do: watch, with selectors on the server, and nothing else."""
    settings.posting.enabled = False
    settings.scanning.disabled = True  # our CRDs are there before kopf starts
    settings.process.ultimate_exiting_timeout = None
    settings.watching.server_timeout = WATCH_SECONDS
    settings.watching.connect_timeout = 10
    settings.watching.chunk_size = 100  # a page of large objects is the API server's to hold
    settings.queueing.idle_timeout = 1.0  # a task and a queue per object that is quiet again
    settings.queueing.exit_timeout = 1.0
    settings.networking.request_timeout = 60
    settings.networking.connect_timeout = 10
    settings.networking.error_backoffs = _ForEver()
    for plural, (group, version) in CHILDREN.items():
        settings.watching.label_selectors[group, version, plural] = LABEL_SELECTOR


@kopf.on.login(registry=REGISTRY)
async def login(memo: kopf.Memo, **_: object) -> kopf.AiohttpSession:
    context: WatchContext = memo.context
    return await context.login()


@kopf.on.event(GROUP, VERSION, model_deployment.PLURAL, registry=REGISTRY)
@kopf.on.event(GROUP, VERSION, exit_criteria.PLURAL, registry=REGISTRY)
@kopf.on.event(GROUP, VERSION, exit_criteria.CLUSTER_PLURAL, registry=REGISTRY)
@kopf.on.event(GROUP, VERSION, decision.PLURAL, registry=REGISTRY)
@kopf.on.event("apps", "v1", "replicasets", registry=REGISTRY)
@kopf.on.event("apps", "v1", "controllerrevisions", registry=REGISTRY)
@kopf.on.event("", "v1", "services", registry=REGISTRY)
@kopf.on.event("", "v1", "pods", registry=REGISTRY)
@kopf.on.event("", "v1", "configmaps", registry=REGISTRY)
@kopf.on.event("policy", "v1", "poddisruptionbudgets", registry=REGISTRY)
@kopf.on.event("autoscaling", "v2", AUTOSCALERS, registry=REGISTRY)
async def watched(**_: object) -> None:
    """What makes kopf list and watch these; its events were read before they get here."""
