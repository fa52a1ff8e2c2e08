"""What speaks against the operator's health, in sentences."""

import asyncio
from collections.abc import Callable
from typing import Final

from lockstep.shell.watch.caches import Caches

WATCH_SECONDS: Final = 240
"""How long one watch request lasts; a new one follows at once."""

_SILENT_SECONDS: Final = WATCH_SECONDS + 120


class Health:
    """``standing`` is what this operator is about: starting, standing by, leading.

    ``deaf`` names what users' ConfigMaps and Secrets are not watched any more.
    """

    def __init__(self, caches: Caches, deaf: Callable[[], list[str]]) -> None:
        self._caches = caches
        self._deaf = deaf
        self._connected: dict[tuple[str, str], float] = {}
        self.standing = "starting"

    def connected(self, plural: str, namespace: str) -> None:
        """A watch was accepted by the API server."""
        self._connected[plural, namespace] = asyncio.get_running_loop().time()

    def healthy(self) -> list[str]:
        """Answering at all shows that the event loop turns; what one object does says nothing.

        A worker that ended, a lost lease and lost watches end the process by themselves.
        """
        return [f"{what} are not watched any more" for what in (*self._silent(), *self._deaf())]

    def ready(self) -> list[str]:
        if not self._caches.complete:
            return [f"not listed yet: {', '.join(self._caches.missing)}"]
        return ["the lease was not read yet"] if self.standing == "starting" else []

    def _silent(self) -> list[str]:
        """A watch that once stood and was not renewed: nothing of that kind is noticed any more."""
        limit = asyncio.get_running_loop().time() - _SILENT_SECONDS
        return [
            f"{plural} in {namespace or 'all namespaces'}"
            for (plural, namespace), since in self._connected.items()
            if (plural, namespace) in self._caches.scopes and since < limit
        ]
