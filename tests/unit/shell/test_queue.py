"""The waiting line: workers sleep until something is due."""

import asyncio
from datetime import timedelta

from lockstep.core.key import Key
from lockstep.shell.queue import Queue
from lockstep.shell.schedule import Rank

A, B = Key("ns", "a"), Key("ns", "b")


async def test_a_worker_that_waits_is_woken_by_a_ring() -> None:
    queue = Queue()
    worker = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    queue.add(A, Rank.REST)
    assert await asyncio.wait_for(worker, 5) == A


async def test_a_worker_that_waits_for_a_due_time_is_woken_by_an_earlier_ring() -> None:
    queue = Queue()
    queue.add(A, Rank.REST, timedelta(hours=1))
    worker = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    queue.add(B, Rank.REST)
    assert await asyncio.wait_for(worker, 5) == B


async def test_a_due_time_needs_no_ring() -> None:
    queue = Queue()
    queue.add(A, Rank.REST, timedelta(milliseconds=5))
    assert await asyncio.wait_for(queue.take(), 5) == A


async def test_two_workers_never_have_one_key() -> None:
    queue = Queue()
    queue.add(A, Rank.REST)
    first = await queue.take()
    queue.add(A, Rank.REST)
    second = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    assert not second.done()
    assert queue.depth() == 0
    queue.done(first)
    assert await asyncio.wait_for(second, 5) == A
