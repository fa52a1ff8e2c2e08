"""Measures for a pass: a moment's patience, then the pass goes on, and another is enqueued.

A worker that waits for a slow Prometheus is a worker less for everybody else.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Final, Protocol

from lockstep.core.gates.question import Answer, Question, Unasked
from lockstep.core.key import Key

PATIENCE: Final = timedelta(seconds=1)

Answered = asyncio.Future[Answer]


class Prometheus(Protocol):
    """Answers questions; one that was not answered is a Broken, not an exception."""

    def put(self, key: Key, question: Question) -> Answered: ...

    def drop(self, key: Key, question: Question) -> bool: ...

    def why(self, question: Question) -> Unasked: ...

    def hopeless(self, key: Key, question: Question) -> bool: ...


class Notifier(Protocol):
    """Rings for a ModelDeployment; who hears it may be put in later."""

    enqueue: Callable[[Key], None]


class Measure:
    """Remembers what a ModelDeployment still waits for: an answer that comes late is no less true.

    It belongs to the instant that was asked about, whatever is due by then.
    """

    def __init__(
        self, prometheus: Prometheus, notifier: Notifier, patience: timedelta = PATIENCE
    ) -> None:
        self._prometheus = prometheus
        self._notifier = notifier
        self._patience = patience
        self._waiting: dict[Key, dict[Question, Answered]] = {}

    async def ask(
        self, key: Key, questions: Sequence[Question]
    ) -> Mapping[Question, Answer | Unasked]:
        """What is known after a moment; ``key`` is enqueued when there is more."""
        before = self._waiting.pop(key, {})
        asked = {it: before.get(it) or self._prometheus.put(key, it) for it in questions}
        await self._wait([it for it in asked if not self._prometheus.hopeless(key, it)], asked)
        for question, answered in before.items():  # last: the key keeps its place in the line
            if question not in asked and not self._dropped(key, question, answered):
                asked[question] = answered
        late = {it: answered for it, answered in asked.items() if not answered.done()}
        for question in late.keys() - before.keys():
            late[question].add_done_callback(partial(self._enqueue, key))
        if late:
            self._waiting[key] = late
        return {
            it: answered.result() if answered.done() else self._prometheus.why(it)
            for it, answered in asked.items()
        }

    def forget(self, key: Key) -> None:
        """Nobody measures it any more."""
        for question in self._waiting.pop(key, {}):
            self._prometheus.drop(key, question)

    async def _wait(
        self, questions: Sequence[Question], asked: Mapping[Question, Answered]
    ) -> None:
        open_ = [asked[it] for it in questions if not asked[it].done()]
        if open_:
            await asyncio.wait(open_, timeout=self._patience.total_seconds())

    def _dropped(self, key: Key, question: Question, answered: Answered) -> bool:
        return not answered.done() and self._prometheus.drop(key, question)

    def _enqueue(self, key: Key, _: Answered) -> None:
        self._notifier.enqueue(key)
