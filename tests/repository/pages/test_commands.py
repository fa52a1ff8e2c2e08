"""How commands are found in a page, and that it is known of each what it needs to be run."""

import re

import pytest

from tests.pages.commands import (
    CONSOLE,
    PAGES,
    ROOT,
    SHELL,
    Command,
    blocks_of_page,
    commands,
    of_page,
)
from tests.pages.suites import (
    EXAMPLES,
    HOW_TO,
    LOCAL_CLUSTER,
    LOOKED_UP,
    NOT_HERE,
    README,
    TUTORIAL,
    UPGRADE,
    Suite,
    suite,
    targets,
)

FOUND: dict[str, tuple[str, list[tuple[int, str, str]]]] = {
    "an indented block": ("text\n\n    make demo   # why\n", [(3, "make demo   # why", "")]),
    "a comment is none": ("    # so:\n    make a\n", [(2, "make a", "")]),
    "a fence of sh": ("```sh\nmake a\n\nmake b\n```\n", [(2, "make a", ""), (4, "make b", "")]),
    "a line that goes on": ("```sh\na \\\nb\nc\n```\n", [(2, "a \\\nb", ""), (4, "c", "")]),
    "a group that is indented": (
        "    { echo a\n      echo b; } | cat\n",
        [(1, "{ echo a\n  echo b; } | cat", "")],
    ),
    "a console with what is shown": (
        "```console\n$ make a\nout\nmore\n$ make \\\n    b\n```\n",
        [(2, "make a", "out\nmore\n"), (5, "make \\\n    b", "")],
    ),
    "a console in a list": ("* so:\n\n  ```console\n  $ make a\n  ```\n", [(4, "make a", "")]),
    "a command in a sentence": ("Say `kubectl get pods` there.\n", [(1, "kubectl get pods", "")]),
    "a command in a cell": ("| a |\n|---|\n| `make a` |\n", [(3, "make a", "")]),
    "the name of a program is none": ("Use `kubectl` and `paused: true`.\n", []),
    "another language is none": ("```yaml\nmake: a\n```\n", []),
}


@pytest.mark.parametrize(("text", "wanted"), FOUND.values(), ids=FOUND)
def test_commands_are_found(text: str, wanted: list[tuple[int, str, str]]) -> None:
    found = commands("a.md", text)
    assert [(it.line, it.text, it.shows) for it in found] == wanted


EVERY = [command for page in PAGES for command in of_page(page)]
EXECUTED = [it for it in EVERY if suite(it) in {Suite.API_SERVER, Suite.E2E}]


def test_a_command_says_where_it_stands() -> None:
    assert str(Command("docs/a.md", 7, "make a")) == "docs/a.md:7: make a"


def test_of_every_command_it_is_known_what_it_needs() -> None:
    assert not [str(it) for it in EVERY if suite(it) is None]


@pytest.mark.parametrize("page", PAGES)
def test_a_block_that_is_not_of_commands_says_its_language(page: str) -> None:
    known = {*SHELL, CONSOLE, "yaml", "promql", "json", "dockerfile", "text"}
    assert {it.language for it in blocks_of_page(page)} <= known
    starts = re.compile(r"[{\w./-]+(?:=\S.*)? ")
    assert not [str(it) for it in of_page(page) if not starts.match(f"{it.text} ")]


def test_whatever_make_is_asked_for_is_there() -> None:
    asked = {it.bare.split()[1] for it in EVERY if suite(it) is Suite.MAKE}
    assert asked <= targets()
    assert {"demo", "test", "cluster-up", "cluster-down"} <= asked


def test_what_is_not_run_is_little_and_has_its_reason() -> None:
    left = [it for it in EVERY if suite(it) is Suite.NOT_HERE]
    assert len(left) < 12
    assert all(any(it.text.startswith(begin) for it in left) for begin in NOT_HERE)
    assert not [reason for reason in NOT_HERE.values() if len(reason.split()) < 4]


def test_every_page_that_is_run_has_a_command() -> None:
    ran = {it.page for it in EXECUTED}
    known = {README, *HOW_TO, UPGRADE, *EXAMPLES, TUTORIAL, LOCAL_CLUSTER}
    assert known - {*LOOKED_UP} <= ran <= known


BUILDS = [it for it in EVERY if it.text.startswith("docker build -")]


@pytest.mark.parametrize("build", BUILDS, ids=str)
def test_what_an_engine_would_build_is_there(build: Command) -> None:
    """Where no container engine is, at least its inputs are those that the page names."""
    folder = ROOT / "examples/model_server" if "model_server" in build.page else ROOT
    named = re.search(r"-f (\S+)", build.text)
    dockerfile = (folder / (named[1] if named else "Dockerfile")).read_text()
    given = re.findall(r"--build-arg (\w+)=", build.text)
    assert given
    assert set(given) == set(re.findall(r"(?m)^ARG (\w+)$", dockerfile))


@pytest.mark.parametrize("download", [it for it in EVERY if "pip download -" in it.text], ids=str)
def test_what_would_be_downloaded_is_locked(download: Command) -> None:
    folder = ROOT / "examples/model_server" if "model_server" in download.page else ROOT
    (lock,) = re.findall(r"-r (\S+)", download.text)
    assert "--hash=sha256:" in (folder / lock).read_text()
