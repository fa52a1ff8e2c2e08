"""A Lease decides who works: at most one operator, and the next one as soon as the first lets go.

Own lines rather than kubernetes.aio.leaderelection, which never lets go, sends local time as UTC,
and waits for a hanging request past the end of its own lease.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from lockstep.api.base import Manifest
from lockstep.clients.kubernetes.api import Kube
from lockstep.errors import LostRaceError, TransientError

_LOG: Final = logging.getLogger(__name__)
_TURNS: Final = 5  # how often a lease is renewed in its lifetime
_GIVE_UP: Final = 2 / 3  # of the lifetime without an answer: then nobody works for the last third
_UNWELL: Final = 1.3  # turns without an answer that are an outage; one that is refused is none


class Lease:
    """One candidate for one Lease.

    ``kube`` should be used by nobody else: a renewal must never stand in line behind a pass.
    ``follow`` is told when the holder before was last heard of, by its own clock; ``away`` for how
    long the API server had not answered, each time that it does so again.
    """

    def __init__(
        self,
        kube: Kube,
        namespace: str,
        name: str,
        identity: str,
        duration: timedelta,
        clock: Callable[[], datetime],
        pod_uid: str = "",
        follow: Callable[[datetime | None], None] = lambda _: None,
    ) -> None:
        self._kube = kube
        self._namespace, self._name, self._identity = namespace, name, identity
        self._duration = duration
        self._clock = clock
        self._pod_uid = pod_uid
        self._follow = follow
        self.away: Callable[[timedelta], None] = lambda _: None
        self._ours: Manifest | None = None
        self._seen_version = ""
        self._seen_at = 0.0

    @property
    def _pause(self) -> float:
        return self._duration.total_seconds() / _TURNS

    async def acquire(self) -> None:
        """Wait until the lease is ours."""
        while True:
            if await self._try():
                break
            await asyncio.sleep(self._pause)
        _LOG.info("became leader", extra={"lease": self._name, "holder": self._identity})

    def _succeed(self, known: Manifest) -> None:
        """Whoever could not renew for so long gave up; who let go, or was killed, does not tell."""
        last, held = _renewed(known), known.get("spec", {}).get("holderIdentity")
        unrenewed = self._clock() - last if last and held else timedelta(0)
        if unrenewed >= self._duration * _GIVE_UP:
            self._was_away(unrenewed.total_seconds())

    async def hold(self) -> None:
        """Renew until the lease is lost; whoever waits for this stops at once when it returns."""
        loop = asyncio.get_running_loop()
        renewed = loop.time()
        while True:
            await asyncio.sleep(self._pause)
            try:
                async with asyncio.timeout_at(renewed + self._duration.total_seconds() * _GIVE_UP):
                    answered = await self._renew(renewed)
            except TimeoutError:
                answered = None
            if answered is None:
                self._ours = None
                _LOG.error("lost the lease", extra={"lease": self._name})
                return
            renewed = answered

    async def release(self) -> None:
        """Let go, so that the next operator starts at once; does nothing without the lease."""
        if self._ours is None:
            return
        spec = {**self._ours["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            await self._kube.replace({**self._ours, "spec": spec})
        except TransientError as error:
            _LOG.warning("could not release the lease, it expires by itself: %s", error)
        self._ours = None

    async def _try(self) -> bool:
        try:
            known = await self._kube.read("Lease", self._namespace, self._name)
            if known is None:
                self._ours = await self._kube.create_once(self._manifest(None))
            elif self._free(known):
                self._ours = await self._kube.replace(self._manifest(known))
                self._follow(_renewed(known))
                self._succeed(known)
        except LostRaceError:
            return False
        except TransientError as error:
            _LOG.warning("could not acquire the lease: %s", error)
            return False
        return self._ours is not None

    def _free(self, known: Manifest) -> bool:
        """Nobody holds it, or its holder was not heard of for its lifetime, by our own clock.

        A holder that lived in our own pod is dead: its container ended before ours was started.
        """
        spec, now = known.get("spec", {}), asyncio.get_running_loop().time()
        holder = spec.get("holderIdentity")
        if not holder or (self._pod_uid and f"_{self._pod_uid}_" in holder):
            return True
        version = known["metadata"]["resourceVersion"]
        if version != self._seen_version:
            self._seen_version, self._seen_at = version, now
        return now - self._seen_at > float(spec.get("leaseDurationSeconds") or 0)

    async def _renew(self, renewed: float) -> float | None:
        """When the renewal that succeeded was sent; None when somebody else holds the lease."""
        loop, failed = asyncio.get_running_loop(), False
        while True:
            sent = loop.time()
            try:
                self._ours = await self._kube.replace(self._manifest(self._ours))
            except LostRaceError:
                if not await self._still_ours():
                    return None
            except TransientError as error:
                failed = True
                _LOG.warning("could not renew the lease: %s", error)
                await asyncio.sleep(self._pause / _TURNS)
            else:
                if failed:
                    self._was_away(loop.time() - renewed)
                return sent

    def _was_away(self, seconds: float) -> None:
        """Time without an answer is an outage where it is more than a refusal and another try."""
        if seconds > self._pause * _UNWELL:
            _LOG.warning("the API server responds again after %.1f s", seconds)
            self.away(timedelta(seconds=seconds))

    async def _still_ours(self) -> bool:
        try:
            known = await self._kube.read("Lease", self._namespace, self._name)
        except TransientError:
            return True  # not known yet; the caller's deadline goes on
        if known is None or known.get("spec", {}).get("holderIdentity") != self._identity:
            return False
        self._ours = known
        return True

    def _manifest(self, known: Manifest | None) -> Manifest:
        now = self._clock().isoformat(timespec="microseconds").replace("+00:00", "Z")
        before = (known or {}).get("spec", {})
        same = before.get("holderIdentity") == self._identity
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": max(1, round(self._duration.total_seconds())),
            "acquireTime": before["acquireTime"] if same else now,
            "renewTime": now,
            "leaseTransitions": before.get("leaseTransitions", 0) + (0 if same else 1),
        }
        metadata = (known or {}).get("metadata") or {
            "name": self._name,
            "namespace": self._namespace,
        }
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": spec,
        }


def _renewed(known: Manifest) -> datetime | None:
    """None too where somebody wrote what is no time."""
    try:
        at = datetime.fromisoformat(str(known["spec"]["renewTime"]))
    except (KeyError, TypeError, ValueError):
        return None
    return at if at.tzinfo else None
