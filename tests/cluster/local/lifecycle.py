"""Brings the local node up, mends it, and takes it down so that nothing of it is left."""

import hashlib
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.cluster import go_tools, packages
from tests.cluster.base import base_image, pause_image, root_file_system
from tests.cluster.control_plane import api_server, etcd
from tests.cluster.errors import ClusterError
from tests.cluster.identities import introduce
from tests.cluster.local import network, render, residue
from tests.cluster.local.api import Api, is_ready
from tests.cluster.local.components import components, identities, kwok, registry
from tests.cluster.local.layout import (
    NODE_NAME,
    OF_ONE_LIFE,
    PROMETHEUS_URL,
    REGISTRY,
    Layout,
)
from tests.cluster.lock import locked
from tests.cluster.model import Cluster, save, write
from tests.cluster.probe import taken
from tests.cluster.processes import Book, Component
from tests.cluster.progress import Progress
from tests.cluster.shell import run
from tests.cluster.supervise import mend

READY_SECONDS = 90.0
OPTIONAL = ("kwok",)
SAVED_BYTES = 8 << 30  # what registry and image builds may keep from one life to the next
STOP_SECONDS = 2.0  # nothing that is stopped on the way down is used again


def cluster(state: Path) -> Cluster:
    return Cluster("local", state / "kubeconfig", REGISTRY, PROMETHEUS_URL, state)


def up(state: Path, extras: Sequence[str], progress: Progress) -> Cluster:
    """Bring up what is down and leave alone what works.

    Args:
        state: The folder that holds the cluster.
        extras: ``kwok``, if wanted. What runs already is kept.
        progress: Where the steps are told.

    Raises:
        ClusterError: Something does not come up.
    """
    extras = _kept(state, extras)
    programs = _programs(extras, progress)
    with locked(state / ".lock"):
        layout, book = Layout(state, programs), Book(state)
        if not any(book.process(name) for name in book.names()):
            _begin(layout, progress)
        _found(layout)
        started = mend([registry(layout)], book, progress)
        layout = replace(layout, pause=_pause(state))
        started += mend([etcd(layout.plane), api_server(layout.plane)], book, progress)
        _introduce_objects(layout)  # CoreDNS is not ready before it may read what it serves
        started += mend(_wanted(layout, extras), book, progress)
        _wait_ready(layout)
        save(cluster(state), base_image(cluster(state)))
    progress.say(
        f"ready; started {', '.join(started)}" if started else "ready; nothing had to be done"
    )
    return cluster(state)


def _programs(extras: Sequence[str], progress: Progress) -> dict[str, Path]:
    """What runs a node; packages and the base image's files arrive while compilers work."""
    names = (*go_tools.LOCAL, *extras)
    with ThreadPoolExecutor(1) as beside:
        fetched = beside.submit(_fetch, progress)
        built = go_tools.ensure([name for name in names if not go_tools.needs_c(name)], progress)
        fetched.result()
    return built | go_tools.ensure(filter(go_tools.needs_c, names), progress)


def _fetch(progress: Progress) -> None:
    packages.ensure((*packages.RUN, *packages.BUILD), progress)
    root_file_system()


def outlook() -> timedelta:
    """How long what has to be built for ``up`` usually takes on two cores; zero: nothing has."""
    return go_tools.outlook(go_tools.LOCAL)


def _kept(state: Path, extras: Sequence[str]) -> Sequence[str]:
    """What is wanted, and what an earlier ``up`` was asked for and nobody stopped."""
    return sorted({*extras, *(name for name in Book(state).names() if name in OPTIONAL)})


def _begin(layout: Layout, progress: Progress) -> None:
    """Clear away what an earlier life left, however it ended: a reboot, a crash, a kill."""
    plane = layout.plane
    # Without the bridge the address is not this machine's, and the question would leave it.
    if network.ours_among(network.interfaces()) and taken(plane.address, plane.port):
        raise ClusterError(
            f"a local cluster with another state folder than {layout.state} is up: take it down "
            "first, or set LOCKSTEP_CLUSTER_STATE to its folder"
        )
    if residue.left_over(layout):
        progress.say("clearing away what an earlier cluster left")
        _clear(layout)
    network.refuse_overlaps()
    _wipe(layout.state)
    for name in ("registry", "buildah"):
        if _size(layout.state / name) > SAVED_BYTES:
            progress.say(f"emptying {name}, which has grown over {SAVED_BYTES >> 30} GiB")
            shutil.rmtree(layout.state / name)


def _size(folder: Path) -> int:
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir())


def _found(layout: Layout) -> None:
    """What must be there before the first process: network, identities, programs."""
    network.bring_up(layout.state)
    admin = introduce(layout.plane, identities(layout))
    write(layout.state / "kubeconfig", admin.read_text(), 0o600)
    _link_programs(layout)


def _pause(state: Path) -> str:
    """The pause image, kept in a file for those who have to name the same components later."""
    pause = pause_image(cluster(state))
    write(state / "pause", pause)
    return pause


def _link_programs(layout: Layout) -> None:
    """One folder for PATH; containerd finds its shim there, people their kubectl."""
    folder = layout.state / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    for name, program in layout.programs.items():
        link = folder / name
        if not link.is_symlink() or link.readlink() != program:
            link.unlink(missing_ok=True)
            link.symlink_to(program)


def _wanted(layout: Layout, extras: Sequence[str]) -> list[Component]:
    return [*components(layout), *((kwok(layout),) if "kwok" in extras else ())]


def _introduce_objects(layout: Layout) -> None:
    told = render.manifests()
    key, record = hashlib.sha256(told.encode()).hexdigest(), layout.state / "applied"
    if record.exists() and record.read_text() == key:
        return
    run(
        [
            layout.programs["kubectl"],
            "--kubeconfig",
            layout.state / "kubeconfig",
            "apply",
            "--server-side",
            "--force-conflicts",
            "--filename",
            "-",
        ],
        what="creating the cluster's first objects",
        stdin=told,
    )
    write(record, key)


def _wait_ready(layout: Layout) -> None:
    """A Ready node is not enough: pods made before the ServiceAccount exists are refused."""
    api, until = Api(layout.plane), time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        node = api.get(f"/api/v1/nodes/{NODE_NAME}")
        if is_ready(node) and api.get("/api/v1/namespaces/default/serviceaccounts/default"):
            return
        time.sleep(0.2)
    raise ClusterError(
        f"the node was not Ready within {READY_SECONDS:.0f} s; "
        f"see {layout.state / 'log' / 'kubelet.log'}"
    )


def down(state: Path, progress: Progress) -> None:
    """Take everything down; what saves time at the next ``up`` stays in the state folder.

    Raises:
        ClusterError: Something of ours is still there; names it.
    """
    with locked(state / ".lock"):
        layout = _layout(state)
        (state / "cluster.json").unlink(missing_ok=True)
        _clear(layout)
        if left := residue.left_over(layout):
            raise ClusterError(f"the cluster is down, but this is left: {'; '.join(left)}")
        _wipe(state)
        (state / "kubeconfig").unlink(missing_ok=True)
    progress.say("down; no process, mount, interface or iptables chain is left")


def _clear(layout: Layout) -> None:
    """End pods before what carries them, and keep the last routes until nobody can use them."""
    book = Book(layout.state)
    _stop_all(book, [name for name in book.names() if name in {"kubelet", "kwok"}])
    residue.end_pods(layout)
    _stop_all(book, book.names())
    residue.end_pods(layout)
    residue.unmount(layout.state)
    network.take_down(layout.state)
    residue.remove_cgroups()


def _stop_all(book: Book, names: Sequence[str]) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: book.stop(name, STOP_SECONDS), names))


def _wipe(state: Path) -> None:
    if still := residue.mounts(state):
        raise ClusterError(f"{still[0]} is still mounted; not deleting anything below {state}")
    for name in OF_ONE_LIFE:
        path = state / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _layout(state: Path) -> Layout:
    """The layout of a cluster that was brought up before; builds nothing."""
    names = (*go_tools.LOCAL, "kwok")
    pause = state / "pause"
    return Layout(
        state,
        {name: go_tools.program(name) for name in names},
        pause.read_text() if pause.exists() else "",
    )


def stop(state: Path, name: str) -> None:
    """End one component until ``start`` or the next ``up``."""
    component(state, name)
    with locked(state / ".lock"):
        Book(state).stop(name)


def kill(state: Path, name: str) -> None:
    """End one component with SIGKILL until ``start`` or the next ``up``."""
    component(state, name)
    with locked(state / ".lock"):
        Book(state).kill(name)


def start(state: Path, name: str) -> None:
    """Start one component again and wait until it answers."""
    with locked(state / ".lock"):
        network.bring_up(state)  # its health is asked at an address of the bridge
        mend([replace(component(state, name), needs=())], Book(state), Progress())


def component(state: Path, name: str) -> Component:
    """The component called ``name``.

    Raises:
        ClusterError: There is none.
    """
    known = {one.name: one for one in _wanted(_layout(state), ["kwok"])}
    if name not in known:
        raise ClusterError(f"{name} is not a component; there are {', '.join(known)}")
    return known[name]


def status(state: Path) -> list[tuple[str, str, bool]]:
    """Each component with what can be said about it and whether it is well."""
    book = Book(state)
    return [_well(one, book) for one in _wanted(_layout(state), _kept(state, ()))]


def _well(one: Component, book: Book) -> tuple[str, str, bool]:
    known = book.process(one.name)
    if known is None:
        return one.name, "not running", False
    answers = one.probe.answers()
    return one.name, f"pid {known.pid}{'' if answers else ', does not answer'}", answers
