"""Tells the person at the keyboard what is being done, how far it is and how long it has taken."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

BEAT_SECONDS = 15.0
TTY_BEAT_SECONDS = 1.0
BEGAN = time.monotonic()
"""One clock for the whole command, whoever tells its steps."""


def span(seconds: float) -> str:
    """``seconds`` as people say it: 0.4 s, 12 s, 3 min 05 s."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


class Progress:
    """Lines on standard error, each with the time since the command began."""

    def say(self, text: str) -> None:
        line = f"{'[' + span(time.monotonic() - BEGAN) + ']':>14} {text}\n"
        sys.stderr.write(line)  # in one piece: steps that go on side by side tell theirs meanwhile

    @contextmanager
    def step(self, text: str, usual: timedelta | None = None) -> Iterator[None]:
        """Tell that ``text`` begins, is still going on, and how long it took."""
        usually = f", usually {span(usual.total_seconds())}" if usual else ""
        self.say(f"{text}{usually} …")
        began, over = time.monotonic(), threading.Event()
        beat = threading.Thread(target=self._beat, args=(text, began, over), daemon=True)
        beat.start()
        try:
            yield
        finally:
            over.set()
            beat.join()
        self.say(f"{text}: done in {span(time.monotonic() - began)}")

    def _beat(self, text: str, began: float, over: threading.Event) -> None:
        on_screen = sys.stderr.isatty()
        while not over.wait(TTY_BEAT_SECONDS if on_screen else BEAT_SECONDS):
            if on_screen:
                print(
                    f"\r\033[K  {text}: {span(time.monotonic() - began)}", end="\r", file=sys.stderr
                )
            else:
                self.say(f"{text}: {span(time.monotonic() - began)} so far")
