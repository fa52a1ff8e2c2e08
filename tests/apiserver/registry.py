"""A real image registry on this machine, and images of nothing that can be pushed to it."""

import contextlib
import hashlib
import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.cluster import packages
from tests.cluster.probe import Http, free_ports
from tests.cluster.progress import Progress

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


@contextlib.contextmanager
def registry(folder: Path) -> Iterator[Registry]:
    """Gone when the block ends; ``folder`` is for its data."""
    packages.ensure([packages.Package("docker-registry", "docker-registry")], Progress())
    folder.mkdir(exist_ok=True)
    (port,) = free_ports(1)
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
