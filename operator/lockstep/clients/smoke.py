"""The smoke test's request to one pod. Whether the answer is right is judged in adapters."""

import asyncio
from datetime import timedelta
from typing import Final

import aiohttp

from lockstep.adapters import smoke
from lockstep.core.rollout.needs import Smoke
from lockstep.core.rollout.observed import SmokeResult

_TRIES: Final = 3
_PAUSE: Final = timedelta(seconds=1)
_NO_ANSWER: Final = {502, 503, 504}


_PLAIN: Final = {"", "identity"}


class SmokeClient:
    """Asks pods directly: no proxy, no redirects, no cookies, a bounded answer, not compressed."""

    def __init__(self, user_agent: str, pause: timedelta = _PAUSE) -> None:
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": "identity"}
        self._pause = pause
        self._judging = asyncio.Lock()

    async def ask(self, test: Smoke) -> SmokeResult:
        """Up to three tries while nobody answers; a wrong answer is final at once."""
        silence = ""
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(self._pause.total_seconds())
            try:
                status, body = await self._request(test)
            except TimeoutError:
                silence = f"no answer within {test.timeout.total_seconds():g} s"
            except (aiohttp.ClientError, OSError) as error:
                silence = str(error) or type(error).__name__
            else:
                if status not in _NO_ANSWER or status == test.expect.status:
                    return SmokeResult(test.revision, await self._judge(test, status, body))
                silence = f"HTTP {status}"
        return SmokeResult(test.revision, f"{test.url} did not answer {_TRIES} times: {silence}")

    async def _judge(self, test: Smoke, status: int, body: bytes) -> str | None:
        """Off the event loop, one answer at a time: unpacked, it is many times as large."""
        async with self._judging:
            problem = await asyncio.to_thread(smoke.problem, test.expect, status, body)
        return f"{test.url}: {problem}" if problem else None

    async def _request(self, test: Smoke) -> tuple[int, bytes]:
        """A session for each request: it happens once per candidate, and leaves nothing open."""
        timeout = aiohttp.ClientTimeout(total=test.timeout.total_seconds())
        async with (
            aiohttp.ClientSession(
                timeout=timeout,
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            ) as session,
            session.request(
                "POST" if test.body is not None else "GET",
                test.url,
                data=test.body,
                headers={"Content-Type": "application/json"} if test.body is not None else {},
                allow_redirects=False,
            ) as response,
        ):
            if response.headers.get("Content-Encoding", "").lower() not in _PLAIN:
                raise aiohttp.ClientPayloadError(
                    "the answer is compressed, but no compression was requested"
                )
            return response.status, await _bounded(response)


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """The answer up to one byte more than is judged."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(65536):
        body += chunk
        if len(body) > smoke.LARGEST_ANSWER_BYTES:
            break
    return bytes(body[: smoke.LARGEST_ANSWER_BYTES + 1])
