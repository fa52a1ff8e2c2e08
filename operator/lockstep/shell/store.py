"""Store: the status goes to the API server before anything is done, and only when it says more."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from lockstep.adapters import kube_custom
from lockstep.api.base import Manifest
from lockstep.clients.kube import Kube
from lockstep.core.observed import Observed
from lockstep.core.plan import Plan
from lockstep.errors import LostRaceError
from lockstep.shell.caches import MODEL_DEPLOYMENTS, Caches
from lockstep.shell.memory import Memory, Pending

EVIDENCE_EVERY: Final = timedelta(seconds=30)
_EVIDENCE: Final = {
    "value", "samples", "failures", "inconclusive", "noData", "errors", "measuredAt", "message",
}  # fmt: skip


def worth_writing(
    before: Manifest, after: Manifest, last_written_at: datetime | None, now: datetime
) -> bool:
    """Whether a status has to go over the wire now.

    Gates are measured as often as every second: evidence that decides nothing is kept in memory
    and written every 30 s. A crash loses that much of it, and it is measured again.
    """
    if before == after:
        return False
    if _without_evidence(before) != _without_evidence(after):
        return True
    return last_written_at is None or now >= last_written_at + EVIDENCE_EVERY


def _without_evidence(status: Mapping[str, Any]) -> Manifest:
    gates = [
        {key: value for key, value in gate.items() if key not in _EVIDENCE}
        for gate in status.get("gates", ())
    ]
    return {**status, "gates": gates}


class Store:
    """The fourth step of the walk."""

    def __init__(self, caches: Caches, memory: Memory, kube: Kube) -> None:
        self._caches = caches
        self._memory = memory
        self._kube = kube

    async def store(self, seen: Observed, decided: Plan, now: datetime) -> None:
        """Write the planned status, or keep it in mind; what is done or told is always written.

        Raises:
            LostRaceError: The object changed after this pass looked at it.
        """
        key, after = seen.key, kube_custom.write_status(decided.status)
        record = self._caches.model_deployments.get(key)
        version = self._memory.versions.get(key)
        if record is None or record.meta.version != version:
            raise LostRaceError(f"{key} changed while its pass was thinking")
        written_at = self._memory.written_at.get(key)
        acted = bool(decided.actions or decided.events) and record.wire != after
        if not acted and not worth_writing(record.wire, after, written_at, now):
            status = kube_custom.read_status(after)
            self._memory.pending[key] = Pending(seen.uid, record.wire, status)
            return
        patch = kube_custom.merge_patch(record.wire, after)
        answer = await self._kube.patch_status(key.namespace, key.name, str(version), patch)
        self._caches.heard(MODEL_DEPLOYMENTS, None, answer)
        self._memory.pending.pop(key, None)
        self._memory.written_at[key] = now
