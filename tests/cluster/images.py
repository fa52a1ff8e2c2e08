"""Builds images from ordinary Dockerfiles and pushes them; equal inputs are built once."""

import hashlib
import http.client
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.lock import locked
from tests.cluster.model import Cluster, write
from tests.cluster.pick import ENGINES
from tests.cluster.progress import Progress
from tests.cluster.shell import run, succeeds

RECIPE = "1"  # raise it when the way images are built changes
NOT_COPIED = frozenset(
    {".git", ".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
)
MANIFEST_TYPES = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.manifest.v1",
        "oci.image.index.v1",
        "docker.distribution.manifest.v2",
        "docker.distribution.manifest.list.v2",
    )
)


def build_image(
    cluster: Cluster,
    name: str,
    context: Path | None = None,
    containerfile: Path | None = None,
    args: Mapping[str, str] | None = None,
    *,
    files: Mapping[str, Path] | None = None,
) -> str:
    """Build an image, push it to the cluster's registry and name it by digest.

    Args:
        cluster: Whose registry it goes to.
        name: The repository: ``operator``, ``examples/fraud``.
        context: A folder whose content becomes the build context.
        containerfile: The Dockerfile, if it is not ``Dockerfile`` in the context.
        args: Values of the Dockerfile's ``ARG`` lines.
        files: Files and folders put into the context under the names given.

    Returns:
        ``registry/name@sha256:…``.

    Raises:
        ClusterError: It does not build, or the registry does not take it.
    """
    with _staged(cluster.state, context, files or {}, containerfile) as stage:
        key = content_key(stage, {**(args or {}), " name": f"{cluster.registry}/{name}"})
        record = cluster.state / "images" / f"{name.replace('/', '_')}-{key}"
        with locked(cluster.state / "images" / ".lock"):
            if record.exists() and held(cluster, record.read_text()):
                return record.read_text()
            with Progress().step(f"building image {name}", timedelta(seconds=30)):
                reference = _build(cluster, f"{cluster.registry}/{name}", key, stage, args or {})
            write(record, reference)
    return reference


def content_key(folder: Path, args: Mapping[str, str]) -> str:
    """Changes with any name, content or executable bit below ``folder`` and with any argument."""
    digest = hashlib.sha256(json.dumps([RECIPE, sorted(args.items())]).encode())
    for file in sorted(folder.rglob("*")):
        digest.update(f"\0{file.relative_to(folder)}\0{_kind(file)}\0".encode())
        if file.is_symlink():
            digest.update(str(file.readlink()).encode())
        elif file.is_file():
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()[:16]


def _kind(file: Path) -> str:
    if file.is_symlink():
        return "link"
    if file.is_dir():
        return "folder"
    return "program" if file.stat().st_mode & 0o100 else "file"


@contextmanager
def _staged(
    state: Path, context: Path | None, files: Mapping[str, Path], containerfile: Path | None
) -> Iterator[Path]:
    """A folder with the build context and nothing that depends on this machine's umask."""
    state.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=state, prefix=".stage-") as folder:
        stage = Path(folder, "context")
        stage.mkdir()
        if context is not None:
            _copy(context, stage)
        for name, source in files.items():
            _copy(source, stage / name)
        if containerfile is not None:
            _copy(containerfile, stage / "Dockerfile")
        for file in [stage, *stage.rglob("*")]:
            if not file.is_symlink():
                file.chmod(0o755 if _kind(file) in {"folder", "program"} else 0o644)
        yield stage


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, ignore=_ignored)
    else:
        shutil.copy2(source, target)


def _ignored(_: str, names: list[str]) -> set[str]:
    return {name for name in names if name in NOT_COPIED or name.endswith(".pyc")}


def _build(
    cluster: Cluster, repository: str, tag: str, stage: Path, args: Mapping[str, str]
) -> str:
    given = [word for key, value in args.items() for word in ("--build-arg", f"{key}={value}")]
    if cluster.flavor == "local":
        return _buildah(cluster.state, repository, tag, stage, given)
    return _engine(repository, tag, stage, given)


def _buildah(state: Path, repository: str, tag: str, stage: Path, given: list[str]) -> str:
    buildah = storage(state)
    tagged, digest = f"{repository}:{tag}", stage.parent / "digest"
    environment = {"BUILDAH_ISOLATION": "chroot", "TMPDIR": str(state)}
    quiet = ["--quiet", "--format", "oci"]
    run(
        [
            *buildah,
            "build",
            *quiet,
            "--layers",
            "--timestamp",
            "0",
            "--tls-verify=false",
            *given,
            "--tag",
            tagged,
            "--file",
            containerfile_in(stage),
            stage,
        ],
        what=f"building {repository}",
        env=environment,
        timeout_seconds=1800,
    )
    run(
        [
            *buildah,
            "push",
            "--quiet",
            "--tls-verify=false",
            "--disable-compression",
            "--digestfile",
            digest,
            tagged,
        ],
        what=f"pushing {repository}",
        env=environment,
    )
    return f"{repository}@{digest.read_text().strip()}"


def storage(state: Path) -> list[str]:
    """buildah with a store of its own, inside the state folder."""
    root, run_root = state / "buildah" / "root", state / "buildah" / "run"
    return ["buildah", "--root", str(root), "--runroot", str(run_root), "--storage-driver=overlay"]


def containerfile_in(stage: Path) -> Path:
    for name in ("Dockerfile", "Containerfile"):
        if (stage / name).exists():
            return stage / name
    raise ClusterError("the build context holds neither a Dockerfile nor a Containerfile")


def _engine(repository: str, tag: str, stage: Path, given: list[str]) -> str:
    engine = next((name for name in ENGINES if succeeds([name, "info"])), None)
    if engine is None:
        raise ClusterError(
            "building images needs a container engine (docker or podman), none answers"
        )
    tagged = f"{repository}:{tag}"
    zeroed = ["--build-arg", "SOURCE_DATE_EPOCH=0"]
    run(
        [
            engine,
            "build",
            *zeroed,
            *given,
            "--tag",
            tagged,
            "--file",
            containerfile_in(stage),
            stage,
        ],
        what=f"building {repository}",
        timeout_seconds=1800,
    )
    run([engine, "push", tagged], what=f"pushing {repository}")
    digests = json.loads(
        run(
            [engine, "inspect", "--format", "{{json .RepoDigests}}", tagged],
            what="reading a digest",
        )
    )
    return next(str(one) for one in digests if one.startswith(f"{repository}@"))


def held(cluster: Cluster, reference: str) -> bool:
    """Whether the registry still holds what we pushed. Only plain-HTTP ones of ours are asked."""
    if cluster.flavor == "existing":
        return False
    repository, _, digest = reference.removeprefix(f"{cluster.registry}/").partition("@")
    asked = http.client.HTTPConnection(cluster.registry, timeout=5)
    try:
        asked.request("HEAD", f"/v2/{repository}/manifests/{digest}", headers=_ACCEPT)
        return asked.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asked.close()


_ACCEPT = {"Accept": MANIFEST_TYPES}
