"""Somebody who types what a page says, in a shell of their own, and compares what they see."""

import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from tests.pages.commands import Command

PLACEHOLDER: Final = re.compile(r"<[a-z]+>")
NOTHING_DONE: Final = r"(?m)^error:|^Error from server|: 0 pinned, 0 pinned already$"
"""Whatever the exit code says."""
ENDLESS: Final = ("-w", "--watch", "-f")
DIFFERS: Final = 1
"""How `kubectl diff` ends when it has something to show."""
ENDED_BY_US: Final = 124


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    said: str


@dataclass(frozen=True, slots=True)
class Shell:
    """bash, one command at a time; what a command exports or sets is there for the next."""

    folder: Path
    state: Path

    @classmethod
    def begun(cls, folder: Path, state: Path, environment: Mapping[str, str]) -> Self:
        """With these variables and no others."""
        lines = (f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
        state.write_text("".join(lines))
        return cls(folder, state)

    def run(self, text: str, seconds: float = 90) -> Ended:
        """Run ``text`` as it is."""
        state = shlex.quote(str(self.state))
        script = f"set -a -o pipefail; . {state}\n{text}\ncode=$?; declare -px >{state}; exit $code"
        limit = ["timeout", "--kill-after=5", f"{seconds:g}"]
        ended = subprocess.run(
            [*limit, "bash", "--noprofile", "--norc", "-c", script],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds + 30,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout)


@dataclass(frozen=True, slots=True)
class Reader:
    """``filled`` says what stands for a placeholder, ``else_`` for other words of a command.

    What a page shows is waited for: most of it is the end of something.
    """

    shell: Shell
    filled: Mapping[str, Callable[[], str]] = field(default_factory=dict)
    else_: Mapping[str, str] = field(default_factory=dict)
    patience_seconds: float = 120.0
    seconds: float = 90.0

    def complaint(self, command: Command) -> str:
        """Why a command does not do what its page says; empty when it does."""
        text = self._typed(command)
        end = time.monotonic() + self.patience_seconds
        while why := self._wrong(command, text):
            if time.monotonic() > end or not (command.shows or _not_yet(why)):
                return f"{command}\n{why}"
            time.sleep(0.5)
        return ""

    def _wrong(self, command: Command, text: str) -> str:
        ended = self.shell.run(text, self.seconds)
        if ended.code not in _fine(command):
            return f"ends with {ended.code}:\n{ended.said}"
        if re.search(NOTHING_DONE, ended.said):
            return f"does nothing:\n{ended.said}"
        if command.shows and not pattern(command.shows).search(_flat(ended.said)):
            return f"the page shows\n{command.shows}\nand the command\n{ended.said}"
        return ""

    def _typed(self, command: Command) -> str:
        text = command.text
        for placeholder in set(PLACEHOLDER.findall(text)):
            text = text.replace(placeholder, self.filled[placeholder]())
        for written, instead in self.else_.items():
            text = text.replace(written, instead)
        endless = set(command.bare.split()) & set(ENDLESS[:2])
        return f"timeout 3 {text}" if endless else text


def _fine(command: Command) -> tuple[int, ...]:
    if command.bare.startswith("kubectl diff"):
        return (0, DIFFERS)
    if set(command.bare.split()) & set(ENDLESS[:2]):
        return (ENDED_BY_US,)
    return (0,)


def _not_yet(why: str) -> bool:
    """The page about installing says so: policies learn of a new kind with a delay."""
    return "Resource kind" in why and "not found" in why


def _flat(text: str) -> str:
    return " ".join(text.split())


_DIFFERENT: Final = (
    (r"…", r".*"),
    (r"[0-9a-f]{8}", r"[0-9a-f]{8}"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"),
    (r"\d+[smh]", r"(?:\d+[smhd])+"),
)
"""What is another one each time: left out, a revision, a time, an age."""


def pattern(shown: str) -> re.Pattern[str]:
    """What a page shows, for comparison with what a command says."""
    return re.compile("".join(_parts(_flat(shown))))


def _parts(shown: str) -> Iterator[str]:
    written = "|".join(rf"(?<!\w){one}(?!\w)" if one[0] in "[\\" else one for one, _ in _DIFFERENT)
    for part in re.split(f"({written})", shown):
        yield next((said for one, said in _DIFFERENT if re.fullmatch(one, part)), re.escape(part))
