"""The operator's own HTTP endpoints: /healthz, /readyz, /metrics. Others know what they say.

Everybody in the cluster may reach the port. A request is one line and a few headers, read within
seconds from one of a few connections, and the connection ends with its answer: an HTTP server that
keeps what was half said can be filled until the operator's memory is.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Final

_PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"
_PLAIN: Final = "text/plain; charset=utf-8"
_LONGEST_REQUEST: Final = 8192
AT_ONCE: Final = 50
WITHIN: Final = timedelta(seconds=5)

Problems = Callable[[], Sequence[str]]
"""What speaks against it, one sentence each; empty when all is well."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: HTTPStatus
    body: bytes
    kind: str = _PLAIN


Endpoints = Mapping[str, Callable[[], Answer]]


@asynccontextmanager
async def serving(
    port: int,
    healthy: Problems,
    ready: Problems,
    metrics: Callable[[], bytes],
    within: timedelta = WITHIN,
) -> AsyncIterator[int]:
    """Serve on ``port`` (0: any free one) while the block runs; gives the port (IPv4's).

    ``within``: how long a connection may last.
    """
    listener = _Listener(
        {
            "/healthz": lambda: _verdict(healthy()),
            "/readyz": lambda: _verdict(ready()),
            "/metrics": lambda: Answer(HTTPStatus.OK, metrics(), _PROMETHEUS),
        },
        within,
    )
    server = await asyncio.start_server(listener.serve, port=port, limit=_LONGEST_REQUEST)
    try:
        addresses = [socket.getsockname() for socket in server.sockets]
        # with port 0 each family gets one of its own
        yield next((port for host, port, *_ in addresses if "." in host), addresses[0][1])
    finally:
        server.close()
        await listener.close()


@dataclass(slots=True)
class _Listener:
    """The connections, the oldest first. One too many ends the oldest: those who ask are quick."""

    endpoints: Endpoints
    within: timedelta
    _open: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._open[task] = writer
        if len(self._open) > AT_ONCE:
            next(iter(self._open)).cancel()
        try:
            async with asyncio.timeout(self.within.total_seconds()):
                writer.write(_rendered(self._answer(await reader.readuntil(b"\r\n\r\n"))))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        except asyncio.CancelledError:
            pass  # this task is nothing but the connection
        finally:
            writer.transport.abort()
            self._open.pop(task, None)

    async def close(self) -> None:
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def _answer(self, request: bytes) -> Answer:
        method, _, rest = request.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        if method != "GET":
            return _said(HTTPStatus.METHOD_NOT_ALLOWED)
        endpoint = self.endpoints.get(rest.partition(" ")[0].partition("?")[0])
        return endpoint() if endpoint else _said(HTTPStatus.NOT_FOUND)


def _said(status: HTTPStatus) -> Answer:
    return Answer(status, f"{status.phrase}\n".encode())


def _verdict(problems: Sequence[str]) -> Answer:
    if problems:
        return Answer(HTTPStatus.SERVICE_UNAVAILABLE, ("\n".join(problems) + "\n").encode())
    return Answer(HTTPStatus.OK, b"ok\n")


def _rendered(answer: Answer) -> bytes:
    head = (
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\n"
        f"Content-Type: {answer.kind}\r\n"
        f"Content-Length: {len(answer.body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode("latin-1") + answer.body
