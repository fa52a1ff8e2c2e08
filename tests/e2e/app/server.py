"""A model server that can be told to misbehave. Nothing in it knows what it is tested for.

Settings, all optional, from the environment:

* ``VERSION``, ``REVISION``: what it says it is, in the headers of every answer
* ``ANSWER``: the number it predicts; a file at ``MODEL`` holding one comes first
* ``ERROR_RATIO``: the part of the predictions that end with HTTP 500
* ``LATENCY``: seconds that a prediction takes
* ``STARTUP``: seconds until it is ready; ``NEVER_READY``: any value
* ``CRASH_AFTER``: seconds until the process dies
* ``LINGER``: seconds between SIGTERM and the end. As with most servers nobody can connect any more
  from SIGTERM on; who is connected already is answered, and told to go
"""

import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT = 8080
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def setting(name: str, default: float) -> float:
    return float(os.environ.get(name) or default)


def predicted() -> float:
    model = Path(os.environ.get("MODEL", "/mnt/models/answer.json"))
    if model.exists():
        return float(json.loads(model.read_text())["answer"])
    return setting("ANSWER", 0.85)


class Metrics:
    """What Prometheus scrapes; every series is there from the first scrape on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._codes = Counter({200: 0, 500: 0})
        self._within = dict.fromkeys(BUCKETS, 0)
        self._seconds = 0.0

    def count(self, code: int, seconds: float) -> None:
        with self._lock:
            self._codes[code] += 1
            self._seconds += seconds
            for bucket in BUCKETS:
                self._within[bucket] += seconds <= bucket

    def text(self) -> str:
        with self._lock:
            total, name = sum(self._codes.values()), "http_request_duration_seconds"
            lines = [
                "# TYPE http_requests_total counter",
                *(f'http_requests_total{{code="{c}"}} {n}' for c, n in self._codes.items()),
                f"# TYPE {name} histogram",
                *(f'{name}_bucket{{le="{le}"}} {n}' for le, n in self._within.items()),
                f'{name}_bucket{{le="+Inf"}} {total}',
                f"{name}_sum {self._seconds}",
                f"{name}_count {total}",
            ]
        return "\n".join(lines) + "\n"


class State:
    """What changes while the process lives."""

    def __init__(self) -> None:
        self.ready_at = time.monotonic() + setting("STARTUP", 0)
        self.unready = bool(os.environ.get("NEVER_READY"))
        self.leaving = threading.Event()

    @property
    def ready(self) -> bool:
        return not self.unready and time.monotonic() >= self.ready_at


METRICS, STATE = Metrics(), State()
ANSWER, ERROR_RATIO, LATENCY = predicted(), setting("ERROR_RATIO", 0), setting("LATENCY", 0)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        match self.path:
            case "/healthz":
                told = HTTPStatus.OK if STATE.ready else HTTPStatus.SERVICE_UNAVAILABLE
                self._send(told, b"")
            case "/metrics":
                self._send(HTTPStatus.OK, METRICS.text().encode(), "text/plain; version=0.0.4")
            case _:
                self._predict()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/turn-unready":
            STATE.unready = True
            self._send(HTTPStatus.OK, b"")
        else:
            self._predict()

    def _predict(self) -> None:
        began = time.monotonic()
        time.sleep(LATENCY)
        if random.random() < ERROR_RATIO:
            code, body = HTTPStatus.INTERNAL_SERVER_ERROR, b'{"error": "told to fail"}'
        else:
            code, body = HTTPStatus.OK, json.dumps(_answer()).encode()
        self._send(code, body)
        METRICS.count(code, time.monotonic() - began)

    def _send(self, code: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-lockstep-revision", os.environ.get("REVISION", ""))
        self.send_header("x-version", os.environ.get("VERSION", ""))
        if STATE.leaving.is_set():
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Access logs of every probe and call would only cost time."""


def _answer() -> dict[str, object]:
    output = {"name": "score", "datatype": "FP64", "shape": [1], "data": [ANSWER]}
    return {"model_version": os.environ.get("VERSION", ""), "outputs": [output]}


def _crash() -> None:
    print("told to crash", file=sys.stderr, flush=True)
    os._exit(3)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: STATE.leaving.set())
    if os.environ.get("CRASH_AFTER"):
        timer = threading.Timer(setting("CRASH_AFTER", 0), _crash)
        timer.daemon = True
        timer.start()
    ThreadingHTTPServer.request_queue_size = 128
    server = ThreadingHTTPServer(("", PORT), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    STATE.leaving.wait()
    server.shutdown()
    server.socket.close()
    time.sleep(setting("LINGER", 1.5))


if __name__ == "__main__":
    main()
