"""Store: the status goes to the API server before anything is done, and only when it says more."""

import logging
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from lockstep.adapters.kubernetes import model_deployments
from lockstep.api.base import Manifest
from lockstep.api.model_deployment import KIND
from lockstep.clients.kubernetes.api import Kube
from lockstep.core.facts import Unreadable
from lockstep.core.key import Key
from lockstep.core.rollout.observed import Observed
from lockstep.core.rollout.plan import Plan
from lockstep.errors import LostRaceError
from lockstep.shell.loop.reconcile import AFTER_WRITING
from lockstep.shell.rollout.memory import Memory, ObjectMemory, Pending
from lockstep.shell.watch.caches import MODEL_DEPLOYMENTS, Caches

_LOG: Final = logging.getLogger(__name__)

AT_ONCE: Final = timedelta(0)
SIGHT_WITHIN: Final = timedelta(seconds=5)
EVIDENCE_WITHIN: Final = timedelta(seconds=30)
CROWD: Final = 20
"""While more ModelDeployments than this have something kept, counts wait as long as evidence."""

Fields = Collection[Mapping[str, frozenset[str]]]
"""Names of fields by where they are in a status."""

_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset({"message"}),
    "conditions": frozenset({"message"}),
}
_SIGHT: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset({"message", "replicas", "readyReplicas"}),
    "conditions": frozenset({"message"}),
    "stage": frozenset({"progressAt", "progressReady", "pods", "standingSince"}),
    "weights": frozenset({"actual"}),
    "leaving": frozenset({"progressAt", "progressReady"}),
}
EVIDENCE: Final[Mapping[str, frozenset[str]]] = {
    "gates": frozenset({
        "value", "samples", "failures", "inconclusive", "noData", "errors", "measuredAt", "message",
    }),
}  # fmt: skip
PROOF: Final[Mapping[str, frozenset[str]]] = {"candidate": frozenset({"smokeTested"})}


def write_delay(
    before: Manifest, after: Manifest, relied_on: Fields, *, crowded: bool = False
) -> timedelta | None:
    """How long a status may be kept in memory; None when it says nothing new.

    What was decided goes at once. What was only seen (counts of pods, and sentences with them)
    and proven goes soon: a rollout would otherwise cost a write per pod. Gates are measured as
    often as every second: evidence that decides nothing waits for 30 s, and so does all of this
    in a crowd. A crash loses that much, and it is seen or measured again.

    Args:
        before: The status as it is stored.
        after: The status as it is planned.
        relied_on: Fields that may not wait, because something is about to be done on them.
        crowded: Whether many statuses are kept already.
    """
    before, after = model_deployments.plain(before), model_deployments.plain(after)
    if before == after:
        return None
    waiting = [it for it in (_SIGHT, EVIDENCE, PROOF) if it not in relied_on]
    if not _same(before, after, *waiting):
        return AT_ONCE
    measured = _same(before, after, _WORDS, EVIDENCE) and not _same(before, after, _WORDS)
    return EVIDENCE_WITHIN if measured or crowded else SIGHT_WITHIN


def _same(before: Manifest, after: Manifest, *but: Mapping[str, frozenset[str]]) -> bool:
    """Whether two statuses are equal but for these fields."""
    left: dict[str, frozenset[str]] = {}
    for fields in but:
        for where, names in fields.items():
            left[where] = left.get(where, frozenset()) | names
    return _without(before, left) == _without(after, left)


def _without(status: Manifest, left: Mapping[str, frozenset[str]]) -> Manifest:
    return {
        key: _cut(value, left[key]) if key in left else value
        for key, value in status.items()
        if key not in left.get("", ())
    }


def _cut(value: Any, names: frozenset[str]) -> Any:  # noqa: ANN401 (any part of a status)
    if isinstance(value, list):
        return [_cut(item, names) for item in value]
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if key not in names}
    return value


def _relied_on(seen: Observed, decided: Plan) -> Fields:
    """What the actions of a plan rest on; without a smoke test a ready pod is its own proof."""
    if not decided.actions:
        return ()
    tested = not isinstance(seen.spec, Unreadable) and seen.spec.smoke_test is not None
    return (EVIDENCE, PROOF) if tested else (EVIDENCE,)


class Store:
    """The fourth step of the walk."""

    def __init__(self, caches: Caches, memory: Memory, kube: Kube) -> None:
        self._caches = caches
        self._memory = memory
        self._kube = kube

    async def store(self, seen: Observed, decided: Plan, now: datetime) -> timedelta | None:
        """Write the planned status, or keep it in mind for a while.

        Returns:
            When to come again: when what is kept is due, or soon after a write; else None.

        Raises:
            LostRaceError: The object changed after this pass looked at it.
        """
        key = seen.key
        record = self._caches.model_deployments.get(key.named)
        memory = self._memory.of(key)
        version = memory.version
        if record is None or record.meta.version != version:
            raise LostRaceError(f"{key} changed while its pass was thinking")
        if memory.says(record.wire, decided.status):
            return None
        after = model_deployments.write_status(decided.status)
        kept = self._keep(seen, decided, record.wire, after, now)
        if kept is None or kept > AT_ONCE:
            return kept
        try:
            answer = await self._kube.put_status(key.namespace, key.name, str(version), after)
        except LostRaceError:
            await self._catch_up(key)
            raise
        self._caches.on_write_response(answer)
        self._memory.let_go(key)
        _note_pruned(memory, after, answer.get("status", {}))
        return AFTER_WRITING

    async def _catch_up(self, key: Key) -> None:
        """Read what won the race: a watch that has gone silent would never tell."""
        there = await self._kube.read(KIND, key.namespace, key.name)
        if there is not None:
            self._caches.read(MODEL_DEPLOYMENTS, there)

    def _keep(
        self, seen: Observed, decided: Plan, before: Manifest, after: Manifest, now: datetime
    ) -> timedelta | None:
        """How much longer the planned status may stay in memory, where it is put meanwhile."""
        memory = self._memory.of(seen.key)
        said = memory.pruned == (before, after)
        crowded = len(self._memory.keeping) > CROWD
        relied_on = _relied_on(seen, decided)
        wait = None if said else write_delay(before, after, relied_on, crowded=crowded)
        if wait is None or decided.events:
            self._memory.let_go(seen.key)
            return AT_ONCE if wait is not None else None
        pending = memory.pending
        same = pending is not None and pending.uid == seen.uid and pending.wire == before
        since = pending.since if pending and same else now
        left = since + wait - now
        if left > AT_ONCE:
            status = model_deployments.read_status(after)
            self._memory.keep(seen.key, Pending(seen.uid, before, status, since))
        return max(left, AT_ONCE)


def _note_pruned(memory: ObjectMemory, sent: Manifest, stored: Manifest) -> None:
    """Take note of what older CRDs leave out, or every pass would send it again for ever."""
    if sent == stored:
        memory.pruned = None
        return
    if memory.pruned is None:
        lost = ", ".join(sorted(sent.keys() - stored.keys())) or "a part of a field"
        _LOG.warning(
            "the API server drops %s of the status: its CRDs are older than this operator; "
            "apply the crds/ of this version", lost,
        )  # fmt: skip
    memory.pruned = stored, sent
