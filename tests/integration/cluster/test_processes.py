"""A process is known by id and birth; a component by all that it was started with."""

import os
import signal
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cluster.errors import ClusterError
from tests.cluster.probe import Command, Http, free_ports
from tests.cluster.processes import (
    Book,
    Component,
    alive,
    end,
    fingerprint,
    identify,
    started_ticks,
)
from tests.cluster.progress import Progress, span
from tests.cluster.supervise import mend

STAT = "4242 (a (strange) name) S 1 4242 4242 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 777 0 0"

TICKS: dict[str, tuple[str, int | None]] = {
    "a name may hold spaces and parentheses": (STAT, 777),
    "a zombie has ended": (STAT.replace(") S", ") Z"), None),
    "so has a dead one": (STAT.replace(") S", ") X"), None),
}


@pytest.mark.parametrize(("stat", "ticks"), TICKS.values(), ids=TICKS)
def test_started_ticks(stat: str, ticks: int | None) -> None:
    assert started_ticks(stat) == ticks


def test_an_id_that_was_given_again_is_somebody_else() -> None:
    me = identify(os.getpid())
    assert me is not None
    assert alive(me)
    assert not alive(replace(me, started_ticks=me.started_ticks - 1))
    assert not alive(replace(me, boot="another boot"))


def test_a_stranger_with_our_id_is_not_ended() -> None:
    me = identify(os.getpid())
    assert me is not None
    end(replace(me, started_ticks=me.started_ticks - 1), grace_seconds=0)
    assert alive(me)


def sleeper(**differences: object) -> Component:
    """A component that does nothing and answers at once."""
    base = Component(
        name="sleeper",
        argv=(sys.executable, "-c", "import time; print('awake', flush=True); time.sleep(60)"),
        probe=Command(("true",)),
    )
    return replace(base, **differences)  # type: ignore[arg-type]  # fields by name


CHANGES: dict[str, dict[str, object]] = {
    "another argument": {"argv": (sys.executable, "-c", "pass")},
    "another environment": {"env": {"A": "1"}},
    "another configuration": {"files": {Path("/state/config"): "a: 1"}},
}


@pytest.mark.parametrize("differences", CHANGES.values(), ids=CHANGES)
def test_the_fingerprint_changes_with(differences: dict[str, object]) -> None:
    assert fingerprint(sleeper(**differences)) != fingerprint(sleeper())


def test_the_fingerprint_changes_with_a_certificate(tmp_path: Path) -> None:
    certificate = tmp_path / "crt"
    certificate.write_text("one")
    before = fingerprint(sleeper(reads=(certificate,)))
    certificate.write_text("two")
    assert fingerprint(sleeper(reads=(certificate,))) != before


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)


def until_gone(number: int) -> None:
    until = time.monotonic() + 10
    while identify(number) and time.monotonic() < until:
        time.sleep(0.02)


def pid(book: Book) -> int:
    known = book.process("sleeper")
    assert known is not None
    return known.pid


def test_mending_starts_what_is_dead_and_leaves_alone_what_works(book: Book) -> None:
    try:
        assert mend([sleeper()], book, Progress()) == ["sleeper"]
        first = pid(book)
        assert mend([sleeper()], book, Progress()) == []
        assert pid(book) == first

        os.kill(first, signal.SIGKILL)
        until_gone(first)
        assert mend([sleeper()], book, Progress()) == ["sleeper"]
        assert pid(book) != first
    finally:
        book.stop("sleeper")
    assert book.names() == []


def test_mending_starts_again_what_was_started_otherwise(book: Book) -> None:
    try:
        mend([sleeper()], book, Progress())
        first = pid(book)
        assert mend([sleeper(env={"A": "1"})], book, Progress()) == ["sleeper"]
        assert pid(book) != first
    finally:
        book.stop("sleeper")


def test_a_program_that_cannot_run_is_named_with_its_last_words(book: Book) -> None:
    broken = sleeper(
        argv=(sys.executable, "-c", "raise SystemExit('no such flag')"), probe=Command(("false",))
    )
    with pytest.raises(ClusterError, match=r"sleeper did not answer after 3 starts.*no such flag"):
        mend([broken], book, Progress())


def test_a_port_that_somebody_else_has_is_named(book: Book) -> None:
    with socket.create_server(("127.0.0.1", 0)) as theirs:
        address = ("127.0.0.1", int(theirs.getsockname()[1]))
        wanted = sleeper(port=address, probe=Http(*address, "/"))
        with pytest.raises(ClusterError, match=r"another program listens on 127\.0\.0\.1:"):
            mend([wanted], book, Progress())


def test_what_started_outlives_a_reader_and_writes_to_its_log(book: Book) -> None:
    try:
        mend([sleeper()], book, Progress())
        until = time.monotonic() + 10
        while "awake" not in book.log("sleeper").read_text() and time.monotonic() < until:
            time.sleep(0.02)
        assert book.log("sleeper").read_text() == "awake\n"
        assert os.getsid(pid(book)) == pid(book), "it has a session of its own"
    finally:
        book.stop("sleeper")


def test_what_started_keeps_nothing_open_that_its_starter_was_given(book: Book) -> None:
    """Else a lock is held, and whoever reads a pipe waits, for as long as the cluster is up."""
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    try:
        mend([sleeper()], book, Progress())
        pipe = os.fstat(writing)
        of_sleeper = Path(f"/proc/{pid(book)}/fd").iterdir()
        assert not any(os.path.samestat(file.stat(), pipe) for file in of_sleeper)
    finally:
        book.stop("sleeper")
        os.close(reading)
        os.close(writing)


def test_nobody_answers_on_a_free_port() -> None:
    first, second = free_ports(2)
    assert first != second
    assert not Http("127.0.0.1", first, "/").answers()


SPANS: dict[float, str] = {
    0.04: "0.0 s",
    9.94: "9.9 s",
    12.4: "12 s",
    60: "1 min 00 s",
    185: "3 min 05 s",
}


@pytest.mark.parametrize(("seconds", "said"), SPANS.items())
def test_spans(seconds: float, said: str) -> None:
    assert span(seconds) == said
