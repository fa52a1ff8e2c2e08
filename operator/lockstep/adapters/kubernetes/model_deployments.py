"""ModelDeployments, from the API server's JSON to our words, and a status back to the wire."""

from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import ValidationError

from lockstep.adapters.kubernetes.meta import Meta, meta
from lockstep.adapters.kubernetes.specs import parse, sentence
from lockstep.adapters.sharing import like
from lockstep.api.base import Manifest
from lockstep.api.decision import AUTHOR_ANNOTATION, AUTHORS_ANNOTATION
from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.model_deployment_status import ModelDeploymentStatus
from lockstep.api.strategy import CriteriaRef
from lockstep.core.facts import Unreadable
from lockstep.errors import InvariantError

_AUTHORS: Final = 17 * 254


@dataclass(frozen=True, slots=True)
class ModelDeploymentRecord:
    """``wire`` is the status exactly as stored; ``template`` the template exactly as written.

    ``author`` is whoever last changed the spec, ``authors`` are those who changed what runs, as an
    admission policy stamped it.
    """

    meta: Meta
    spec: ModelDeploymentSpec | Unreadable
    template: Manifest
    wire: Manifest
    author: str = ""
    authors: tuple[str, ...] = ()

    def criteria(self) -> frozenset[CriteriaRef]:
        """The exit criteria that the spec refers to."""
        if isinstance(self.spec, Unreadable):
            return frozenset()
        return frozenset(self.spec.strategy.criteria())


def prune(raw: Manifest) -> ModelDeploymentRecord:
    """Read a ModelDeployment."""
    written = raw.get("spec")
    spec = parse(ModelDeploymentSpec, written)
    template = {}
    if isinstance(written, dict) and not isinstance(spec, Unreadable):
        template = written["template"]
    return ModelDeploymentRecord(
        meta=meta(raw),
        spec=spec,
        template=template,
        wire=raw.get("status", {}),
        author=_note(raw, AUTHOR_ANNOTATION),
        authors=_authors(raw),
    )


def renew(known: ModelDeploymentRecord, raw: Manifest) -> ModelDeploymentRecord:
    """Read it again; the spec is read only when it is another one: most changes are our own."""
    now = meta(raw)
    if (now.uid, now.generation) != (known.meta.uid, known.meta.generation):
        return prune(_sharing(raw, known.template))
    author, authors = _note(raw, AUTHOR_ANNOTATION), _authors(raw)
    return replace(known, meta=now, wire=raw.get("status", {}), author=author, authors=authors)


def _sharing(raw: Manifest, template: Manifest) -> Manifest:
    """The same object with what did not change of its template taken from the one before."""
    match raw:
        case {"spec": {"template": dict(written), **rest}}:
            return {**raw, "spec": {**rest, "template": like(written, template)}}
        case _:
            return raw


def _authors(raw: Manifest) -> tuple[str, ...]:
    """A policy keeps it short; where there is none, somebody may have written anything."""
    names = _note(raw, AUTHORS_ANNOTATION)[:_AUTHORS].split("\n")
    return tuple(name for name in names if name)


def _note(raw: Manifest, name: str) -> str:
    return str((raw["metadata"].get("annotations") or {}).get(name, ""))


def read_status(wire: Manifest) -> ModelDeploymentStatus:
    """Our memory, read back.

    Raises:
        InvariantError: It is not what we wrote. Guessing could send callers to a rejected revision.
    """
    try:
        return ModelDeploymentStatus.model_validate(wire)
    except ValidationError as error:
        text = sentence(error).replace("spec", "status", 1)
        raise InvariantError(
            f"{text}; remove the field, it is rebuilt from the children"
        ) from error


def write_status(status: ModelDeploymentStatus) -> Manifest:
    """A status as it goes over the wire: what is None or an empty text is absent."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


def plain(wire: Manifest) -> Manifest:
    """What a status says, however it says it: for comparing, not for writing.

    Earlier operators wrote empty texts, and a weight of 0 where nothing is on trial. To leave them
    out is not worth a write of every ModelDeployment there is.
    """
    said = {key: _plain(value) for key, value in wire.items() if value != ""}
    if "candidate" not in said:
        said["weights"] = {"actual": (said.get("weights") or {}).get("actual", 0)}
    return said


def _plain(value: Any) -> Any:  # noqa: ANN401 (any part of a status)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items() if inner != ""}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
