"""Criteria say whether they can be asked and who uses them; they are written when that changes."""

from typing import Any

import pytest

from lockstep.api.base import API_VERSION, Manifest
from lockstep.core.key import Key
from lockstep.errors import InvariantError, TransientError
from lockstep.shell.caches import MODEL_DEPLOYMENTS
from lockstep.shell.criteria import CriteriaStatus
from tests.unit.shell.fakes import Bench
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
        self.teller = CriteriaStatus(self.bench.caches, self.bench.client)
        self.have(raw or criteria())

    def have(self, raw: Manifest) -> None:
        self.bench.kube.have(raw)
        self.bench.caches.read("exitcriteria", raw)

    def use(self, name: str, version: int = 10, status: Manifest | None = None) -> None:
        raw = model_deployment(version, status, strategy=CANARY)
        raw["metadata"] |= {"name": name, "uid": name}
        self.bench.caches.read(MODEL_DEPLOYMENTS, raw)

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
        criteria(count=2, failureLimit=2), "could never fail"),
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
        "message": "is refused as it is written: parse error",
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
    world.bench.caches.ring = rung.append
    await world.told()
    assert rung == []


async def test_what_is_said_goes_with_the_object() -> None:
    world = World()
    await world.told()
    world.bench.caches.read("exitcriteria", criteria(version=6), "DELETED")
    await world.teller.tell()
    assert world.writes == 1
