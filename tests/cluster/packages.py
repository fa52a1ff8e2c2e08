"""Installs the system programs a local cluster needs from Debian's packages, if missing."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.progress import Progress
from tests.cluster.shell import run, succeeds

SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin"
POLICY = Path("/usr/sbin/policy-rc.d")


@dataclass(frozen=True, slots=True)
class Package:
    """A Debian package and a program or file by which its presence shows, on any distribution."""

    name: str
    proof: str


BUILD = (
    Package("gcc", "gcc"),
    Package("libc6-dev", "/usr/include/stdlib.h"),
    Package("libseccomp-dev", "/usr/include/seccomp.h"),
    Package("pkg-config", "pkg-config"),
)
RUN = (
    Package("openssl", "openssl"),
    Package("containernetworking-plugins", "/usr/lib/cni/bridge"),
    Package("iproute2", "ip"),
    Package("iptables", "iptables-save"),
    Package("conntrack", "conntrack"),
    Package("docker-registry", "docker-registry"),
    Package("buildah", "buildah"),
    Package("catatonit", "catatonit"),
    Package("mmdebstrap", "mmdebstrap"),
)
API_SERVER = (Package("openssl", "openssl"),)


def find(program: str) -> Path | None:
    """A program on PATH or in the folders that only root has there."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}")
    return Path(found) if found else None


def missing(packages: Sequence[Package]) -> list[str]:
    """Names of the packages whose proof is not here."""
    return [package.name for package in packages if not _there(package.proof)]


def _there(proof: str) -> bool:
    return Path(proof).exists() if proof.startswith("/") else find(proof) is not None


def ensure(packages: Sequence[Package], progress: Progress) -> None:
    """Install what is missing.

    Raises:
        ClusterError: It cannot be installed; names it.
    """
    names = missing(packages)
    if not names:
        return
    wanted = ", ".join(names)
    if find("apt-get") is None or os.geteuid() != 0:
        raise ClusterError(f"these system packages are missing: {wanted}")
    with progress.step(f"installing {wanted}", timedelta(seconds=20)), _no_services(names):
        _apt("update")
        _apt("install", "--yes", "--no-install-recommends", *names)
    if still := missing(packages):
        raise ClusterError(f"apt-get succeeded, but these are still missing: {', '.join(still)}")


def _apt(*words: str) -> None:
    run(
        ["apt-get", "-q", "-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=120", *words],
        what=f"apt-get {words[0]}",
        env={"DEBIAN_FRONTEND": "noninteractive"},
    )


@contextmanager
def _no_services(names: Sequence[str]) -> Iterator[None]:
    """Keep Debian from starting what we install: our registry is a process of our own."""
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            POLICY.unlink()
        if "docker-registry" in names and find("systemctl"):
            succeeds(["systemctl", "disable", "docker-registry"])
