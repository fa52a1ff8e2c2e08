"""Plain requests to the API server, as the played parts of a test's cluster make them."""

import json
from types import TracebackType
from typing import Any, Self

import aiohttp

from lockstep.clients.kubernetes.connection import Connection

Manifest = dict[str, Any]
GROUP = "/apis/lockstep.dev/v1alpha1"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


class Refused(Exception):  # noqa: N818 (an answer, not a fault)
    """The API server said no."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Api:
    """One administrator's session."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            self._connection.server,
            connector=aiohttp.TCPConnector(ssl=self._connection.ssl_context),
            timeout=aiohttp.ClientTimeout(total=20),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def __call__(
        self,
        method: str,
        path: str,
        body: Manifest | None = None,
        content_type: str = "application/json",
        **query: str,
    ) -> Manifest:
        """Send one request.

        Raises:
            Refused: The answer is not a 2xx.
        """
        headers = {"Content-Type": content_type}
        written = None if body is None else json.dumps(body, separators=(",", ":"))
        async with self._session.request(
            method, path, data=written, params=query, headers=headers
        ) as reply:
            answer: Manifest = await reply.json()
            if reply.status >= 300:
                raise Refused(reply.status, answer.get("message", ""))
            return answer

    async def found(self, path: str) -> Manifest | None:
        """What is there; None when nothing is."""
        try:
            return await self("GET", path)
        except Refused as refused:
            if refused.code == 404:
                return None
            raise

    async def items(self, path: str, **query: str) -> list[Manifest]:
        return list((await self("GET", path, None, **query)).get("items") or [])
