"""Whose turn it is: one worker prepares, scenarios share the cluster, some need all of it."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Turns:
    """Locks in a folder that all workers share; the kernel frees those of a worker that dies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def preparing(self) -> Iterator[Path]:
        """One worker at a time; gives the file in which the first one leaves what it prepared."""
        with self._locked("prepared.lock", fcntl.LOCK_EX):
            yield self._folder / "prepared.json"

    @contextmanager
    def together(self) -> Iterator[None]:
        with self._locked("cluster.lock", fcntl.LOCK_SH):
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until no scenario runs, and keep others from beginning."""
        with self._locked("cluster.lock", fcntl.LOCK_EX):
            yield

    def over(self, scenario: str) -> None:
        """Remember that a scenario has ended, however it did."""
        with (self._folder / "over").open("a") as file:
            file.write(f"{scenario}\n")

    def wait_until_over(self, scenarios: int, within_seconds: float = 3600) -> None:
        """Return once so many have ended."""
        file, end = self._folder / "over", time.monotonic() + within_seconds
        while scenarios and (not file.exists() or len(file.read_text().splitlines()) < scenarios):
            assert time.monotonic() < end, "the other scenarios have not ended"
            time.sleep(0.5)

    @contextmanager
    def _locked(self, name: str, how: int) -> Iterator[None]:
        with (self._folder / name).open("a") as file:
            fcntl.flock(file, how)
            yield
