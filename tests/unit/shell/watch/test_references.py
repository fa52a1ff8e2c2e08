"""Which objects are watched, for whom, and how long a pass waits for a first sight."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from lockstep.api.base import Manifest
from lockstep.clients.kubernetes.named_watches import Place
from lockstep.core import config
from lockstep.core.config import Kind, Source
from lockstep.core.key import Key
from lockstep.core.rollout.actions import (
    Action,
    PruneConfig,
    StoreConfig,
)
from lockstep.errors import ForeignObjectError, LostRaceError, TransientError
from lockstep.shell.watch import place
from lockstep.shell.watch.references import Configs
from tests.unit.shell.fakes import Bench, Shown
from tests.unit.shell.written import FRAUD, TEMPLATE, model_deployment

CHURN = Key("ModelDeployment", "pay", "churn")
ELSEWHERE = Key("ModelDeployment", "shop", "fraud")
SETTINGS = Source(Kind.CONFIG_MAP, "settings")
CREDENTIAL = Source(Kind.SECRET, "key")
AT = ("pay", Kind.CONFIG_MAP)


def reading(*sources: Source) -> Manifest:
    fields = {Kind.CONFIG_MAP: "configMapRef", Kind.SECRET: "secretRef"}
    read = [{fields[it.kind]: {"name": it.name}} for it in sources]
    return {"spec": {"containers": [{**TEMPLATE["spec"]["containers"][0], "envFrom": read}]}}


def settings(mode: str = "a", version: int = 5) -> Manifest:
    metadata = {"name": "settings", "namespace": "pay", "uid": "u", "resourceVersion": str(version)}
    return {"kind": "ConfigMap", "metadata": metadata, "data": {"mode": mode}}


class Room:
    """Configs with what its watches show, and who was rung for."""

    def __init__(self) -> None:
        self.shown, self.rung = Shown(), list[Key]()
        self.enqueue = self.rung.append
        self.configs = Configs(self.shown, self)

    async def look(self, key: Key, *sources: Source) -> bool:
        known = self.configs.follow(key, [reading(*sources)])
        await asyncio.sleep(0)  # what has begun is under way, what was left has ended
        return known

    async def show(self, raw: Manifest | None, source: Source = SETTINGS) -> None:
        await self.shown.show("pay", source, raw)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "_TOGETHER", timedelta(0))


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    made = Room()
    yield made
    await made.configs.stop()
    assert not made.shown.under_way


async def test_who_reads_nothing_costs_nothing(room: Room) -> None:
    assert await room.look(FRAUD)
    assert not room.shown.under_way
    assert room.configs.digests(FRAUD) == {}


async def test_what_was_never_seen_is_not_missing(room: Room) -> None:
    assert not await room.look(FRAUD, SETTINGS)
    assert not await room.look(FRAUD, SETTINGS)
    await room.show(None)
    assert await room.look(FRAUD, SETTINGS)
    assert room.rung == [FRAUD]
    assert room.configs.digests(FRAUD) == {}


async def test_content_is_known_by_its_digest(room: Room) -> None:
    await room.look(FRAUD, SETTINGS)
    await room.show(settings())
    assert room.configs.digests(FRAUD) == {"settings": config.digest(settings())}


async def test_what_says_nothing_new_rings_for_nobody(room: Room) -> None:
    await room.look(FRAUD, SETTINGS)
    await room.show(settings())
    await room.show(settings(version=6))
    assert room.rung == [FRAUD]
    await room.show(settings("b"))
    await room.show(None)
    assert room.rung == [FRAUD] * 3


async def test_readers_of_one_object_share_what_is_known(room: Room) -> None:
    await room.look(FRAUD, SETTINGS)
    await room.show(settings())
    assert await room.look(CHURN, SETTINGS), "what is known is known to all"
    assert not await room.look(ELSEWHERE, SETTINGS), "another namespace is another object"
    assert set(room.shown.under_way) == {AT, ("shop", Kind.CONFIG_MAP)}
    room.rung.clear()
    await room.show(settings("b"))
    assert room.rung == [CHURN, FRAUD]


async def test_a_namespace_is_watched_once_for_each_kind_whatever_is_read_there(room: Room) -> None:
    for number in range(20):
        sources = (Source(kind, f"c{it}") for kind in Kind for it in range(number + 1))
        await room.look(Key("ModelDeployment", "pay", f"model-{number}"), *sources)
    assert set(room.shown.under_way) == {AT, ("pay", Kind.SECRET)}


async def test_what_nobody_reads_is_not_looked_at(room: Room) -> None:
    await room.look(FRAUD, SETTINGS)
    await room.show(settings())
    room.shown.under_way[AT].changed("somebody-elses")
    await room.show(settings("b"))
    assert set(room.shown.reads) == {"pay/settings"}


async def test_when_a_watch_begins_again_all_that_is_read_is_looked_at(room: Room) -> None:
    await room.look(FRAUD, SETTINGS)
    await room.show(settings())
    room.shown.there["pay", SETTINGS] = settings("b")
    room.shown.under_way[AT].begins()
    for _ in range(10):
        await asyncio.sleep(0.001)
    assert room.configs.digests(FRAUD) == {"settings": config.digest(settings("b"))}


class AwayOnce(Shown):
    away = True

    async def read(self, namespace: str, source: Source) -> Manifest | None:
        if self.away:
            self.away = False
            raise TransientError("away")
        return await super().read(namespace, source)


async def test_what_cannot_be_read_now_is_read_later(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "_PAUSE", timedelta(0))
    room.shown = AwayOnce()
    room.configs = Configs(room.shown, room)
    await room.look(FRAUD, SETTINGS)
    await room.show(settings())
    assert room.configs.digests(FRAUD) == {"settings": config.digest(settings())}


async def test_a_watch_ends_with_its_last_reader(room: Room) -> None:
    await room.look(FRAUD, SETTINGS, CREDENTIAL)
    await room.look(CHURN, SETTINGS)
    await room.look(FRAUD, CREDENTIAL)
    assert set(room.shown.under_way) == {AT, ("pay", Kind.SECRET)}
    room.configs.forget(CHURN)
    room.configs.forget(FRAUD)
    await asyncio.sleep(0)
    assert not room.shown.under_way
    assert not await room.look(FRAUD, SETTINGS), "what is not watched is not known any more"


async def test_names_that_no_object_has_are_not_watched(room: Room) -> None:
    assert await room.look(FRAUD, Source(Kind.SECRET, "a,metadata.namespace=b"))
    assert not room.shown.under_way


async def test_a_template_that_reads_too_much_is_read_no_further(room: Room) -> None:
    await room.look(FRAUD, *(Source(Kind.SECRET, f"s{number}") for number in range(1000)))
    assert len(room.configs._reads[FRAUD]) == config.MOST


class BreaksOnce(Shown):
    broken = False

    async def follow(self, namespace: str, kind: Kind, place: Place) -> None:
        if not self.broken:
            self.broken = True
            raise RuntimeError("boom")
        await super().follow(namespace, kind, place)


async def test_a_watch_that_crashed_begins_anew_with_the_next_pass(room: Room) -> None:
    room.shown = BreaksOnce()
    room.configs = Configs(room.shown, room)
    assert not await room.look(FRAUD, SETTINGS)
    await asyncio.sleep(0)
    assert not await room.look(FRAUD, SETTINGS)
    await room.show(settings())
    assert await room.look(FRAUD, SETTINGS)


# The steps of a pass.


async def test_a_pass_waits_for_the_first_sight_without_a_word() -> None:
    raw = model_deployment(template=reading(SETTINGS, CREDENTIAL))
    bench = Bench().see(raw)
    assert await bench.follow.follow(FRAUD) is None
    await asyncio.sleep(0)
    await bench.shown.show("pay", SETTINGS, settings())
    assert await bench.follow.follow(FRAUD) is None
    secret = {"metadata": {"name": "key", "uid": "s", "resourceVersion": "7"}}
    await bench.shown.show("pay", CREDENTIAL, secret)
    seen = await bench.look()
    assert seen.configs == {"settings": config.digest(settings())}
    assert seen.secrets["key"].version == "7"
    assert bench.kube.log == []
    await bench.configs.stop()


async def test_a_model_deployment_that_is_gone_reads_nothing_any_more() -> None:
    bench = Bench().see(model_deployment(template=reading(SETTINGS)))
    await bench.follow.follow(FRAUD)
    await asyncio.sleep(0)
    bench.caches.read("modeldeployments", model_deployment(11), "DELETED")
    await bench.follow.follow(FRAUD)
    await asyncio.sleep(0)
    assert not bench.shown.under_way


STORE = StoreConfig(
    name="fraud-r1-settings", revision="r1", source="settings", digest=config.digest(settings())
)


async def act(bench: Bench, action: Action) -> None:
    await bench.act.act(await bench.look(), action)


async def test_a_copy_is_made_once_and_known_at_once() -> None:
    bench = Bench().see(model_deployment())
    bench.kube.have(settings())
    await act(bench, STORE)
    assert bench.kube.log == ["read ConfigMap settings", "create ConfigMap fraud-r1-settings"]
    assert [(it.source, it.digest) for it in (await bench.look()).copies] == [
        ("settings", STORE.digest)
    ]
    await act(bench, STORE)
    assert len((await bench.look()).copies) == 1


CHANGED: dict[str, Manifest | None] = {"it changed": settings("b"), "it is gone": None}


@pytest.mark.parametrize("source", CHANGED.values(), ids=CHANGED)
async def test_what_is_not_what_was_planned_is_not_copied(source: Manifest | None) -> None:
    bench = Bench().see(model_deployment())
    if source:
        bench.kube.have(source)
    with pytest.raises(LostRaceError):
        await act(bench, STORE)
    assert bench.kube.log == ["read ConfigMap settings"]


async def test_a_copys_name_that_is_taken_is_remembered() -> None:
    bench = Bench().see(model_deployment())
    bench.kube.have(settings())
    theirs = settings()
    bench.kube.have({**theirs, "metadata": {**theirs["metadata"], "name": "fraud-r1-settings"}})
    with pytest.raises(ForeignObjectError):
        await act(bench, STORE)
    assert [it.name for it in (await bench.look()).foreign] == ["fraud-r1-settings"]


async def test_a_copy_is_forgotten_once() -> None:
    bench = Bench().see(model_deployment())
    bench.kube.have(settings())
    await act(bench, STORE)
    bench.kube.log.clear()
    await act(bench, PruneConfig("fraud-r1-settings"))
    assert bench.kube.log == ["delete ConfigMap fraud-r1-settings"]
    bench.caches.read("configmaps", _copy(), "DELETED")
    await act(bench, PruneConfig("fraud-r1-settings"))
    assert len(bench.kube.log) == 1


def _copy() -> Manifest:
    metadata = {"name": "fraud-r1-settings", "namespace": "pay", "resourceVersion": "900"}
    return {"metadata": {**metadata, "uid": "uid-fraud-r1-settings"}}
