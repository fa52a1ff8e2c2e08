"""Recorded replies of prometheus-api-client and what we make of them."""

import json
import math
import tracemalloc
from datetime import UTC, datetime

import pytest

from lockstep.adapters.metrics import prometheus, slim
from lockstep.core.gates.question import HANDFUL, MOST, Answer, Broken, Question, Reply, Series

URL = "http://prometheus:9090"
AT = datetime(2026, 8, 1, tzinfo=UTC)
ONE, MANY = Question("", "up", AT), Question("", "up", AT, many=True)
BY_REVISION = Question("", "up", AT, "revision", many=True)
STRANGE = Broken(f"{URL} answered with JSON of an unknown shape: is it Prometheus?")

RESULTS: dict[str, tuple[object, Answer]] = {
    "no series": ([], Reply(())),
    "a vector": (
        [{"metric": {"__name__": "up", "job": "a"}, "value": [1754049600.25, "1"]}],
        Reply((Series(1.0, {"__name__": "up", "job": "a"}),))),
    "several series": (
        [{"metric": {"p": "a"}, "value": [1, "0.5"]}, {"metric": {"p": "b"}, "value": [1, "2"]}],
        Reply((Series(0.5, {"p": "a"}), Series(2.0, {"p": "b"})))),
    "infinities": (
        [{"metric": {}, "value": [1, "+Inf"]}, {"metric": {}, "value": [1, "-Inf"]}],
        Reply((Series(math.inf, {}), Series(-math.inf, {})))),
    "a scalar": ([1754049600, "42"], Reply((Series(42.0),))),
    "a string": (
        [1754049600, "hello"],
        Broken(f"{URL} answered with text, not a number: hello")),
    "a matrix": (
        [{"metric": {"pod": "a"}, "values": [[1, "2"], [2, "3"]]}],
        Broken("the query yields a range of values; use an instant one, as rate()")),
    "a native histogram": (
        [{"metric": {"pod": "a"}, "histogram": [1, {"count": "2", "sum": "3"}]}],
        Broken("the query yields a histogram; make a number of it")),
    "a value that is no number": ([{"metric": {}, "value": [1, "many"]}], STRANGE),
    "a value without its time": ([{"metric": {}, "value": "1"}], STRANGE),
    "a number where text should be": ([{"metric": {}, "value": [1, 2]}], STRANGE),
    "a good series and a strange one": (
        [{"metric": {}, "value": [1, "1"]}, {"hello": "world"}], STRANGE),
    "nothing": (None, STRANGE),
    "an object": ({"metric": {}}, STRANGE),
    "a list of numbers": ([1, 2, 3], STRANGE),
    "text": ("up", STRANGE),
}  # fmt: skip


@pytest.mark.parametrize(("result", "answer"), RESULTS.values(), ids=RESULTS)
def test_a_result(result: object, answer: Answer) -> None:
    assert through(result) == answer


def through(result: object, question: Question = ONE) -> Answer:
    """The answer to ``question`` as it comes over the wire."""
    return prometheus.read(slim.parsed(json.dumps(result).encode(), question), URL)


def vector(count: int, **labels: str) -> list[dict[str, object]]:
    return [
        {"metric": {"pod": f"p{at}", "revision": f"r{at % 2}", **labels}, "value": [1, str(at)]}
        for at in range(count)
    ]


def test_nan_is_handed_on() -> None:
    answer = through([{"metric": {}, "value": [1, "NaN"]}])
    assert isinstance(answer, Reply)
    assert math.isnan(answer.series[0].value)


def test_series_by_revision_keep_what_tells_whose_they_are_and_share_it() -> None:
    ours = {"namespace": "payments", "model_deployment": "fraud"}
    answer = through(vector(1, code="500", **ours), BY_REVISION)
    assert answer == Reply((Series(0.0, {"revision": "r0", **ours}),))
    answer = through(vector(4), BY_REVISION)
    assert answer == Reply(
        (
            Series(0.0, {"revision": "r0"}),
            Series(1.0, {"revision": "r1"}),
            Series(2.0, {"revision": "r0"}),
            Series(3.0, {"revision": "r1"}),
        )
    )
    assert answer.series[0].labels is answer.series[2].labels


def test_a_series_without_the_label_is_nobodys() -> None:
    answer = through([{"metric": {"job": "a"}, "value": [1, "1"]}], BY_REVISION)
    assert answer == Reply((Series(1.0, {}),))


def test_series_that_are_reduced_keep_no_label() -> None:
    assert through(vector(2), MANY) == Reply((Series(0.0, {}), Series(1.0, {})))


def test_labels_are_kept_as_far_as_a_sentence_has_room_for_them() -> None:
    answer = through(vector(1, **{f"label_{number:02}": "v" * 90 for number in range(60)}))
    assert isinstance(answer, Reply)
    assert list(answer.series[0].labels) == ["label_00", "label_01"]


@pytest.mark.parametrize(("question", "most"), [(ONE, HANDFUL), (MANY, MOST), (BY_REVISION, MOST)])
def test_no_more_series_are_read_than_the_question_may_have(question: Question, most: int) -> None:
    assert isinstance(through(vector(most), question), Reply)
    with pytest.raises(slim.TooManyError):
        through(vector(most + 1), question)
    rest_is_not_read = json.dumps(vector(most + 1)).encode()[:-1] + b", unread]"
    with pytest.raises(slim.TooManyError):
        slim.parsed(rest_is_not_read, question)


DEPTHS: dict[str, tuple[bytes, bool]] = {
    "a histogram of Prometheus": (
        b'{"data":{"result":[{"metric":{},"histogram":[1,{"buckets":[[0,"1","2","3"]]}]}]}}',
        False),
    "lists": (b"[" * 60_000 + b"]" * 60_000, True),
    "maps": (b'{"a":' * 60_000 + b"1" + b"}" * 60_000, True),
    "lists and maps in turn": (b'[{"a":' * 60_000 + b"1" + b"}]" * 60_000, True),
    "lists that never end": (b"[" * 60_000, True),
    "brackets in texts": (b'["' + b"[{" * 60_000 + b'"]', False),
    "brackets after a quote in a text": (b'["\\"' + b"[" * 60_000 + b'"]', False),
    "brackets after a text that ends in a backslash": (
        b'["\\\\",' + b"[" * 60_000 + b"]" * 60_001, True),
}  # fmt: skip


@pytest.mark.parametrize(("body", "deep"), DEPTHS.values(), ids=DEPTHS)
def test_a_reply_that_nests_beyond_reason_is_not_parsed(body: bytes, deep: bool) -> None:  # noqa: FBT001 (a row of the table)
    if deep:
        with pytest.raises(slim.TooDeepError):
            slim.parsed(body, ONE)
    else:
        slim.parsed(body, ONE)


def test_what_is_parsed_takes_no_more_memory_than_its_text() -> None:
    """As maps of labels it takes fifteen times as much."""
    body = json.dumps(vector(MOST, **{f"label_{at}": "value" for at in range(8)})).encode()
    tracemalloc.start()
    answer = slim.parsed(body, BY_REVISION)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(answer, list)
    assert peak < 3 * len(body)  # the text, decoded, is one of these


REFUSALS: dict[str, tuple[str, str]] = {
    "JSON of Prometheus": (
        'HTTP Status Code 422 (b\'{"status":"error","errorType":"execution","error":"no"}\')',
        "refused the query (HTTP 422): execution: no"),
    "quotes and newlines inside": (
        'HTTP Status Code 400 (b\'{"error":"bad \\\\"x\\\\"\\\\n at 1:3"}\')',
        'refused the query (HTTP 400): bad "x" at 1:3'),
    "JSON of somebody else": (
        "HTTP Status Code 404 (b'{\"message\":\"no route\"}')",
        'refused the query (HTTP 404): {"message":"no route"}'),
    "plain text": (
        "HTTP Status Code 503 (b'no healthy upstream')",
        "refused the query (HTTP 503): no healthy upstream"),
    "no text": ("HTTP Status Code 500 (b'')", "refused the query (HTTP 500): no reason"),
    "HTML": (
        "HTTP Status Code 502 (b'\\n<html>...</html>')",
        "refused the query (HTTP 502): an HTML page"),
    "bytes that are no text": (
        "HTTP Status Code 500 (b'\\xff\\xfe')", "refused the query (HTTP 500): \ufffd\ufffd"),
    "no credentials": (
        "HTTP Status Code 401 (b'Unauthorized')",
        "did not accept the operator's credentials (HTTP 401)"),
    "not these credentials": (
        "HTTP Status Code 403 (b'{}')", "did not accept the operator's credentials (HTTP 403)"),
    "another text of the library": ("it went wrong", "refused the query: it went wrong"),
    "something that only looks like bytes": (
        "HTTP Status Code 500 (b'unfinished)", "refused the query (HTTP 500): b'unfinished"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal(text: str, sentence: str) -> None:
    mistaken = "HTTP 400" in sentence
    assert prometheus.refused(URL, text) == Broken(f"{URL} {sentence}", invalid=mistaken)


def test_a_long_refusal_is_cut() -> None:
    answer = prometheus.refused(URL, f"HTTP Status Code 500 (b'{'x' * 9000}')")
    assert len(answer.message) < 300


ADDRESSES: dict[str, str] = {
    "http://prometheus:9090": "http://prometheus:9090",
    "https://ada:pa55@prom.example.com/prefix?token=1": "https://prom.example.com",
    "http://[::1]:9090": "http://[::1]:9090",
    "http://ada:pa55@[bad": "the address of Prometheus",
    "http://ada:pa55@host:99999999": "the address of Prometheus",
}


@pytest.mark.parametrize(("address", "text"), ADDRESSES.items())
def test_an_address_is_shown_without_credentials(address: str, text: str) -> None:
    assert prometheus.shown(address) == text
