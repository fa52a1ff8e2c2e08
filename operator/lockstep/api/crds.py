"""The CustomResourceDefinitions, made from the models by `python -m lockstep.api.crds <dir>`.

The API server wants structural schemas: no references, no unions, no null, a maximum for every
list, map and string, and unknown fields dropped but where it is told to keep them.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from lockstep.api import decision, exit_criteria, model_deployment
from lockstep.api.base import GROUP, VERSION, Manifest, Rules
from lockstep.api.durations import format_duration
from lockstep.api.exit_criteria_status import ExitCriteriaStatus
from lockstep.api.model_deployment_status import ModelDeploymentStatus

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind as the API server has to know it; ``rules`` are those of the whole object."""

    kind: str
    plural: str
    short: str
    scope: str
    meaning: str
    spec: type[BaseModel]
    status: type[BaseModel] | None = None
    rules: Rules = ()
    scale: Mapping[str, str] | None = None
    columns: tuple[Mapping[str, str | int], ...] = ()


def _column(name: str, path: str, type_: str = "string", **more: str | int) -> dict[str, str | int]:
    return {"name": name, "type": type_, "jsonPath": path, **more}


AGE: Final = _column("Age", ".metadata.creationTimestamp", "date")
CRITERIA_COLUMNS: Final = (
    _column("Soak", ".spec.minimumSoak"),
    _column("Valid", ".status.valid"),
    _column("Used by", ".status.usedBy", "integer"),
    _column("Last verdict", ".status.verdicts[0].verdict"),
    _column("Message", ".status.message"),
    AGE,
)

KINDS: Final = (
    Kind(
        kind=model_deployment.KIND,
        plural=model_deployment.PLURAL,
        short="mldep",
        scope="Namespaced",
        meaning="A served model and how its revisions are rolled out.",
        spec=model_deployment.ModelDeploymentSpec,
        status=ModelDeploymentStatus,
        rules=(model_deployment.NAME,),
        scale={
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        },
        columns=(
            _column("Stable", ".status.stable.version"),
            _column("Candidate", ".status.candidate.version"),
            _column("Stage", ".status.stage.name"),
            _column("Weight", ".status.weights.actual", "integer"),
            _column("Phase", ".status.phase"),
            _column("Message", ".status.message"),
            AGE,
            _column("Image", ".status.stable.image", priority=1),
            _column("Ready", ".status.readyReplicas", "integer", priority=1),
        ),
    ),
    Kind(
        kind=exit_criteria.KIND,
        plural=exit_criteria.PLURAL,
        short="mlexit",
        scope="Namespaced",
        meaning="Metrics and limits that stages of ModelDeployments in this namespace refer to.",
        spec=exit_criteria.ExitCriteriaSpec,
        status=ExitCriteriaStatus,
        columns=CRITERIA_COLUMNS,
    ),
    Kind(
        kind=exit_criteria.CLUSTER_KIND,
        plural=exit_criteria.CLUSTER_PLURAL,
        short="mlcexit",
        scope="Cluster",
        meaning="Metrics and limits of the platform team that stages of every namespace refer to.",
        spec=exit_criteria.ClusterExitCriteriaSpec,
        status=ExitCriteriaStatus,
        columns=CRITERIA_COLUMNS,
    ),
    Kind(
        kind=decision.KIND,
        plural=decision.PLURAL,
        short="mldec",
        scope="Namespaced",
        meaning="One person's recorded decision about one revision of a ModelDeployment.",
        spec=decision.DecisionSpec,
        status=decision.DecisionStatus,
        rules=(decision.NEVER_CHANGES,),
        columns=(
            _column("Target", ".spec.target.name"),
            _column("Act", ".spec.act"),
            _column("Revision", ".spec.revision"),
            _column("Stage", ".spec.stage"),
            _column("By", ".spec.by"),
            _column("Outcome", ".status.outcome"),
            _column("Message", ".status.message", priority=1),
            AGE,
        ),
    ),
)


class UnboundedError(Exception):
    """A list, map or string of a model has no maximum."""


class _WireSchema(GenerateJsonSchema):
    """JSON schema without null (absent says it) and with defaults as they are on the wire."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def encode_default(self, dft: object) -> Any:  # noqa: ANN401  # pydantic's own signature
        match dft:
            case timedelta():
                return format_duration(dft)
            case BaseModel():
                return dft.model_dump(mode="json", by_alias=True, exclude_defaults=True)
            case _:
                return super().encode_default(dft)


def described(model: type[BaseModel]) -> Schema:
    """The schema of a model with everything people want to read: all defaults, all descriptions.

    Raises:
        UnboundedError: A list, map or string has no maximum; the message names the field.
    """
    written = model.model_json_schema(by_alias=True, schema_generator=_WireSchema)
    schema = _inlined(written, written.get("$defs", {}))
    without = sorted(_unbounded(schema, model.__name__))
    if without:
        raise UnboundedError(f"no maximum: {', '.join(without)}")
    return schema


def _inlined(node: Schema, known: Mapping[str, Schema]) -> Schema:
    if "$ref" in node:
        target = known[node["$ref"].removeprefix("#/$defs/")]
        return _inlined({**target, **{k: v for k, v in node.items() if k != "$ref"}}, known)
    out = {k: v for k, v in node.items() if k not in {"$defs", "title", "additionalProperties"}}
    match node.get("additionalProperties"):
        case True:
            out["x-kubernetes-preserve-unknown-fields"] = True
        case dict(values):
            out["additionalProperties"] = _inlined(values, known)
        case False if not node["properties"]:
            # Server-side apply takes an object without fields for a free form and prunes it.
            out |= {"x-kubernetes-preserve-unknown-fields": True, "maxProperties": 0}
        case _:
            pass
    if "description" in node:
        out["description"] = " ".join(node["description"].split())
    if "items" in node:
        out["items"] = _inlined(node["items"], known)
    if "properties" in node:
        out["properties"] = {k: _inlined(v, known) for k, v in node["properties"].items()}
    if out.get("default", ...) is None:
        del out["default"]
    return out


def _unbounded(node: Schema, path: str) -> Iterator[str]:
    for name, inner in node.get("properties", {}).items():
        yield from _unbounded(inner, f"{path}.{name}")
    if "items" in node:
        yield from _unbounded(node["items"], f"{path}[]")
    if "additionalProperties" in node:
        yield from _unbounded(node["additionalProperties"], f"{path}{{}}")
    if not _is_bounded(node):
        yield path


def _is_bounded(node: Schema) -> bool:
    if "additionalProperties" in node:
        return "maxProperties" in node
    if node.get("x-kubernetes-int-or-string"):
        return "maxLength" in node
    match node["type"]:
        case "string":
            return "maxLength" in node or "enum" in node
        case "array":
            return "maxItems" in node
        case _:
            return True


def structural(node: Schema) -> Schema:
    """What the API server is given.

    It sets defaults itself, so that `kubectl get` shows what holds and a scale subresource finds
    its number, but not inside list entries: Argo CD compares lists whole and would show a value
    that is not in Git as a difference for ever. There the description says the default.
    """
    out = dict(node)
    if "properties" in node:
        out["properties"] = {k: structural(v) for k, v in node["properties"].items()}
    if "items" in node:
        out["items"] = _defaults_said(node["items"])
    if "default" in out and not _is_worth_setting(out):
        del out["default"]
    return out


def _is_worth_setting(node: Schema) -> bool:
    if node["default"] == {}:
        return any("default" in inner for inner in node.get("properties", {}).values())
    return node["default"] not in ("", [])


def _defaults_said(node: Schema) -> Schema:
    out = dict(node)
    default = out.pop("default", None)
    if default not in (None, "", [], {}):
        said = str(default).lower() if isinstance(default, bool) else default
        out["description"] = f"{out.get('description', '')} Default: {said}.".strip()
    if "properties" in node:
        out["properties"] = {k: _defaults_said(v) for k, v in node["properties"].items()}
    if "items" in node:
        out["items"] = _defaults_said(node["items"])
    return out


def definition(kind: Kind) -> Manifest:
    """The CustomResourceDefinition of ``kind``."""
    version: Manifest = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _whole(kind)},
        "additionalPrinterColumns": [dict(column) for column in kind.columns],
    }
    subresources: Manifest = {}
    if kind.status:
        subresources["status"] = {}
    if kind.scale:
        subresources["scale"] = dict(kind.scale)
    if subresources:
        version["subresources"] = subresources
    names = {
        "kind": kind.kind,
        "listKind": f"{kind.kind}List",
        "plural": kind.plural,
        "singular": kind.kind.lower(),
        "shortNames": [kind.short],
        "categories": ["lockstep"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {"group": GROUP, "scope": kind.scope, "names": names, "versions": [version]},
    }


_OF_ONE_WRITER: Final[Schema] = {"x-kubernetes-map-type": "atomic"}
"""Who wrote which field of a status is nobody's question: the operator puts it whole. Kept field by
field, the answer is a quarter of a ModelDeployment and a fifth of what each write of it costs."""


_UNSEEN: Final[Schema] = {"observedGeneration": -1}
"""Whoever asks whether an object is as its spec wants it compares generations: without a status a
new one would count as done, for as long as no pass has looked at it."""


def _whole(kind: Kind) -> Schema:
    properties: Schema = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        "spec": structural(described(kind.spec)),
    }
    if kind.status:
        properties["status"] = {**structural(described(kind.status)), **_OF_ONE_WRITER}
        if "observedGeneration" in properties["status"]["properties"]:
            properties["status"]["default"] = dict(_UNSEEN)
    whole: Schema = {
        "type": "object",
        "description": kind.meaning,
        "required": ["spec"],
        "properties": properties,
    }
    if kind.rules:
        whole["x-kubernetes-validations"] = [
            {"rule": rule.cel, "message": rule.sentence} for rule in kind.rules
        ]
    return whole


class _Plain(yaml.SafeDumper):
    """Writes out what appears twice: people read these files, and anchors hide."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # PyYAML's own signature
        return True


def files() -> dict[str, str]:
    """Every file of `crds/` by name."""
    return {
        f"{kind.plural}.yaml": "# Generated by `make crds` from operator/lockstep/api.\n"
        + yaml.dump(definition(kind), Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)
        for kind in KINDS
    }


def main(folder: str) -> None:
    """Write the files of `crds/` into ``folder``."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        Path(folder, name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
