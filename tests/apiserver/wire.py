"""Requests to the API server without a client that could help, and its answers word for word."""

import base64
import http.client
import json
import ssl
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import yaml


@dataclass(frozen=True, slots=True)
class Wire:
    """One kept-alive connection."""

    connection: http.client.HTTPSConnection

    @classmethod
    def open(cls, kubeconfig: Path) -> Self:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        context = ssl.create_default_context(
            cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
        )
        with tempfile.NamedTemporaryFile() as identity:
            for part in ("client-certificate-data", "client-key-data"):
                identity.write(base64.b64decode(user[part]))
            identity.flush()
            context.load_cert_chain(identity.name)
        address = urlsplit(cluster["server"]).netloc
        return cls(http.client.HTTPSConnection(address, context=context, timeout=30))

    def close(self) -> None:
        self.connection.close()

    def send(
        self, method: str, path: str, body: object, headers: Iterable[tuple[str, str]] = ()
    ) -> tuple[int, dict[str, Any]]:
        """One request as it is; a header may be given several times."""
        self.connection.putrequest(method, path)
        written = json.dumps(body).encode()
        for name, value in (("Content-Length", str(len(written))), *headers):
            self.connection.putheader(name, value)
        self.connection.endheaders(written)
        reply = self.connection.getresponse()
        answer: dict[str, Any] = json.loads(reply.read())
        return reply.status, answer

    def dry_run(self, path: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """What the API server would say to a creation of ``manifest`` under strict validation."""
        query = urlencode({"dryRun": "All", "fieldValidation": "Strict"})
        self.connection.request(
            "POST",
            f"{path}?{query}",
            body=json.dumps(manifest),
            headers={"Content-Type": "application/json"},
        )
        answer: dict[str, Any] = json.loads(self.connection.getresponse().read())
        return answer
