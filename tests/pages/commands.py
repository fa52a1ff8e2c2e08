"""What the pages tell their readers to type: every command of every page, and every other block.

A block says its language. One that is indented, or fenced as `sh`, holds commands; one fenced as
`console` holds those behind a `$`, each with what it shows. Inline code that begins with the name
of a program is a command too.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
PAGES = tuple(
    str(page.relative_to(ROOT))
    for page in (
        ROOT / "README.md",
        ROOT / "SECURITY.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "examples").rglob("*.md")),
    )
)
SHELL = ("", "sh")
CONSOLE = "console"
PROGRAMS = "kubectl|lockstep|make|git|docker|pip|uv|python3?|argocd|flux|helm"
INLINE = re.compile(rf"(?:{PROGRAMS}|\S*/\w+) \S")


@dataclass(frozen=True, slots=True)
class Block:
    """Code that stands by itself; ``language`` is empty where it is indented."""

    page: str
    line: int
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it is written, and what the page says that it shows."""

    page: str
    line: int
    text: str
    shows: str = ""
    inline: bool = False

    @property
    def bare(self) -> str:
        """Without the remark behind it."""
        return re.sub(r"\s+#\s.*$", "", self.text)

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


def blocks(page: str, text: str) -> tuple[Block, ...]:
    return tuple(
        Block(page, _line(token), token.info.strip(), token.content)
        for token in _tokens(text)
        if token.type in {"fence", "code_block"}
    )


def commands(page: str, text: str) -> tuple[Command, ...]:
    """In the order of the page."""
    return tuple(found for token in _tokens(text) for found in _of(page, token))


def of_page(page: str) -> tuple[Command, ...]:
    return commands(page, (ROOT / page).read_text())


def blocks_of_page(page: str) -> tuple[Block, ...]:
    return blocks(page, (ROOT / page).read_text())


def _tokens(text: str) -> Sequence[Token]:
    return MarkdownIt().enable("table").parse(text)


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 0


def _of(page: str, token: Token) -> Iterator[Command]:
    first = _line(token)
    if token.type == "code_block" or (token.type == "fence" and token.info.strip() in SHELL):
        yield from _plain(page, first + (token.type == "fence"), token.content)
    elif token.type == "fence" and token.info.strip() == CONSOLE:
        yield from _prompted(page, first + 1, token.content)
    for child in token.children or ():
        if child.type == "code_inline" and INLINE.match(child.content):
            yield Command(page, first, child.content, inline=True)


def _plain(page: str, first: int, text: str) -> Iterator[Command]:
    """A line that is indented, or that follows a backslash, goes on with the one before."""
    gathered: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), first):
        goes_on = gathered and (line.startswith(" ") or gathered[-1][1].endswith("\\"))
        if goes_on:
            gathered[-1] = (gathered[-1][0], f"{gathered[-1][1]}\n{line}")
        elif line and not line.startswith("#"):
            gathered.append((number, line))
    yield from (Command(page, number, line) for number, line in gathered)


def _prompted(page: str, first: int, text: str) -> Iterator[Command]:
    for part in re.finditer(r"(?ms)^\$ ((?:[^\n]*\\\n)*[^\n]*)\n?(.*?)(?=^\$ |\Z)", text):
        yield Command(page, first + text.count("\n", 0, part.start()), part[1], part[2])
