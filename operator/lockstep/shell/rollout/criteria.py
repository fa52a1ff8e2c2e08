"""Criteria are told whether they can be asked, who uses them and what came of it, when it changes.

No pass does this: a thousand deployments that use the same criteria would all have to write it. One
writer does, and whatever changed since it last looked goes in one write.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from lockstep.adapters.kubernetes import verdicts
from lockstep.adapters.kubernetes.exit_criteria import CriteriaRecord
from lockstep.api import model_deployment
from lockstep.api.base import API_VERSION, Manifest
from lockstep.api.strategy import CriteriaKind, CriteriaRef
from lockstep.clients.kubernetes.api import Kube
from lockstep.core.gates.gate import title
from lockstep.core.gates.last import kept
from lockstep.core.gates.standing import mistake, standing
from lockstep.core.key import Key, Named
from lockstep.errors import LockstepError, TransientError
from lockstep.shell.rollout.verdicts import LastVerdicts
from lockstep.shell.watch.caches import Caches

EVERY: Final = timedelta(seconds=15)

_LOG: Final = logging.getLogger(__name__)
_Place = tuple[str, CriteriaRef]


@dataclass(frozen=True, slots=True)
class _Use:
    """Who refers to some criteria, and what Prometheus has refused of them."""

    users: list[str]
    refused: list[str]


class CriteriaStatus:
    """Runs beside the passes, while this operator works.

    ``_sent`` is what was written last, or refused; of what is in ``_barred`` no verdict alone is
    worth another try.
    """

    def __init__(self, caches: Caches, noted: LastVerdicts, kube: Kube) -> None:
        self._caches = caches
        self._noted = noted
        self._kube = kube
        self._mistakes: dict[str, tuple[int, str | None]] = {}
        self._sent: dict[str, Manifest] = {}
        self._barred: dict[str, Manifest] = {}

    async def run(self) -> None:
        """Say what has changed, again and again, until it is cancelled."""
        self._recall()
        while True:
            await asyncio.sleep(EVERY.total_seconds())
            await self.tell()

    async def tell(self) -> None:
        """Write the status of all criteria of which there is something new to say."""
        uses, known = self._uses(), {}
        for ref, record in self._all():
            known[record.meta.uid] = record.meta.namespace, title(ref)
            use = uses.get((record.meta.namespace, ref), _Use([], []))
            status = self._status(ref, record, use)
            if not self._is_told(record, status):
                await self._try(ref, record, status)
        for held in (self._mistakes, self._sent, self._barred):
            for gone in held.keys() - known.keys():
                held.pop(gone)
        self._noted.retain(set(known.values()))

    def _is_told(self, record: CriteriaRecord, status: Manifest) -> bool:
        """Whether it is written, or may not be written."""
        uid = record.meta.uid
        if status in (_without_none(record.wire), self._sent.get(uid)):
            return True
        return _without_verdicts(status) == self._barred.get(uid)

    async def _try(self, ref: CriteriaRef, record: CriteriaRecord, status: Manifest) -> None:
        uid = record.meta.uid
        self._barred.pop(uid, None)
        try:
            await self._write(ref, record, status)
        except TransientError as error:
            _LOG.warning("could not write the status of %s yet: %s", title(ref), error)
        except LockstepError as error:
            _LOG.warning("could not write the status of %s: %s", title(ref), error)
            self._barred[uid] = _without_verdicts(status)  # older roles: not again every time

    def _recall(self) -> None:
        """What an operator before this one had stored and did not come to tell."""
        for record in self._caches.model_deployments:
            found = verdicts.concluded(record)
            if found:
                key = Key(model_deployment.KIND, record.meta.namespace, record.meta.name)
                self._noted.note(key, found)

    def _all(self) -> Iterator[tuple[CriteriaRef, CriteriaRecord]]:
        caches = self._caches
        for kind, cache in (
            (CriteriaKind.NAMESPACED, caches.exit_criteria),
            (CriteriaKind.CLUSTER, caches.cluster_exit_criteria),
        ):
            for record in cache:
                yield CriteriaRef.model_construct(kind=kind, name=record.meta.name), record

    def _uses(self) -> dict[_Place, _Use]:
        found: dict[_Place, _Use] = defaultdict(lambda: _Use([], []))
        for record in self._caches.model_deployments:
            for ref in record.criteria():
                near = "" if ref.kind is CriteriaKind.CLUSTER else record.meta.namespace
                use = found[near, ref]
                use.users.append(str(Named(record.meta.namespace, record.meta.name)))
                use.refused.extend(_refused(record.wire, title(ref)))
        return found

    def _status(self, ref: CriteriaRef, record: CriteriaRecord, use: _Use) -> Manifest:
        generation, uid = record.meta.generation, record.meta.uid
        known = self._mistakes.get(uid)
        if known is None or known[0] != generation:
            known = self._mistakes[uid] = generation, mistake(ref, record.criteria)
        wrong = known[1] or next(iter(use.refused), None)
        noted = self._noted.of((record.meta.namespace, title(ref)))
        last = kept(verdicts.last(record.wire), noted, set(use.users))
        status = standing(generation, wrong, use.users, last)
        return status.model_dump(mode="json", by_alias=True, exclude_none=True)

    async def _write(self, ref: CriteriaRef, record: CriteriaRecord, status: Manifest) -> None:
        gone: Manifest = {key: None for key in record.wire if key not in status}
        manifest = {
            "apiVersion": API_VERSION,
            "kind": ref.kind.value,
            "metadata": {
                "namespace": record.meta.namespace,
                "name": ref.name,
                "uid": record.meta.uid,
            },
            "status": {**gone, **status},
        }
        answer = await self._kube.patch_status(manifest)
        self._sent[record.meta.uid] = status
        if answer:
            self._caches.on_write_response(answer)


def _without_verdicts(status: Manifest) -> Manifest:
    return {key: value for key, value in status.items() if key != "verdicts"}


def _without_none(wire: Manifest) -> Manifest:
    return {key: value for key, value in wire.items() if value is not None}


def _refused(wire: Manifest, criteria: str) -> Iterator[str]:
    """What a deployment's gates say of queries that Prometheus cannot read."""
    rows: Any = wire.get("gates") or ()
    for row in rows:
        if row.get("refused") and row.get("criteria") == criteria:
            yield f"metric {row.get('name')} {row.get('message')}"
