"""Tell: Events about what was stored, and counters of verdicts. A failure here is only logged."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from lockstep.adapters import kube_events
from lockstep.api.status import Verdict
from lockstep.clients.kube import Kube
from lockstep.core.key import Key
from lockstep.core.observed import Observed
from lockstep.core.plan import Plan
from lockstep.errors import LockstepError, TransientError
from lockstep.shell.memory import Memory
from lockstep.shell.metrics import Metrics

MOST: Final = 16
"""Events of one ModelDeployment that wait to be told; of more the oldest go."""

_LOG: Final = logging.getLogger(__name__)


class Tell:
    """The last step of the walk.

    A pass that comes to nothing after it has stored is not planned again as it was: what it had
    to tell is noted when it is stored, and told by the next pass that gets so far.
    """

    def __init__(
        self, memory: Memory, kube: Kube, metrics: Metrics, clock: Callable[[], datetime]
    ) -> None:
        self._memory = memory
        self._kube = kube
        self._metrics = metrics
        self._clock = clock

    def note(self, seen: Observed, decided: Plan) -> None:
        """Take down what was stored a moment ago."""
        self._count(seen, decided)
        candidate = decided.status.candidate
        revision = candidate.revision if candidate else ""
        for event in decided.events:
            _LOG.info("%s: %s", event.reason, event.message)
            manifest = kube_events.render(seen, event, revision, self._clock())
            untold = self._memory.untold.get(seen.key, ())
            self._memory.untold[seen.key] = (*untold, manifest)[-MOST:]

    async def tell(self, key: Key) -> None:
        """Say once what was noted; what gets no answer waits for the next pass."""
        while untold := self._memory.untold.get(key):
            try:
                await self._kube.create_once(untold[0])
            except TransientError as error:
                _LOG.warning("the event is not recorded yet: %s", error)
                return
            except LockstepError as error:
                _LOG.warning("the event was not recorded: %s", error)
            self._memory.untold[key] = untold[1:]
        self._memory.untold.pop(key, None)

    def _count(self, seen: Observed, decided: Plan) -> None:
        before = {(gate.criteria, gate.name): gate.verdict for gate in seen.status.gates}
        for gate in decided.status.gates:
            verdict = gate.verdict
            if (
                verdict is not Verdict.MEASURING
                and before.get((gate.criteria, gate.name)) is not verdict
            ):
                self._metrics.verdict(verdict)
