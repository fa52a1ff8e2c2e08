"""Starts programs that outlive us, knows them again later, and ends those and no others.

A process is known by its id *and* the tick it started at, on this boot of the machine: ids are
given again, and what carries an id after a crash may be somebody else's.
"""

import contextlib
import hashlib
import json
import os
import signal
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.model import boot_id, write
from tests.cluster.probe import Probe

PROC = Path("/proc")
GRACE_SECONDS = 5.0  # the API server takes longer than one waits while watches are open
LOG_BYTES = 20_000_000
STDERR = 2


@dataclass(frozen=True, slots=True)
class Identity:
    """One process, for all time."""

    pid: int
    started_ticks: int
    boot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A program of the cluster.

    Attributes:
        name: What people call it; also the name of its log and of its record.
        argv: The program and its arguments.
        probe: How it shows that it works.
        needs: Components that must answer before this one is started.
        files: What it reads and we write: path and content.
        reads: What else it reads; a change there is a reason to start it again.
        env: Its environment, on top of ours.
        port: Where it listens, to find out when somebody else already does.
    """

    name: str
    argv: tuple[str, ...]
    probe: Probe
    needs: tuple[str, ...] = ()
    files: Mapping[Path, str] = field(default_factory=dict)
    reads: tuple[Path, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    port: tuple[str, int] | None = None


def fingerprint(component: Component) -> str:
    """Changes when a running process is no longer what we would start now."""
    read = {str(file): file.read_text() for file in component.reads if file.exists()}
    written = {str(file): text for file, text in component.files.items()}
    inputs = (component.argv, sorted(written.items()), sorted(read.items()), dict(component.env))
    return hashlib.sha256(repr(inputs).encode()).hexdigest()[:16]


def started_ticks(stat: str) -> int | None:
    """When a process began, from its ``/proc/<pid>/stat``; None for one that has already ended.

    The second field is the program's name in parentheses and may hold spaces and parentheses, so
    fields are counted from the last one.
    """
    fields = stat.rpartition(")")[2].split()
    state, ticks = fields[0], int(fields[19])
    return None if state in {"Z", "X"} else ticks


def identify(pid: int) -> Identity | None:
    """The process that has this id now."""
    try:
        ticks = started_ticks((PROC / str(pid) / "stat").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return None
    if ticks is None:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)  # a child of ours that ended while we lived
        return None
    return Identity(pid, ticks, boot_id())


def alive(identity: Identity) -> bool:
    return identify(identity.pid) == identity


def end(identity: Identity, grace_seconds: float = GRACE_SECONDS) -> None:
    """Ask the process to end; after ``grace_seconds`` make it."""
    for number, patience in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, GRACE_SECONDS)):
        if not alive(identity):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(identity.pid, number)
        _wait_gone(identity, patience)


def _wait_gone(identity: Identity, patience_seconds: float) -> None:
    until = time.monotonic() + patience_seconds
    while alive(identity) and time.monotonic() < until:
        time.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Book:
    """The record of what we started: a file per component under ``state/pids``."""

    state: Path

    def log(self, name: str) -> Path:
        return self.state / "log" / f"{name}.log"

    def names(self) -> list[str]:
        return sorted(file.stem for file in (self.state / "pids").glob("*.json"))

    def process(self, name: str) -> Identity | None:
        """The running process of component ``name``."""
        page = self._page(name)
        if page is None:
            return None
        known = Identity(page["pid"], page["started_ticks"], page["boot"])
        return known if alive(known) else None

    def fingerprint(self, name: str) -> str:
        page = self._page(name)
        return str(page["fingerprint"]) if page else ""

    def start(self, component: Component) -> None:
        """Start ``component`` in a session of its own; its output goes to its log."""
        log = self.log(component.name)
        log.parent.mkdir(parents=True, exist_ok=True)
        _turn_over(log)
        for file, text in component.files.items():
            write(file, text)
        known = identify(_spawn(component, log))
        if known is None:
            return  # it has ended already; whoever waits for it will say so
        page = {**asdict(known), "fingerprint": fingerprint(component), "argv": component.argv}
        write(self._file(component.name), json.dumps(page))

    def stop(self, name: str, grace_seconds: float = GRACE_SECONDS) -> None:
        """End the process of ``name``, if it runs, and forget it."""
        if known := self.process(name):
            end(known, grace_seconds)
        self._file(name).unlink(missing_ok=True)

    def kill(self, name: str) -> None:
        """End the process of ``name`` as a crash does, and forget it."""
        if known := self.process(name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(known.pid, signal.SIGKILL)
            _wait_gone(known, GRACE_SECONDS)
        self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self.state / "pids" / f"{name}.json"

    def _page(self, name: str) -> dict[str, Any] | None:
        try:
            page: dict[str, Any] = json.loads(self._file(name).read_text())
        except (FileNotFoundError, ValueError):
            return None
        return page


def _turn_over(log: Path) -> None:
    """Keep logs bounded: one file before this one."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))


def _spawn(component: Component, log: Path) -> int:
    """Start without a Popen object: nobody here waits for the end of a daemon."""
    appended = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        component.argv[0],
        component.argv,
        {**os.environ, **component.env},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), appended, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            *((os.POSIX_SPAWN_CLOSE, given) for given in _given()),
        ],
        setsid=True,
    )


def _given() -> list[int]:
    """Files that whoever started us left open: a lock, the pipe of somebody who reads us."""
    numbers = [int(file.name) for file in (PROC / "self" / "fd").iterdir()]
    return [number for number in numbers if number > STDERR and _is_inherited(number)]


def _is_inherited(number: int) -> bool:
    try:
        return os.get_inheritable(number)
    except OSError:  # the one that listed them
        return False


def descendants(roots: Iterable[int], parents: Mapping[int, int]) -> list[int]:
    """``roots`` and all below, children first; ``parents`` maps child to parent."""
    found: list[int] = []
    layer = set(roots)
    while layer:
        found.extend(sorted(layer))
        layer = {child for child, parent in parents.items() if parent in layer} - set(found)
    return found[::-1]
