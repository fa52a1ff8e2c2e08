"""Calls a service as its users would, and remembers every call until somebody asks for them.

Two kinds of callers, counted apart: those that open a connection for each request, at a steady rate
whatever the answers take, and those that keep one. Bounded in number and time. ``GET /calls`` says
what was seen, ``GET /now`` what this machine's clock says.
"""

import http.client
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 8080
TIMEOUT_SECONDS = 15.0
LONGEST_SECONDS = 600.0
MOST_PER_SECOND = 200.0
MOST_KEPT = 50
WORKERS = 12
STALE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)

Call = tuple[float, str, str, int, float, str]
"""Begun at, kind of caller, revision that answered, HTTP code, seconds, what went wrong."""


def setting(name: str, default: float, most: float) -> float:
    return min(float(os.environ.get(name) or default), most)


@dataclass
class Target:
    host: str
    port: int

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_SECONDS)


@dataclass
class Ticks:
    """Moments at which calls begin, handed out once each."""

    seconds_apart: float
    end: float
    _next: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self) -> bool:
        """Sleep until the next moment; False when there is none any more."""
        with self._lock:
            at, self._next = self._next, self._next + self.seconds_apart
        time.sleep(max(0.0, at - time.monotonic()))
        return at < self.end


def ask(connection: http.client.HTTPConnection, headers: dict[str, str]) -> tuple[str, int]:
    connection.request("GET", "/predict", headers=headers)
    answer = connection.getresponse()
    answer.read()
    return answer.getheader("x-lockstep-revision", ""), answer.status


def timed(kind: str, calls: list[Call], asked: Callable[[], tuple[str, int]]) -> bool:
    """Make one call and remember it; whether there was an answer."""
    at, began = time.time(), time.monotonic()
    revision, code, problem = "", 0, ""
    try:
        revision, code = asked()
    except (OSError, http.client.HTTPException) as error:
        problem = f"{type(error).__name__}: {error}"
    calls.append((at, kind, revision, code, time.monotonic() - began, problem))
    return not problem


def call_anew(target: Target, ticks: Ticks, calls: list[Call]) -> None:
    """A connection for each call."""
    while ticks.wait():
        connection = target.connect()
        timed("new", calls, partial(ask, connection, {"Connection": "close"}))
        connection.close()


def call_kept(target: Target, ticks: Ticks, calls: list[Call]) -> None:
    """One connection for as long as the server lets it live.

    A connection that the server closed while it was idle is opened again and asked once more, as
    every HTTP library does; that is no error, but it is counted.
    """
    connection = target.connect()

    def again() -> tuple[str, int]:
        fresh = connection.sock is None
        try:
            return ask(connection, {})
        except STALE:
            connection.close()
            if fresh:
                raise
            calls.append((time.time(), "reopened", "", 0, 0.0, ""))
            return ask(connection, {})

    while ticks.wait():
        if not timed("kept", calls, again):
            connection.close()
    connection.close()


def resolved(host: str, deadline: float) -> str:
    """The address behind a name, asked for once: DNS is not what is tested here."""
    while True:
        try:
            return socket.gethostbyname(host)
        except socket.gaierror:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


class Handler(BaseHTTPRequestHandler):
    calls: list[Call]

    def do_GET(self) -> None:
        told = list(self.calls) if self.path == "/calls" else []
        body = json.dumps({"now": time.time(), "calls": told}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing to say."""


def start(calls: list[Call]) -> list[threading.Thread]:
    begun = time.monotonic()
    end = begun + setting("SECONDS", 60, LONGEST_SECONDS)
    target = Target(resolved(os.environ["HOST"], begun + 30), int(os.environ.get("TARGET", "80")))
    threads = []
    if per_second := setting("NEW_PER_SECOND", 20, MOST_PER_SECOND):
        ticks = Ticks(1 / per_second, end)
        threads += [
            threading.Thread(target=call_anew, args=(target, ticks, calls), daemon=True)
            for _ in range(WORKERS)
        ]
    apart = 1 / setting("KEPT_PER_SECOND", 4, MOST_PER_SECOND)
    threads += [
        threading.Thread(target=call_kept, args=(target, Ticks(apart, end), calls), daemon=True)
        for _ in range(int(setting("KEPT", 4, MOST_KEPT)))
    ]
    for thread in threads:
        thread.start()
    return threads


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    calls: list[Call] = []
    Handler.calls = calls
    threads = start(calls)
    server = ThreadingHTTPServer(("", PORT), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for thread in threads:
        thread.join()
    threading.Event().wait()


if __name__ == "__main__":
    main()
