"""Recorded replies of prometheus-api-client and what we make of them."""

import math

import pytest

from lockstep.adapters.metrics import prometheus
from lockstep.core.gates.question import Answer, Broken, Reply, Series

URL = "http://prometheus:9090"
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
        Broken(f"{URL} answered with text, not with a number: hello")),
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
    assert prometheus.read(result, URL) == answer


def test_nan_is_handed_on() -> None:
    answer = prometheus.read([{"metric": {}, "value": [1, "NaN"]}], URL)
    assert isinstance(answer, Reply)
    assert math.isnan(answer.series[0].value)


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
    assert prometheus.refused(URL, text) == Broken(f"{URL} {sentence}")


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
