"""The smoke test's tries."""

import asyncio
import contextlib
from datetime import timedelta

import pytest

from lockstep.api.model_deployment import Expectation
from lockstep.clients.smoke import SmokeClient
from lockstep.core.rollout.needs import Smoke
from lockstep.core.rollout.observed import SmokeResult
from tests.integration.clients.scripted import Say, scripted

CLIENT = SmokeClient("lockstep-operator/test", pause=timedelta(0))


def trial(url: str, body: str | None = None, timeout: float = 5) -> Smoke:
    return Smoke(
        revision="r1",
        pod_uid="u1",
        url=f"{url}/infer",
        body=body,
        expect=Expectation(json_path="$.x", min=1),
        timeout=timedelta(seconds=timeout),
    )


RIGHT, WRONG = Say(body={"x": 1}), Say(body={"x": 0})
UNWELL, BROKEN = Say(code=503), Say(code=500)

TRIES: dict[str, tuple[list[Say], int, str | None]] = {
    "a right answer": ([RIGHT], 1, None),
    "a wrong answer is final at once": ([WRONG, RIGHT], 1, "$.x was 0, expected at least 1"),
    "an error is an answer": ([BROKEN, RIGHT], 1, "expected HTTP 200, got 500"),
    "an overloaded pod is asked again": ([UNWELL, UNWELL, RIGHT], 3, None),
    "but not for ever": ([UNWELL], 3, "did not answer 3 times: HTTP 503"),
    "a redirect is not followed": (
        [Say(code=302, headers={"Location": "http://127.0.0.1:1/"})], 1,
        "expected HTTP 200, got 302"),
}  # fmt: skip


@pytest.mark.parametrize(("answers", "asked", "problem"), TRIES.values(), ids=TRIES)
async def test_tries(answers: list[Say], asked: int, problem: str | None) -> None:
    async with scripted(*answers) as pod:
        got = await CLIENT.ask(trial(pod.url))
    assert len(pod.asked) == asked
    assert got.revision == "r1"
    assert (got.problem is None) == (problem is None)
    assert (problem or "") in (got.problem or "")


async def test_a_body_is_posted_as_json_and_none_is_a_get() -> None:
    async with scripted(RIGHT) as pod:
        await CLIENT.ask(trial(pod.url, '{"inputs": [1]}'))
        await CLIENT.ask(trial(pod.url))
    posted, got = pod.asked
    assert (posted.method, posted.body) == ("POST", {"inputs": [1]})
    assert posted.headers["content-type"] == "application/json"
    assert (got.method, got.body) == ("GET", None)


async def test_silence_is_told_with_its_limit() -> None:
    async with scripted(Say(never=True)) as pod:
        got = await CLIENT.ask(trial(pod.url, timeout=0.5))
        assert len(pod.asked) == 3
    assert got == SmokeResult(
        "r1", f"{pod.url}/infer did not answer 3 times: no answer within 0.5 s"
    )


async def test_nobody_listening() -> None:
    got = await CLIENT.ask(trial("http://127.0.0.1:1"))
    assert got.problem is not None
    assert "did not answer 3 times" in got.problem


async def test_an_endless_answer_is_cut() -> None:
    async with scripted(Say(body="x" * 3_000_000)) as pod:
        got = await CLIENT.ask(trial(pod.url))
    assert got.problem is not None
    assert "longer than" in got.problem


async def test_an_answer_that_was_packed_is_not_unpacked() -> None:
    packed = Say(headers={"Content-Encoding": "gzip"}, body="x")
    async with scripted(packed) as pod:
        got = await CLIENT.ask(trial(pod.url))
    assert pod.asked[0].headers["accept-encoding"] == "identity"
    assert "the answer is compressed, but no compression was requested" in (got.problem or "")


async def test_an_answer_that_comes_byte_by_byte_ends_with_its_time() -> None:
    asked: set[asyncio.Task[None] | None] = set()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.add(asyncio.current_task())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
        with contextlib.suppress(OSError):
            while not writer.is_closing():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        got = await CLIENT.ask(trial(url, timeout=0.1))
        async with asyncio.timeout(10):
            await asyncio.gather(*filter(None, asked))
    assert "did not answer 3 times: no answer within 0.1 s" in (got.problem or "")
