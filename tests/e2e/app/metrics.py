"""An external metrics API with one number in it, for autoscalers. Only the standard library.

The API server asks it by TLS on port 8443 (certificate and key in the environment) whatever metric
is named; ``POST /load/<number>`` on port 8080 sets what it answers.
"""

import json
import os
import ssl
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

GROUP = "external.metrics.k8s.io/v1beta1"
load = {"value": "0"}


def listed() -> dict[str, Any]:
    resource = {"name": "load", "namespaced": True, "kind": "ExternalMetricValueList"}
    resources = [{**resource, "singularName": "", "verbs": ["get"]}]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": GROUP,
        "resources": resources,
    }


def values() -> dict[str, Any]:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    item = {"metricName": "load", "metricLabels": {}, "timestamp": now, "value": load["value"]}
    return {"kind": "ExternalMetricValueList", "apiVersion": GROUP, "metadata": {}, "items": [item]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].rstrip("/")
        self._answer(values() if "/namespaces/" in path else listed())

    def do_POST(self) -> None:
        load["value"] = self.path.rpartition("/")[2]
        self._answer(load)

    def _answer(self, told: dict[str, Any]) -> None:
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Requests are not worth a line each."""


def main() -> None:
    secure = ThreadingHTTPServer(("", 8443), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w", dir="/dev/shm") as identity:
        identity.write(os.environ["CERTIFICATE"])
        identity.flush()
        context.load_cert_chain(identity.name)
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    threading.Thread(target=secure.serve_forever, daemon=True).start()
    ThreadingHTTPServer(("", 8080), Handler).serve_forever()


if __name__ == "__main__":
    main()
