"""What a server exposes, as it was recorded, asked by the criteria we ship for it."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
import requests
import yaml

from lockstep.core.gates.placeholders import render
from tests.e2e.test_alerts import SCRAPES, exposing, prometheus, until
from tests.unit.api.test_criteria_page import VALUES

pytestmark = pytest.mark.e2e

ROOT: Final = Path(__file__).parents[2]
MLSERVER: Final = (ROOT / "tests/fixtures/metrics/mlserver-1.7.1.txt").read_text()
"""After six good answers, four errors, a body that is no JSON, a model that is not there."""
CRITERIA: Final = yaml.safe_load((ROOT / "examples/mlserver/exit-criteria.yaml").read_text())
REVISION: Final = VALUES.revision
COUNTER: Final = re.compile(
    r"(?m)^(rest_server_request\w+_(?:total|bucket|count|sum)\{.*\}) (\S+)$"
)


class Server:
    """The recorded calls come once more before every scrape."""

    def __init__(self) -> None:
        self.scrapes = 0

    def scraped(self) -> bytes:
        self.scrapes += 1
        return COUNTER.sub(self._grown, MLSERVER).encode()

    def _grown(self, sample: re.Match[str]) -> str:
        return f"{sample[1]} {self.scrapes * float(sample[2])}"


def test_the_criteria_for_mlserver_ask_for_what_it_exposes(tmp_path: Path) -> None:
    server, entered = Server(), datetime.now(UTC)
    labels = {"namespace": VALUES.namespace, "revision": REVISION}
    with exposing(server) as port, prometheus(tmp_path, port, labels) as address:
        until(lambda: server.scrapes >= SCRAPES, f"scraped {SCRAPES} times")

        def answer(query: str, revision: str = REVISION) -> list[float]:
            known = replace(VALUES, revision=revision, entered_at=entered)
            asked = {"query": render(query, known, datetime.now(UTC))}
            got = requests.get(f"{address}/query", params=asked, timeout=5).json()
            return [float(it["value"][1]) for it in got["data"]["result"]]

        spec = CRITERIA["spec"]
        seen = spec["minimumRequests"]["query"]
        errors, p99 = (it["prometheus"]["query"] for it in spec["metrics"])
        assert answer(seen)[0] > 12, "every call counts, whatever came of it"
        assert answer(errors) == [pytest.approx(4 / 12)], "a caller's own mistake is no failure"
        assert 0 < answer(p99)[0] < 0.25
        assert [answer(it, "another") for it in (seen, errors, p99)] == [[], [], []]
