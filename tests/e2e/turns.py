"""Who of a session's workers may go: the first prepares, scenarios share the cluster, some need it whole."""

import fcntl
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

    def count_over(self) -> int:
        file = self._folder / "over"
        return len(file.read_text().splitlines()) if file.exists() else 0

    @contextmanager
    def _locked(self, name: str, how: int) -> Iterator[None]:
        with (self._folder / name).open("a") as file:
            fcntl.flock(file, how)
            yield
