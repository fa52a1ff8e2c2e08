"""Tell: Events about what was stored, and counters of verdicts. A failure here is only logged."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from lockstep.adapters import kube_events
from lockstep.api.status import Verdict
from lockstep.clients.kube import Kube
from lockstep.core.observed import Observed
from lockstep.core.plan import Plan
from lockstep.errors import LockstepError
from lockstep.shell.metrics import Metrics

_LOG: Final = logging.getLogger(__name__)


class Tell:
    """The last step of the walk."""

    def __init__(self, kube: Kube, metrics: Metrics, clock: Callable[[], datetime]) -> None:
        self._kube = kube
        self._metrics = metrics
        self._clock = clock

    async def tell(self, seen: Observed, decided: Plan) -> None:
        """Say once what changed."""
        self._count(seen, decided)
        candidate = decided.status.candidate
        revision = candidate.revision if candidate else ""
        for event in decided.events:
            _LOG.info("%s: %s", event.reason, event.message)
            manifest = kube_events.render(seen, event, revision, self._clock())
            try:
                await self._kube.create_once(manifest)
            except LockstepError as error:
                _LOG.warning("the event was not recorded: %s", error)

    def _count(self, seen: Observed, decided: Plan) -> None:
        before = {(gate.criteria, gate.name): gate.verdict for gate in seen.status.gates}
        for gate in decided.status.gates:
            verdict = gate.verdict
            if (
                verdict is not Verdict.MEASURING
                and before.get((gate.criteria, gate.name)) is not verdict
            ):
                self._metrics.verdict(verdict)
