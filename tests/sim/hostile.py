"""Manifests that nobody writes on purpose, made from the schemas that the API server is given.

Three sorts: whatever the schema lets in, a good manifest with a few fields replaced, and wrong ones
that no API server would send. Which ones are made follows from hypothesis' seed alone.
"""

import copy
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from hypothesis import strategies as st

from lockstep.api import crds
from lockstep.api.base import Manifest
from tests.unit.api import manifests

Schema = Mapping[str, Any]
Values = st.SearchStrategy[Any]

PINNED: Final = manifests.PINNED
METADATA: Final[Manifest] = {
    "namespace": "pay",
    "generation": 1,
    "resourceVersion": "10",
    "creationTimestamp": "2026-01-01T00:00:00Z",
}
WANTED: Final = "@wanted"
"""Stands for the revision that the spec asks for, wherever a status names one."""

GOOD: Final[Mapping[str, tuple[Manifest, ...]]] = {
    "ModelDeployment": tuple(
        made
        for name, made in sorted(vars(manifests).items())
        if name.isupper() and isinstance(made, dict) and made.get("kind") == "ModelDeployment"
    ),
    "ExitCriteria": (manifests.EXIT_CRITERIA,),
    "ClusterExitCriteria": (manifests.CLUSTER_EXIT_CRITERIA,),
    "Decision": (manifests.DECISION,) if hasattr(manifests, "DECISION") else (),
}

_DURATIONS: Final = ("0s", "1ms", "1s", "10m", "1h30m", "0.0001ms", "8760h", "9999999h", "1h1h1h")
_TIMES: Final = (
    "2026-01-01T11:59:00Z", "2026-01-01T12:00:00.000Z", "2026-01-01T12:01:00+02:00",
    "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z",
    "2026-01-01t00:00:00z", "2026-01-01T00:00:00.123456789123Z", "2026-01-01T00:00:00+25:00",
    "2099-01-01T00:00:00Z", "1970-01-01T00:00:00Z",
)  # fmt: skip
_REVISIONS: Final = (WANTED, WANTED, "00000001", "7f9c2b1e", "", "x" * 64)
_PLAUSIBLE: Final[Mapping[str, tuple[object, ...]]] = {
    "version": ("1.0.0", "2.4.0", "10.20.30-rc.1+build.5", "9" * 20 + ".0.0"),
    "revision": _REVISIONS,
    "query": ("up", 'errors{revision="{{revision}}"}', "{{args.limit}}", "{{stageElapsed", "{{"),
    "jsonPath": ("$", "$.outputs[0]", "$..*", "$[?@.a > 1]", "$["),
    "phase": ("Healthy", "Progressing", "Paused", "Degraded"),
    "name": ("first", "quarter", "full", "serving", "server", "limit", "fraud", "errors"),
    "url": ("https://tickets.example.com/1", "http://x"),
}
_CHARACTERS: Final = st.characters(codec="utf-8")


def texts(most: int) -> Values:
    """Short ones, longest ones, and ones of every script."""
    edges = ["", " ", "x" * most, "é" * most, "\u202e\u0000\n\t{{", "null", "NaN"]
    return st.sampled_from([it for it in edges if len(it) <= most]) | st.text(
        _CHARACTERS, max_size=min(most, 12)
    )


def junk() -> Values:
    """Any JSON, and what is none."""
    numbers = st.sampled_from([0, -1, 1, 2**31, 2**63, -(2**70), 10**40, 1e308, 5e-324, 0.1])
    leaves = st.one_of(
        st.none(),
        st.booleans(),
        numbers,
        st.floats(),
        texts(70_000),
        st.sampled_from(manifests_hostile()),
        st.sampled_from((40, 200, 900)).map(nested),
    )
    keys = texts(300)
    inner = st.recursive(
        leaves,
        lambda child: st.lists(child, max_size=3) | st.dictionaries(keys, child, max_size=3),
        max_leaves=5,
    )
    return leaves | inner


@functools.cache
def manifests_hostile() -> tuple[object, ...]:
    return (*_DURATIONS, *_TIMES, PINNED, PINNED[:-1], "latest", [], {}, [[]], [{}], {"": {}})


def nested(levels: int) -> object:
    """An object in an object in an object …"""
    value: object = 1
    for _ in range(levels):
        value = {"a": value}
    return value


# ── What a schema lets in ────────────────────────────────────────────────────────────────────────


def fitting(schema: Schema, name: str = "") -> Values:
    """Values that the API server lets in under ``schema``; CEL rules hold where that is easy."""
    match schema:
        case {"enum": words}:
            return st.sampled_from(list(words))
        case {"x-kubernetes-int-or-string": True}:
            return st.sampled_from([1, 80, 8080, 65535, 0, "http", "http-0", "-"])
        case {"type": "string"}:
            return _strings(schema, name)
        case {"type": "boolean"}:
            return st.booleans()
        case {"type": "integer"}:
            return _integers(schema)
        case {"type": "number"}:
            return st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0, 1, 0.5])
        case {"type": "array"}:
            return _lists(schema, name)
        case _:
            return _objects(schema, name)


def _strings(schema: Schema, name: str) -> Values:
    most, pattern = schema.get("maxLength", 64), schema.get("pattern")
    if schema.get("format") == "date-time":
        fits = re.compile(pattern or "").search
        return st.sampled_from([time for time in _TIMES if fits(time)])
    if pattern and "ms|s|m|h" in pattern:
        return st.sampled_from(_DURATIONS)
    if any("@sha256" in rule["rule"] for rule in schema.get("x-kubernetes-validations", ())):
        return st.sampled_from([PINNED, PINNED, PINNED, "x" * most, "latest"])
    if pattern:
        plausible = _PLAUSIBLE.get(name, ())
        made = st.from_regex(pattern, fullmatch=True)
        return st.sampled_from(plausible) | made if plausible else made
    plausible = _PLAUSIBLE.get(name, ("x",))
    return st.sampled_from(plausible) | texts(most)


def _integers(schema: Schema) -> Values:
    least, most = schema.get("minimum", -(2**63)), schema.get("maximum", 2**63 - 1)
    edges = [it for it in (least, most, 0, 1, 2, 3, 50, 100) if least <= it <= most]
    return st.sampled_from(edges) | st.integers(least, most)


def _lists(schema: Schema, name: str) -> Values:
    most = min(schema.get("maxItems", 3), 3)
    keys = schema.get("x-kubernetes-list-map-keys")
    unique = (lambda it: repr([it.get(key) for key in keys])) if keys else None
    items = fitting(schema["items"], name)
    return st.lists(items, min_size=schema.get("minItems", 0), max_size=most, unique_by=unique)


def _objects(schema: Schema, name: str) -> Values:
    if "additionalProperties" in schema:
        values = fitting(schema["additionalProperties"], name)
        return st.dictionaries(texts(300), values, max_size=3)
    known = {key: fitting(inner, key) for key, inner in schema.get("properties", {}).items()}
    required = {key: known[key] for key in schema.get("required", ()) if key in known}
    optional = {key: inner for key, inner in known.items() if key not in required}
    if set(known) == {"canary", "blueGreen", "rolling"}:
        return st.sampled_from(sorted(known)).flatmap(lambda key: _only(key, known[key]))
    made = st.fixed_dictionaries(required, optional=optional)
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        more = st.dictionaries(texts(30), junk_of_a_server(), max_size=1)
        return st.builds(lambda one, two: {**two, **one}, made, more)
    return made


def _only(key: str, values: Values) -> Values:
    return values.map(lambda value: {key: value})


def junk_of_a_server() -> Values:
    """What stands in fields that no schema knows: JSON as Go writes it, so finite numbers."""
    return st.sampled_from([None, 0, -1.5, "x" * 1000, [], {}, [1, "a", None], nested(150)])


# ── Whole objects ────────────────────────────────────────────────────────────────────────────────


@functools.cache
def schema_of(kind: str) -> Schema:
    """The schema of the whole object, as `crds/` has it."""
    found = next(it for it in crds.KINDS if it.kind == kind)
    version = crds.definition(found)["spec"]["versions"][0]
    return dict(version["schema"]["openAPIV3Schema"]["properties"])


@functools.cache
def valid(kind: str) -> Values:
    """Objects whose spec and status fit the schema; the status may lie."""
    schema = schema_of(kind)
    specs = fitting(schema["spec"], "spec") | replaced(kind)
    parts = {"spec": specs}
    if "status" in schema:
        parts["status"] = st.just({}) | fitting(schema["status"], "status")
    return st.builds(functools.partial(_whole, kind), st.fixed_dictionaries(parts))


@functools.cache
def lying(kind: str) -> Values:
    """A good spec with a status that only somebody else could have written."""
    schema = schema_of(kind)
    parts = {"spec": _good(kind), "status": fitting(schema["status"], "status")}
    return st.builds(functools.partial(_whole, kind), st.fixed_dictionaries(parts))


@functools.cache
def broken(kind: str) -> Values:
    """Objects that no API server sends: junk anywhere, metadata included."""
    good = st.builds(functools.partial(_whole, kind), st.fixed_dictionaries({"spec": _good(kind)}))
    return st.builds(_spoilt, good, st.lists(st.tuples(st.randoms(), junk()), max_size=3))


def _good(kind: str) -> Values:
    return st.sampled_from(GOOD[kind]).map(lambda it: copy.deepcopy(it["spec"]))


def replaced(kind: str) -> Values:
    """A good spec in which some fields have another value that the schema lets in."""
    schema = schema_of(kind)["spec"]
    paths = [path for path in _paths(schema, ()) if path]

    def change(spec: Manifest, changes: list[tuple[tuple[str, ...], Any]]) -> Manifest:
        for path, value in changes:
            _put(spec, path, value)
        return spec

    one = st.sampled_from(paths).flatmap(
        lambda path: st.tuples(st.just(path), fitting(_at(schema, path), path[-1]))
    )
    return st.builds(change, _good(kind), st.lists(one, min_size=1, max_size=3))


def _paths(schema: Schema, at: tuple[str, ...]) -> list[tuple[str, ...]]:
    inner = schema.get("properties", {})
    return [at, *(path for key in inner for path in _paths(inner[key], (*at, key)))]


def _at(schema: Schema, path: tuple[str, ...]) -> Schema:
    for key in path:
        schema = schema["properties"][key]
    return schema


def _put(spec: Manifest, path: tuple[str, ...], value: object) -> None:
    *way, last = path
    for key in way:
        spec = spec.setdefault(key, {})
        if not isinstance(spec, dict):
            return
    spec[last] = value


def _whole(kind: str, parts: Manifest) -> Manifest:
    name = "fraud" if kind == "ModelDeployment" else "serving"
    metadata = {**METADATA, "name": name, "uid": f"uid-{kind}"}
    if kind.startswith("Cluster"):
        del metadata["namespace"]
    return {
        "apiVersion": "lockstep.dev/v1alpha1",
        "kind": kind,
        "metadata": metadata,
        **copy.deepcopy(parts),
    }


def _spoilt(good: Manifest, spoils: list[tuple[Any, object]]) -> Manifest:
    for dice, value in spoils:
        holder: Any = good
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = dice.choice(keys)
            below = holder[key]
            if isinstance(below, dict | list) and below and dice.random() < 0.8:
                holder = below
                continue
            if dice.random() < 0.15 and isinstance(holder, dict):
                del holder[key]
            else:
                holder[key] = value
            break
    return good


def everywhere(value: Any, change: Callable[[object], object]) -> Any:
    """The same JSON with every scalar changed."""
    if isinstance(value, dict):
        return {key: everywhere(inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [everywhere(inner, change) for inner in value]
    return change(value)
