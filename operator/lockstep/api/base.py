"""What every kind is made of: the wire rules, and the scalars that carry a unit or a promise."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import not_
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

Manifest = dict[str, Any]
"""A Kubernetes object as JSON: what the API server sends and takes."""

GROUP: Final = "lockstep.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

DEPLOYMENT_LABEL: Final = f"{GROUP}/deployment"
REVISION_LABEL: Final = f"{GROUP}/revision"

OWNER_ANNOTATION: Final = f"{GROUP}/owner-uid"
"""On a child that outlives its owner: whose it was made."""
SURPLUS_ANNOTATION: Final = f"{GROUP}/surplus"
"""On a ReplicaSet: how many of its replicas are there only while a restart replaces pods."""
EDITED_ANNOTATION: Final = f"{GROUP}/edited"
"""On a ReplicaSet: from when until when, with a slash between, its template was not ours."""
PORTS_ANNOTATION: Final = f"{GROUP}/ports"
"""On a ControllerRevision: through which ports callers reach it, where others than at first."""

TEMPLATE_ANNOTATION: Final = f"{GROUP}/template"
"""On a pod: the digest of the rendered template that it was made from."""
OWN_PREFIX: Final = f"{GROUP}/"


@dataclass(frozen=True, slots=True)
class Rule:
    """A promise about a value: CEL for the API server, Python for the model, one sentence for both.

    Stands in ``Annotated[…]`` for a scalar, list or map, and in ``RULES`` of a model.
    """

    cel: str
    sentence: str
    holds: Callable[[Any], bool]

    def check(self, value: object) -> object:
        """Give ``value`` back.

        Raises:
            ValueError: The promise does not hold for it.
        """
        if not self.holds(value):
            raise ValueError(self.sentence)
        return value

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return _with_rules(handler(schema), self)


Rules = tuple[Rule, ...]


def at_admission(_: object) -> bool:
    """For a rule that came later: what is stored already is read, and bounded where it is used."""
    return True


def _with_rules(schema: JsonSchemaValue, *rules: Rule) -> JsonSchemaValue:
    written = [{"rule": rule.cel, "message": rule.sentence} for rule in rules]
    before = schema.get("x-kubernetes-validations", [])
    return {**schema, "x-kubernetes-validations": [*before, *written]}


@dataclass(frozen=True, slots=True)
class KeyedBy:
    """Entries of a list are told apart by these fields: no two alike, appliers merge by them."""

    keys: tuple[str, ...]

    def check(self, entries: tuple[BaseModel, ...]) -> tuple[BaseModel, ...]:
        """Give ``entries`` back.

        Raises:
            ValueError: Two of them have the same key.
        """
        found = [tuple(getattr(entry, key) for key in self.keys) for entry in entries]
        twice = sorted(
            " ".join(map(str, key)) for key, times in Counter(found).items() if times > 1
        )
        if twice:
            raise ValueError(f"{' and '.join(self.keys)} must differ; twice: {', '.join(twice)}")
        return entries

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        keys = [to_camel(key) for key in self.keys]
        kind = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys}
        return {**handler(schema), **kind}


def cut(text: str, most: int) -> str:
    """At most ``most`` characters of a text; where some are missing it says so."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


@dataclass(frozen=True, slots=True)
class Cut:
    """Text of at most ``length`` characters: longer text is cut, read or written, never refused.

    A status that does not fit is not stored, and a rollout stands still.
    """

    length: int

    def _cut(self, value: object) -> object:
        return cut(value, self.length) if isinstance(value, str) else value

    def __get_pydantic_core_schema__(self, _: object, __: GetCoreSchemaHandler) -> CoreSchema:
        bounded = core_schema.str_schema(max_length=self.length)
        written = core_schema.plain_serializer_function_ser_schema(self._cut, return_schema=bounded)
        return core_schema.no_info_before_validator_function(
            self._cut, bounded, serialization=written
        )


@dataclass(frozen=True, slots=True)
class Newest:
    """A list whose last ``length`` entries are kept, read or written; more are never refused.

    As with ``Cut``: a status that does not fit is not stored.
    """

    length: int

    def _kept(self, value: object) -> object:
        return value[-self.length :] if isinstance(value, (list, tuple)) else value

    def _written(self, value: object, write: SerializerFunctionWrapHandler) -> object:
        return write(self._kept(value))

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        inner = handler(source)
        written = core_schema.wrap_serializer_function_ser_schema(self._written, schema=inner)
        return core_schema.no_info_before_validator_function(
            self._kept, inner, serialization=written
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "maxItems": self.length}


class Spec(BaseModel):
    """What users write: camelCase on the wire, immutable in memory, unknown fields rejected."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    RULES: ClassVar[Rules] = ()

    @model_validator(mode="after")
    def _keeps_the_rules(self) -> Self:
        for rule in self.RULES:
            rule.check(self)
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        written = handler(schema)
        if cls.RULES:
            handler.resolve_ref_schema(written).update(_with_rules({}, *cls.RULES))
        return written


class Seen(BaseModel):
    """What we once wrote and read back: unknown fields of another version are ignored.

    Text that says nothing is not written: an empty field would only look like one that was lost.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
    )


def blank() -> Any:  # noqa: ANN401 (as pydantic's Field)
    """The default of a text that ``Seen`` may lack; decided in pydantic, a status is big."""
    return Field(default="", exclude_if=not_)


def _is_port_name(text: str) -> bool:
    return len(text) <= LONGEST_PORT_NAME and re.fullmatch(PORT_NAME_PATTERN, text) is not None


def _wire_time(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


_TIME_PATTERN: Final = (
    r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

AwareTime = Annotated[
    AwareDatetime,
    PlainSerializer(_wire_time, return_type=str),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "maxLength": 40, "pattern": _TIME_PATTERN}
    ),
    Rule(
        "self >= timestamp('1970-01-01T00:00:00Z')",
        "must be a time after 1969",
        lambda value: value >= _EPOCH,
    ),
]
"""A moment as RFC 3339 has it, with its offset from UTC.

Pattern and rule are for the API server, whose date-time lets in an offset of +99:99, and a list.
"""

MAY_BE_NULL: Final[Any] = Field(default=None, json_schema_extra={"nullable": True})
"""A default of None that people also write as null, which server-side apply does not take for
absent."""


DnsLabel = Annotated[
    str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
]
ObjectName = Annotated[
    str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
]
HIGHEST_PORT: Final = 65535
Port = Annotated[int, Field(ge=1, le=HIGHEST_PORT)]
LONGEST_PORT_NAME: Final = 15
PORT_NAME_PATTERN: Final = r"^([0-9](-?[0-9])*-?)?[a-z](-?[a-z0-9])*$"
TargetPort = Annotated[
    int | str,
    WithJsonSchema({"x-kubernetes-int-or-string": True, "maxLength": LONGEST_PORT_NAME}),
    Rule(
        f"type(self) == int ? self >= 1 && self <= {HIGHEST_PORT} "
        f": self.size() <= {LONGEST_PORT_NAME} && self.matches('{PORT_NAME_PATTERN}')",
        "must be a port from 1 to 65535 or the name of a container port, at most 15 characters",
        lambda port: 1 <= port <= HIGHEST_PORT if isinstance(port, int) else _is_port_name(port),
    ),
]
"""A port of the pod, by number or name."""
Weight = Annotated[int, Field(ge=1, le=100)]
"""Whole percent of new connections that the candidate gets in a stage."""
Number = Annotated[float, Field(allow_inf_nan=False)]

PINNED_PATTERN: Final = r"^[^@\s]+@sha256:[0-9a-f]{64}$"
HOW_TO_PIN: Final = (
    "must end in @sha256:<64 hex digits>; "
    "`lockstep pin <file>` writes the digest of every tag into the file"
)


NO_SCHEME: Final = (
    "must be an OCI image or artifact, registry/repository@sha256:…; s3://, gs://, https:// and "
    "other schemes are not supported"
)


def _has_scheme(reference: str) -> bool:
    return "://" in reference


def is_pinned(reference: str) -> bool:
    """Whether ``reference`` names its content, not only a tag that may move."""
    return re.fullmatch(PINNED_PATTERN, reference, re.ASCII) is not None


PinnedReference = Annotated[
    str,
    Field(max_length=512),
    Rule("!self.contains('://')", NO_SCHEME, lambda reference: not _has_scheme(reference)),
    Rule(
        rf"self.contains('://') || self.matches(r'{PINNED_PATTERN}')",
        HOW_TO_PIN,
        lambda reference: _has_scheme(reference) or is_pinned(reference),
    ),
]
"""An OCI reference that names its content: ``repository[:tag]@sha256:…``."""

_SEMVER: Final = (
    r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$"
)
NO_SEMVER: Final = "must be a semantic version such as 1.4.0, without v; for model 7 write 7.0.0"
SemVer = Annotated[
    str,
    Field(max_length=64),
    Rule(
        f"self.matches(r'{_SEMVER}')",
        NO_SEMVER,
        lambda version: re.fullmatch(_SEMVER, version, re.ASCII) is not None,
    ),
]
