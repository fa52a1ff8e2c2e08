"""What an API server says happened, in its own order, and whether promises held all the while.

It watches beside the operator, by a way of its own: neither the operator's status nor a proxy can
tell it anything that was not so. A promise is checked at every single change of every object.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import aiohttp

from tests.apiserver.api import GROUP, Api, Manifest, Refused
from tests.apiserver.lab import DEADLINE

REVISION = "lockstep.dev/revision"
LONGEST_RECALL_SECONDS = 25.0
"""From a rejection in status to the last caller's way to it, however badly the server behaves."""


@dataclass(frozen=True, slots=True)
class Change:
    """One object, as it became at ``version``; ``at`` is when it was heard, on a steady clock."""

    version: int
    plural: str
    kind: str
    raw: Manifest
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The world of one ModelDeployment between two changes."""

    at: float
    deployment: Manifest = field(default_factory=dict)
    service: Manifest = field(default_factory=dict)
    pods: Mapping[str, Manifest] = field(default_factory=dict)

    @property
    def status(self) -> Manifest:
        return dict(self.deployment.get("status") or {})

    @property
    def selector(self) -> Manifest:
        return dict(self.service.get("spec", {}).get("selector") or {})

    def reached(self) -> set[str]:
        """The revisions whose ready pods callers meet."""
        return {_labels(pod)[REVISION] for pod in self._ready() if self._selects(pod)}

    def allowed(self) -> set[str]:
        """The revisions that may have callers: stable, and a candidate that was proven.

        Without a smoke test a ready pod is proof enough, and status may say so later.
        """
        stable, candidate = self.status.get("stable"), self.status.get("candidate")
        untested = "smokeTest" not in self.deployment.get("spec", {})
        proven = candidate and (untested or candidate.get("smokeTested"))
        return {it["revision"] for it in (stable, candidate if proven else None) if it}

    def rejected(self) -> str:
        return str((self.status.get("rejected") or {}).get("revision", ""))

    def well(self) -> int:
        """How many pods are ready, whoever reaches them."""
        return len(self._ready())

    def _ready(self) -> list[Manifest]:
        return [pod for pod in self.pods.values() if _is_ready(pod)]

    def _selects(self, pod: Manifest) -> bool:
        labels = _labels(pod)
        return bool(self.selector) and self.selector.items() <= labels.items()


class Witness:
    """Everything that happened to ``name`` in a namespace."""

    def __init__(self, api: Api, namespace: str, name: str = "fraud") -> None:
        self._api = api
        self._name = name
        self.changes: list[Change] = []
        self._paths = {
            "modeldeployments": f"{GROUP}/namespaces/{namespace}/modeldeployments",
            "services": f"/api/v1/namespaces/{namespace}/services",
            "pods": f"/api/v1/namespaces/{namespace}/pods",
        }

    @asynccontextmanager
    async def watching(self) -> AsyncIterator["Witness"]:
        begun = {}
        for plural, path in self._paths.items():
            begun[plural] = (await self._listed(path))["metadata"]["resourceVersion"]
        tasks = [asyncio.create_task(self._watch(plural, begun[plural])) for plural in begun]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listed(self, path: str) -> Manifest:
        """A kind that was only just established is not served at once."""
        while True:
            try:
                return await self._api("GET", path)
            except Refused as refused:
                if refused.code != 429:
                    raise
            await asyncio.sleep(0.1)

    async def _watch(self, plural: str, version: str) -> None:
        query = {"watch": "true", "resourceVersion": version}
        endless = aiohttp.ClientTimeout(total=None)
        session = self._api._session
        async with session.get(self._paths[plural], params=query, timeout=endless) as reply:
            rest = b""
            async for chunk in reply.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._hear(plural, json.loads(line))

    def _hear(self, plural: str, event: Manifest) -> None:
        raw, now = event["object"], time.monotonic()
        version = int(raw["metadata"]["resourceVersion"])
        self.changes.append(Change(version, plural, event["type"], raw, now))

    async def heard_all(self) -> None:
        """Wait until what stands there now was heard of."""
        async with asyncio.timeout(DEADLINE):
            for plural, path in self._paths.items():
                items = await self._api.items(path)
                last = max((int(it["metadata"]["resourceVersion"]) for it in items), default=0)
                while last > self._newest(plural):
                    await asyncio.sleep(0.02)

    def _newest(self, plural: str) -> int:
        return max((it.version for it in self.changes if it.plural == plural), default=0)

    def pods(self, kind: str) -> list[str]:
        """Uid of each pod that was ADDED or DELETED, as often as that happened."""
        of_kind = [it for it in self.changes if (it.plural, it.kind) == ("pods", kind)]
        return [it.raw["metadata"]["uid"] for it in of_kind]

    def moments(self) -> Iterator[Moment]:
        """The world after each change, in the API server's order."""
        now = Moment(at=0.0)
        for change in sorted(self.changes, key=lambda it: it.version):
            now = self._after(replace(now, at=change.at), change)
            yield now

    def _after(self, now: Moment, change: Change) -> Moment:
        name = change.raw["metadata"]["name"]
        gone = change.kind == "DELETED"
        match change.plural:
            case "modeldeployments" if name == self._name:
                return replace(now, deployment={} if gone else change.raw)
            case "services" if name == self._name:
                return replace(now, service={} if gone else change.raw)
            case "pods":
                others = {key: pod for key, pod in now.pods.items() if key != name}
                return replace(now, pods=others if gone else {**others, name: change.raw})
            case _:
                return now


def promises(moments: Iterator[Moment]) -> float:
    """Check all of them; gives the longest time that callers met a rejected revision, in seconds.

    * Callers that once met a ready pod always do.
    * A change of the Service lets callers in to stable or a proven candidate only.
    * A rejected revision loses its callers soon, and gets none again while it is rejected.
    """
    before, served, longest = Moment(at=0.0), False, 0.0
    since: float | None = None
    recalled = ""
    for now in moments:
        reached = now.reached()
        assert reached or not served, f"nobody answers callers\n{_shown(before, now)}"
        served = served or bool(reached)
        if now.selector != before.selector:
            let_in = reached - before.reached() - now.allowed()
            assert not let_in, f"callers were let in to {let_in}\n{_shown(before, now)}"
        rejected = now.rejected()
        if not rejected or rejected not in reached:
            longest = max(longest, now.at - since) if since is not None else longest
            recalled, since = rejected, None
        else:
            assert rejected != recalled, f"{rejected} got callers again\n{_shown(before, now)}"
            since = now.at if since is None else since
            longest = max(longest, now.at - since)
        before = now
    assert longest < LONGEST_RECALL_SECONDS, f"callers met a rejected revision for {longest:g} s"
    assert before.reached() <= before.allowed(), _shown(before, before)
    return longest


def _shown(before: Moment, now: Moment) -> str:
    """What a failed promise shows."""
    pods = {name: (_labels(pod)[REVISION], _is_ready(pod)) for name, pod in now.pods.items()}
    told = {key: now.status.get(key) for key in ("stable", "candidate", "rejected", "stage")}
    parts = {"selector was": before.selector, "is": now.selector, "pods": pods, "status": told}
    return json.dumps(parts, indent=1)


def _labels(pod: Manifest) -> dict[str, str]:
    return {REVISION: "", **(pod["metadata"].get("labels") or {})}


def _is_ready(pod: Manifest) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    said = any(it["type"] == "Ready" and it["status"] == "True" for it in conditions)
    return said and "deletionTimestamp" not in pod["metadata"]
