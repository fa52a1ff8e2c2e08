"""Smoke tests hold no worker, and one namespace's leave room for others'."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from lockstep.api.model_deployment import Expectation
from lockstep.core.key import Key
from lockstep.core.rollout.needs import Smoke
from lockstep.core.rollout.observed import SmokeResult
from lockstep.shell.rollout.smokes import (
    AT_ONCE,
    AT_ONCE_OF_ONE_NAMESPACE,
    SmokeTests,
)

FRAUD = Key("ModelDeployment", "pay", "fraud")
TEST = Smoke(
    revision="r1", pod_uid="u1", url="http://10.0.0.1:80/x", body=None, expect=Expectation(),
    timeout=timedelta(seconds=5),
)  # fmt: skip
RIGHT = SmokeResult("r1", None)


@dataclass
class Pods:
    """Pods that answer when they may."""

    may: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[Smoke] = field(default_factory=list)
    under_way: int = 0
    most: int = 0

    async def ask(self, test: Smoke) -> SmokeResult:
        self.asked.append(test)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.may.wait()
        finally:
            self.under_way -= 1
        return SmokeResult(test.revision, None)


class Listening:
    def __init__(self, enqueue: Callable[[Key], None]) -> None:
        self.enqueue = enqueue


def smoke_tests(pods: Pods) -> tuple[SmokeTests, list[Key]]:
    rang: list[Key] = []
    return SmokeTests(pods, Listening(rang.append), quick=timedelta(milliseconds=1)), rang


async def _settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_pod_that_does_not_answer_holds_nobody_up_and_its_answer_rings() -> None:
    pods = Pods()
    tests, rang = smoke_tests(pods)
    assert await tests.result(FRAUD, TEST) is None
    assert await tests.result(FRAUD, TEST) is None, "the next pass does not wait for it either"
    pods.may.set()
    await _settled()
    assert (len(pods.asked), rang) == (1, [FRAUD])
    assert await tests.result(FRAUD, TEST) == RIGHT


async def test_a_quick_answer_needs_no_other_pass() -> None:
    pods = Pods()
    pods.may.set()
    tests, rang = smoke_tests(pods)
    assert await tests.result(FRAUD, TEST) == RIGHT
    await _settled()
    assert rang == []


async def test_an_answer_is_given_once() -> None:
    pods = Pods()
    pods.may.set()
    tests, _ = smoke_tests(pods)
    for _ in range(2):
        await tests.result(FRAUD, TEST)
    assert len(pods.asked) == 2


async def test_another_test_ends_the_one_under_way() -> None:
    pods = Pods()
    tests, rang = smoke_tests(pods)
    await tests.result(FRAUD, TEST)
    await tests.result(FRAUD, replace(TEST, pod_uid="u2"))
    await _settled()
    assert ([it.pod_uid for it in pods.asked], pods.under_way, rang) == (["u1", "u2"], 1, [])
    assert await tests.result(FRAUD, None) is None
    await _settled()
    assert (pods.under_way, rang) == (0, [])


async def test_what_is_gone_is_asked_no_more() -> None:
    pods = Pods()
    tests, rang = smoke_tests(pods)
    await tests.result(FRAUD, TEST)
    tests.forget(FRAUD)
    await _settled()
    assert (pods.under_way, rang) == (0, [])


async def test_one_namespace_leaves_room_for_others() -> None:
    pods = Pods()
    tests, _ = smoke_tests(pods)
    for number in range(40):
        await tests.result(Key("ModelDeployment", "hang", f"m{number}"), TEST)
    assert pods.most == AT_ONCE_OF_ONE_NAMESPACE
    await tests.result(FRAUD, TEST)
    assert pods.most == AT_ONCE_OF_ONE_NAMESPACE + 1
    await tests.stop()
    assert pods.under_way == 0


async def test_all_together_are_bounded() -> None:
    pods = Pods()
    tests, _ = smoke_tests(pods)
    for number in range(2 * AT_ONCE):
        await tests.result(Key("ModelDeployment", f"ns{number // 4}", f"m{number}"), TEST)
    assert pods.most == AT_ONCE
    await tests.stop()
