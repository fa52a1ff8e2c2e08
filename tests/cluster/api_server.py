"""A throw-away API server: real etcd and kube-apiserver on loopback, for tests without nodes."""

import contextlib
import itertools
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.cluster import go_tools, packages
from tests.cluster.control_plane import (
    LOOPBACK,
    ControlPlane,
    controller_manager,
    etcd,
    leaves,
)
from tests.cluster.control_plane import (
    api_server as api_server_component,
)
from tests.cluster.identities import introduce
from tests.cluster.model import state_folder
from tests.cluster.probe import free_ports
from tests.cluster.processes import Book, Identity, alive, identify
from tests.cluster.progress import Progress
from tests.cluster.supervise import mend

_numbers = itertools.count(1)


@contextlib.contextmanager
def api_server(
    state: Path | None = None, *, controllers: Sequence[str] = (), flags: Sequence[str] = ()
) -> Iterator[Path]:
    """An API server that nobody else uses, gone when the block ends.

    Args:
        state: An empty folder for it; one below the user's state folder if absent.
        controllers: Controllers to run, by their names for ``--controllers``; ``("*",)`` for all
            that run by default, none at all if empty.
        flags: Added to kube-apiserver's command line.

    Yields:
        An administrator's kubeconfig. Beside it are ``log/audit.log`` and the programs' logs.
    """
    progress, home = Progress(), state or _own_folder()
    packages.ensure(packages.API_SERVER, progress)
    wanted = [name for name in go_tools.CONTROL_PLANE if controllers or "controller" not in name]
    plane = _plane(home, go_tools.ensure(wanted, progress), flags)
    components = [etcd(plane), api_server_component(plane)]
    components += [controller_manager(plane, controllers)] if controllers else []
    book = Book(home)
    try:
        admin = introduce(plane, leaves(plane))
        kubeconfig = home / "kubeconfig"
        shutil.copy2(admin, kubeconfig)
        mend(components, book, progress)
        yield kubeconfig
    finally:
        _end(book)
        if state is None:
            shutil.rmtree(home)


def _plane(home: Path, programs: dict[str, Path], flags: Sequence[str]) -> ControlPlane:
    port, etcd_port, peers, controllers, scheduler = free_ports(5)
    return ControlPlane(
        programs=programs,
        state=home,
        address=LOOPBACK,
        port=port,
        etcd_port=etcd_port,
        etcd_peer_port=peers,
        controller_port=controllers,
        scheduler_port=scheduler,
        # A loopback address may not be published as an endpoint, and nobody here would use it.
        api_server_flags=("--endpoint-reconciler-type=none", *flags),
    )


def _own_folder() -> Path:
    """A folder named for this process, after clearing away those of processes that are gone."""
    clear_abandoned()
    me = identify(os.getpid())
    ticks = me.started_ticks if me else 0
    number = next(_numbers)
    unfinished = _root() / f"{os.getpid()}.{number}"  # others clear away a folder without boot
    unfinished.mkdir(parents=True, exist_ok=True)
    (unfinished / "boot").write_text(me.boot if me else "")
    return unfinished.rename(_root() / f"{os.getpid()}-{ticks}-{number}")


def _root() -> Path:
    return state_folder().parent / "api-servers"


def clear_abandoned() -> None:
    """End the servers of processes that were killed before they could do it themselves."""
    for folder in _root().glob("*-*-*"):
        if not alive(_owner(folder)):
            _end(Book(folder))
            shutil.rmtree(folder, ignore_errors=True)


def _owner(folder: Path) -> Identity:
    """The process that made a folder named ``<pid>-<tick it started at>-<number>``."""
    pid, ticks, _ = folder.name.split("-")
    boot = folder / "boot"
    return Identity(int(pid), int(ticks), boot.read_text() if boot.exists() else "")


def _end(book: Book) -> None:
    """Also what its user has added; those first on whom the others lean last."""
    last = {"kube-apiserver": 1, "etcd": 2}
    for name in sorted(book.names(), key=lambda name: last.get(name, 0)):
        book.stop(name, grace_seconds=0.5)
