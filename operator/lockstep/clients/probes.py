"""The operator's own HTTP endpoints: /healthz, /readyz, /metrics. Others know what they say."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

_PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"

Problems = Callable[[], Sequence[str]]
"""What speaks against it, one sentence each; empty when all is well."""


@asynccontextmanager
async def serving(
    port: int, healthy: Problems, ready: Problems, metrics: Callable[[], bytes]
) -> AsyncIterator[int]:
    """Serve on ``port`` (0: any free one) while the block runs; gives the port (IPv4's)."""

    async def health(_: web.Request) -> web.Response:
        return _verdict(healthy())

    async def readiness(_: web.Request) -> web.Response:
        return _verdict(ready())

    async def exposed(_: web.Request) -> web.Response:
        return web.Response(body=metrics(), headers={"Content-Type": _PROMETHEUS})

    app = web.Application()
    app.router.add_get("/healthz", health)
    app.router.add_get("/readyz", readiness)
    app.router.add_get("/metrics", exposed)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, port=port)
        await site.start()
        addresses = runner.addresses  # with port 0 each family gets one of its own
        yield next((port for host, port, *_ in addresses if "." in host), addresses[0][1])
    finally:
        await runner.cleanup()


def _verdict(problems: Sequence[str]) -> web.Response:
    if problems:
        return web.Response(status=503, text="\n".join(problems) + "\n")
    return web.Response(text="ok\n")
