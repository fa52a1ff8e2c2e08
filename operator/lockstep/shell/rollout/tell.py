"""Tell: Events about what was stored, and counters of verdicts. A failure here is only logged."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from lockstep.adapters import smoke
from lockstep.adapters.kubernetes import events as kube_events
from lockstep.adapters.kubernetes.events import Subject
from lockstep.api.model_deployment_status import ModelDeploymentStatus
from lockstep.clients.kubernetes.api import Kube
from lockstep.core.key import Key
from lockstep.core.plan import Event
from lockstep.core.refusals import Cause
from lockstep.core.rollout import events
from lockstep.core.rollout.observed import Observed
from lockstep.core.rollout.plan import Plan
from lockstep.errors import LockstepError, RefusedError, TransientError
from lockstep.shell.rollout.memory import Memory
from lockstep.shell.telemetry.metrics import Metrics
from lockstep.shell.watch.caches import Caches

MOST: Final = 16
"""Events of one ModelDeployment that wait to be told; of more the oldest go."""

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _About:
    key: Key
    uid: str
    generation: int


class Tell:
    """The last step of the walk.

    A pass that comes to nothing after it has stored is not planned again as it was: what it had
    to tell is noted when it is stored, and told by the next pass that gets so far.
    """

    def __init__(
        self,
        caches: Caches,
        memory: Memory,
        kube: Kube,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._caches = caches
        self._memory = memory
        self._kube = kube
        self._metrics = metrics
        self._clock = clock

    def note(self, seen: Observed, decided: Plan) -> None:
        """Take down what was stored a moment ago."""
        self._memory.of(seen.key).unstored = ""
        for verdict in decided.verdicts:
            self._metrics.verdict(verdict)
        if decided.concluded:
            self._memory.verdicts.note(seen.key, decided.concluded)
        trial = trial_of(decided.status, seen.status)
        for event in decided.events:
            _LOG.info("%s: %s", event.reason, smoke.without_answer(event.message))
            self._add(seen, event, trial)

    async def not_stored(self, seen: Observed, error: RefusedError) -> None:
        """Say once that a status is not taken: only an Event can."""
        memory = self._memory.of(seen.key)
        if memory.unstored == error.said:
            return
        memory.unstored = error.said
        self._add(seen, events.status_refused(error.said), trial_of(seen.status))
        await self.tell(seen.key)

    async def pass_ended(self, key: Key, waited_for: str, after: timedelta) -> None:
        """Say for what a pass had waited when it was ended: nobody reads a log to see it."""
        record = self._caches.model_deployments.get(key.named)
        if record is None:
            return
        about = _About(key, record.meta.uid, record.meta.generation)
        self._add(about, events.pass_ended(waited_for, after), "")
        await self.tell(key)

    def _add(self, seen: Subject, event: Event, trial: str) -> None:
        manifest = kube_events.render(seen, event, trial, self._clock())
        memory = self._memory.of(seen.key)
        memory.untold = (*memory.untold, manifest)[-MOST:]

    async def tell(self, key: Key) -> None:
        """Say once what was noted; what gets no answer waits for the next pass."""
        memory = self._memory.of(key)
        while untold := memory.untold:
            try:
                await self._kube.create_once(untold[0])
            except TransientError as error:
                if isinstance(error, RefusedError) and error.cause is Cause.SPEC:
                    _LOG.warning("the API server refused an Event: %s", error)
                    memory.untold = untold[1:]
                    continue
                _LOG.warning("could not record an Event yet: %s", error)
                return
            except LockstepError as error:
                _LOG.warning("could not record an Event: %s", error)
            memory.untold = untold[1:]


def trial_of(*statuses: ModelDeploymentStatus) -> str:
    """Which trial and stage it is, so that each is told as often as it happens."""
    candidate = next((it.candidate for it in statuses if it.candidate), None)
    stage = next((it.stage for it in statuses if it.stage), None)
    return f"{candidate and (candidate.revision, candidate.begun_at)} {stage and stage.entered_at}"
