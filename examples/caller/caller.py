"""Calls a service as its users would and says, second by second, what they saw. It judges nothing.

New connections are opened at a steady rate whatever the answers take (an open loop); kept-alive
connections ask on, each at its own pace. Both are bounded in number and in time, and counted apart:
a Service spreads connections, not requests. Only the standard library is needed.
"""

import argparse
import asyncio
import json
import signal
import socket
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

MOST_PER_SECOND = 200.0
MOST_KEPT = 50
MOST_IN_FLIGHT = 400
LONGEST_SECONDS = 3600.0
REVISION_HEADER = "x-lockstep-revision"

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(slots=True)
class Tally:
    """What callers of one kind saw.

    Attributes:
        ms: Per revision the milliseconds that each good answer took.
        failed: Per revision (empty if nobody answered) how often each thing went wrong.
        reopened: Kept-alive connections found closed between two requests, which is no error.
    """

    ms: dict[str, list[int]] = field(default_factory=dict)
    failed: dict[str, dict[str, int]] = field(default_factory=dict)
    reopened: int = 0

    @classmethod
    def total(cls, parts: Iterable["Tally"]) -> Self:
        whole = cls()
        for part in parts:
            for revision, times in part.ms.items():
                whole.ms.setdefault(revision, []).extend(times)
            for revision, reasons in part.failed.items():
                for reason, count in reasons.items():
                    whole.fail(revision, reason, count)
            whole.reopened += part.reopened
        return whole

    def fail(self, revision: str, reason: str, count: int = 1) -> None:
        reasons = self.failed.setdefault(revision, {})
        reasons[reason] = reasons.get(reason, 0) + count

    def errors(self, revision: str | None = None) -> int:
        """Requests that went wrong: all of them, or those that ``revision`` answered."""
        wanted = self.failed if revision is None else {"": self.failed.get(revision, {})}
        return sum(sum(reasons.values()) for reasons in wanted.values())

    def requests(self, revision: str | None = None) -> int:
        """Requests made: all of them, or those that ``revision`` answered, well or not."""
        wanted = self.ms if revision is None else {"": self.ms.get(revision, [])}
        return sum(map(len, wanted.values())) + self.errors(revision)

    def share(self, revision: str) -> float:
        """The part of all requests that ``revision`` answered, 0 to 1."""
        return self.requests(revision) / max(self.requests(), 1)

    def quantile(self, q: float, revision: str | None = None) -> float | None:
        """Seconds within which the part ``q`` of the good answers came; None without any."""
        times = self.ms.values() if revision is None else [self.ms.get(revision, [])]
        ordered = sorted(one for some in times for one in some)
        return ordered[min(int(q * len(ordered)), len(ordered) - 1)] / 1000 if ordered else None


@dataclass(slots=True)
class Second:
    """One line of output: what happened in the second that ended at ``at`` (Unix time)."""

    at: float = 0.0
    new: Tally = field(default_factory=Tally)
    kept: Tally = field(default_factory=Tally)
    unsent: int = 0

    @classmethod
    def read(cls, line: str) -> Self:
        told: dict[str, Any] = json.loads(line)
        return cls(told["at"], Tally(**told["new"]), Tally(**told["kept"]), told["unsent"])

    def line(self) -> str:
        kinds = {
            kind: {"ms": one.ms, "failed": one.failed, "reopened": one.reopened}
            for kind, one in (("new", self.new), ("kept", self.kept))
        }
        return json.dumps({"at": round(self.at, 1), **kinds, "unsent": self.unsent}) + "\n"


@dataclass(frozen=True, slots=True)
class Load:
    """How much is asked, of whom and for how long.

    Attributes:
        url: ``http://host[:port]/path``; the host is looked up once.
        body: POSTed as JSON; GET if empty.
        new_per_second: New connections a second, one request each.
        kept: Kept-alive connections.
        kept_per_second: Requests a second on each of them.
        seconds: Until the caller stops by itself.
        timeout_seconds: After which a request counts as failed.
    """

    url: str
    body: str = ""
    new_per_second: float = 20.0
    kept: int = 0
    kept_per_second: float = 1.0
    seconds: float = 60.0
    timeout_seconds: float = 10.0

    def bounded(self) -> Self:
        """Itself.

        Raises:
            ValueError: It is more than a caller may ask.
        """
        limits = {
            "--new-per-second": (self.new_per_second, MOST_PER_SECOND),
            "--kept": (self.kept, MOST_KEPT),
            "--kept-per-second": (self.kept_per_second, MOST_PER_SECOND / MOST_KEPT),
            "--seconds": (self.seconds, LONGEST_SECONDS),
        }
        for name, (value, most) in limits.items():
            if not 0 <= value <= most:
                raise ValueError(f"{name} is {value:g}, allowed is 0 to {most:g}")
        return self

    def request(self) -> bytes:
        parts, data = urlsplit(self.url), self.body.encode()
        lines = (
            f"{'POST' if data else 'GET'} {parts.path or '/'} HTTP/1.1",
            f"Host: {parts.netloc}",
            "Content-Type: application/json",
            f"Content-Length: {len(data)}",
        )
        return "\r\n".join([*lines, "", ""]).encode() + data


class ClosedBeforeError(Exception):
    """The other end had closed the connection before it could read the request."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    revision: str
    stays_open: bool


async def ask(stream: Stream, request: bytes) -> Answer:
    """One request and its answer on an open connection.

    Raises:
        ClosedBeforeError: It ended before the first byte of an answer.
        OSError, EOFError, ValueError: It broke, ended in the middle, or is no HTTP.
    """
    reader, writer = stream
    try:
        writer.write(request)
        await writer.drain()
        first = await reader.readline()
    except ConnectionError as error:
        raise ClosedBeforeError from error
    if not first:
        raise ClosedBeforeError
    status = int(first.split(b" ", 2)[1])
    headers: dict[str, str] = {}
    while line := (await reader.readuntil(b"\r\n")).strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    await reader.readexactly(int(headers.get("content-length", "0")))
    stays_open = headers.get("connection", "").lower() != "close"
    return Answer(status, headers.get(REVISION_HEADER, ""), stays_open)


def reason(error: Exception) -> str:
    """One word for what went wrong below HTTP."""
    match error:
        case TimeoutError():
            return "timeout"
        case ConnectionRefusedError():
            return "refused"
        case ClosedBeforeError() | ConnectionError() | EOFError():
            return "closed"
        case OSError():
            return "unreachable"
        case _:
            return "garbled"


BROKEN = (ClosedBeforeError, OSError, EOFError, ValueError, IndexError)


class Caller:
    """All connections of one load, and what they saw since the last line."""

    def __init__(self, load: Load, address: tuple[str, int]) -> None:
        self._load, self._address, self._request = load, address, load.request()
        self._now = Second()
        self._over = asyncio.Event()

    def stop(self) -> None:
        self._over.set()

    async def run(self) -> None:
        """Call until the time is over or ``stop`` is called; nothing is left in flight."""
        loop = asyncio.get_running_loop()
        loop.call_later(self._load.seconds, self.stop)
        async with asyncio.TaskGroup() as group:
            for number in range(self._load.kept):
                group.create_task(self._keep(number / max(self._load.kept, 1)))
            group.create_task(self._open_loop())
            group.create_task(self._tell())
        self._flush()

    async def _wait(self, until: float) -> bool:
        """Whether to go on, at the loop's time ``until``."""
        try:
            async with asyncio.timeout_at(until):
                await self._over.wait()
        except TimeoutError:
            return True
        return False

    async def _tell(self) -> None:
        at = asyncio.get_running_loop().time() + 1
        while await self._wait(at):
            self._flush()
            at += 1

    def _flush(self) -> None:
        done, self._now = self._now, Second()
        done.at = time.time()
        sys.stdout.write(done.line())
        sys.stdout.flush()

    async def _open_loop(self) -> None:
        if not self._load.new_per_second:
            return
        at, flying = asyncio.get_running_loop().time(), set[asyncio.Task[None]]()
        while await self._wait(at):
            if len(flying) < MOST_IN_FLIGHT:
                task = asyncio.create_task(self._once(at))
                flying.add(task)
                task.add_done_callback(flying.discard)
            else:
                self._now.unsent += 1
            at += 1 / self._load.new_per_second
        await asyncio.gather(*flying)

    async def _once(self, began: float) -> None:
        """A caller that comes once; its time counts from when it wanted to come."""
        try:
            async with asyncio.timeout(self._load.timeout_seconds):
                stream = await asyncio.open_connection(*self._address)
                try:
                    answer = await ask(stream, self._request)
                finally:
                    stream[1].close()
        except BROKEN as error:
            self._now.new.fail("", reason(error))
        else:
            self._note(self._now.new, answer, began)

    async def _keep(self, offset: float) -> None:
        """A caller that stays on one connection for as long as the other end lets it."""
        pace = 1 / max(self._load.kept_per_second, 0.001)
        at, stream = asyncio.get_running_loop().time() + offset * pace, None
        while await self._wait(at):
            began = max(at, asyncio.get_running_loop().time())
            try:
                async with asyncio.timeout(self._load.timeout_seconds):
                    stream, answer = await self._again(stream)
            except BROKEN as error:
                self._now.kept.fail("", reason(error))
                stream = None
            else:
                self._note(self._now.kept, answer, began)
            at = max(at + pace, asyncio.get_running_loop().time())
        if stream:
            stream[1].close()

    async def _again(self, stream: Stream | None) -> tuple[Stream | None, Answer]:
        """Ask on ``stream``, or on a new one where that is gone: what every HTTP client does."""
        if stream:
            try:
                return await self._asked(stream)
            except ClosedBeforeError:
                stream[1].close()
                self._now.kept.reopened += 1
        return await self._asked(await asyncio.open_connection(*self._address))

    async def _asked(self, stream: Stream) -> tuple[Stream | None, Answer]:
        answer = await ask(stream, self._request)
        if answer.stays_open:
            return stream, answer
        stream[1].close()
        return None, answer

    def _note(self, tally: Tally, answer: Answer, began: float) -> None:
        if answer.status < 400:  # noqa: PLR2004 - HTTP's own line between good and bad
            took = asyncio.get_running_loop().time() - began
            tally.ms.setdefault(answer.revision, []).append(round(took * 1000))
        else:
            tally.fail(answer.revision, str(answer.status))


async def call(load: Load) -> None:
    """Carry ``load`` out; SIGTERM ends it early."""
    parts = urlsplit(load.bounded().url)
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM)
    host, port = found[0][4][:2]
    caller = Caller(load, (str(host), int(port)))
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, caller.stop)
    await caller.run()


def arguments() -> Load:
    options = argparse.ArgumentParser(description="Call a service and say what its users saw.")
    options.add_argument("url")
    options.add_argument("--body", default="")
    options.add_argument("--new-per-second", type=float, default=20.0)
    options.add_argument("--kept", type=int, default=0)
    options.add_argument("--kept-per-second", type=float, default=1.0)
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--timeout-seconds", type=float, default=10.0)
    try:
        return Load(**vars(options.parse_args())).bounded()
    except ValueError as error:
        options.error(str(error))


if __name__ == "__main__":
    asyncio.run(call(arguments()))
