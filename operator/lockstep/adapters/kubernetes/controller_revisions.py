"""A ControllerRevision of ours, read back."""

import json
from dataclasses import dataclass, replace
from typing import Final

from pydantic import TypeAdapter, ValidationError

from lockstep.adapters.kubernetes.meta import Meta, meta
from lockstep.adapters.sharing import like
from lockstep.api.base import PORTS_ANNOTATION, Manifest
from lockstep.api.service import Ports
from lockstep.core.rollout.observed import StoredRevision
from lockstep.core.rollout.revision import is_rendering

_PORTS: Final[TypeAdapter[Ports]] = TypeAdapter(Ports)


@dataclass(frozen=True, slots=True)
class RevisionRecord:
    """``stored`` is None when the data is not in our form: it is then no revision to us.

    Nor is what has no owner and only carries our label, which anybody may set.
    """

    meta: Meta
    stored: StoredRevision | None


def prune(raw: Manifest) -> RevisionRecord:
    """Read a ControllerRevision."""
    known = meta(raw)
    match raw.get("data") if known.owner_uid else None:
        case {"scheme": str(scheme), "inputs": dict(inputs), "template": dict(template), **rest}:
            stored = StoredRevision(
                name=known.name,
                revision=known.revision,
                scheme=scheme,
                number=raw["revision"],
                inputs=inputs,
                template=template,
                authors=_authors(rest.get("authors")),
                ports=_noted(raw) or _ports(rest.get("ports")),
                rendered=is_rendering(known.parent_name, known.revision, inputs, template),
            )
            return RevisionRecord(known, stored)
        case _:
            return RevisionRecord(known, None)


def sharing(record: RevisionRecord, known: Manifest) -> RevisionRecord:
    """The same record, of whose templates no more is its own than differs from ``known``."""
    stored = record.stored
    if stored is None:
        return record
    written = like(stored.inputs.get("template"), known)
    inputs = {**stored.inputs, "template": written} if written is not None else stored.inputs
    template = like(stored.template, written if isinstance(written, dict) else known)
    return replace(record, stored=replace(stored, inputs=inputs, template=template))


def _authors(written: object) -> tuple[str, ...]:
    """Absent in what was stored before there were any."""
    return tuple(map(str, written)) if isinstance(written, list) else ()


def _noted(raw: Manifest) -> Ports:
    """Empty too where somebody wrote what are no ports."""
    text = (raw["metadata"].get("annotations") or {}).get(PORTS_ANNOTATION)
    try:
        return _ports(json.loads(text)) if text else ()
    except ValueError:
        return ()


def _ports(written: object) -> Ports:
    """Absent in what was stored before there were any."""
    try:
        return _PORTS.validate_python(written or ())
    except ValidationError:
        return ()
