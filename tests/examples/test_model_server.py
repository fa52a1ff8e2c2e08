"""The example server as a client of the Open Inference Protocol meets it, over a real socket."""

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
import uvicorn

from examples.model_server import server, train

FRAUD = [1800.0, 30.0, 2.5, 420.0]
HARMLESS = [25.0, 2000.0, 14.0, 5.0]
INFER = "/v2/models/fraud/infer"

Asked = tuple[int, dict[str, str], str]
Client = Callable[..., Asked]


def body(*rows: list[float], **fields: object) -> str:
    tensor = {
        "name": "x",
        "datatype": "FP64",
        "shape": [len(rows), 4],
        "data": [number for row in rows for number in row],
        **fields,
    }
    return json.dumps({"inputs": [tensor]})


def ask(port: int, path: str, content: str | None = None) -> Asked:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET" if content is None else "POST", path, content)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
    finally:
        connection.close()


@contextmanager
def serving(folder: Path) -> Iterator[Client]:
    """The server on a port that already listens: a client that comes early waits, nobody polls."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = uvicorn.Config(server.create_app(folder, "7f9c2b1e"), log_config=None)
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield lambda *words: ask(port, *words)
    finally:
        running.should_exit = True
        thread.join(timeout=10)
        listener.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("model")
    train.train("1.0.0", made)
    return made


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Client]:
    with serving(folder) as made:
        yield made


PATHS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "it lives": ("/v2/health/live", 200, {"live": True}),
    "it is ready": ("/v2/health/ready", 200, {"ready": True}),
    "it has a name": ("/v2", 200, {"name": "lockstep-example"}),
    "its model is ready": ("/v2/models/fraud/ready", 200, {"name": "fraud", "ready": True}),
    "its model has a version": ("/v2/models/fraud", 200, {"versions": ["1.0.0"]}),
}


@pytest.mark.parametrize(("path", "status", "says"), PATHS.values(), ids=PATHS)
def test_it_describes_itself(client: Client, path: str, status: int, says: dict[str, Any]) -> None:
    code, _, text = client(path)
    assert code == status
    assert says.items() <= json.loads(text).items()


def test_another_model_is_not_found(client: Client) -> None:
    assert client("/v2/models/cats")[0] == 404
    assert client("/v2/models/cats/infer", body(FRAUD))[0] == 404


def test_fraud_is_told_from_a_harmless_payment(client: Client) -> None:
    code, headers, text = client(INFER, body(FRAUD, HARMLESS))
    answer = json.loads(text)
    (scores,) = answer["outputs"]
    assert code == 200
    assert headers["x-lockstep-revision"] == "7f9c2b1e"
    assert (answer["model_name"], answer["model_version"]) == ("fraud", "1.0.0")
    assert scores["shape"] == [2]
    assert scores["data"][0] > 0.5 > scores["data"][1]


WRONG = {
    "no JSON": "hello",
    "no inputs": "{}",
    "too few numbers": body(FRAUD[:3]),
    "too few columns": body(FRAUD, shape=[1, 3]),
    "no rows": body(),
    "words": body(FRAUD, data=["a", "b", "c", "d"]),
    "two tensors": json.dumps({"inputs": json.loads(body(FRAUD))["inputs"] * 2}),
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_a_wrong_request_is_the_clients_error(client: Client, content: str) -> None:
    code, _, text = client(INFER, content)
    assert (code, list(json.loads(text))) == (400, ["error"])


def counted(client: Client) -> dict[str, float]:
    """What the metrics page says, by sample."""
    lines = client("/metrics")[2].splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_only_predictions_are_counted_and_errors_rise_from_zero(client: Client) -> None:
    before = counted(client)
    client("/v2/health/ready")
    client(INFER, body(FRAUD))
    client(INFER, "hello")
    after = counted(client)
    grown = {name: after[name] - before.get(name, 0) for name in after}
    assert before['http_requests_total{code="503"}'] == 0
    assert grown['http_requests_total{code="200"}'] == 1
    assert grown['http_requests_total{code="400"}'] == 1
    assert grown["http_request_duration_seconds_count"] == 2


def test_more_than_may_wait_are_told_to_come_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is predicted, WAITING wait, the next is refused at once; nobody who waited is lost."""
    began, free = threading.Event(), threading.Event()

    class Slow:
        def predict_proba(self, rows: list[list[float]]) -> np.ndarray[Any, Any]:
            began.set()
            assert free.wait(10)
            return np.full((len(rows), 2), 0.5)

    monkeypatch.setattr(skops.io, "load", lambda *_, **__: Slow())
    room = server.WAITING + 1
    with serving(folder) as client, ThreadPoolExecutor(room + 1) as callers:
        first = callers.submit(client, INFER, body(FRAUD))
        assert began.wait(10)
        others = [callers.submit(client, INFER, body(FRAUD)) for _ in range(room)]
        refused, waiting = wait(others, timeout=10, return_when=FIRST_COMPLETED)
        assert [one.result()[0] for one in refused] == [503]
        free.set()
        assert [one.result()[0] for one in (first, *waiting)] == [200] * room


async def test_a_model_that_cannot_be_read_never_becomes_ready(tmp_path: Path) -> None:
    app = server.create_app(tmp_path)
    with pytest.raises(FileNotFoundError):
        async with app.router.lifespan_context(app):
            pass
