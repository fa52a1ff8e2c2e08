"""What the pages for those who change the code name is there: files, tests, targets, functions."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[3]
PACKAGE: Final = ROOT / "operator" / "lockstep"
CONTRIBUTING: Final = ROOT / "CONTRIBUTING.md"
PAGES: Final = (CONTRIBUTING, *sorted((ROOT / "docs" / "decisions").glob("*.md")))
BASES: Final = (ROOT, PACKAGE, ROOT / "tests", ROOT / "tests" / "unit")
TARGETS: Final = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
_QUOTED: Final = re.compile(r"`([^`\n]+)`")
_FILE: Final = re.compile(
    r"[\w<>./-]*[\w>]\.(?:py|md|yaml|toml|lock)\b|[\w-]+(?:/[\w<>-]+)*/(?!\S)"
)


def code(page: Path) -> list[str]:
    """What a page has in backticks, and its commands."""
    text = page.read_text()
    return [*_QUOTED.findall(text), *re.findall(r"^ {4}(\S.*)$", text, re.MULTILINE)]


def named(pages: tuple[Path, ...]) -> set[str]:
    return {name for page in pages for said in code(page) for name in _FILE.findall(said)}


def is_there(name: str) -> bool:
    """Below any of the folders that pages begin with; a file of any name in place of ``<name>``."""
    if "/" not in name:
        return (
            any(next(base.rglob(name), None) for base in (PACKAGE, ROOT / "tests"))
            or (ROOT / name).exists()
        )
    wanted = re.sub(r"<\w+>", "*", name).rstrip("/")
    return any(next(base.glob(wanted), None) for base in BASES)


@pytest.mark.parametrize("name", sorted(named(PAGES)))
def test_a_file_that_is_named_is_there(name: str) -> None:
    assert is_there(name)


def test_a_target_of_make_is_there() -> None:
    commands = [line for page in PAGES for line in code(page) if line.startswith("make ")]
    said = {word for line in commands for word in line.partition(" #")[0].split()[1:]}
    assert said
    assert {word for word in said if "=" not in word} <= TARGETS


@cache
def _defined() -> dict[str, set[str]]:
    """Names at the top of each module, by the last part of its path."""
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        names = found.setdefault(path.stem, set())
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Assign):
                names |= {each.id for each in node.targets if isinstance(each, ast.Name)}
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names.add(node.target.id)
    return found


def _is_defined(word: str) -> bool:
    """``report.plan`` in report.py, ``Assessment`` anywhere."""
    module, _, name = word.rpartition(".")
    places = [_defined().get(module, set())] if module else _defined().values()
    return any(name in defined for defined in places)


def test_what_is_named_in_the_code_is_defined_in_it() -> None:
    word = re.compile(r"[a-z_]+\.[a-z_]+|[A-Z]\w+")
    said = {it for it in code(CONTRIBUTING) if word.fullmatch(it)} - named((CONTRIBUTING,))
    assert said
    assert {it for it in said if not _is_defined(it)} == set()


def test_the_smallest_test_is_one() -> None:
    (path, wanted), *_ = re.findall(r'pytest (tests/\S+) -k "(\w+)"', CONTRIBUTING.read_text())
    assert wanted in (ROOT / path).read_text()
