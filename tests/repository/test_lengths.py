"""A file of the operator is read in one go, and a function without scrolling."""

import ast
from pathlib import Path
from typing import Final

HOUSE: Final = Path(__file__).parents[2] / "operator" / "lockstep"
FILES: Final = {str(path.relative_to(HOUSE)): path.read_text() for path in HOUSE.rglob("*.py")}
LONGEST_FILE: Final = 400
LONGEST_FUNCTION: Final = 60


def _lengths(text: str) -> dict[str, int]:
    return {
        node.name: (node.end_lineno or 0) - node.lineno + 1
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_no_file_is_longer_than_it_may_be() -> None:
    lines = {path: len(text.splitlines()) for path, text in FILES.items()}
    assert {path: many for path, many in lines.items() if many > LONGEST_FILE} == {}


def test_no_function_is_longer_than_it_may_be() -> None:
    found = {path: _lengths(text) for path, text in FILES.items()}
    long = {
        f"{path}: {name}": many
        for path, functions in found.items()
        for name, many in functions.items()
        if many > LONGEST_FUNCTION
    }
    assert long == {}
