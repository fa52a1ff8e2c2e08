"""What every ModelDeployment shows to Prometheus, and that it is bounded."""

import re
import time
from typing import Any

import pytest

from lockstep.api.base import API_VERSION, Manifest
from lockstep.shell.rollout.memory import Memory
from lockstep.shell.telemetry.metrics import Metrics
from lockstep.shell.telemetry.objects import ObjectMetrics
from lockstep.shell.watch.caches import MODEL_DEPLOYMENTS, Caches
from tests.unit.shell.written import model_deployment

CANARY = {
    "canary": {"stages": [{"name": "half", "weight": 50, "exitCriteria": [{"name": "serving"}]}]}
}
GATE = {
    "name": "p99",
    "criteria": "ExitCriteria/serving",
    "verdict": "Measuring",
    "value": "0.31",
    "failures": 1,
}
STATUS: Manifest = {
    "phase": "Progressing",
    "stage": {"name": "half", "index": 0, "deaths": {"count": 3}},
    "candidate": {"revision": "r2", "version": "2.0.0"},
    "weights": {"desired": 50, "actual": 40},
    "gates": [GATE],
    "conditions": [{"type": "Ready", "status": "False", "reason": "Measuring"}],
}
CRITERIA: Manifest = {
    "apiVersion": API_VERSION,
    "kind": "ExitCriteria",
    "metadata": {"name": "serving", "namespace": "pay", "uid": "c", "resourceVersion": "5"},
    "spec": {
        "args": [{"name": "most", "value": 0.5}],
        "metrics": [
            {
                "name": "p99",
                "prometheus": {"query": "x"},
                "successWhen": {"maxArg": "most"},
                "failWhen": {"min": 0.8},
            }
        ],
    },
}


class World:
    def __init__(self, most: int = 1000) -> None:
        self.caches, self.works = Caches(()), True
        self.metrics = Metrics()
        self.metrics.add(ObjectMetrics(self.caches, Memory(), lambda: self.works, most))
        self.caches.read("exitcriteria", CRITERIA)

    def see(self, name: str = "fraud", version: int = 10, **changes: Any) -> None:
        raw = model_deployment(version, STATUS | changes, strategy=CANARY)
        raw["metadata"] |= {"name": name, "uid": name}
        self.caches.read(MODEL_DEPLOYMENTS, raw)

    def shown(self) -> list[str]:
        text = self.metrics.exposed().decode()
        return [line for line in text.splitlines() if line.startswith("lockstep_rollout_")]


WHO = 'name="fraud",namespace="pay"'
AT = 'phase="Progressing",reason="Measuring",stage="half",strategy="canary"'
PLACE = 'criteria="ExitCriteria/serving",gate="p99",name="fraud",namespace="pay",stage="half"'


def labelled(lines: list[str]) -> set[str]:
    """Lines with their labels in order: prometheus_client keeps ours."""
    return {_sorted(line) for line in lines}


def _sorted(line: str) -> str:
    name, _, rest = line.partition("{")
    labels, _, value = rest.partition("}")
    return f"{name}{{{','.join(sorted(labels.split(',')))}}}{value}"


def test_a_trial_shows_where_it_is_by_name() -> None:
    world = World()
    world.see()
    assert labelled(world.shown()) == {
        f"lockstep_rollout_info{{{WHO},{AT}}} 1.0",
        f"lockstep_rollout_weight_desired{{{WHO}}} 50.0",
        f"lockstep_rollout_weight_actual{{{WHO}}} 40.0",
        f"lockstep_rollout_candidate_deaths{{{WHO}}} 3.0",
        f"lockstep_rollout_gate_value{{{PLACE}}} 0.31",
        f"lockstep_rollout_gate_failures{{{PLACE}}} 1.0",
        _sorted(f'lockstep_rollout_gate_limit{{{PLACE},bound="success_max"}} 0.5'),
        _sorted(f'lockstep_rollout_gate_limit{{{PLACE},bound="fail_min"}} 0.8'),
    }


def test_what_is_settled_shows_its_phase_only() -> None:
    world = World()
    raw = model_deployment(10, {"phase": "Healthy"}, strategy=CANARY)
    world.caches.read(MODEL_DEPLOYMENTS, raw)
    (line,) = world.shown()
    assert 'phase="Healthy"' in line


def test_series_go_with_their_object() -> None:
    world = World()
    world.see()
    gone = model_deployment(11, STATUS, strategy=CANARY)
    gone["metadata"] |= {"uid": "fraud"}
    world.caches.read(MODEL_DEPLOYMENTS, gone, "DELETED")
    assert world.shown() == []


def test_an_operator_that_stands_by_says_nothing_a_second_time() -> None:
    world = World()
    world.see()
    world.works = False
    assert world.shown() == []


def test_no_more_objects_have_series_than_is_set_and_the_rest_is_counted() -> None:
    world = World(most=2)
    for number in range(5):
        world.see(f"model-{number}")
    named = re.compile(r'info\{.*\bname="([^"]+)"')
    names = {found[1] for line in world.shown() if (found := named.search(line))}
    assert names == {"model-0", "model-1"}
    assert b"lockstep_rollouts_without_series 3.0" in world.metrics.exposed()


@pytest.mark.parametrize(
    "changes",
    [
        {"gates": [{"name": "p99"}]},
        {"gates": "none"},
        {"gates": [GATE | {"value": "much"}]},
        {"conditions": ["Ready"]},
        {"weights": {"desired": "all"}},
    ],
)
def test_a_status_that_nobody_of_ours_wrote_ends_no_scrape(changes: Manifest) -> None:
    world = World()
    world.see("broken", **changes)
    world.see("whole")
    assert any('name="whole"' in line and "_info" in line for line in world.shown())


def test_a_thousand_trials_are_shown_in_a_moment() -> None:
    world = World()
    for number in range(1000):
        world.see(f"model-{number}")
    begun = time.perf_counter()
    assert len(world.shown()) == 8000
    assert time.perf_counter() - begun < 2, "it holds up the event loop"
