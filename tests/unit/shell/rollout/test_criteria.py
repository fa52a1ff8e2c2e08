"""Criteria say whether they can be asked and who uses them; they are written when that changes."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from lockstep.api.base import API_VERSION, Manifest
from lockstep.api.gate_status import GateStatus, Verdict
from lockstep.core.gates.last import Concluded
from lockstep.core.key import Key
from lockstep.errors import InvariantError, LostRaceError, TransientError
from lockstep.shell.rollout.criteria import CriteriaStatus
from lockstep.shell.rollout.memory import Memory
from lockstep.shell.watch.caches import MODEL_DEPLOYMENTS
from tests.unit.shell.fakes import NOW, Bench
from tests.unit.shell.written import model_deployment

CANARY = {
    "canary": {"stages": [{"name": "half", "weight": 50, "exitCriteria": [{"name": "serving"}]}]}
}


def criteria(query: str = "up", version: int = 5, generation: int = 1, **more: Any) -> Manifest:
    metric = {"name": "errors", "prometheus": {"query": query}, "successWhen": {"max": 1}, **more}
    return {
        "apiVersion": API_VERSION,
        "kind": "ExitCriteria",
        "metadata": {
            "name": "serving",
            "namespace": "pay",
            "uid": "c",
            "resourceVersion": str(version),
            "generation": generation,
        },
        "spec": {"metrics": [metric]},
    }


class World:
    def __init__(self, raw: Manifest | None = None) -> None:
        self.bench = Bench()
        self.start()
        self.have(raw or criteria())

    def start(self) -> None:
        bench = self.bench
        self.teller = CriteriaStatus(bench.caches, bench.memory.verdicts, bench.client)

    def have(self, raw: Manifest) -> None:
        self.bench.kube.have(raw)
        self.bench.caches.read("exitcriteria", raw)

    def use(self, name: str, version: int = 10, status: Manifest | None = None) -> None:
        raw = model_deployment(version, status, strategy=CANARY)
        raw["metadata"] |= {"name": name, "uid": name}
        self.bench.caches.read(MODEL_DEPLOYMENTS, raw)

    def conclude(self, name: str, verdict: str = "Pass", seconds: int = 0) -> None:
        """A pass of ``name`` ends a stage."""
        row = GateStatus(
            name="errors",
            criteria="ExitCriteria/serving",
            verdict=Verdict(verdict),
            value="0.3",
            limit="at most 1",
            measured_at=NOW + timedelta(seconds=seconds),
        )
        found = Concluded(revision="7f9c2b1e", stage="half", gates=(row,))
        self.bench.memory.verdicts.note(Key("ModelDeployment", "pay", name), found)

    async def told(self) -> Manifest:
        await self.teller.tell()
        status: Manifest = self.bench.kube.objects["ExitCriteria", "serving"]["status"]
        return status

    @property
    def writes(self) -> int:
        return sum("ExitCriteria" in line for line in self.bench.kube.log)


async def test_criteria_that_can_be_asked_say_so_and_who_uses_them() -> None:
    world = World()
    world.use("fraud")
    world.use("scorer")
    assert await world.told() == {
        "observedGeneration": 1,
        "valid": "True",
        "usedBy": 2,
        "users": ["pay/fraud", "pay/scorer"],
    }


async def test_nothing_is_written_while_nothing_changes() -> None:
    world = World()
    for _ in range(5):
        await world.told()
    assert world.writes == 1
    world.use("fraud")
    await world.told()
    assert world.writes == 2


async def test_no_more_users_are_named_than_there_is_room_for() -> None:
    world = World()
    for number in range(30):
        world.use(f"model-{number:02}")
    told = await world.told()
    assert (told["usedBy"], len(told["users"])) == (30, 10)


MISTAKES: dict[str, tuple[Manifest, str]] = {
    "an unknown placeholder": (
        criteria('x{r="{{revison}}"}'), "{{revison}} is not a placeholder"),
    "an argument that is not there": (
        criteria("x > {{args.limit}}"), "needs an argument named 'limit'"),
    "more failures tolerated than there are measurements": (
        criteria(count=2, failureLimit=2), "can never fail"),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "why"), MISTAKES.values(), ids=MISTAKES)
async def test_a_mistake_is_told_before_any_stage_meets_it(raw: Manifest, why: str) -> None:
    told = await World(raw).told()
    assert told["valid"] == "False"
    assert told["message"].startswith("metric errors ")
    assert why in told["message"]
    assert "its query is" in told["message"]


async def test_what_prometheus_cannot_read_is_told_and_heals_with_an_edit() -> None:
    world = World()
    row = {
        "name": "errors",
        "criteria": "ExitCriteria/serving",
        "refused": True,
        "message": "has an invalid query: parse error",
    }
    world.use("fraud", status={"gates": [row]})
    told = await world.told()
    assert (told["valid"], told["message"]) == ("False", f"metric errors {row['message']}")
    world.use("fraud", version=11, status={})
    told = await world.told()
    assert (told["valid"], told.get("message")) == ("True", None)


async def test_an_api_server_that_does_not_answer_is_asked_again() -> None:
    world = World()
    world.bench.kube.trouble = TransientError("no answer")
    await world.teller.tell()
    world.bench.kube.trouble = None
    assert (await world.told())["valid"] == "True"


async def test_what_may_not_be_written_is_not_tried_again_and_again() -> None:
    world = World()
    world.bench.kube.trouble = InvariantError("HTTP 403: the roles are older")
    for _ in range(3):
        await world.teller.tell()
    assert world.writes == 1


async def test_a_status_of_ours_rings_for_nobody() -> None:
    world = World()
    rung: list[Key] = []
    world.use("fraud")
    world.bench.caches.enqueue = rung.append
    await world.told()
    assert rung == []


async def test_what_is_said_goes_with_the_object() -> None:
    world = World()
    await world.told()
    world.bench.caches.read("exitcriteria", criteria(version=6), "DELETED")
    await world.teller.tell()
    assert world.writes == 1


async def test_what_came_of_it_is_told_with_numbers() -> None:
    world = World()
    world.use("fraud")
    world.conclude("fraud", "Fail")
    assert (await world.told())["verdicts"] == [
        {
            "namespace": "pay", "name": "fraud", "revision": "7f9c2b1e", "stage": "half",
            "gate": "errors", "verdict": "Fail", "value": "0.3", "limit": "at most 1",
            "at": "2026-01-01T12:00:00Z",
        }
    ]  # fmt: skip


async def test_a_crowd_makes_one_write_and_what_it_said_is_not_said_again() -> None:
    world = World()
    for number in range(100):
        world.use(f"model-{number:03}")
        world.conclude(f"model-{number:03}", seconds=number)
    told = await world.told()
    assert world.writes == 1
    assert [it["name"] for it in told["verdicts"]] == [f"model-{n:03}" for n in range(99, 83, -1)]
    for number in range(100):
        world.conclude(f"model-{number:03}", seconds=number)
        await world.told()
    assert world.writes == 1


async def test_a_write_that_lost_a_race_is_made_later_with_all_there_is_by_then() -> None:
    world = World()
    world.use("fraud")
    await world.told()
    world.conclude("fraud")
    world.bench.kube.trouble = LostRaceError("changed meanwhile")
    await world.teller.tell()
    world.bench.kube.trouble = None
    world.conclude("fraud", "Fail", seconds=1)
    assert [it["verdict"] for it in (await world.told())["verdicts"]] == ["Fail"]


async def test_another_operator_goes_on_with_what_was_told() -> None:
    world = World()
    world.use("fraud")
    world.use("scorer")
    world.conclude("fraud")
    await world.told()
    world.bench.memory = Memory()
    world.start()
    await world.told()
    assert world.writes == 1
    world.conclude("scorer", "Fail", seconds=9)
    found = (await world.told())["verdicts"]
    assert [(it["name"], it["verdict"]) for it in found] == [("scorer", "Fail"), ("fraud", "Pass")]


async def test_what_was_stored_and_not_told_when_an_operator_died_is_told_by_the_next() -> None:
    world = World()
    gate = {
        "name": "errors", "criteria": "ExitCriteria/serving", "verdict": "Pass", "samples": 3,
        "measuredAt": "2026-11-21T12:00:00.000Z",
    }  # fmt: skip
    candidate = {"revision": "7f9c2b1e", "version": "2.0.0"}
    stage = {"name": "half", "index": 0}
    status = {"candidate": candidate, "stage": stage, "gates": [gate]}
    world.use("fraud", status=status)
    world.use("broken", status={**status, "phase": "Splendid"})
    telling = asyncio.create_task(world.teller.run())
    await asyncio.sleep(0)
    telling.cancel()
    assert [it["name"] for it in (await world.told())["verdicts"]] == ["fraud"]


async def test_users_who_are_gone_take_their_verdict_with_them() -> None:
    world = World()
    world.use("fraud")
    world.conclude("fraud")
    await world.told()
    raw = model_deployment(11, strategy=CANARY)
    raw["metadata"] |= {"uid": "fraud"}
    world.bench.caches.read(MODEL_DEPLOYMENTS, raw, "DELETED")
    told = await world.told()
    assert (told["usedBy"], told.get("verdicts")) == (0, None)


async def test_where_nobody_may_write_a_verdict_is_no_reason_to_try_again() -> None:
    world = World()
    world.use("fraud")
    world.bench.kube.trouble = InvariantError("HTTP 403: an operator of one namespace")
    for number in range(3):
        world.conclude("fraud", seconds=600 * number)
        await world.teller.tell()
    assert world.writes == 1
    world.use("scorer")
    await world.teller.tell()
    assert world.writes == 2, "whoever may by now writes with the next change of users"


async def test_criteria_that_do_not_keep_verdicts_are_written_once() -> None:
    world = World()
    world.bench.kube.unknown = {"verdicts"}
    world.use("fraud")
    world.conclude("fraud")
    for _ in range(3):
        await world.told()
    assert world.writes == 1
