"""What the API server refused of our writes, and when each is tried again; may be lost any time.

A write is held back, not forgotten: every pass plans it anew, and it is sent when it is due.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from lockstep.core.backoff import backoff
from lockstep.core.facts import Refused, Write
from lockstep.core.key import Key
from lockstep.core.refusals import Cause
from lockstep.core.rollout.actions import Action
from lockstep.core.rollout.observed import Observed
from lockstep.core.rollout.writes import write
from lockstep.errors import RefusedError

FIRST: Final = timedelta(seconds=1)
LONGEST: Final = timedelta(seconds=30)
_BLIPS: Final = 1
"""Refusals in a row of a cluster that is unwell that are not worth a word."""

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """``generation`` is the spec's that asked for it: another one is tried at once."""

    action: Action
    refused: Refused
    tries: int
    due: datetime
    generation: int


@dataclass(slots=True)
class Refusals:
    """Of one object, by write."""

    _held: dict[Write, _Held] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._held)

    def known(self) -> tuple[Refused, ...]:
        """What is refused, but for a cluster's trouble that may be over by now."""
        return tuple(
            it.refused
            for it in self._held.values()
            if it.tries > _BLIPS or it.refused.cause is not Cause.PLATFORM
        )

    def left(self, seen: Observed, action: Action, now: datetime) -> timedelta | None:
        """How long an action is held back; None when it may be tried."""
        held = self._held.get(write(seen.key, action))
        if held is None or held.action != action or held.generation != seen.generation:
            return None
        return held.due - now if held.due > now else None

    def refused(
        self, seen: Observed, action: Action, error: RefusedError, now: datetime
    ) -> timedelta:
        """Take down a refusal; gives how long to wait before the next try."""
        about = write(seen.key, action)
        before = self._held.get(about)
        refused = Refused(about, error.cause, error.said)
        tries = before.tries + 1 if before else 1
        wait = max(backoff(tries, base=FIRST, cap=LONGEST), error.retry_after)
        told = before is not None and before.refused == refused
        _LOG.log(logging.DEBUG if told else logging.WARNING, "%s: %s", about, error.said)
        self._held[about] = _Held(
            action=action,
            refused=refused,
            tries=tries,
            due=now + wait,
            generation=seen.generation,
        )
        return wait

    def done(self, key: Key, action: Action) -> None:
        if self._held:
            self._held.pop(write(key, action), None)

    def planned(self, key: Key, actions: Iterable[Action]) -> None:
        """Forget what is not wanted any more."""
        if self._held:
            wanted = {write(key, action) for action in actions}
            self._held = {about: it for about, it in self._held.items() if about in wanted}
