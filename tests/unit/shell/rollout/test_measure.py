"""A pass measures with a moment's patience; what comes later rings."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from lockstep.core.gates.question import Answer, Question, Reply, Series, Unasked
from lockstep.core.key import Key
from lockstep.shell.rollout.measure import Answered, Measure

FRAUD = Key("ModelDeployment", "pay", "fraud")
AT = datetime(2026, 8, 1, tzinfo=UTC)
FIRST, SECOND = (Question("", "up", AT + timedelta(seconds=it)) for it in (0, 30))
GOOD = Reply((Series(1.0),))
LATE = Unasked("http://prometheus has not answered yet")


@dataclass
class Oracle:
    """Answers when it is told to; ``put_already``: what can be dropped no more."""

    waiting: dict[Question, Answered] = field(default_factory=dict)
    put_already: set[Question] = field(default_factory=set)
    is_hopeless: bool = False
    log: list[str] = field(default_factory=list)

    def put(self, key: Key, question: Question) -> Answered:
        self.log.append(f"{key.name} asks at {question.at:%S}")
        return self.waiting.setdefault(question, asyncio.get_running_loop().create_future())

    def drop(self, key: Key, question: Question) -> bool:
        self.log.append(f"{key.name} drops {question.at:%S}")
        return question not in self.put_already

    def why(self, question: Question) -> Unasked:
        assert not self.waiting[question].done()
        return LATE

    def hopeless(self, key: Key, question: Question) -> bool:
        del key, question
        return self.is_hopeless

    def answer(self, question: Question, answer: Answer = GOOD) -> None:
        self.waiting[question].set_result(answer)


@dataclass
class Notifier:
    rung: list[Key] = field(default_factory=list)

    @property
    def enqueue(self) -> Callable[[Key], None]:
        return self.rung.append

    @enqueue.setter
    def enqueue(self, _: Callable[[Key], None]) -> None:
        raise AssertionError


def measuring(patience: float = 0.01) -> tuple[Measure, Oracle, Notifier]:
    oracle, notifier = Oracle(), Notifier()
    return Measure(oracle, notifier, timedelta(seconds=patience)), oracle, notifier


async def test_an_answer_in_a_moment_is_part_of_the_pass() -> None:
    measure, oracle, notifier = measuring(patience=5)
    asking = asyncio.create_task(measure.ask(FRAUD, [FIRST]))
    await asyncio.sleep(0)
    oracle.answer(FIRST)
    assert await asking == {FIRST: GOOD}
    await asyncio.sleep(0)
    assert notifier.rung == []


async def test_an_answer_that_comes_later_rings_and_is_heard_by_the_next_pass() -> None:
    measure, oracle, notifier = measuring()
    assert await measure.ask(FRAUD, [FIRST]) == {FIRST: LATE}
    assert await measure.ask(FRAUD, [FIRST]) == {FIRST: LATE}
    oracle.answer(FIRST)
    await asyncio.sleep(0)
    assert notifier.rung == [FRAUD], "once, however many passes have waited for it"
    assert await measure.ask(FRAUD, [FIRST]) == {FIRST: GOOD}
    assert oracle.log == ["fraud asks at 00"]


async def test_it_is_heard_even_when_something_else_is_due_by_then() -> None:
    measure, oracle, _ = measuring()
    oracle.put_already.add(FIRST)
    await measure.ask(FRAUD, [FIRST])
    assert await measure.ask(FRAUD, [SECOND]) == {SECOND: LATE, FIRST: LATE}
    oracle.answer(FIRST)
    assert await measure.ask(FRAUD, [SECOND]) == {SECOND: LATE, FIRST: GOOD}
    assert await measure.ask(FRAUD, [SECOND]) == {SECOND: LATE}


async def test_what_was_not_put_gives_way_to_what_is_due_now() -> None:
    measure, oracle, _ = measuring()
    await measure.ask(FRAUD, [FIRST])
    assert await measure.ask(FRAUD, [SECOND]) == {SECOND: LATE}
    assert oracle.log == ["fraud asks at 00", "fraud asks at 30", "fraud drops 00"]


async def test_where_there_is_no_hope_no_pass_waits() -> None:
    measure, oracle, notifier = measuring(patience=60)
    oracle.is_hopeless = True
    async with asyncio.timeout(5):
        assert await measure.ask(FRAUD, [FIRST]) == {FIRST: LATE}
    oracle.answer(FIRST)
    await asyncio.sleep(0)
    assert notifier.rung == [FRAUD]


async def test_who_is_gone_asks_no_more() -> None:
    measure, oracle, _ = measuring()
    await measure.ask(FRAUD, [FIRST])
    measure.forget(FRAUD)
    measure.forget(FRAUD)
    assert oracle.log[1:] == ["fraud drops 00"]
