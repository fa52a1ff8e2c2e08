"""`lockstep pin` against a real registry, and what it writes on a real API server."""

import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from lockstep.api.base import HOW_TO_PIN
from tests.apiserver.conftest import Kubectl
from tests.cluster import packages
from tests.cluster.probe import Http, free_ports
from tests.cluster.progress import Progress
from tests.unit.api.manifests import WHOLE, change

pytestmark = pytest.mark.apiserver

CONFIG = b"{}"
OCI = "application/vnd.oci.image"


@dataclass(frozen=True, slots=True)
class Registry:
    host: str

    def _send(self, method: str, path: str, body: bytes = b"", kind: str = "") -> dict[str, str]:
        url = path if path.startswith("http") else f"http://{self.host}/v2/{path}"
        headers = {"Content-Type": kind or "application/octet-stream"}
        request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # loopback
            return dict(answer.headers)

    def push(self, repository: str, tag: str, note: str) -> str:
        """An image without layers; gives its digest."""
        config = f"sha256:{hashlib.sha256(CONFIG).hexdigest()}"
        upload = self._send("POST", f"{repository}/blobs/uploads/")["Location"]
        self._send("PUT", f"{upload}&digest={config}", CONFIG)
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{OCI}.manifest.v1+json",
            "config": {"mediaType": f"{OCI}.config.v1+json", "digest": config, "size": len(CONFIG)},
            "layers": [],
            "annotations": {"note": note},
        }
        body = json.dumps(manifest).encode()
        self._send("PUT", f"{repository}/manifests/{tag}", body, f"{OCI}.manifest.v1+json")
        return f"sha256:{hashlib.sha256(body).hexdigest()}"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry of its own on this machine, gone with the tests."""
    packages.ensure([packages.Package("docker-registry", "docker-registry")], Progress())
    folder, (port,) = tmp_path_factory.mktemp("registry"), free_ports(1)
    config = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    (folder / "config.yml").write_text(yaml.safe_dump(config))
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            ["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=log
        ) as process,
    ):
        try:
            _wait_until_it_answers(port, folder / "log")
            yield Registry(f"127.0.0.1:{port}")
        finally:
            process.terminate()


def _wait_until_it_answers(port: int, log: Path) -> None:
    probe, deadline = Http("127.0.0.1", port, "/v2/"), time.monotonic() + 60
    while not probe.answers():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def _lockstep(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lockstep.cli.main", *arguments],
        env={**os.environ, "PYTHONPATH": "operator", "DOCKER_CONFIG": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _file(folder: Path, image: str, artifact: str) -> Path:
    manifest = change(
        WHOLE["ModelDeployment"],
        {
            "spec.template.spec.containers[0].image": image,
            "spec.model.artifact": artifact,
            "metadata.annotations": {"example.com/note": "kept"},
        },
    )
    path = folder / "fraud.yaml"
    path.write_text(f"# of team fraud\n{yaml.safe_dump(manifest, sort_keys=False)}# the end\n")
    return path


def test_tags_of_a_real_registry_become_what_the_api_server_takes(
    registry: Registry, kubectl: Kubectl, tmp_path: Path
) -> None:
    image, model = registry.push("ml/server", "1.2", "a"), registry.push("ml/fraud", "latest", "b")
    file = _file(tmp_path, f"{registry.host}/ml/server:1.2", f"{registry.host}/ml/fraud")
    before = file.read_text()
    refused = kubectl.try_("apply", "--dry-run=server", "-f", str(file))
    assert refused.stderr.count(HOW_TO_PIN) == 2, refused.stderr

    ended = _lockstep("pin", str(file))
    assert ended.returncode == 0, ended.stderr
    assert file.read_text() == before.replace(
        f"{registry.host}/ml/server:1.2", f"{registry.host}/ml/server:1.2@{image}"
    ).replace(f"{registry.host}/ml/fraud", f"{registry.host}/ml/fraud@{model}")
    kubectl("apply", "--dry-run=server", "-f", str(file))
    assert _lockstep("pin", "--check", str(file)).returncode == 0


def test_a_tag_that_moved_stays_pinned_to_what_it_was(registry: Registry, tmp_path: Path) -> None:
    first = registry.push("ml/moving", "1", "a")
    name = f"{registry.host}/ml/moving:1"
    file = _file(tmp_path, name, name)
    assert _lockstep("pin", str(file)).returncode == 0
    assert registry.push("ml/moving", "1", "b") != first
    assert _lockstep("pin", str(file)).returncode == 0
    assert file.read_text().count(f"{name}@{first}") == 2


def test_a_tag_that_is_not_there_is_named(registry: Registry, tmp_path: Path) -> None:
    registry.push("ml/server", "1.2", "a")
    host = registry.host
    file = _file(tmp_path, f"{host}/ml/server:1.2", f"{host}/ml/server:9")
    before = file.read_text()
    line = 1 + before[: before.index("server:9")].count("\n")
    ended = _lockstep("pin", str(file))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"{file}:{line}: {host}/ml/server:9: {host} has no ml/server:9 (HTTP 404); "
        "push it, or correct its name\n"
    )
    assert file.read_text() == before
