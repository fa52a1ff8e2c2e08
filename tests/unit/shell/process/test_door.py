"""The door, the probes, the logs and the settings: what stands around the walk."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator

import aiohttp
import kopf
import pytest
from pydantic import ValidationError

from lockstep import handlers
from lockstep.api.resources import RESOURCES, Watch
from lockstep.clients import probes
from lockstep.settings import Settings
from lockstep.shell.process.health import Health
from lockstep.shell.telemetry import logs
from lockstep.shell.telemetry.metrics import Metrics
from lockstep.shell.watch.caches import Caches
from tests.unit.shell.written import FRAUD


def test_the_door_only_listens() -> None:
    watches = [watch for it in RESOURCES for watch in it.watches]
    registry = handlers.registry(watches)
    watched = {
        (handler.selector.group, handler.selector.version, handler.selector.any_name)
        for handler in registry._watching.get_all_handlers()
        if handler.selector
    }
    assert watched == {(it.group, it.version, it.plural) for it in watches}
    for other in (registry._changing, registry._spawning, registry._indexing, registry._webhooks):
        assert list(other.get_all_handlers()) == []


def test_children_are_filtered_on_the_server() -> None:
    settings = kopf.OperatorSettings()
    watches = [watch for it in RESOURCES for watch in it.watches]
    handlers.tame(settings, watches)
    for group, version, plural, selector in watches:
        resource = kopf.Resource(group=group, version=version, plural=plural)
        selectors = settings.watching.label_selectors.collect(resource)
        assert selectors == [*filter(None, [selector])]
    assert not settings.posting.enabled
    assert settings.scanning.disabled


def test_a_watch_never_gives_up_and_waits_longer_each_time() -> None:
    delays = iter(handlers._ForEver())
    first = [next(delays) for _ in range(100)]
    assert first[:4] == [0.5, 1.0, 2.0, 4.0]
    assert first[-1] == 15.0


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers_before, level = root.handlers[:], root.level
    buffer = io.StringIO()
    try:
        logs.configure("INFO", "json", buffer)
        yield buffer
    finally:
        root.handlers[:] = handlers_before
        root.setLevel(level)


def test_a_record_carries_the_key_it_is_about(stream: io.StringIO) -> None:
    log = logging.getLogger("lockstep.test")
    with logs.about(FRAUD):
        log.info("created %s", "it")
    log.info("done")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (first["object"], first["message"], first["level"]) == (
        "pay/fraud",
        "created it",
        "INFO",
    )
    assert second["object"] == ""


async def test_the_probes_say_what_is_wrong() -> None:
    problems: list[str] = []
    async with (
        probes.serving(
            0, lambda: problems, lambda: ["not listed yet: pods"], lambda: b"x 1\n"
        ) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):

        async def ask(path: str) -> tuple[int, str]:
            async with session.get(path) as response:
                return response.status, await response.text()

        assert await ask("/healthz") == (200, "ok\n")
        problems.append("pods are no longer watched")
        assert await ask("/healthz") == (503, "pods are no longer watched\n")
        assert await ask("/readyz") == (503, "not listed yet: pods\n")
        assert await ask("/metrics") == (200, "x 1\n")


async def test_a_watch_that_stood_and_was_not_renewed_is_unhealthy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    named: list[str] = []
    health = Health(Caches(()), lambda: named)
    assert health.healthy() == []
    health.connected(Watch("", "v1", "pods"), "")
    assert health.healthy() == []
    loop = asyncio.get_running_loop()
    now = loop.time()
    monkeypatch.setattr(loop, "time", lambda: now + 10_000)
    named.append("secrets in pay")
    assert health.healthy() == [
        "pods in all namespaces are no longer watched",
        "secrets in pay are no longer watched",
    ]


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKSTEP_NAMESPACES", "pay, fraud,")
    monkeypatch.setenv("LOCKSTEP_WORKERS", "3")
    settings = Settings()
    assert (settings.namespaces, settings.workers) == (("pay", "fraud"), 3)
    assert Settings(namespaces=()).namespaces == ()


@pytest.mark.parametrize(
    ("name", "value"), [("WORKERS", "0"), ("LOG_LEVEL", "LOUD"), ("PROMETHEUS_URL", "ftp://x")]
)
def test_a_setting_that_cannot_be_is_refused(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"LOCKSTEP_{name}", value)
    with pytest.raises(ValidationError):
        Settings()


def test_every_metric_that_alerts_refer_to_is_exposed() -> None:
    metrics = Metrics()
    metrics.watch(
        last_pass_age=lambda: 3.0,
        queue_depth=lambda: 2.0,
        rollouts=lambda: {"Healthy": 5},
        leading=lambda: 1.0,
    )
    metrics.requested("patch", "replicasets", "200")
    text = metrics.exposed().decode()
    for line in (
        "lockstep_last_pass_age_seconds 3.0",
        "lockstep_queue_depth 2.0",
        "lockstep_leading 1.0",
        'lockstep_rollouts{phase="Healthy"} 5.0',
        'lockstep_rollouts{phase="Degraded"} 0.0',
        'lockstep_api_requests_total{code="200",resource="replicasets",verb="patch"} 1.0',
        'lockstep_gate_verdicts_total{verdict="Fail"} 0.0',
    ):
        assert line in text
