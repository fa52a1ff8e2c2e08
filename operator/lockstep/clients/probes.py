"""The operator's own HTTP endpoints: /healthz, /readyz, /metrics. Others know what they say."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

Problems = Callable[[], Sequence[str]]
"""What speaks against it, one sentence each; empty when all is well."""


@asynccontextmanager
async def serving(
    port: int, healthy: Problems, ready: Problems, metrics: Callable[[], bytes]
) -> AsyncIterator[int]:
    """Serve on ``port`` (0: any free one) while the block runs; gives the port."""
    app = web.Application()
    app.router.add_get("/healthz", lambda _: _respond(healthy()))
    app.router.add_get("/readyz", lambda _: _respond(ready()))
    app.router.add_get("/metrics", lambda _: _exposed(metrics()))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, port=port, shutdown_timeout=1)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _respond(problems: Sequence[str]) -> web.Response:
    if problems:
        return web.Response(status=503, text="\n".join(problems) + "\n")
    return web.Response(text="ok\n")


async def _exposed(body: bytes) -> web.Response:
    return web.Response(
        body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    )
