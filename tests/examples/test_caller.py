"""The caller counts what its callers would see: a server that misbehaves in one way each."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import yaml

from examples.caller import pod
from examples.caller.caller import Caller, Load, Second, Tally

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

GOOD = b"HTTP/1.1 200 OK\r\nX-Lockstep-Revision: aaaa\r\nContent-Length: 2\r\n\r\n{}"
BUSY = b"HTTP/1.1 503 Busy\r\nX-Lockstep-Revision: bbbb\r\nContent-Length: 0\r\n\r\n"
LAST = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def answering(*answers: bytes) -> Behaviour:
    """Gives one answer to each request on a connection, then closes it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            if not await reader.readline():
                break
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        writer.close()

    return serve


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


@asynccontextmanager
async def server(behaviour: Behaviour) -> AsyncIterator[int]:
    serving = await asyncio.start_server(behaviour, "127.0.0.1", 0)
    yield serving.sockets[0].getsockname()[1]
    serving.close()
    await serving.wait_closed()


async def called(
    behaviour: Behaviour, capture: pytest.CaptureFixture[str], **load: float
) -> Second:
    """Everything that a short load saw."""
    async with server(behaviour) as port:
        return await told(port, capture, **load)


async def told(port: int, capture: pytest.CaptureFixture[str], **load: float) -> Second:
    wanted = Load(f"http://127.0.0.1:{port}/x", **{"seconds": 0.5, "new_per_second": 0, **load})  # type: ignore[arg-type]
    await Caller(wanted, ("127.0.0.1", port)).run()
    seconds = [Second.read(line) for line in capture.readouterr().out.splitlines()]
    return Second(
        new=Tally.total(one.new for one in seconds),
        kept=Tally.total(one.kept for one in seconds),
        unsent=sum(one.unsent for one in seconds),
    )


async def test_good_answers_are_counted_by_revision(capsys: pytest.CaptureFixture[str]) -> None:
    seen = await called(answering(GOOD), capsys, new_per_second=50)
    assert seen.new.requests("aaaa") == seen.new.requests() >= 3
    assert (seen.new.errors(), seen.new.share("aaaa"), seen.kept.requests()) == (0, 1.0, 0)


async def test_a_refusal_by_the_server_is_its_revisions_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen = await called(answering(BUSY), capsys, new_per_second=20)
    assert seen.new.errors("bbbb") == seen.new.requests() > 0
    assert set(seen.new.failed) == {"bbbb"}


BROKEN: dict[str, tuple[Behaviour, str]] = {
    "a connection closed before an answer": (answering(), "closed"),
    "an answer cut in the middle": (answering(GOOD[:-1]), "closed"),
    "something that is no HTTP": (answering(b"hello\r\n\r\n"), "garbled"),
    "no answer at all": (silent, "timeout"),
}


@pytest.mark.parametrize(("behaviour", "reason"), BROKEN.values(), ids=BROKEN)
async def test_a_new_connection_that_breaks_is_an_error_of_nobody(
    behaviour: Behaviour, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    patience = 0.05 if behaviour is silent else 10.0
    seen = await called(behaviour, capsys, new_per_second=10, timeout_seconds=patience)
    assert set(seen.new.failed[""]) == {reason}


async def test_nobody_listening_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    async with server(silent) as port:
        pass
    seen = await told(port, capsys, new_per_second=10)
    assert set(seen.new.failed[""]) == {"refused"}


async def test_kept_connections_ask_again_and_again(capsys: pytest.CaptureFixture[str]) -> None:
    seen = await called(answering(*[GOOD] * 99), capsys, kept=2, kept_per_second=50)
    assert seen.kept.requests("aaaa") >= 4
    assert (seen.kept.errors(), seen.kept.reopened, seen.new.requests()) == (0, 0, 0)


async def test_a_kept_connection_found_closed_is_opened_again_without_an_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen = await called(answering(GOOD), capsys, kept=1, kept_per_second=50)
    assert seen.kept.errors() == 0
    assert seen.kept.reopened >= 1


async def test_a_server_that_says_goodbye_is_not_asked_again_on_that_connection(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen = await called(answering(LAST), capsys, kept=1, kept_per_second=50)
    assert (seen.kept.errors(), seen.kept.reopened) == (0, 0)
    assert seen.kept.requests() >= 2


REFUSED = {
    "too many new connections": {"new_per_second": 1000.0},
    "too many kept ones": {"kept": 51},
    "too long": {"seconds": 36000.0},
    "less than nothing": {"new_per_second": -1.0},
}


@pytest.mark.parametrize("load", REFUSED.values(), ids=REFUSED)
def test_a_load_beyond_its_bounds_is_refused(load: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="allowed is 0 to"):
        Load("http://fraud/", **load).bounded()  # type: ignore[arg-type]


def test_a_line_is_read_as_it_was_written() -> None:
    second = Second(at=12.5, new=Tally({"aaaa": [3, 250]}, {"": {"timeout": 2}}), unsent=1)
    assert Second.read(second.line()) == second


def test_totals_add_up() -> None:
    whole = Tally.total(
        (
            Tally({"a": [1, 2], "b": [100]}, {"b": {"503": 2}}),
            Tally({"a": [3]}, {"b": {"503": 1, "500": 1}, "": {"refused": 4}}, reopened=2),
        )
    )
    assert (whole.requests(), whole.errors(), whole.reopened) == (12, 8, 2)
    assert (whole.requests("b"), whole.errors("b"), whole.errors("a")) == (5, 4, 0)
    assert (whole.quantile(0.99), whole.quantile(0.5, "a")) == (0.1, 0.002)
    assert Tally().quantile(0.5) is None


def test_the_pod_runs_this_very_program_with_this_very_load() -> None:
    load = Load("http://fraud/v2", body='{"a": 1}', new_per_second=12.5, kept=3, seconds=30)
    program, caller = pod.manifests("caller", "demo", "python@sha256:abc", load)
    assert program["data"]["caller.py"] == pod.PROGRAM.read_text()
    container = caller["spec"]["containers"][0]
    assert "--new-per-second=12.5" in container["command"]
    assert container["image"] == "python@sha256:abc"
    assert yaml.safe_load(yaml.safe_dump(caller)) == caller
