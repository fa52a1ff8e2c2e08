"""The waiting line: workers sleep until something is due."""

import asyncio
from datetime import timedelta

from lockstep.core.key import Key
from lockstep.shell.loop.queue import Queue
from lockstep.shell.loop.schedule import Rank

A, B = Key("ModelDeployment", "ns", "a"), Key("ModelDeployment", "ns", "b")


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


async def test_a_worker_that_waits_for_a_due_time_learns_of_an_earlier_one() -> None:
    queue = Queue()
    worker = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    queue.add(A, Rank.REST, timedelta(hours=1))
    queue.add(B, Rank.REST, timedelta(milliseconds=5))
    assert await asyncio.wait_for(worker, 5) == B


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


async def test_one_key_wakes_one_worker() -> None:
    queue = Queue()
    workers = [asyncio.create_task(queue.take()) for _ in range(3)]
    await asyncio.sleep(0)
    queue.add(A, Rank.REST)
    woken = await asyncio.wait_for(workers[0], 5)
    await asyncio.sleep(0)
    assert (woken, [worker.done() for worker in workers]) == (A, [True, False, False])


async def test_what_a_trial_waits_for_leaves_the_workers_for_everything_free() -> None:
    queue = Queue()
    for_all = asyncio.create_task(queue.take())
    for_trials = asyncio.create_task(queue.take(Rank.TRIAL))
    await asyncio.sleep(0)
    queue.add(A, Rank.TRIAL)
    queue.add(B, Rank.REST)
    async with asyncio.timeout(5):
        assert (await for_all, await for_trials) == (B, A)


async def test_what_merely_changed_is_not_for_a_worker_for_trials() -> None:
    queue = Queue()
    worker = asyncio.create_task(queue.take(Rank.TRIAL))
    queue.add(A, Rank.REST)
    await asyncio.sleep(0)
    assert (worker.done(), queue.depth()) == (False, 1)


async def test_a_key_that_was_handed_to_a_worker_that_went_away_is_handed_to_another() -> None:
    queue = Queue()
    worker = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    queue.add(A, Rank.REST)
    worker.cancel()
    await asyncio.wait({worker})
    assert worker.cancelled()
    assert await asyncio.wait_for(queue.take(), 5) == A


async def test_a_worker_that_went_away_is_handed_nothing() -> None:
    queue = Queue()
    worker = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    worker.cancel()
    await asyncio.wait({worker})
    queue.add(A, Rank.REST)
    assert await asyncio.wait_for(queue.take(), 5) == A
