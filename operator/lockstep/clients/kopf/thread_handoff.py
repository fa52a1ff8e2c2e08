"""From kopf's thread to the operator's event loop: calls are made there, in order, many at a time.

Waking a loop costs a write to a pipe and a turn of the loop; a burst of events needs one.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any


class ThreadHandoff:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._called = False

    def there(self, function: Callable[..., None]) -> Callable[..., None]:
        """The same function for another thread, which does not wait for it."""

        def called(*heard: object) -> None:
            self._calls.append((function, heard))
            if not self._called:
                self._called = True
                self._loop.call_soon_threadsafe(self._make)

        return called

    def _make(self) -> None:
        self._called = False  # first: what comes in from here on wakes the loop again
        try:
            while self._calls:
                function, heard = self._calls.popleft()
                function(*heard)
        finally:
            if self._calls:  # a call that fails keeps no other from being made
                self._loop.call_soon(self._make)
