"""The two images that others rest on: the base image with Python, and the pause image of pods."""

import hashlib
import os
import tempfile
from datetime import timedelta
from pathlib import Path

from tests.cluster import packages
from tests.cluster.errors import ClusterError
from tests.cluster.images import build_image, held
from tests.cluster.lock import locked
from tests.cluster.model import Cluster, cache_folder, write
from tests.cluster.progress import Progress
from tests.cluster.shell import run

RECIPE = "1"  # raise it when the way these are made changes
SUITE = "bookworm"
BASE_PACKAGES = ("python3", "python3-venv", "ca-certificates", "tini")
UNWANTED = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")
USER = 65532
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


def base_image(cluster: Cluster) -> str:
    """The image that every other is built on: Debian's Python, a CA bundle, an unprivileged user.

    On local it is made of Debian packages by mmdebstrap and trusts what this machine trusts; with
    an engine it is the same packages on Debian's own image.
    """
    with tempfile.TemporaryDirectory() as folder:
        recipe = Path(folder, "Dockerfile")
        if cluster.flavor != "local":
            recipe.write_text(_engine_base())
            return build_image(cluster, "base", files={"Dockerfile": recipe})
        tar = root_file_system()
        record = cluster.state / "images" / f"base-of-{_base_key(tar)}"
        if record.exists() and held(cluster, record.read_text()):
            return record.read_text()  # without reading 150 MB again only to find them unchanged
        recipe.write_text(_local_base())
        files = {"Dockerfile": recipe, "rootfs.tar": tar, CA_BUNDLE.name: CA_BUNDLE}
        reference = build_image(cluster, "base", files=files)
        write(record, reference)
        return reference


def _base_key(tar: Path) -> str:
    made = tar.stat()
    inputs = (
        RECIPE,
        tar.name,
        made.st_size,
        made.st_mtime_ns,
        _local_base(),
        CA_BUNDLE.read_text(),
    )
    return hashlib.sha256(repr(inputs).encode()).hexdigest()[:16]


def pause_image(cluster: Cluster) -> str:
    """The image of a pod's first process, which does nothing but reap: catatonit's ``-P``."""
    program = packages.find("catatonit")
    if program is None:
        raise ClusterError("catatonit is not here")
    with tempfile.TemporaryDirectory() as folder:
        recipe = Path(folder, "Dockerfile")
        recipe.write_text('FROM scratch\nADD pause /pause\nENTRYPOINT ["/pause", "-P"]\n')
        return build_image(cluster, "pause", files={"Dockerfile": recipe, "pause": program})


_USER_LINES = f"""\
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER {USER}:{USER}
ENTRYPOINT []
"""


def _local_base() -> str:
    bundle = f"COPY {CA_BUNDLE.name} {CA_BUNDLE}"
    return f"FROM scratch\nADD rootfs.tar /\n{bundle}\n{_USER_LINES}"


def _engine_base() -> str:
    wanted = " ".join(BASE_PACKAGES)
    return f"""\
FROM debian:{SUITE}-slim
RUN apt-get update \\
 && apt-get install --yes --no-install-recommends {wanted} \\
 && rm -rf /var/lib/apt/lists/* /var/log/*
RUN groupadd --gid {USER} nonroot && useradd --uid {USER} --gid {USER} --no-create-home nonroot
{_USER_LINES}"""


def root_file_system() -> Path:
    """A tar of Debian with Python, made once per list of packages and kept in the cache."""
    inputs = (RECIPE, SUITE, BASE_PACKAGES, UNWANTED, USER)
    key = hashlib.sha256(repr(inputs).encode()).hexdigest()[:10]
    tar = cache_folder() / "base" / f"{SUITE}-{key}.tar"
    with locked(tar.parent / ".lock"):
        if not tar.exists():
            _bootstrap(tar)
    return tar


def _bootstrap(tar: Path) -> None:
    progress = Progress()
    packages.ensure(packages.RUN, progress)
    fresh = tar.with_name(f".{tar.name}.{os.getpid()}.tar")
    excluded = [f"--dpkgopt=path-exclude={pattern}" for pattern in UNWANTED]
    user = f"echo 'nonroot:x:{USER}:{USER}::/nonexistent:/usr/sbin/nologin' >> \"$1/etc/passwd\""
    group = f"echo 'nonroot:x:{USER}:' >> \"$1/etc/group\""
    with progress.step("making the base image's file system", timedelta(seconds=45)):
        run(
            [
                "mmdebstrap",
                "--quiet",
                "--variant=minbase",
                f"--include={','.join(BASE_PACKAGES)}",
                *excluded,
                "--dpkgopt=path-include=/usr/share/doc/*/copyright",
                f"--customize-hook={user}",
                f"--customize-hook={group}",
                SUITE,
                fresh,
            ],
            what="mmdebstrap",
            env={"SOURCE_DATE_EPOCH": "0"},
        )
    fresh.replace(tar)
