"""An API server that misbehaves all the while, in every phase of a rollout: no promise is broken.

`make test` plays every phase with one seed, `make soak` with more. A failure names its seed; the
same seed meets the same requests with the same faults, as far as their order is the same.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.api import APPLY
from tests.apiserver.kubelet import CRASHING
from tests.apiserver.lab import Lab, lab, soon
from tests.apiserver.mischief import Mischief, Silent
from tests.apiserver.proxy import Asked, Fault
from tests.apiserver.witness import Witness, promises
from tests.cluster.probe import free_ports

pytestmark = pytest.mark.apiserver

Spec = dict[str, Any]
SEEDS = 8


def gated(soak: str = "2s", **stage: Any) -> Spec:
    half = {"name": "half", "weight": 50, "soak": soak, "exitCriteria": [{"name": "serving"}]}
    return {
        "strategy": {"canary": {"stages": [{**half, **stage}, {"name": "full", "weight": 100}]}}
    }


LONG = gated("60s")
WRONG = {"path": "/infer", "expect": {"jsonPath": "$.outputs[0].data[0]", "max": 0.5}}
RIGHT = {"path": "/infer", "expect": {"jsonPath": "$.outputs[0].data[0]", "min": 0.5}}


@pytest.fixture
async def world(api_server: Path, namespace: str, tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(api_server, namespace, tmp_path) as made:
        await made.criteria()
        (made.probe_port,), made.api_timeout = free_ports(1), 2.0
        yield made


async def in_half(world: Lab, version: str) -> None:
    """Until ``version`` has its share of the callers."""

    def holds(status: Spec) -> bool:
        stage, candidate = status.get("stage") or {}, status.get("candidate") or {}
        return "enteredAt" in stage and candidate.get("version") == version

    await world.until(f"{version} at half", holds)


async def first_rollout(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")


async def refused_by_the_dry_run(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    raw = world.model_deployment("2.0.0")
    raw["spec"]["template"]["spec"]["containers"][0]["imagePullPolcy"] = "Always"
    await world.api("PATCH", world.path(), raw, APPLY, fieldManager="test", force="true")
    await world.reason("SpecRefused")
    await world.apply("2.0.0")
    await world.healthy("2.0.0")


async def promoted(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    await world.apply("2.0.0", **gated())
    await world.healthy("2.0.0")


async def failing_its_smoke_test(world: Lab) -> None:
    service = {"targetPort": world.prometheus.port}
    await world.apply("1.0.0", service=service, smokeTest=RIGHT)
    await world.healthy("1.0.0")
    await world.apply("2.0.0", service=service, smokeTest=WRONG, rollback={"keepFailed": "1s"})
    await world.reason("RolledBack")
    await world.only("1.0.0")


async def failing_its_gate(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    world.prometheus.sick.add(world.id_of("2.0.0"))
    await world.apply("2.0.0", rollback={"keepFailed": "2s"}, **LONG)
    await world.reason("RolledBack")
    await world.callers_on("1.0.0")
    await world.only("1.0.0")


async def crashing(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    world.kubelet.health["2.0.0"] = CRASHING
    await world.apply("2.0.0", rollback={"keepFailed": "30s"})
    await world.reason("RolledBack")
    await world.apply("3.0.0", **gated())
    await world.healthy("3.0.0")


async def superseded(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    await world.apply("2.0.0", **LONG)
    await in_half(world, "2.0.0")
    await world.apply("3.0.0", **gated())
    await world.healthy("3.0.0")


async def taken_back_by_its_author(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    await world.apply("2.0.0", **LONG)
    await in_half(world, "2.0.0")
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    await world.only("1.0.0")


async def paused(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    await world.apply("2.0.0", **LONG)
    await in_half(world, "2.0.0")
    await world.apply("2.0.0", paused=True, **gated("1s"))
    await world.until("paused", lambda status: status.get("phase") == "Paused")
    await world.apply("2.0.0", **gated("1s"))
    await world.healthy("2.0.0")


async def switched(world: Lab) -> None:
    before = {"soak": "1s", "exitCriteria": [{"name": "serving"}]}
    after = {"duration": "3s", "exitCriteria": [{"name": "serving"}]}
    both = {"prePromotion": before, "postPromotion": after, "keepOld": "1s"}
    await world.apply("1.0.0", strategy={"blueGreen": both})
    await world.healthy("1.0.0")
    await world.apply("2.0.0", strategy={"blueGreen": both})
    await world.healthy("2.0.0")
    await world.only("2.0.0")


async def switched_back(world: Lab) -> None:
    after = {"duration": "60s", "exitCriteria": [{"name": "serving"}]}
    both = {"postPromotion": after, "keepOld": "1s"}
    await world.apply("1.0.0", strategy={"blueGreen": both})
    await world.healthy("1.0.0")
    world.prometheus.sick.add(world.id_of("2.0.0"))
    spec: Spec = {"strategy": {"blueGreen": both}, "rollback": {"keepFailed": "1s"}}
    await world.apply("2.0.0", **spec)
    await world.reason("RolledBack")
    await world.only("1.0.0")


async def failing_while_it_bakes(world: Lab) -> None:
    canary = gated("1s")["strategy"]["canary"]
    bake = {"duration": "60s", "exitCriteria": [{"name": "serving"}]}
    spec: Spec = {
        "strategy": {"canary": {**canary, "bake": bake}},
        "rollback": {"keepFailed": "1s"},
    }
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    await world.apply("2.0.0", **spec)

    def bakes(status: Spec) -> bool:
        return bool((status.get("weights") or {}).get("actual") == 100 and status.get("candidate"))

    await world.until("baking", bakes)
    world.prometheus.sick.add(world.id_of("2.0.0"))
    await world.reason("RolledBack")
    await world.only("1.0.0")


async def restarted(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    pods = await world.pods()
    await world.apply("1.0.0", restartAt=soon())
    await world.replaced(pods)
    await world.healthy("1.0.0")


PHASES: dict[str, Callable[[Lab], Awaitable[None]]] = {
    "a first rollout": first_rollout,
    "a spec that the dry run refuses": refused_by_the_dry_run,
    "a canary that is promoted": promoted,
    "a wrong answer to the smoke test": failing_its_smoke_test,
    "a gate that fails": failing_its_gate,
    "pods that crash, then a fix": crashing,
    "a candidate that is superseded": superseded,
    "a candidate that its author takes back": taken_back_by_its_author,
    "a stage that a person pauses": paused,
    "a blue-green switch": switched,
    "a blue-green switch that is taken back": switched_back,
    "a bake whose gate fails": failing_while_it_bakes,
    "a restart of every pod": restarted,
}


async def play(world: Lab, phase: Callable[[Lab], Awaitable[None]], seed: int) -> None:
    mischief = Mischief(seed)
    async with Witness(world.api, world.namespace).watching() as witness:
        world.proxy.rule = mischief
        world.start()
        try:
            await phase(world)
        except (AssertionError, TimeoutError) as error:
            error.add_note(f"seed {seed}, {mischief.told}")
            raise
        world.proxy.heal()
        await quiet(world)
        await witness.heard_all()
        try:
            longest = promises(witness.moments())
        except AssertionError as error:
            error.add_note(f"seed {seed}, {mischief.told}")
            raise
    print(
        f"seed {seed}: {sum(mischief.told.values())} faults {mischief.told}, recall {longest:.2f} s"
    )


async def quiet(world: Lab) -> None:
    """Wait for the end of all writes: an operator that begins anew then repeats none of them."""
    async with asyncio.timeout(180):
        writes = -1
        while writes != world.writes():
            writes = world.writes()
            assert "crashed" not in await world.passes()
            await world.stop()
            world.start()
            while not (await world.passes()).get("done"):
                world.check()
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("phase", PHASES)
async def test_no_promise_is_broken_in(world: Lab, phase: str) -> None:
    await play(world, PHASES[phase], seed=1)


@pytest.mark.soak(most=17)
@pytest.mark.parametrize("seed", range(2, 2 + SEEDS))
@pytest.mark.parametrize("phase", PHASES)
async def test_no_promise_is_broken_with_other_seeds_in(world: Lab, phase: str, seed: int) -> None:
    await play(world, PHASES[phase], seed)


@pytest.mark.soak
async def test_watches_that_go_silent_are_noticed(world: Lab) -> None:
    """Nothing is heard from one moment on; a minute later every watch is opened again."""
    world.start()
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    opened = {id(asked) for asked in world.proxy.open}
    for asked in [it for it in world.proxy.open if it.watch]:
        world.proxy.cut(asked)
    silenced: set[str] = set()

    def rule(asked: Asked) -> Fault | None:
        if not asked.watch or asked.path in silenced:
            return None
        silenced.add(asked.path)
        return Silent()

    world.proxy.rule = rule
    assert opened
    await world.apply("2.0.0")
    async with asyncio.timeout(120):
        while (await world.status()).get("stable", {}).get("version") != "2.0.0":
            world.check()
            await asyncio.sleep(0.5)
