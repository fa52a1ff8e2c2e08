"""What speaks against the operator's health, in sentences."""

import asyncio
from collections.abc import Callable
from typing import Final

from lockstep.api.resources import Watch
from lockstep.shell.watch.informers import Informers, Scope

WATCH_SECONDS: Final = 240
"""How long one watch request lasts; a new one follows at once."""

_SILENT_SECONDS: Final = WATCH_SECONDS + 120


class Health:
    """``standing`` is what this operator is about: starting, standing by, leading.

    ``deaf`` names what users' ConfigMaps and Secrets are not watched any more.
    """

    def __init__(self, informers: Informers, deaf: Callable[[], list[str]]) -> None:
        self._informers = informers
        self._deaf = deaf
        self._connected: dict[Scope, float] = {}
        self.standing = "starting"

    def connected(self, watch: Watch, namespace: str) -> None:
        """A watch was accepted by the API server."""
        self._connected[watch, namespace] = asyncio.get_running_loop().time()

    def healthy(self) -> list[str]:
        """Answering at all shows that the event loop turns; what one object does says nothing.

        A worker that ended, a lost lease and lost watches end the process by themselves.
        """
        return [f"{what} are no longer watched" for what in (*self._silent(), *self._deaf())]

    def ready(self) -> list[str]:
        if not self._informers.complete:
            return [f"not listed yet: {', '.join(self._informers.missing)}"]
        return ["the lease has not been read yet"] if self.standing == "starting" else []

    def _silent(self) -> list[str]:
        """A watch that once stood and was not renewed: nothing of that kind is noticed any more."""
        limit = asyncio.get_running_loop().time() - _SILENT_SECONDS
        return [
            f"{watch.plural} in {namespace or 'all namespaces'}"
            for (watch, namespace), since in self._connected.items()
            if since < limit
        ]
