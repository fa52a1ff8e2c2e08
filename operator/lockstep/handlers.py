"""kopf's decorators, by which it knows what to list and watch. Nothing is decided here.

Only ``on.event``: everything else of kopf writes finalizers or annotations to users' objects, and
needs those writes to come back.
"""

from collections.abc import Collection, Iterator

import kopf

from lockstep.api.resources import Watch
from lockstep.clients.kopf.watch_thread import WatchContext
from lockstep.shell.process.health import WATCH_SECONDS


def registry(watches: Collection[Watch]) -> kopf.OperatorRegistry:
    """What makes kopf list and watch these, no resource twice."""
    made = kopf.OperatorRegistry()

    @kopf.on.startup(registry=made)
    async def configure(settings: kopf.OperatorSettings, **_: object) -> None:
        tame(settings, watches)

    kopf.on.login(registry=made)(login)
    for watch in watches:
        kopf.on.event(watch.group, watch.version, watch.plural, registry=made)(watched)
    return made


class _ForEver:
    """Delays between tries of one request, in seconds: a watch never gives up by itself."""

    def __iter__(self) -> Iterator[float]:
        delay = 0.5
        while True:
            yield delay
            delay = min(delay * 2, 15.0)


def tame(settings: kopf.OperatorSettings, watches: Collection[Watch]) -> None:
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
    for group, version, plural, selector in watches:
        if selector:
            settings.watching.label_selectors[group, version, plural] = selector


async def login(memo: kopf.Memo, **_: object) -> kopf.AiohttpSession:
    context: WatchContext = memo.context
    return await context.login()


async def watched(**_: object) -> None:
    """Its events were read before they get here."""
