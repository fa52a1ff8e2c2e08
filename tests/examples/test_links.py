"""What people read leads where it says: a relative link is a file, and a heading in it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
CODE = re.compile(r"(?s)```.*?```|`[^`\n]*`")
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")


def anchors(page: Path) -> set[str]:
    """The names that headings have in links, as code hosts make them."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text())
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def links(page: Path) -> list[tuple[str, str]]:
    return LINK.findall(CODE.sub("", page.read_text()))


def dead(page: Path) -> Iterator[str]:
    for path, anchor in links(page):
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield f"{path}#{anchor}" if anchor else path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_is_dead(page: Path) -> None:
    assert not [*dead(page)]


def test_every_page_of_the_documentation_is_found_from_its_first_one() -> None:
    docs = ROOT / "docs"
    linked = {(docs / path).resolve() for path, _ in links(docs / "README.md")}
    assert {page for page in docs.rglob("*.md") if page != docs / "README.md"} <= linked
