"""Asks Prometheus, off the event loop, each question once. What a reply means is said elsewhere.

Every address has threads of its own, and every namespace its turns there, so that who waits for an
answer waits alone. A question in the line is not late: its time begins when it is put.
"""

import asyncio
import time
from collections import OrderedDict
from datetime import timedelta
from functools import partial
from typing import Final

from lockstep.adapters.metrics import prometheus
from lockstep.clients.prometheus_asking import LARGEST, Asking, Held
from lockstep.clients.turns import PLACES, Turns
from lockstep.core.gates.question import Answer, Question, Reply, Unasked
from lockstep.core.key import Key

TIMEOUT: Final = timedelta(seconds=10)
KEPT_FOR: Final = timedelta(seconds=60)
_KEPT_SERIES: Final = 50_000
"""Series of answers that are kept, each answer counting for one more."""
_MOST_ADDRESSES: Final = 16
_SILENCE: Final = 0.5
"""The part of the timeout after which an answer counts as none, for whose turn is next."""
_OVERDUE: Final = 1.1
"""The part of the timeout after which a thread is not waited for any more."""

Answered = asyncio.Future[Answer]


class _Lane:
    """One address: what waits for it, and what is under way there."""

    def __init__(self, address: str, asking: Asking) -> None:
        self.address = address
        self.asking = asking
        self.turns = Turns()

    @property
    def idle(self) -> bool:
        return not (self.turns.busy or len(self.turns))


class PrometheusClient:
    """One for the whole operator, in one event loop.

    Args:
        address: The operator's own Prometheus, for questions that name none.
        timeout: Longest wait for one answer, from the moment at which it is put.
        largest: Bytes of an answer that are held in memory, after decompression.
    """

    def __init__(
        self, address: str, *, timeout: timedelta = TIMEOUT, largest: int = LARGEST
    ) -> None:
        self._address = address
        self._timeout_seconds = timeout.total_seconds()
        self._largest = largest
        self._held = Held()
        self._lanes: OrderedDict[str, _Lane] = OrderedDict()
        self._asked_before = 0
        self._waited_for: dict[Question, Answered] = {}
        self._put: dict[Question, asyncio.TimerHandle] = {}
        self._answered: OrderedDict[Question, tuple[float, Answer]] = OrderedDict()
        self._kept_series = 0
        self._closing = False

    @property
    def asked(self) -> int:
        """The queries that were really put."""
        return self._asked_before + sum(lane.asking.asked for lane in self._lanes.values())

    def put(self, key: Key, question: Question) -> Answered:
        """Ask on behalf of ``key``. Equal questions of a minute are one, whoever asks.

        The future is everybody's: it is waited for, never cancelled.
        """
        self._forget()
        if question in self._answered:
            return _known(self._answered[question][1])
        address = self._address_of(question)
        if not address:
            return _known(prometheus.no_address())
        lane = self._lane(address)
        if lane is None:
            return _known(prometheus.too_many_addresses(address, _MOST_ADDRESSES))
        answer = self._waited_for.setdefault(question, asyncio.get_running_loop().create_future())
        if question not in self._put:
            lane.turns.add(key, question)
            self._go_on(lane)
        return answer

    def drop(self, key: Key, question: Question) -> bool:
        """``key`` has no use for the answer any more; whether it will not come either.

        A question that is under way comes to its end.
        """
        lane = self._lanes.get(self._address_of(question))
        if lane is None or question in self._put or question not in self._waited_for:
            return False
        if lane.turns.drop(key, question):
            del self._waited_for[question]
        return True

    def why(self, question: Question) -> Unasked:
        """Why there is no answer yet."""
        address = self._address_of(question)
        if question in self._put:
            return prometheus.under_way(address)
        return prometheus.in_the_line(address)

    def hopeless(self, key: Key, question: Question) -> bool:
        """Whether there is no use in waiting for the answer: the last ones took too long."""
        lane = self._lanes.get(self._address_of(question))
        return lane is not None and lane.turns.silent(key.namespace)

    async def close(self) -> None:
        """Give up what waits and close every connection; takes one timeout at most."""
        self._closing = True
        lanes = list(self._lanes.values())
        await asyncio.gather(*(asyncio.to_thread(lane.asking.close) for lane in lanes))

    def _address_of(self, question: Question) -> str:
        return (question.address or self._address).rstrip("/")

    def _lane(self, address: str) -> _Lane | None:
        """The address's own; of those that nobody needs now the oldest makes room for a new one."""
        if address not in self._lanes:
            if len(self._lanes) >= _MOST_ADDRESSES and not self._make_room():
                return None
            asking = Asking(address, PLACES, self._timeout_seconds, self._largest, self._held)
            self._lanes[address] = _Lane(address, asking)
        self._lanes.move_to_end(address)
        return self._lanes[address]

    def _make_room(self) -> bool:
        idle = next((lane for lane in self._lanes.values() if lane.idle), None)
        if idle is None:
            return False
        del self._lanes[idle.address]
        self._asked_before += idle.asking.asked
        idle.asking.close()  # nothing is under way: it waits for nobody
        return True

    def _go_on(self, lane: _Lane) -> None:
        """Put what has its turn."""
        while not self._closing and (turn := lane.turns.take()):
            namespace, question = turn
            began, patience = time.monotonic(), self._timeout_seconds * _OVERDUE
            self._put[question] = asyncio.get_running_loop().call_later(
                patience, self._give_up, lane, question
            )
            under_way = asyncio.wrap_future(lane.asking.put(question))
            under_way.add_done_callback(partial(self._ended, lane, namespace, question, began))

    def _ended(
        self,
        lane: _Lane,
        namespace: str,
        question: Question,
        began: float,
        done: asyncio.Future[Answer],
    ) -> None:
        took = time.monotonic() - began
        lane.turns.ended(namespace, answered=took < self._timeout_seconds * _SILENCE)
        self._put.pop(question).cancel()
        if done.cancelled():
            return
        self._go_on(lane)
        error = done.exception()
        if question in self._waited_for and error:
            self._waited_for.pop(question).set_exception(error)
        elif question in self._waited_for:
            self._tell(question, done.result())

    def _give_up(self, lane: _Lane, question: Question) -> None:
        """A thread may hang where no deadline reaches, as when a name is resolved."""
        if question in self._waited_for:
            self._tell(question, prometheus.late(lane.address, self._timeout_seconds))

    def _tell(self, question: Question, answer: Answer) -> None:
        self._answered[question] = (time.monotonic(), answer)
        self._kept_series += _size(answer)
        self._waited_for.pop(question).set_result(answer)

    def _forget(self) -> None:
        oldest = time.monotonic() - KEPT_FOR.total_seconds()
        while self._answered:
            question, (since, _) = next(iter(self._answered.items()))
            if since > oldest and self._kept_series <= _KEPT_SERIES:
                return
            self._kept_series -= _size(self._answered.pop(question)[1])


def _known(answer: Answer) -> Answered:
    known: Answered = asyncio.get_running_loop().create_future()
    known.set_result(answer)
    return known


def _size(answer: Answer) -> int:
    return 1 + (len(answer.series) if isinstance(answer, Reply) else 0)
