"""Kept once in memory: what several objects say alike, as a template does in three of them or more.

The API server lets in templates of hundreds of KB. Read, they take several times as much, and each
revision has its own as it was written, as it was rendered, and in its ReplicaSet.
"""

from typing import Any, Final

_DEEPEST: Final = 50
"""Below that nothing is shared: no pod template has a third of it."""


def like(value: Any, known: Any, levels: int = _DEEPEST) -> Any:  # noqa: ANN401 (parts of manifests)
    """The same value, with every part that ``known`` has at its place taken from there.

    Neither may be changed afterwards. 1, 1.0 and true are not the same here.
    """
    if value is known or type(value) is not type(known) or not levels:
        return value
    if isinstance(value, dict):
        return _dict(value, known, levels - 1)
    if isinstance(value, list):
        return _list(value, known, levels - 1)
    return known if value == known else value


def _dict(value: dict[str, Any], known: dict[str, Any], levels: int) -> dict[str, Any]:
    made = {key: like(inner, known.get(key), levels) for key, inner in value.items()}
    if len(made) != len(known):
        return made
    same = all(key in known and inner is known[key] for key, inner in made.items())
    return known if same else made


def _list(value: list[Any], known: list[Any], levels: int) -> list[Any]:
    made = [like(inner, other, levels) for inner, other in zip(value, known, strict=False)]
    if len(value) == len(known) and all(a is b for a, b in zip(made, known, strict=True)):
        return known
    return made + value[len(made) :]
