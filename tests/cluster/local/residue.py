"""Finds and removes what a cluster may leave on the machine: pods' processes and mounts.

Pods are children of containerd's shims, which outlive containerd on purpose. A shim is ours when
it was told the address of our containerd; nothing else is ended here.
"""

import contextlib
import itertools
import os
import re
import signal
import time
from collections.abc import Iterable
from pathlib import Path

from tests.cluster.local import network
from tests.cluster.local.layout import KEPT_IN, Layout
from tests.cluster.processes import PROC, Book, descendants
from tests.cluster.shell import run, succeeds

SHIM = "containerd-shim-runc-v2"
CGROUPS = Path("/sys/fs/cgroup")
OCTAL = re.compile(r"\\([0-7]{3})")


def is_shim_of(socket: Path, cmdline: bytes) -> bool:
    """Whether a command line (NUL between words) is a shim of the containerd at ``socket``."""
    words = cmdline.decode(errors="replace").split("\0")
    told = [after for word, after in itertools.pairwise(words) if word == "-address"]
    return Path(words[0]).name == SHIM and told == [str(socket)]


def mounts_under(mountinfo: str, folder: Path) -> list[str]:
    """Mount points below ``folder`` in the text of ``/proc/self/mountinfo``, deepest first."""
    points = [_unescape(line.split()[4]) for line in mountinfo.splitlines() if line]
    inside = [point for point in points if Path(point).is_relative_to(folder)]
    return inside[::-1]


def _unescape(point: str) -> str:
    return OCTAL.sub(lambda found: chr(int(found[1], 8)), point)


def pods(layout: Layout) -> list[int]:
    """Process ids of our shims and everything below them, children first."""
    shims, parents = [], {}
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            pid = int(folder.name)
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if fields[0] == "Z":
                continue
            parents[pid] = int(fields[1])
            if is_shim_of(layout.socket, (folder / "cmdline").read_bytes()):
                shims.append(pid)
    return descendants(shims, parents)


def end_pods(layout: Layout, within_seconds: float = 20) -> None:
    """End all pods at once. A pod's first process takes its whole pid namespace with it."""
    until = time.monotonic() + within_seconds
    while (left := pods(layout)) and time.monotonic() < until:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)


def unmount(folder: Path) -> None:
    """Undo every mount below ``folder``, several on one point included."""
    for _ in range(3):
        points = mounts(folder)
        for start in range(0, len(points), 100):
            succeeds(["umount", "--lazy", *points[start : start + 100]])
        if not points:
            return


def mounts(folder: Path) -> list[str]:
    return mounts_under(Path("/proc/self/mountinfo").read_text(), folder)


def left_over(layout: Layout) -> list[str]:
    """Everything of ours that is on the machine, a sentence each; empty after a good ``down``."""
    book = Book(layout.state)
    running = ((name, book.process(name)) for name in book.names())
    routes = run(["ip", "route"], what="reading the routes")
    chains = [*network.our_chains(network.saved_rules())]
    chains += network.our_chains(network.saved_rules("ip6tables"))
    return [
        *(f"process {known.pid} ({name})" for name, known in running if known),
        *_say("process {} (a pod)", pods(layout)),
        *_say("mount {}", mounts(layout.state)),
        *_say("interface {}", network.ours_among(network.interfaces())),
        *_say("iptables chain {}", chains),
        *_say("route {}", (net for net in KEPT_IN if net in routes)),
    ]


def _say(sentence: str, found: Iterable[object]) -> list[str]:
    return [sentence.format(one) for one in found]


def remove_cgroups() -> None:
    """The kubelet leaves its empty cgroups behind; one that still holds somebody stays."""
    for root in (*CGROUPS.glob("kubepods"), *CGROUPS.glob("*/kubepods")):
        for folder in sorted((p for p in root.glob("**/") if p.is_dir()), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()
        with contextlib.suppress(OSError):
            root.rmdir()
