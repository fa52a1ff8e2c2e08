"""Every write to the API server, and the few reads that no watch gives. Plain dicts in and out.

Requests go through aiohttp as they are: kubernetes.aio, which knows how to log in, takes three
times the CPU for each, and two turns of a thread for proxies and .netrc that nobody wants here.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from lockstep.adapters.kubernetes import refusals
from lockstep.adapters.kubernetes.meta import MANAGER, meta
from lockstep.adapters.kubernetes.refusals import Refusal
from lockstep.api.base import API_VERSION, Manifest
from lockstep.api.resources import APPLY, BY_KIND, JSON, MERGE
from lockstep.clients.kubernetes.connection import Connection
from lockstep.core.refusals import cause
from lockstep.errors import (
    ForeignObjectError,
    InvariantError,
    LockstepError,
    LostRaceError,
    RefusedError,
    TransientError,
)

_STRATEGIC: Final = "application/strategic-merge-patch+json"
_SOON: Final = timedelta(seconds=1)
_AT_ONCE: Final = timedelta(milliseconds=100)
_PUT_OFF: Final = {429, 500, 502, 503}
_REFUSALS: Final = {400, 403, 413, 422, 500, 504}
_UNWELL: Final = {408, 429, 502, 503}
_NOT_OURS_TO_MEND: Final = {401, 404, 410}
_NO_ANSWER: Final = {401, 408, 429, 502, 503}
"""The API server itself is away; what else it cannot do is an answer about the object."""

Count = Callable[[str, str, str], None]
"""Told of every request: verb, resource, HTTP code (or ``none`` when there was no answer)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    verb: str
    method: str
    resource: str
    path: str
    query: Mapping[str, str]
    body: Manifest | None = None
    content_type: str = JSON


@dataclass(frozen=True, slots=True)
class _Reply:
    code: int
    body: Manifest
    retry_after: timedelta | None

    @property
    def ok(self) -> bool:
        return 200 <= self.code < 300  # noqa: PLR2004

    @property
    def reason(self) -> str:
        return str(self.body.get("reason", ""))

    @property
    def message(self) -> str:
        return str(self.body.get("message", "")) or f"HTTP {self.code}"


@dataclass(frozen=True, slots=True)
class _Silence:
    """No answer; ``lost``: the connection ended, the request may have been carried out."""

    why: str
    lost: bool


class Kube:
    """One client with its own connections; it is closed by who made it."""

    def __init__(
        self, connection: Connection, count: Count, *, connections: int, timeout: timedelta
    ) -> None:
        self._connection = connection
        self._session = connection.session(connections)
        self._count = count
        self._timeout = aiohttp.ClientTimeout(total=timeout.total_seconds())

    async def close(self) -> None:
        await self._session.close()

    async def groups(self) -> frozenset[str]:
        """Groups that the API server serves, whatever of them."""
        reply = await self._discover("/apis")
        return frozenset(group["name"] for group in reply.get("groups", ()))

    async def served(self, group: str, version: str) -> frozenset[str]:
        """Plural names of what the API server serves of a group and version; empty for none."""
        reply = await self._discover(f"/apis/{group}/{version}")
        return frozenset(resource["name"] for resource in reply.get("resources", ()))

    async def _discover(self, path: str) -> Manifest:
        request = _Request(verb="get", method="GET", resource="discovery", path=path, query={})
        reply = await self._send(request)
        return {} if reply.code == HTTPStatus.NOT_FOUND else _expect(reply, request)

    async def read(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """One object as it is now; None when there is none."""
        request = _request("get", "GET", kind, namespace, name)
        reply = await self._send(request)
        if reply.code == HTTPStatus.NOT_FOUND:
            return None
        return _expect(reply, request)

    async def events(self, namespace: str, about: Mapping[str, str]) -> Manifest:
        """A short list of Events."""
        request = _Request(
            verb="list",
            method="GET",
            resource="events",
            path=_path("Event", namespace),
            query=about,
        )
        return _expect(await self._send(request), request)

    async def create(self, manifest: Manifest, owner_uid: str) -> Manifest:
        """Create a child of the owner; one that is there already is brought into shape.

        Raises:
            ForeignObjectError: The name is taken by an object of somebody else.
        """
        request = _create(manifest, {"fieldManager": MANAGER})
        reply = await self._send(request)
        if reply.code != HTTPStatus.CONFLICT:
            return _expect(reply, request)
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        there = await self.read(kind, manifest["metadata"]["namespace"], name)
        known = meta(there) if there else None
        if known is None or (known.owner_uid == owner_uid and known.terminating):
            raise TransientError(f"{kind} {name} is just going", retry_after=_SOON)
        if known.owner_uid != owner_uid:
            raise ForeignObjectError(kind, name)
        if BY_KIND[kind].patch == MERGE:  # only its labels could have been changed
            labels = manifest["metadata"]["labels"]
            return await self.merge(manifest, {"metadata": {"uid": known.uid, "labels": labels}})
        return await self.apply(manifest, known.uid)

    async def apply(self, manifest: Manifest, uid: str) -> Manifest:
        """Bring an object of ours into shape; the uid keeps it from being another of that name."""
        metadata = {**manifest["metadata"], "uid": uid}
        request = _patch(
            manifest,
            {**manifest, "metadata": metadata},
            {"fieldManager": MANAGER, "force": "true"},
            APPLY,
        )
        return await self._guarded(request)

    async def merge(self, manifest: Manifest, patch: Manifest) -> Manifest:
        """Change single fields of the object that ``manifest`` names."""
        return await self._guarded(_patch(manifest, patch, {"fieldManager": MANAGER}, MERGE))

    async def merge_items(self, manifest: Manifest, patch: Manifest) -> Manifest:
        """Like ``merge``, but of a list only the items that the patch names are changed."""
        return await self._guarded(_patch(manifest, patch, {"fieldManager": MANAGER}, _STRATEGIC))

    async def replace(self, manifest: Manifest) -> Manifest:
        """Write a whole object over the version that was read.

        Raises:
            LostRaceError: It has changed since.
        """
        metadata = manifest["metadata"]
        request = _request(
            "update", "PUT", manifest["kind"], metadata["namespace"], metadata["name"], manifest
        )
        return await self._guarded(request)

    async def create_once(self, manifest: Manifest) -> Manifest | None:
        """Create an object; None when there is one of that name."""
        request = _create(manifest, {"fieldManager": MANAGER})
        reply = await self._send(request)
        return None if reply.code == HTTPStatus.CONFLICT else _expect(reply, request)

    async def delete(self, kind: str, namespace: str, name: str, uid: str) -> Manifest | None:
        """Remove exactly this object; that it is gone, or another has its name, is fine.

        Returns:
            The object where it is there for a while yet, as pods that are told to end are.
        """
        body = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        request = _request("delete", "DELETE", kind, namespace, name, body)
        reply = await self._send(request)
        answer = None if reply.code in {404, 409} else _expect(reply, request)
        return answer if answer and answer.get("kind") == kind else None

    async def put_status(
        self, namespace: str, name: str, version: str, status: Manifest
    ) -> Manifest:
        """Replace a ModelDeployment's status over the version that was read.

        The API server takes nothing else from such a request; a patch costs it a fifth more.

        Raises:
            LostRaceError: It has changed since, or is gone.
        """
        kind = "ModelDeployment"
        request = _Request(
            verb="update",
            method="PUT",
            resource="modeldeployments/status",
            path=_path(kind, namespace, f"{name}/status"),
            query={"fieldManager": MANAGER},
            body={
                "apiVersion": API_VERSION,
                "kind": kind,
                "metadata": {"namespace": namespace, "name": name, "resourceVersion": version},
                "status": status,
            },
        )
        return await self._guarded(request)

    async def patch_status(self, manifest: Manifest) -> Manifest | None:
        """Write the status of exactly the object that ``manifest`` is; None when it is gone."""
        kind, metadata = manifest["kind"], manifest["metadata"]
        request = _Request(
            verb="patch",
            method="PATCH",
            resource=f"{BY_KIND[kind].plural}/status",
            path=_path(kind, metadata["namespace"], f"{metadata['name']}/status"),
            query={"fieldManager": MANAGER},
            body={"metadata": {"uid": metadata["uid"]}, "status": manifest["status"]},
            content_type=MERGE,
        )
        reply = await self._send(request)
        return None if reply.code in {404, 409} else _expect(reply, request)

    async def dry_run(self, manifest: Manifest) -> Refusal | None:
        """Whether the API server would take an object; None means that it would."""
        request = _create(
            manifest,
            {"dryRun": "All", "fieldValidation": "Strict", "fieldManager": MANAGER},
        )
        reply = await self._send(request)
        if reply.ok:
            return None
        if reply.code in _NO_ANSWER:
            _expect(reply, request)
        return refusals.read(reply.code, reply.reason, reply.message)

    async def _guarded(self, request: _Request) -> Manifest:
        reply = await self._send(request)
        if reply.code in {404, 409}:
            raise LostRaceError(f"{request.verb} {request.path}: {reply.message}")
        return _expect(reply, request)

    async def _send(self, request: _Request) -> _Reply:
        """Ask, and once more when the answer was lost or put off for a moment.

        Every request may be repeated, and a pass of several would seldom get through an API server
        that loses one in three. What takes longer is the pass's own business.
        """
        answer = await self._ask(request)
        wait = _moment(answer)
        if wait is not None:
            await asyncio.sleep(wait.total_seconds())
            answer = await self._ask(request)
        if isinstance(answer, _Silence):
            what = f"{request.verb} {request.path} was not answered: {answer.why}"
            raise TransientError(what, retry_after=_SOON)
        if answer.code == HTTPStatus.UNAUTHORIZED:
            await self._connection.renew()
        return answer

    async def _ask(self, request: _Request) -> _Reply | _Silence:
        query = f"?{urlencode(request.query)}" if request.query else ""
        headers = {
            **await self._connection.headers(),
            "Accept": JSON,
            "Content-Type": request.content_type,
        }
        code = "none"
        try:
            async with self._session.request(
                request.method,
                URL(f"{self._connection.server}{request.path}{query}", encoded=True),
                headers=headers,
                data=_text(request.body) if request.body is not None else None,
                timeout=self._timeout,
                **self._connection.routing,
            ) as answer:
                code = str(answer.status)
                return _read(answer.status, await answer.read(), answer.headers)
        except TimeoutError:
            return _Silence(f"nothing within {self._timeout.total:g} s", lost=False)
        except (aiohttp.ClientError, OSError) as error:
            return _Silence(str(error) or type(error).__name__, lost=True)
        finally:
            self._count(request.verb, request.resource, code)


def _text(body: Manifest) -> str:
    return json.dumps(body, separators=(",", ":"))


def _path(kind: str, namespace: str, name: str = "") -> str:
    resource = BY_KIND[kind]
    where = f"namespaces/{namespace}/" if namespace else ""
    return f"{resource.api}/{where}{resource.plural}" + (f"/{name}" if name else "")


def _request(
    verb: str, method: str, kind: str, namespace: str, name: str, body: Manifest | None = None
) -> _Request:
    return _Request(
        verb=verb,
        method=method,
        resource=BY_KIND[kind].plural,
        path=_path(kind, namespace, name),
        query={"fieldManager": MANAGER} if verb == "update" else {},
        body=body,
    )


def _create(manifest: Manifest, query: Mapping[str, str]) -> _Request:
    kind = manifest["kind"]
    return _Request(
        verb="create",
        method="POST",
        resource=BY_KIND[kind].plural,
        path=_path(kind, manifest["metadata"]["namespace"]),
        query=query,
        body=manifest,
        content_type=BY_KIND[kind].body,
    )


def _patch(
    manifest: Manifest, body: Manifest, query: Mapping[str, str], content_type: str
) -> _Request:
    kind, metadata = manifest["kind"], manifest["metadata"]
    return _Request(
        verb="patch",
        method="PATCH",
        resource=BY_KIND[kind].plural,
        path=_path(kind, metadata["namespace"], metadata["name"]),
        query=query,
        body=body,
        content_type=content_type,
    )


def _read(code: int, content: bytes, headers: Mapping[str, Any]) -> _Reply:
    wait = str(headers.get("Retry-After", ""))
    retry_after = timedelta(seconds=int(wait)) if wait.isdecimal() else None
    try:
        body = json.loads(content)
    except ValueError:
        body = {"message": f"HTTP {code} with a body that is not JSON"}
        code = code if code >= 300 else 502  # noqa: PLR2004 (something between us and the server)
    return _Reply(code, body if isinstance(body, dict) else {}, retry_after)


def _moment(answer: _Reply | _Silence) -> timedelta | None:
    """How long to wait before asking again at once; None when that is not for us to do."""
    if isinstance(answer, _Silence):
        return _AT_ONCE if answer.lost else None
    wait = answer.retry_after or _AT_ONCE
    return wait if answer.code in _PUT_OFF and wait <= _SOON else None


def _expect(reply: _Reply, request: _Request) -> Manifest:
    if reply.ok:
        return reply.body
    raise _error(reply, f"{request.verb} {request.path}: {reply.message}")


def _error(reply: _Reply, what: str) -> LockstepError:
    if reply.code == HTTPStatus.CONFLICT:
        return LostRaceError(what)
    if reply.code in _REFUSALS:
        said = reply.message.strip()
        wait = reply.retry_after or _SOON
        return RefusedError(what, said, cause(said, reply.code), retry_after=wait)
    if reply.code in _UNWELL | _NOT_OURS_TO_MEND:
        return TransientError(what, retry_after=reply.retry_after or _SOON)
    return InvariantError(what)
