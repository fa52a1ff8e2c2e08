"""The shipped alert rules in a real Prometheus that scrapes what an operator says of itself."""

import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

import pytest
import requests
import yaml

from lockstep.api.base import Manifest
from lockstep.api.model_deployment_status import Phase
from lockstep.core.gates.names import lookup
from lockstep.shell.rollout.memory import Memory
from lockstep.shell.telemetry.metrics import Metrics
from lockstep.shell.telemetry.objects import ObjectMetrics
from lockstep.shell.watch.caches import MODEL_DEPLOYMENTS, Caches
from tests.cluster import ensure
from tests.cluster.probe import free_ports
from tests.unit.api.test_criteria_page import RENDERED
from tests.unit.manifests.test_dashboard import ASKED
from tests.unit.shell.telemetry.test_objects import (
    CANARY,
    CRITERIA,
    STATUS,
)
from tests.unit.shell.written import model_deployment

pytestmark = pytest.mark.e2e

RULES = Path(__file__).parents[2] / "manifests" / "prometheus" / "alerts.yaml"
[SHIPPED] = yaml.safe_load(RULES.with_name("relabelling.yaml").read_text())["scrape_configs"]
DEADLINE_SECONDS = 60.0
SCRAPES = 8
OPERATOR = {"namespace": "lockstep-system"}
ROLLOUTS = {Phase.HEALTHY.value: 7, Phase.DEGRADED.value: 2, Phase.PAUSED.value: 3}


class Exposed(Protocol):
    """What is there to be scraped."""

    def scraped(self) -> bytes: ...


class Well:
    """An operator with nothing to complain about; ``happens`` is called before every scrape."""

    most = 10

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.scrapes = 0
        self.caches = Caches(())
        self.metrics.add(ObjectMetrics(self.caches, Memory(), lambda: True, self.most))
        self.begins()

    def begins(self) -> None:
        self.watch(age=3.0, depth=0.0, rollouts={Phase.HEALTHY.value: 7})
        self.see("fraud", {"phase": Phase.HEALTHY.value})

    def see(self, name: str, status: Manifest) -> None:
        raw = model_deployment(self.scrapes + 10, status, strategy=CANARY)
        raw["metadata"] |= {"name": name, "uid": name}
        self.caches.read(MODEL_DEPLOYMENTS, raw)

    def watch(self, *, age: float, depth: float, rollouts: dict[str, int]) -> None:
        self.metrics.watch(
            last_pass_age=lambda: age,
            queue_depth=lambda: depth,
            rollouts=lambda: rollouts,
            leading=lambda: 1.0,
        )

    def happens(self) -> None:
        self.metrics.passed("done")
        self.metrics.requested("update", "modeldeployments/status", "200")
        self.metrics.asked("answered")
        self.metrics.requested("create", "pods", "403")  # quota, or Pod Security

    def scraped(self) -> bytes:
        self.scrapes += 1
        self.happens()
        return self.metrics.exposed()


class Ill(Well):
    """An operator with everything to complain about, but for being there.

    The phase of one object comes and goes from scrape to scrape.
    """

    most = 3

    def begins(self) -> None:
        self.watch(age=900.0, depth=4.0, rollouts=ROLLOUTS)
        self.caches.read("exitcriteria", CRITERIA)
        self.see("fraud", {"phase": Phase.DEGRADED.value})
        self.see("scorer", STATUS | {"phase": Phase.PAUSED.value})
        for name in ("torn", "unseen"):
            self.see(name, {"phase": Phase.HEALTHY.value})

    def happens(self) -> None:
        back = Phase.PROGRESSING if self.scrapes % 2 else Phase.PAUSED
        self.see("scorer", STATUS | {"phase": back.value})
        self.metrics.passed("crashed")
        self.metrics.requested("patch", "services", "none")
        self.metrics.requested("list", "pods", "403")
        self.metrics.asked("broken")


class Gone(Well):
    """No operator: something else answers where it was."""

    def scraped(self) -> bytes:
        self.scrapes += 1
        return b""


ALL = {
    rule["alert"]
    for group in yaml.safe_load(RULES.read_text())["groups"]
    for rule in group["rules"]
}
CASES: dict[str, tuple[Callable[[], Well], set[str]]] = {
    "all is well": (Well, set()),
    "nobody works": (Gone, {"LockstepDown"}),
    "everything else at once": (Ill, ALL - {"LockstepDown"}),
}

SAID = {
    "LockstepPassesStale": "has finished no pass for 15m 0s",
    "LockstepPassesFail": 'end as "crashed"',
    "LockstepForbidden": "does not let Lockstep list pods",
    "LockstepPrometheusUnanswered": "no usable answer to 100%",
    "LockstepDegraded": "ModelDeployment pay/fraud is rolled back",
    "LockstepPaused": "ModelDeployment pay/scorer has been waiting",
    "LockstepCandidateDies": "candidate of pay/scorer have died 3 times",
    "LockstepObjectsWithoutSeries": "1 ModelDeployments have no metrics of their own",
}


@contextmanager
def exposing(operator: Exposed) -> Iterator[int]:
    """Serve the operator's metrics; gives the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = operator.scraped()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def prometheus(
    folder: Path, scraped_port: int, labels: Mapping[str, str] = OPERATOR
) -> Iterator[str]:
    """A Prometheus with the shipped rules, looking five times a second; gives its address.

    ``labels`` are what is known of the one target.
    """
    [port] = free_ports(1)
    told = {
        "global": {
            "scrape_interval": "200ms",
            "scrape_timeout": "200ms",
            "evaluation_interval": "200ms",
        },
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {
                "job_name": "x",
                "static_configs": [
                    {
                        "targets": [f"127.0.0.1:{scraped_port}"],
                        "labels": dict(labels),
                    }
                ],
                "metric_relabel_configs": SHIPPED["metric_relabel_configs"],
            }
        ],
    }
    config, log = folder / "prometheus.yml", folder / "log"
    config.write_text(yaml.safe_dump(told))
    argv = [str(ensure(["prometheus"])["prometheus"]), f"--config.file={config}"]
    argv += [f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"]
    argv += ["--scrape.discovery-reload-interval=100ms"]
    with log.open("w") as output, subprocess.Popen(argv, stderr=output) as process:
        try:
            address = f"http://127.0.0.1:{port}/api/v1"
            until(lambda: answers(process, address, log), "answering")
            yield address
        finally:
            process.terminate()


def answers(process: subprocess.Popen[bytes], address: str, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        return bool(asked(address, "rules")["groups"])
    except OSError:
        return False


def asked(address: str, what: str) -> dict[str, Any]:
    data: dict[str, Any] = requests.get(f"{address}/{what}", timeout=5).json()["data"]
    return data


def until(reached: Callable[[], bool], sentence: str) -> None:
    end = time.monotonic() + DEADLINE_SECONDS
    while not reached():
        assert time.monotonic() < end, f"not {sentence} within {DEADLINE_SECONDS:g} s"
        time.sleep(0.1)


def active(address: str) -> dict[str, str]:
    """Summaries of the alerts that fire, or will when their time has passed."""
    found = asked(address, "alerts")["alerts"]
    return {it["labels"]["alertname"]: it["annotations"]["summary"] for it in found}


def alerts(address: str, wanted: set[str]) -> bool:
    """Whether these and no others are active, in the words that people are to read."""
    told = active(address)
    if set(told) != wanted:
        return False
    assert all(sentence in told[name] for name, sentence in SAID.items() if name in wanted)
    return True


def health(address: str) -> dict[str, str]:
    rules = [rule for it in asked(address, "rules")["groups"] for rule in it["rules"]]
    return {rule["name"]: rule["health"] for rule in rules}


@pytest.mark.parametrize(("operator", "wanted"), CASES.values(), ids=CASES)
def test_alerts(operator: Callable[[], Well], wanted: set[str], tmp_path: Path) -> None:
    said = operator()
    with exposing(said) as port, prometheus(tmp_path, port) as address:
        until(lambda: said.scrapes >= SCRAPES, f"scraped {SCRAPES} times")
        until(lambda: alerts(address, wanted), f"alerting of {sorted(wanted) or 'nothing'}")
        until(lambda: health(address) == dict.fromkeys(ALL, "ok"), "healthy in every rule")


def test_every_panel_of_the_dashboard_is_answered(tmp_path: Path) -> None:
    said = Ill()
    with exposing(said) as port, prometheus(tmp_path, port) as address:
        until(lambda: said.scrapes >= SCRAPES, f"scraped {SCRAPES} times")
        for title, expr in ASKED:
            query = re.sub(r"\$\w+", ".*", expr)
            got = requests.get(f"{address}/query", params={"query": query}, timeout=5).json()
            assert got["status"] == "success", (title, got)
            assert got["data"]["result"], (title, query)


def test_every_query_of_the_page_about_exit_criteria_is_understood(tmp_path: Path) -> None:
    with exposing(Well()) as port, prometheus(tmp_path, port) as address:
        for query in RENDERED:
            got = requests.get(f"{address}/query", params={"query": query}, timeout=5).json()
            assert got["status"] == "success", (query, got)
        for names in map(lookup, RENDERED):
            got = requests.get(f"{address}/query", params={"query": names}, timeout=5).json()
            assert got["data"]["result"] == [], (names, got)
