"""Serves one scikit-learn model over the Open Inference Protocol (v2), with its metrics.

One request is predicted at a time and a few may wait; the rest is told at once to come back. That
is all the capacity a pod has: how many requests a second it answers is up to the model.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import skops.io
import uvicorn
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

WAITING = 8
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
TRUSTED = (
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)


class Model:
    """What ``train.py`` wrote, and the one thread that asks it."""

    def __init__(self, folder: Path) -> None:
        self.card = json.loads((folder / "model.json").read_text())
        self._estimator = skops.io.load(folder / "model.skops", trusted=list(TRUSTED))
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._asked = 0

    async def scores(self, rows: list[list[float]]) -> list[float]:
        """The probability of fraud for each row."""
        if self._asked > WAITING:
            raise HTTPException(503, f"{WAITING} requests are waiting already, try again later")
        self._asked += 1
        try:
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._thread, self._estimator.predict_proba, rows)
        finally:
            self._asked -= 1
        return [float(score) for score in answer[:, 1]]

    def rows(self, told: object) -> list[list[float]]:
        """The rows of the one input tensor, a column per feature."""
        width = len(self.card["features"])
        match told:
            case {"inputs": [{"shape": [int(count), int(columns)], "data": [*data]}]} if (
                columns == width
                and len(data) == count * width > 0
                and all(isinstance(one, int | float) for one in data)
            ):
                return [data[at : at + width] for at in range(0, len(data), width)]
            case _:
                wanted = f"one input of shape [n, {width}] with n x {width} numbers"
                raise HTTPException(400, f"wanted is {wanted}")

    async def infer(self, body: bytes) -> dict[str, Any]:
        try:
            told = json.loads(body)
        except ValueError as error:
            raise HTTPException(400, "the body is not JSON") from error
        scores = await self.scores(self.rows(told))
        output = {"name": "score", "datatype": "FP64", "shape": [len(scores)], "data": scores}
        named = {"model_name": self.card["name"], "model_version": self.card["version"]}
        return {**named, "outputs": [output]}

    def described(self) -> dict[str, Any]:
        wide = [-1, len(self.card["features"])]
        return {
            "name": self.card["name"],
            "versions": [self.card["version"]],
            "platform": "sklearn",
            "inputs": [{"name": "x", "datatype": "FP64", "shape": wide}],
            "outputs": [{"name": "score", "datatype": "FP64", "shape": [-1]}],
        }


class Server:
    """The routes and what is counted: predictions only, probes would dilute what callers see."""

    def __init__(self, folder: Path, revision: str) -> None:
        self._folder, self._revision = folder, revision
        self._metrics = CollectorRegistry()
        self._answers = Counter("http_requests", "Answers", ["code"], registry=self._metrics)
        self._seconds = Histogram(
            "http_request_duration_seconds", "To answer", buckets=BUCKETS, registry=self._metrics
        )
        for code in ("200", "503"):
            self._answers.labels(code)  # the first error has to be seen as a rise from 0

    @asynccontextmanager
    async def load(self, _: Starlette) -> AsyncIterator[None]:
        """Nothing is answered, and so no pod is ready, before the model is there."""
        self._model = Model(self._folder)
        yield

    def _named(self, request: Request) -> Model:
        if (name := request.path_params.get("name")) != self._model.card["name"]:
            raise HTTPException(404, f"there is no model {name} here")
        return self._model

    async def well(self, _: Request) -> Response:
        return JSONResponse({"live": True, "ready": True})

    async def about(self, _: Request) -> Response:
        return JSONResponse({"name": "lockstep-example", "version": "1.0.0", "extensions": []})

    async def model(self, request: Request) -> Response:
        return JSONResponse(self._named(request).described())

    async def model_ready(self, request: Request) -> Response:
        return JSONResponse({"name": self._named(request).card["name"], "ready": True})

    async def infer(self, request: Request) -> Response:
        began = time.perf_counter()
        try:
            answer = JSONResponse(await self._named(request).infer(await request.body()))
        except HTTPException as error:
            answer = JSONResponse({"error": error.detail}, error.status_code)
        self._seconds.observe(time.perf_counter() - began)
        self._answers.labels(str(answer.status_code)).inc()
        answer.headers["x-lockstep-revision"] = self._revision
        return answer

    async def metrics(self, _: Request) -> Response:
        return Response(generate_latest(self._metrics), media_type="text/plain; version=0.0.4")


def create_app(folder: Path, revision: str = "") -> Starlette:
    """The server of the model in ``folder``; ``revision`` goes into a header of every answer."""
    server = Server(folder, revision)
    routes = [
        Route("/v2/health/live", server.well),
        Route("/v2/health/ready", server.well),
        Route("/v2", server.about),
        Route("/v2/models/{name}", server.model),
        Route("/v2/models/{name}/ready", server.model_ready),
        Route("/v2/models/{name}/infer", server.infer, methods=["POST"]),
        Route("/metrics", server.metrics),
    ]
    return Starlette(routes=routes, lifespan=server.load)


if __name__ == "__main__":
    app = create_app(
        Path(os.environ.get("MODEL_FOLDER", "/mnt/models")), os.environ.get("LOCKSTEP_REVISION", "")
    )
    uvicorn.run(app, host="0.0.0.0", port=8080, log_level="warning", access_log=False)
