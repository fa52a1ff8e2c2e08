"""When somebody who types what a page says has reason to complain."""

from pathlib import Path

import pytest

from tests.pages.commands import Command
from tests.pages.reader import Reader, Shell, pattern

SAME: dict[str, tuple[str, str, bool]] = {
    "as it is": ("fraud 1.0.0", "fraud   1.0.0\n", True),
    "a column more": ("NAME AGE", "NAME STAGE AGE", False),
    "another revision": ("revision 7f9c2b1e, stage fifth", "revision 0a1b2c3d, stage fifth", True),
    "another age": ("fraud 40s", "fraud 1m5s", True),
    "another time": ("until 2026-11-24 15:31:20Z", "until 2027-01-01 00:00:00Z", True),
    "no time": ("until 2026-11-24 15:31:20Z", "until then", False),
    "something left out": ("a … z", "a b c z", True),
    "another number": ("5 of 5", "4 of 5", False),
}


@pytest.mark.parametrize(("shown", "said", "same"), SAME.values(), ids=SAME)
def test_what_is_shown_is_compared(shown: str, said: str, *, same: bool) -> None:
    assert bool(pattern(shown).search(" ".join(said.split()))) is same


COMPLAINTS: dict[str, tuple[str, str, str]] = {
    "it works": ("true", "", ""),
    "it fails": ("ls /nowhere", "", "ends with 2"),
    "the middle of a pipe fails": ("false | cat", "", "ends with 1"),
    "it says an error": ("echo error: no", "", "does nothing"),
    "it says a number of errors": ("echo error-ratio 0", "", ""),
    "it finds nothing to pin": (
        "echo a.yaml: 0 pinned, 0 pinned already",
        "",
        "does nothing",
    ),
    "it shows what the page shows": ("echo a  b", "a b\n", ""),
    "it shows something else": ("echo a c", "a b\n", "the page shows"),
    "a placeholder": ("test <name> = fraud", "", ""),
    "a word that is another here": ("test ops = place", "", ""),
    "a remark": ("true   # why", "", ""),
}


@pytest.mark.parametrize(("text", "shows", "why"), COMPLAINTS.values(), ids=COMPLAINTS)
def test_complaints(text: str, shows: str, why: str, tmp_path: Path) -> None:
    shell = Shell.begun(tmp_path, tmp_path / "state", {"PATH": "/usr/bin:/bin"})
    filled, others = {"<name>": lambda: "fraud"}, {"ops": "place"}
    reader = Reader(shell, filled, others, patience_seconds=0)
    said = reader.complaint(Command("a.md", 1, text, shows))
    assert (why in said) if why else not said


def test_a_command_that_does_not_end_is_ended(tmp_path: Path) -> None:
    shell = Shell.begun(tmp_path, tmp_path / "state", {"PATH": "/usr/bin:/bin"})
    reader = Reader(shell, patience_seconds=0, seconds=0.3)
    assert "ends with 124" in reader.complaint(Command("a.md", 1, "echo so; sleep 60"))


def test_a_command_finds_what_the_one_before_has_left(tmp_path: Path) -> None:
    shell = Shell.begun(tmp_path, tmp_path / "state", {"PATH": "/usr/bin:/bin"})
    shell.run('generation=$(echo 7); export PATH="/more:$PATH"')
    assert shell.run('echo "$generation $PATH"').said == "7 /more:/usr/bin:/bin\n"
