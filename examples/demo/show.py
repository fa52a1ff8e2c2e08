"""Puts looks on the terminal: redrawn where somebody watches, a line per change elsewhere."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live

from examples.caller.caller import Second
from examples.demo.look import Look
from examples.demo.view import Stages, changed, line, screen


class Show:
    """One terminal or log."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str) -> None:
        """Words are kept whole on a terminal, lines in a log."""
        wraps = self._console.is_terminal
        self._console.print(text, highlight=False, markup=False, soft_wrap=not wraps)

    @contextmanager
    def act(self, title: str, stages: Stages) -> Iterator["Screen | Lines"]:
        """An act under its title."""
        if self._console.is_terminal:
            with Live(console=self._console, auto_refresh=False) as live:
                yield Screen(live, title, stages)
        else:
            self.say(f"\n{title}")
            yield Lines(self)


class Screen:
    def __init__(self, live: Live, title: str, stages: Stages) -> None:
        self._live, self._title, self._stages = live, title, stages
        self._began = time.monotonic()

    def look(self, look: Look, seconds: Sequence[Second]) -> None:
        elapsed = time.monotonic() - self._began
        picture = screen(self._title, look, self._stages, seconds, elapsed)
        self._live.update(picture, refresh=True)


class Lines:
    def __init__(self, show: Show) -> None:
        self._show = show
        self._before: Look | None = None
        self._began = time.monotonic()

    def look(self, look: Look, seconds: Sequence[Second]) -> None:
        before = self._before
        if not changed(before, look):
            return
        self._before = look
        self._show.say(f"{time.monotonic() - self._began:5.0f} s  {line(look, seconds)}")
        if look.message and (before is None or before.phase != look.phase):
            self._show.say(f"         {look.message}")
