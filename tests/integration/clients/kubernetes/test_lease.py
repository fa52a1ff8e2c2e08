"""At most one works, and the next one soon."""

import asyncio
import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from lockstep.api.base import Manifest
from lockstep.clients.kubernetes.api import Kube
from lockstep.clients.kubernetes.lease import Lease
from lockstep.errors import LostRaceError, TransientError

LIFETIME = timedelta(milliseconds=100)
SOON = 5.0


@dataclass
class Desk:
    """The part of the API server that keeps one Lease. ``away``: it does not answer."""

    lease: Manifest | None = None
    away: bool = False
    hangs: bool = False
    writes: int = 0
    wrote: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def read(self, kind: str, namespace: str, name: str) -> Manifest | None:
        assert (kind, namespace, name) == ("Lease", "system", "op")
        await self._there()
        return copy.deepcopy(self.lease)

    async def create_once(self, manifest: Manifest) -> Manifest | None:
        await self._there()
        return None if self.lease else await self._keep(manifest)

    async def replace(self, manifest: Manifest) -> Manifest:
        await self._there()
        known = self.lease
        if not known or manifest["metadata"].get("resourceVersion") != self._version(known):
            raise LostRaceError("stale")
        return await self._keep(manifest)

    async def _there(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.away:
            raise TransientError("away", retry_after=timedelta(0))

    def _version(self, manifest: Manifest) -> str:
        return str(manifest["metadata"]["resourceVersion"])

    async def _keep(self, manifest: Manifest) -> Manifest:
        self.writes += 1
        metadata = {**manifest["metadata"], "resourceVersion": str(self.writes)}
        self.lease = {**manifest, "metadata": metadata}
        async with self.wrote:
            self.wrote.notify_all()
        return copy.deepcopy(self.lease)

    @property
    def holder(self) -> str:
        return str(self.lease["spec"]["holderIdentity"]) if self.lease else ""

    async def written(self, times: int) -> None:
        async with self.wrote, asyncio.timeout(SOON):
            await self.wrote.wait_for(lambda: self.writes >= times)


def candidate(desk: Desk, who: str, lifetime: timedelta = LIFETIME, pod: str = "") -> Lease:
    kube, now = cast("Kube", desk), datetime(2026, 1, 1, tzinfo=UTC)
    return Lease(kube, "system", "op", who, lifetime, lambda: now, pod)


async def test_the_first_takes_it_and_keeps_it() -> None:
    desk = Desk()
    lease = candidate(desk, "a")
    await asyncio.wait_for(lease.acquire(), SOON)
    holding = asyncio.create_task(lease.hold())
    await desk.written(4)
    assert (desk.holder, holding.done()) == ("a", False)
    assert desk.lease is not None
    assert desk.lease["spec"]["leaseTransitions"] == 1
    holding.cancel()


RENEWALS: dict[str, tuple[object, datetime | None]] = {
    "a time": ("2026-01-01T00:00:00.000000Z", datetime(2026, 1, 1, tzinfo=UTC)),
    "a time of no zone": ("2026-01-01T00:00:00", None),
    "no time": ("yesterday", None),
    "nothing": (None, None),
}


@pytest.mark.parametrize(("said", "at"), RENEWALS.values(), ids=RENEWALS)
async def test_who_takes_over_hears_when_the_one_before_was_last_there(
    said: object, at: datetime | None
) -> None:
    heard: list[datetime | None] = []
    desk = Desk()
    first = candidate(desk, "a")
    await asyncio.wait_for(first.acquire(), SOON)
    await first.release()
    assert desk.lease is not None
    desk.lease["spec"]["renewTime"] = said
    kube, now = cast("Kube", desk), datetime(2026, 1, 2, tzinfo=UTC)
    second = Lease(kube, "system", "op", "b", LIFETIME, lambda: now, follow=heard.append)
    await asyncio.wait_for(second.acquire(), SOON)
    assert heard == [at]


async def test_a_holder_tells_how_long_the_api_server_was_away() -> None:
    heard: list[timedelta] = []
    desk, lifetime = Desk(), timedelta(seconds=2)
    kube, now = cast("Kube", desk), datetime(2026, 1, 1, tzinfo=UTC)
    lease = Lease(kube, "system", "op", "a", lifetime, lambda: now)
    lease.away = heard.append
    await lease.acquire()
    holding = asyncio.create_task(lease.hold())
    desk.away = True
    await asyncio.sleep(0.7)
    desk.away = False
    await desk.written(3)
    holding.cancel()
    (lasted,) = heard
    assert timedelta(seconds=0.7) <= lasted < lifetime


async def test_a_renewal_that_is_refused_once_is_no_outage() -> None:
    heard: list[timedelta] = []
    desk, lifetime = Desk(), timedelta(seconds=2)
    kube, now = cast("Kube", desk), datetime(2026, 1, 1, tzinfo=UTC)
    lease = Lease(kube, "system", "op", "a", lifetime, lambda: now)
    lease.away = heard.append
    await lease.acquire()
    holding = asyncio.create_task(lease.hold())
    desk.away = True
    await asyncio.sleep(0.42)  # the first renewal comes after 0.4 s, the next try 0.08 s later
    desk.away = False
    await desk.written(3)
    holding.cancel()
    assert not heard


GAPS: dict[str, tuple[timedelta, str, bool]] = {
    "gave up, as it could not renew": (timedelta(seconds=30), "a", True),
    "was killed a moment ago": (timedelta(seconds=5), "a", False),
    "let go": (timedelta(seconds=30), "", False),
}


@pytest.mark.parametrize(("ago", "holder", "outage"), GAPS.values(), ids=GAPS)
async def test_who_takes_over_tells_an_outage_where_the_one_before_gave_up(
    ago: timedelta, holder: str, *, outage: bool
) -> None:
    heard: list[timedelta] = []
    desk, began = Desk(), datetime(2026, 1, 1, tzinfo=UTC)
    await candidate(desk, "host_uid_a", pod="uid").acquire()
    assert desk.lease is not None
    desk.lease["spec"]["holderIdentity"] = holder and "host_uid_a"
    second = Lease(
        cast("Kube", desk),
        "system",
        "op",
        "host_uid_b",
        timedelta(seconds=15),
        lambda: began + ago,
        "uid",
    )
    second.away = heard.append
    await second.acquire()
    assert heard == ([ago] if outage else [])


async def test_the_second_waits_until_the_first_lets_go() -> None:
    desk = Desk()
    first, second = candidate(desk, "a"), candidate(desk, "b")
    await first.acquire()
    holding = asyncio.create_task(first.hold())
    waiting = asyncio.create_task(second.acquire())
    await desk.written(5)
    assert not waiting.done()
    holding.cancel()
    await first.release()
    await asyncio.wait_for(waiting, SOON)
    assert desk.holder == "b"


async def test_the_second_takes_over_from_a_dead_one_after_its_lifetime() -> None:
    desk = Desk()
    await candidate(desk, "dead").acquire()
    loop = asyncio.get_running_loop()
    begin = loop.time()
    await asyncio.wait_for(candidate(desk, "b").acquire(), SOON)
    assert loop.time() - begin >= 1, "a lifetime on the wire is whole seconds"
    assert desk.holder == "b"


async def test_a_restarted_container_takes_over_from_its_dead_predecessor_at_once() -> None:
    desk, lifetime = Desk(), timedelta(hours=1)
    await candidate(desk, "host_uid-1_a", lifetime, "uid-1").acquire()
    await asyncio.wait_for(candidate(desk, "host_uid-1_b", lifetime, "uid-1").acquire(), SOON)
    assert desk.holder == "host_uid-1_b"
    elsewhere = asyncio.create_task(candidate(desk, "host_uid-2_c", lifetime, "uid-2").acquire())
    nowhere = asyncio.create_task(candidate(desk, "host__d", lifetime).acquire())
    done, _ = await asyncio.wait({elsewhere, nowhere}, timeout=0.1)
    assert not done, "another pod's operator may live"
    elsewhere.cancel()
    nowhere.cancel()


@pytest.mark.parametrize("trouble", ["away", "hangs"])
async def test_a_holder_without_an_answer_gives_up_before_its_lease_ends(trouble: str) -> None:
    desk, lifetime = Desk(), timedelta(seconds=2)
    lease = candidate(desk, "a", lifetime)
    await lease.acquire()
    holding = asyncio.create_task(lease.hold())
    setattr(desk, trouble, True)
    begin = asyncio.get_running_loop().time()
    await asyncio.wait_for(holding, SOON)
    assert asyncio.get_running_loop().time() - begin < lifetime.total_seconds()


async def test_a_holder_that_was_replaced_stops_at_its_next_renewal() -> None:
    desk = Desk()
    lease = candidate(desk, "a", timedelta(seconds=1))
    await lease.acquire()
    holding = asyncio.create_task(lease.hold())
    assert desk.lease is not None
    stolen = {**desk.lease["spec"], "holderIdentity": "b"}
    await desk.replace({**desk.lease, "spec": stolen})
    await asyncio.wait_for(holding, SOON)
    await lease.release()
    assert desk.holder == "b", "what is not ours is not released"


async def test_somebody_elses_annotation_costs_no_lease() -> None:
    desk = Desk()
    lease = candidate(desk, "a")
    await lease.acquire()
    assert desk.lease is not None
    await desk.replace(desk.lease)
    holding = asyncio.create_task(lease.hold())
    await desk.written(4)
    assert (desk.holder, holding.done()) == ("a", False)
    holding.cancel()


async def test_a_release_that_nobody_hears_is_no_failure() -> None:
    desk = Desk()
    lease = candidate(desk, "a")
    await lease.acquire()
    desk.away = True
    await lease.release()
