"""The port that everybody may reach."""

import asyncio
import gc
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from lockstep.clients.probes import AT_ONCE, serving

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
SOON = 5.0


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with serving(0, list, list, lambda: b"x 1\n", timedelta(seconds=0.2)) as number:
        yield number


async def _asked(port: int, request: bytes) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), SOON)
    writer.close()
    return answer.decode()


ANSWERS: dict[str, tuple[bytes, str]] = {
    "health": (HEALTH, "HTTP/1.1 200 OK"),
    "a question beside the path": (b"GET /metrics?x=1 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK"),
    "nothing that is known": (b"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found"),
    "nothing to write to": (b"POST /healthz HTTP/1.1\r\n\r\n", "HTTP/1.1 405"),
    "no HTTP": (b"\x16\x03\x01\r\n\r\n", "HTTP/1.1 405"),
    "half a request": (b"GET /healthz HTTP/1.1\r\nX: ", ""),
    "nothing at all": (b"", ""),
    "a header without end": (b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 70_000, ""),
}  # fmt: skip


@pytest.mark.parametrize(("request_", "answer"), ANSWERS.values(), ids=ANSWERS)
async def test_a_connection_ends_with_its_answer_or_soon(
    port: int, request_: bytes, answer: str
) -> None:
    try:
        got = await _asked(port, request_)
    except ConnectionResetError:
        got = ""
    assert got.startswith(answer)
    assert bool(got) == bool(answer)


async def test_a_crowd_that_says_nothing_keeps_nobody_out() -> None:
    async with serving(0, list, list, bytes, timedelta(hours=1)) as number:
        held = [await asyncio.open_connection("127.0.0.1", number) for _ in range(3 * AT_ONCE)]
        assert "200 OK" in await _asked(number, HEALTH)
        ended = [asyncio.create_task(reader.read()) for reader, _ in held]
        await asyncio.wait(ended, timeout=0.2)
        still = sum(not task.done() for task in ended)
        for _, writer in held:
            writer.transport.abort()
        await asyncio.gather(*ended, return_exceptions=True)
    gc.collect()
    assert still <= AT_ONCE
