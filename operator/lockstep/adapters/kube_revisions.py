"""A ControllerRevision of ours, read back."""

from dataclasses import dataclass

from lockstep.adapters.kube import Meta, meta
from lockstep.api.base import Manifest
from lockstep.core.observed import StoredRevision


@dataclass(frozen=True, slots=True)
class RevisionRecord:
    """``stored`` is None when the data is not in our form: it is then no revision to us."""

    meta: Meta
    stored: StoredRevision | None


def prune(raw: Manifest) -> RevisionRecord:
    """Read a ControllerRevision."""
    known = meta(raw)
    match raw.get("data"):
        case {"scheme": str(scheme), "inputs": dict(inputs), "template": dict(template), **rest}:
            stored = StoredRevision(
                name=known.name,
                revision=known.revision,
                scheme=scheme,
                number=raw["revision"],
                inputs=inputs,
                template=template,
                authors=_authors(rest.get("authors")),
            )
            return RevisionRecord(known, stored)
        case _:
            return RevisionRecord(known, None)


def _authors(written: object) -> tuple[str, ...]:
    """Absent in what was stored before there were any."""
    return tuple(map(str, written)) if isinstance(written, list) else ()
