"""Calls from another thread: in order, all of them, and the loop is woken once for many."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from lockstep.clients.kopf.thread_handoff import ThreadHandoff


def in_a_thread(calls: Callable[[], None]) -> None:
    thread = threading.Thread(target=calls)
    thread.start()
    thread.join()


async def test_calls_are_made_in_order_after_one_knock(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, made, knocks = asyncio.get_running_loop(), list[int](), list[object]()
    knock = loop.call_soon_threadsafe

    def counted(call: Callable[[], None]) -> asyncio.Handle:
        knocks.append(call)
        return knock(call)

    monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
    there = ThreadHandoff(loop).there(made.append)

    def burst() -> None:
        for number in range(100):
            there(number)

    in_a_thread(burst)
    assert made == [], "nothing is made in the other thread"
    await asyncio.sleep(0)
    assert (made, len(knocks)) == (list(range(100)), 1)
    in_a_thread(lambda: there(100))
    await asyncio.sleep(0)
    assert (made[-1], len(knocks)) == (100, 2)


async def test_a_call_that_fails_keeps_no_other_from_being_made() -> None:
    loop, made, failures = asyncio.get_running_loop(), list[str](), list[object]()
    loop.set_exception_handler(lambda _, context: failures.append(context["exception"]))

    def call(what: str) -> None:
        if what == "bad":
            raise ValueError(what)
        made.append(what)

    there = ThreadHandoff(loop).there(call)
    for what in ("a", "bad", "b"):
        there(what)
    while "b" not in made:
        await asyncio.sleep(0)
    assert made == ["a", "b"]
    assert [str(failure) for failure in failures] == ["bad"]
