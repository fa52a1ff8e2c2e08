"""The client against a server on loopback that misbehaves in every way we know of."""

import asyncio
import base64
import gzip
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NoReturn
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio

from lockstep.adapters.metrics import slim
from lockstep.clients import prometheus, prometheus_asking
from lockstep.clients.prometheus import PrometheusClient
from lockstep.clients.turns import PLACES, SHARE
from lockstep.core.gates.question import (
    HANDFUL,
    MOST,
    Answer,
    Broken,
    Question,
    Reply,
    Series,
    Unasked,
)
from lockstep.core.key import Key

AT = datetime(2026, 8, 1, 12, 0, 0, 250_000, tzinfo=UTC)
UP = Question("", "up", AT)
FRAUD = Key("ModelDeployment", "pay", "fraud")
TIMEOUT = timedelta(seconds=0.5)
PATIENT = timedelta(seconds=5)


class Server(ThreadingHTTPServer):
    """Answers with ``reply`` and remembers what it was asked."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, reply: Callable[["Handler"], None]) -> None:
        self.reply = reply
        self.asked: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.connections = 0
        self.arrived = threading.Event()
        self.release = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def handle_error(self, request: object, client_address: object) -> None:
        """The client hangs up on much of what is sent here; that is what is tested."""

    def get_request(self) -> tuple[socket.socket, Any]:
        self.connections += 1
        return super().get_request()


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        parsed = parse_qs(urlsplit(self.path).query)
        self.server.asked.append({name: values[0] for name, values in parsed.items()})
        self.server.paths.append(urlsplit(self.path).path)
        self.server.headers.append({name.lower(): text for name, text in self.headers.items()})
        self.server.arrived.set()
        self.server.reply(self)

    def send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def raw(self, data: bytes) -> None:
        self.wfile.write(data)
        self.wfile.flush()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's own name
        pass


Replying = Callable[[Handler], None]


def success(result: object, kind: str = "vector") -> Replying:
    return sending({"status": "success", "data": {"resultType": kind, "result": result}})


def sending(said: object, status: int = 200) -> Replying:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return lambda handler: handler.send(status, body)


def one(value: str) -> object:
    return [{"metric": {"revision": "aaa"}, "value": [1, value]}]


def hang(handler: Handler) -> None:
    handler.server.release.wait(10)
    handler.close_connection = True


def drip(handler: Handler) -> None:
    """A byte now and then: each one is in time, the whole never is."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not handler.server.release.wait(0.03):
        try:
            handler.wfile.write(b" ")
        except OSError:
            break
    handler.close_connection = True


def bomb(handler: Handler) -> None:
    handler.send(200, gzip.compress(b" " * 300_000), Content_Encoding="gzip")


def redirect(handler: Handler) -> None:
    handler.send(302, b"", Location="https://login.example.com/?token=secret")


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server(success(one("1")))
    thread = threading.Thread(target=lambda: running.serve_forever(poll_interval=0.01))
    thread.start()
    yield running
    running.release.set()
    running.shutdown()
    thread.join()
    running.server_close()


@pytest_asyncio.fixture
async def client(server: Server) -> AsyncIterator[PrometheusClient]:
    asking = PrometheusClient(server.url, timeout=PATIENT, largest=2**17)
    yield asking
    server.release.set()
    await asking.close()


async def ask(client: PrometheusClient, question: Question = UP) -> object:
    return (await ask_all(client, [question]))[question]


async def ask_all(
    client: PrometheusClient, questions: list[Question], key: Key = FRAUD
) -> dict[Question, Answer]:
    put = {question: client.put(key, question) for question in questions}
    return {question: await answered for question, answered in put.items()}


ANSWERS: dict[str, tuple[Replying, tuple[tuple[str, dict[str, str]], ...]]] = {
    "a value": (success(one("0.25")), (("0.25", {"revision": "aaa"}),)),
    "no data": (success([]), ()),
    "NaN stays NaN": (success(one("NaN")), (("nan", {"revision": "aaa"}),)),
    "infinity stays infinite": (success(one("+Inf")), (("inf", {"revision": "aaa"}),)),
    "several series, all of them": (
        success([{"metric": {"pod": name}, "value": [1, "2"]} for name in "ab"]),
        (("2.0", {"pod": "a"}), ("2.0", {"pod": "b"})),
    ),
    "a scalar has no labels": (success([1, "7"], "scalar"), (("7.0", {}),)),
    "a compressed answer": (
        lambda handler: handler.send(
            200,
            gzip.compress(b'{"status":"success","data":{"result":[]}}'),
            Content_Encoding="gzip",
        ),
        (),
    ),
}


@pytest.mark.parametrize(("reply", "series"), ANSWERS.values(), ids=ANSWERS)
async def test_prometheus_answers(
    server: Server, client: PrometheusClient, reply: Replying, series: Any
) -> None:
    server.reply = reply
    answer = await ask(client)
    assert isinstance(answer, Reply)
    assert tuple((str(found.value), found.labels) for found in answer.series) == series


MISBEHAVIOURS: dict[str, tuple[Replying, str]] = {
    "a bad query is told in Prometheus' own words": (
        sending({"status": "error", "errorType": "bad_data", "error": "parse error at 3"}, 400),
        "{} refused the query (HTTP 400): bad_data: parse error at 3",
    ),
    "an evaluation that took too long": (
        sending({"status": "error", "errorType": "timeout", "error": "query timed out"}, 503),
        "{} refused the query (HTTP 503): timeout: query timed out",
    ),
    "a proxy's error page": (
        sending(b"<html>Bad gateway</html>", 502),
        "{} refused the query (HTTP 502): an HTML page",
    ),
    "a login page that claims success": (
        sending(b"\n<!DOCTYPE html><html>Log in</html>"),
        "{} answered with an HTML page: is this the address of Prometheus?",
    ),
    "an answer that is not JSON": (
        sending(b"ok"),
        "{} answered with something that is not JSON: is this the address of Prometheus?",
    ),
    "JSON from something else": (
        sending({"hello": "world"}),
        "{} answered with JSON of an unknown shape: is it Prometheus?",
    ),
    "a list where an object should be": (
        sending([1, 2]),
        "{} answered with JSON of an unknown shape: is it Prometheus?",
    ),
    "JSON nested beyond reason": (
        sending(b"[" * 50_000),
        "{} answered with JSON of an unknown shape: is it Prometheus?",
    ),
    "wrong credentials": (
        sending(b"Unauthorized", 401),
        "{} did not accept the operator's credentials (HTTP 401)",
    ),
    "a redirect is not followed, and its secrets are not told": (
        redirect,
        "{} redirects to https://login.example.com; redirects are not followed",
    ),
    "an answer too large to hold": (
        sending(b"[" + b"1," * 100_000 + b"1]"),
        "{} answered with more than 0.125 MiB; aggregate the query",
    ),
    "a small answer that unpacks to a large one": (
        bomb,
        "{} answered with more than 0.125 MiB; aggregate the query",
    ),
    "a connection closed without a word": (
        lambda handler: handler.raw(b""),
        "{} broke the connection: Remote end closed connection without response",
    ),
    "an answer cut short": (
        lambda handler: handler.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
        "{} broke the connection: ",
    ),
    "something that is not HTTP": (
        lambda handler: handler.raw(b"220 smtp.example.com ESMTP\r\n"),
        "{} broke the connection: ",
    ),
}


@pytest.mark.parametrize(("reply", "sentence"), MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
async def test_a_misbehaving_server_has_a_sentence(
    server: Server, client: PrometheusClient, reply: Replying, sentence: str
) -> None:
    server.reply = reply
    answer = await ask(client)
    assert isinstance(answer, Broken)
    expected = sentence.format(server.url)
    if expected.endswith(": "):
        assert answer.message.startswith(expected)
        assert len(answer.message) > len(expected)
    else:
        assert answer.message == expected


@pytest.mark.parametrize("reply", [hang, drip], ids=["never answers", "answers byte by byte"])
async def test_a_server_without_end_is_given_up(server: Server, reply: Replying) -> None:
    server.reply = reply
    client = PrometheusClient(server.url, timeout=TIMEOUT)
    async with asyncio.timeout(30):
        answer = await ask(client)
    assert answer == Broken(f"{server.url} did not answer within 0.5 s")
    async with asyncio.timeout(30):
        await client.close()
    assert client.asked == 1


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    client = PrometheusClient(url, timeout=PATIENT)
    answer = await ask(client)
    await client.close()
    assert answer == Broken(f"{url} refused the connection: nothing listens there")


async def test_a_host_name_that_does_not_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    def unresolved(*_: object, **__: object) -> NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    client = PrometheusClient("http://prometheus.invalid:9090", timeout=PATIENT)
    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    answer = await ask(client)
    monkeypatch.undo()
    await client.close()
    assert answer == Broken(
        "http://prometheus.invalid:9090 cannot be reached: its host name does not resolve"
    )


@pytest.mark.parametrize("address", ["http://[bad", "http://x:99999999", "ftp://x"])
async def test_an_address_that_is_none_is_an_answer_too(address: str) -> None:
    client = PrometheusClient(address, timeout=PATIENT)
    answer = await ask(client)
    await client.close()
    assert isinstance(answer, Broken)
    assert client.asked == 1


async def test_without_an_address_nothing_is_asked() -> None:
    client = PrometheusClient("", timeout=PATIENT)
    answer = await ask(client)
    await client.close()
    assert answer == Broken("no Prometheus address is configured for the operator")
    assert client.asked == 0


async def test_credentials_travel_and_are_never_told(server: Server) -> None:
    server.reply = sending(b"no", 401)
    client = PrometheusClient(f"http://ada:pa55@{server.host}/prefix/", timeout=PATIENT)
    answer = await ask(client)
    await client.close()
    assert answer == Broken(f"{server.url} did not accept the operator's credentials (HTTP 401)")
    expected = "Basic " + base64.b64encode(b"ada:pa55").decode()
    assert server.headers[0]["authorization"] == expected
    assert server.paths == ["/prefix/api/v1/query"]


async def test_the_operators_credentials_stay_with_its_own_prometheus(server: Server) -> None:
    client = PrometheusClient("http://ada:pa55@127.0.0.1:1", timeout=PATIENT)
    elsewhere = Question(server.url, "up", AT)
    answer = await ask(client, elsewhere)
    await client.close()
    assert answer == Reply((Series(1.0, {"revision": "aaa"}),))
    assert "authorization" not in server.headers[0]


async def test_the_question_arrives_as_it_was_put(server: Server, client: PrometheusClient) -> None:
    query = 'sum(rate(x{a="b&c"}[2m])) > 0'
    await ask(client, Question("", query, AT))
    (asked,) = server.asked
    assert asked["query"] == query
    assert asked["time"] == f"{AT.timestamp():.3f}"
    assert 0 < float(asked["timeout"]) <= PATIENT.total_seconds()


def pods(count: int) -> object:
    return [{"metric": {"pod": f"p{at}"}, "value": [1, "1"]} for at in range(count)]


MANY = Question("", "up", AT, many=True)
TOO_MANY: dict[str, tuple[Question, Replying, str]] = {
    "more series than a handful where there should be one": (
        UP, success(pods(HANDFUL + 1)), "the query yields more than 8 series; aggregate it"),
    "more series than are ever read": (
        MANY, success(pods(MOST + 1)), "the query yields more than 5,000 series; aggregate it"),
    "a large answer where there should be one series": (
        UP, sending(b"[" + b" " * prometheus_asking.LARGEST_OF_ONE + b"]"),
        "{} answered with more than 0.25 MiB; aggregate the query"),
    "an answer larger than is ever held": (
        MANY, sending(b"[" + b" " * prometheus_asking.LARGEST + b"]"),
        "{} answered with more than 2 MiB; aggregate the query"),
}  # fmt: skip


@pytest.mark.parametrize(("question", "reply", "sentence"), TOO_MANY.values(), ids=TOO_MANY)
async def test_an_answer_has_the_size_that_its_question_may_expect(
    server: Server, question: Question, reply: Replying, sentence: str
) -> None:
    server.reply = reply
    client = PrometheusClient(server.url, timeout=PATIENT)
    answer = await ask(client, question)
    await client.close()
    assert answer == Broken(sentence.format(server.url))
    assert server.asked[0]["limit"] == str(question.most + 1)


async def test_all_answers_that_are_read_together_are_bounded_too(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prometheus, "Held", lambda: prometheus_asking.Held(2**19))
    client = PrometheusClient(server.url, timeout=PATIENT)
    server.reply = sending(b"[" + b" " * 2**20 + b"]")
    answer = await ask(client, MANY)
    server.reply = success(one("1"))
    later = await ask(client)
    await client.close()
    assert answer == Broken(
        f"{server.url} could not be read: other answers of 0.5 MiB are being read"
    )
    assert isinstance(later, Reply), "what was held is given back"


async def test_of_a_refusal_no_more_is_read_than_is_told(server: Server) -> None:
    server.reply = sending(b"no " * 2**20, 500)
    client = PrometheusClient(server.url, timeout=PATIENT)
    answer = await ask(client)
    await client.close()
    assert isinstance(answer, Broken)
    assert answer.message.startswith(f"{server.url} refused the query (HTTP 500): no no no")


async def test_no_proxy_of_the_environment_comes_between(
    client: PrometheusClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    assert isinstance(await ask(client), Reply)


async def test_identical_questions_due_together_are_asked_once(
    server: Server, client: PrometheusClient
) -> None:
    asked = [UP, Question("", "down", AT)]
    passes = [
        ask_all(client, asked, Key("ModelDeployment", "pay", f"model-{number}"))
        for number in range(50)
    ]
    answers = await asyncio.gather(*passes)
    assert len({str(answer) for answer in answers}) == 1
    assert sorted(asked["query"] for asked in server.asked) == ["down", "up"]
    assert client.asked == 2


async def test_a_question_just_answered_is_not_asked_again(
    server: Server, client: PrometheusClient
) -> None:
    await ask(client)
    await ask(client)
    assert client.asked == len(server.asked) == 1
    await ask(client, Question("", "up", AT + timedelta(seconds=30)))
    assert client.asked == len(server.asked) == 2


async def test_answers_are_forgotten_in_time(
    server: Server, client: PrometheusClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prometheus, "KEPT_FOR", timedelta(0))
    await ask(client)
    await ask(client)
    assert len(server.asked) == 2


async def test_no_more_answers_are_kept_than_there_is_room_for(
    server: Server, client: PrometheusClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prometheus, "_KEPT_SERIES", 2)
    first, *others = (Question("", f"q{number}", AT) for number in range(3))
    for question in (first, *others, others[-1], first):
        await ask(client, question)
    assert [asked["query"] for asked in server.asked] == ["q0", "q1", "q2", "q0"]


async def test_a_question_in_the_line_is_not_late(server: Server) -> None:
    """Its time begins when it is put: whoever was served before has had all of theirs."""
    server.reply = hang
    client = PrometheusClient(server.url, timeout=TIMEOUT)
    questions = [Question("", f"q{number}", AT) for number in range(2 * SHARE)]
    waiting = [client.put(FRAUD, question) for question in questions]
    late = Broken(f"{server.url} did not answer within 0.5 s")
    async with asyncio.timeout(5):
        assert [await one for one in waiting[:SHARE]] == [late] * SHARE
    assert not any(one.done() for one in waiting[SHARE:])
    assert client.why(questions[-1]) == Unasked(f"{server.url} is busy with other queries")
    server.reply = success(one("1"))
    async with asyncio.timeout(5):
        assert isinstance(await waiting[-1], Reply)
    await client.close()


async def test_whoever_waits_for_an_answer_waits_alone(server: Server) -> None:
    """Four namespaces with 32 silent gates each, and one gate of somebody else's."""

    def some(handler: Handler) -> None:
        (hang if "slow" in handler.server.asked[-1]["query"] else success(one("1")))(handler)

    server.reply = some
    client = PrometheusClient(server.url, timeout=2 * TIMEOUT)
    silent = [
        client.put(
            Key("ModelDeployment", f"team-{number % 4}", "bad"), Question("", f"slow{number}", AT)
        )
        for number in range(4 * 32)
    ]
    await asyncio.wait(silent[: 4 * SHARE])
    await asyncio.sleep(0)
    before = set(client._put)
    answers = await ask_all(client, [Question("", f"good{number}", AT) for number in range(20)])
    assert len(before) == 4, "one for each namespace that finds no answer"
    assert before <= set(client._put), "nobody had to end"
    assert all(isinstance(answer, Reply) for answer in answers.values())
    server.release.set()
    await client.close()


async def test_another_address_has_places_of_its_own(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        away = f"http://127.0.0.1:{silent.getsockname()[1]}"
        client = PrometheusClient(server.url, timeout=TIMEOUT)
        for number in range(4 * PLACES):
            client.put(Key("ModelDeployment", f"team-{number}", "bad"), Question(away, "up", AT))
        async with asyncio.timeout(TIMEOUT.total_seconds() / 2):
            assert isinstance(await ask(client), Reply)
        await client.close()


async def test_what_nobody_wants_any_more_is_not_put(server: Server) -> None:
    server.reply = hang
    client = PrometheusClient(server.url, timeout=PATIENT)
    under_way, waiting = (
        [Question("", f"{kind}{number}", AT) for number in range(SHARE)] for kind in "ab"
    )
    for question in (*under_way, *waiting):
        client.put(FRAUD, question)
    assert [client.drop(FRAUD, question) for question in under_way] == [False] * SHARE
    assert [client.drop(FRAUD, question) for question in waiting] == [True] * SHARE
    server.release.set()
    await client.close()
    assert client.asked == SHARE


async def test_a_thread_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As while a name is resolved: no deadline of ours reaches there."""
    release = threading.Event()

    def resolving(*_: object, **__: object) -> NoReturn:
        release.wait(10)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    client = PrometheusClient("http://prometheus.invalid:9090", timeout=TIMEOUT)
    monkeypatch.setattr(socket, "getaddrinfo", resolving)
    answer = await ask(client)
    release.set()
    await client.close()
    assert answer == Broken("http://prometheus.invalid:9090 did not answer within 0.5 s")


async def test_addresses_are_bounded_and_idle_ones_make_room(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prometheus, "_MOST_ADDRESSES", 1)
    client = PrometheusClient(server.url, timeout=PATIENT)
    assert isinstance(await ask(client), Reply)
    elsewhere = Question(f"{server.url}/prefix", "up", AT)
    assert isinstance(await ask(client, elsewhere), Reply)
    server.reply = hang
    client.put(FRAUD, Question(f"{server.url}/prefix", "other", AT))
    answer = await ask(client, Question("", "other", AT))
    server.release.set()
    await client.close()
    assert answer == Broken(
        f"{server.url} was not queried: queries to 1 other addresses are in progress"
    )
    assert client.asked == 3


async def test_when_it_is_closed_nothing_more_is_put(server: Server) -> None:
    server.reply = hang
    client = PrometheusClient(server.url, timeout=PATIENT)
    waiting = [client.put(FRAUD, Question("", f"q{number}", AT)) for number in range(2 * SHARE)]
    closing = asyncio.create_task(client.close())
    await asyncio.sleep(0)
    server.release.set()
    await closing
    await asyncio.sleep(0.01)
    assert client.asked == SHARE
    assert not waiting[-1].done()


async def test_what_breaks_in_a_thread_breaks_the_pass_and_nobody_elses(
    server: Server, client: PrometheusClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(slim, "parsed", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await ask(client)
    assert isinstance(await ask(client), Reply)
    assert len(server.asked) == 2


async def test_connections_are_used_again(server: Server) -> None:
    client = PrometheusClient(server.url, timeout=PATIENT)
    for number in range(2 * PLACES):
        await ask(client, Question("", f"q{number}", AT))
    await client.close()
    assert client.asked == 2 * PLACES
    assert server.connections < PLACES, "one for each thread, and few were needed"


async def test_it_recovers_by_itself(server: Server, client: PrometheusClient) -> None:
    server.reply = lambda handler: handler.raw(b"")
    assert isinstance(await ask(client), Broken)
    server.reply = success(one("1"))
    later = Question("", "up", AT + timedelta(seconds=1))
    assert isinstance(await ask(client, later), Reply)
