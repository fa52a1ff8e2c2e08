"""Asks one thing of a server: do you answer? Silence is an answer, never an exception."""

import contextlib
import http.client
import random
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.shell import succeeds

PATIENCE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Http:
    """Answers 200 to a GET. ``ca`` empty: its certificate is its own and not checked."""

    host: str
    port: int
    path: str
    tls: bool = False
    ca: Path | None = None

    def answers(self) -> bool:
        try:
            return self._status() == http.client.OK
        except (OSError, http.client.HTTPException):
            return False

    def _status(self) -> int:
        asked = self._connection()
        try:
            asked.request("GET", self.path)
            return asked.getresponse().status
        finally:
            asked.close()

    def _connection(self) -> http.client.HTTPConnection:
        if not self.tls:
            return http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_SECONDS)
        context = ssl.create_default_context(cafile=self.ca and str(self.ca))
        if self.ca is None:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(
            self.host, self.port, timeout=PATIENCE_SECONDS, context=context
        )


@dataclass(frozen=True, slots=True)
class Command:
    """A program that ends well."""

    argv: tuple[str, ...]

    def answers(self) -> bool:
        return succeeds(self.argv, timeout_seconds=5)


Probe = Http | Command


def taken(host: str, port: int) -> bool:
    """Whether somebody listens there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def free_ports(count: int) -> tuple[int, ...]:
    """Ports of the loopback address that nobody listens on just now, all different.

    Neither node ports nor those that the kernel gives away by itself: their user may bind late.
    """
    held: list[socket.socket] = []
    try:
        while len(held) < count:
            with contextlib.suppress(OSError):
                held.append(socket.create_server(("127.0.0.1", random.randrange(10_240, 30_000))))
        return tuple(int(one.getsockname()[1]) for one in held)
    finally:
        for one in held:
            one.close()
