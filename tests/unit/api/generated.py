"""Values made from a schema."""

from typing import Any

Schema = dict[str, Any]


def largest(schema: Schema) -> Any:  # noqa: ANN401  # any JSON
    """The longest value of ASCII that ``schema`` lets in."""
    match schema:
        case {"enum": words}:
            return max(words, key=len)
        case {"format": "date-time"}:
            return "2026-12-31T23:59:59.999Z"
        case {"type": "string", "maxLength": length}:
            return "x" * length
        case {"type": "integer"}:
            return 2**31
        case {"type": "boolean"}:
            return False
        case {"type": "array", "items": items, "maxItems": count}:
            return [
                {**largest(items), "type": f"{number:064}"}
                if "type" in items["properties"]
                else largest(items)
                for number in range(count)
            ]
        case {"properties": properties}:
            return {name: largest(inner) for name, inner in properties.items()}
        case _:
            raise AssertionError(schema)
