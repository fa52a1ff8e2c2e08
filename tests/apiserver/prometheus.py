"""What stands in for Prometheus where there are no pods to scrape: one number per revision.

Whoever asks how many requests there were is told that there were enough.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


class Prometheus:
    """Answers instant queries that name a revision; those in ``sick`` answer badly."""

    def __init__(self) -> None:
        self.sick: set[str] = set()
        self.asked = 0
        self.address = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_get("/api/v1/query", self._answer)
        app.router.add_get("/infer", self._infer)
        app.router.add_post("/v2/models/fraud/infer", self._infer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = int(runner.addresses[0][1])
        self.address = f"http://127.0.0.1:{self.port}"
        try:
            yield
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        found = re.search(r'revision="([^"]+)"', request.query["query"])
        value = "0.3" if found and found[1] in self.sick else "0.001"
        value = "1000" if "increase(" in request.query["query"] else value
        series = [{"metric": {}, "value": [float(request.query["time"]), value]}]
        data = {"resultType": "vector", "result": series}
        return web.json_response({"status": "success", "data": data})

    async def _infer(self, _: web.Request) -> web.Response:
        """The played pods' answer to a smoke test: every pod has the address of this process."""
        return web.json_response({"outputs": [{"data": [0.85]}]})
