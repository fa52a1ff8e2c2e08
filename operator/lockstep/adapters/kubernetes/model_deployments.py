"""Our own kinds, from the API server's JSON to our words, and a status back to the wire."""

from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeGuard, TypeVar

from pydantic import BaseModel, ValidationError

from lockstep.adapters.kubernetes.meta import Meta, meta
from lockstep.adapters.sharing import like
from lockstep.api.base import Manifest, cut
from lockstep.api.decision import AUTHOR_ANNOTATION, AUTHORS_ANNOTATION
from lockstep.api.exit_criteria import ClusterExitCriteriaSpec, ExitCriteriaSpec
from lockstep.api.model_deployment import CriteriaRef, ModelDeploymentSpec
from lockstep.api.model_deployment_status import ModelDeploymentStatus
from lockstep.core.rollout.observed import Criteria, Unreadable
from lockstep.errors import InvariantError

_SENTENCE: Final = 500
_AUTHORS: Final = 17 * 254
_DEEPEST: Final = 50
"""The API server lets 10,000 levels in; no pod template has a third of this."""
M = TypeVar("M", bound=BaseModel)


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


@dataclass(frozen=True, slots=True)
class CriteriaRecord:
    """``wire`` is the status as stored, which concerns none of those who use them."""

    meta: Meta
    criteria: Criteria | Unreadable
    wire: Manifest = field(default_factory=dict, compare=False)


def prune_model_deployment(raw: Manifest) -> ModelDeploymentRecord:
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


def renew_model_deployment(known: ModelDeploymentRecord, raw: Manifest) -> ModelDeploymentRecord:
    """Read it again; the spec is read only when it is another one: most changes are our own."""
    now = meta(raw)
    if (now.uid, now.generation) != (known.meta.uid, known.meta.generation):
        return prune_model_deployment(_sharing(raw, known.template))
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


def prune_exit_criteria(raw: Manifest) -> CriteriaRecord:
    return _criteria(ExitCriteriaSpec, raw)


def prune_cluster_exit_criteria(raw: Manifest) -> CriteriaRecord:
    return _criteria(ClusterExitCriteriaSpec, raw)


def _criteria(model: type[ExitCriteriaSpec], raw: Manifest) -> CriteriaRecord:
    known, spec = meta(raw), parse(model, raw.get("spec", {}))
    if isinstance(spec, Unreadable):
        return CriteriaRecord(known, spec, raw.get("status", {}))
    return CriteriaRecord(known, Criteria(spec, known.generation), raw.get("status", {}))


def parse(model: type[M], spec: object) -> M | Unreadable:
    """Read the spec of one of our kinds."""
    if _is_deeper(spec, _DEEPEST):
        return Unreadable(f"spec.template: nests more than {_DEEPEST} levels deep")
    try:
        return model.model_validate(spec)
    except ValidationError as error:
        return Unreadable(sentence(error))


def _is_deeper(value: object, levels: int) -> bool:
    """Whether lists and maps nest deeper than that."""
    here = [value]
    for _ in range(levels):
        below = [it.values() if isinstance(it, dict) else it for it in here if _holds_more(it)]
        here = [inner for held in below for inner in held]
    return any(map(_holds_more, here))


def _holds_more(value: object) -> TypeGuard[dict[str, object] | list[object]]:
    return isinstance(value, dict | list)


def sentence(error: ValidationError) -> str:
    """Name the first field that cannot be read, and why: ``spec.replicas: should be …``."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = "".join(f"[{it}]" if isinstance(it, int) else f".{it}" for it in first["loc"])
    why = first["msg"].removeprefix("Value error, ")
    more = error.error_count() - 1
    text = f"spec{path}: {why}" + (f" (and {more} more)" if more else "")
    return cut(text, _SENTENCE)


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


def merge_patch(before: Manifest, after: Manifest) -> Manifest:
    """The JSON merge patch (RFC 7386) from one object to the other: null for what has to go."""
    patch: Manifest = {key: None for key in before if key not in after}
    for key, value in after.items():
        known = before.get(key)
        if isinstance(value, dict) and isinstance(known, dict):
            inner = merge_patch(known, value)
            if inner:
                patch[key] = inner
        elif value != known:
            patch[key] = value
    return patch
