"""Fetches the wheels of a hash-pinned lock file, so that images are built without network."""

import hashlib
import platform
import shutil
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from tests.cluster.lock import locked
from tests.cluster.model import cache_folder
from tests.cluster.progress import Progress
from tests.cluster.shell import run

PYTHON = (3, 11)  # of the base image: Debian bookworm's
LAYOUT = "1"


def foreign_platform(version: tuple[int, int], system: str, machine: str) -> list[str]:
    """What pip has to be told where this machine's own wheels would not fit the image."""
    if system == "Linux" and version == PYTHON:
        return []
    arch = {"arm64": "aarch64", "AMD64": "x86_64"}.get(machine, machine)
    glibc = [f"--platform=manylinux_2_{minor}_{arch}" for minor in (36, 34, 31, 28, 27, 26, 24, 17)]
    return [
        *glibc,
        f"--platform=manylinux2014_{arch}",
        f"--python-version={PYTHON[0]}.{PYTHON[1]}",
        "--implementation=cp",
    ]


def wheelhouse(lock: Path) -> Path:
    """The folder with every wheel that ``lock`` names, each checked against its hash.

    Args:
        lock: A requirements file with ``--hash`` on every line.

    Returns:
        A folder in the cache, shared by all lock files of equal content.

    Raises:
        ClusterError: pip could not fetch one; says what pip said.
    """
    target_machine = foreign_platform(
        (sys.version_info.major, sys.version_info.minor), platform.system(), platform.machine()
    )
    inputs = (LAYOUT, lock.read_text(), platform.machine(), target_machine)
    key = hashlib.sha256(repr(inputs).encode()).hexdigest()[:16]
    house = cache_folder() / "wheels" / key
    with locked(cache_folder() / "wheels" / ".lock"):
        if not house.exists():
            _fetch(lock, house, target_machine)
    return house


def _fetch(lock: Path, house: Path, target_machine: list[str]) -> None:
    with tempfile.TemporaryDirectory(dir=house.parent, prefix=".fetch-") as folder:
        fresh = Path(folder, "wheels")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        what = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--requirement", lock]
        with Progress().step(f"fetching the wheels of {lock.name}", timedelta(seconds=20)):
            run(
                [*pip, *target_machine, *what, "--dest", fresh],
                what=f"fetching the wheels of {lock.name}",
            )
        shutil.move(fresh, house)
