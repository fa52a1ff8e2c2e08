import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from lockstep.shell.rollout.memory import Memory
from lockstep.shell.telemetry.metrics import Metrics
from lockstep.shell.telemetry.objects import ObjectMetrics
from lockstep.shell.watch.caches import Caches
from tests.cluster.prometheus import RELABELLING

ROOT = Path(__file__).parents[3]
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "manifests/prometheus/alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
NAMES = [rule["alert"] for rule in RULES]


def measured() -> set[str]:
    """Every metric of the operator, as Prometheus names it."""
    metrics = Metrics()
    metrics.watch(
        last_pass_age=lambda: 0.0,
        queue_depth=lambda: 0.0,
        rollouts=dict,
        leading=lambda: 1.0,
    )
    metrics.add(ObjectMetrics(Caches(()), Memory(), lambda: True, 10))
    return set(re.findall(r"^# TYPE (\S+)", metrics.exposed().decode(), re.MULTILINE))


def test_alerts_name_only_what_the_operator_measures() -> None:
    named = {name for rule in RULES for name in re.findall(r"\blockstep_\w+", rule["expr"])}
    assert named
    assert named <= measured()


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_an_alert_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"]
    named = r"`kubectl [^`]+`|`sum by [^`]+`|LOCKSTEP_[A-Z_]+|apply the manifests"
    assert re.search(named, rule["annotations"]["description"]), "what to run, to set or to look at"


def test_the_alerts_are_explained_one_by_one() -> None:
    page = (ROOT / "docs/how-to/alerts.md").read_text()
    assert re.findall(r"`(Lockstep\w+)`", page) == NAMES


def test_what_is_shipped_relabels_as_the_tests_do() -> None:
    shipped = yaml.safe_load((ROOT / "manifests/prometheus/relabelling.yaml").read_text())
    [job] = shipped["scrape_configs"]
    assert job["relabel_configs"] == list(RELABELLING)
