"""Values made from a schema."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]


def largest(schema: Schema) -> Any:
    """The longest value of ASCII that ``schema`` lets in."""
    match schema:
        case {"enum": words}:
            return max(words, key=len)
        case {"format": "date-time"}:
            return "2026-12-31T23:59:59.999Z"
        case {"type": "string", "maxLength": length}:
            return "x" * length
        case {"type": "integer"}:
            return min(schema.get("maximum", 2**31 - 1), 2**31 - 1)
        case {"type": "boolean"}:
            return False
        case {"type": "array", "items": items, "maxItems": count}:
            return [
                {**largest(items), "type": f"{number:064}"}
                if "type" in items.get("properties", ())
                else largest(items)
                for number in range(count)
            ]
        case {"properties": properties}:
            return {name: largest(inner) for name, inner in properties.items()}
        case _:
            raise AssertionError(schema)


def fields(schema: Schema, path: str) -> Iterator[str]:
    """Every field of ``schema`` by path, the first entry standing for all of a list."""
    for name, inner in schema.get("properties", {}).items():
        yield f"{path}.{name}"
        yield from fields(inner, f"{path}.{name}")
    if "items" in schema:
        yield f"{path}[0]"
        yield from fields(schema["items"], f"{path}[0]")


def objects(schema: Schema, path: str) -> Iterator[str]:
    """Every object of ``schema`` by path that keeps no unknown fields."""
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        yield path
    for name, inner in schema.get("properties", {}).items():
        yield from objects(inner, f"{path}.{name}")
    if "items" in schema:
        yield from objects(schema["items"], f"{path}[0]")


HOSTILE: tuple[object, ...] = (
    *("", " ", "x", "X_y", "@", "5", "1h", "-1h", "1e3s", "0.0001ms", "a\n", "a\nb", "é", "\u00a0"),
    *("99999999999999999999999999999h", "1.2.3", "$", "/", "http://", "x" * 70_000),
    *("2026-01-01T00:00:00Z", "2026-01-01T00:00:00+99:99", "2026-01-01t00:00:00z", "2026-01-01"),
    *("x@sha256:" + "ab" * 32, "x\u00a0@sha256:" + "ab" * 32, "x@sha256:" + "ab" * 32 + "\n"),
    *(None, True, -1, 0, 1, 101, 1.5, 1.0, 65536, 10**10, 2**63, 1e300),
    *([], [""], [None], [{}], [1], {}, {"x": 1}, {"x": "y"}, {"x": None}, {"": ""}),
)
"""What nobody would write on purpose."""
