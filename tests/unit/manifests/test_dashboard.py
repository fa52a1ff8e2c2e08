"""The shipped dashboard asks for what the operator measures, and every panel has its place."""

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.manifests.test_prometheus import measured

FOLDER = Path(__file__).parents[3] / "manifests/dashboards"
BOARD: dict[str, Any] = json.loads((FOLDER / "lockstep.json").read_text())
PANELS: list[dict[str, Any]] = BOARD["panels"]
VARIABLES = {it["name"]: it for it in BOARD["templating"]["list"]}
ASKED = [
    (panel["title"], target["expr"]) for panel in PANELS for target in panel.get("targets", ())
]


@pytest.mark.parametrize("expr", [expr for _, expr in ASKED], ids=[title for title, _ in ASKED])
def test_a_panel_asks_for_what_is_measured(expr: str) -> None:
    named = {re.sub("_bucket$", "", it) for it in re.findall(r"\blockstep_\w+", expr)}
    assert named
    assert named <= measured()
    assert set(re.findall(r"\$(\w+)", expr)) <= VARIABLES.keys()


def test_what_is_measured_of_each_object_is_shown() -> None:
    shown = {it for _, expr in ASKED for it in re.findall(r"\blockstep_rollout_\w+", expr)}
    assert shown == {it for it in measured() if it.startswith("lockstep_rollout_")}


def test_every_variable_is_found_in_a_metric() -> None:
    for name in ("namespace", "name", "gate"):
        (metric,) = re.findall(r"\blockstep_\w+", VARIABLES[name]["query"]["query"])
        assert metric in measured()


def test_a_gate_has_a_scale_of_its_own() -> None:
    [panel] = [it for it in PANELS if "lockstep_rollout_gate_value" in str(it.get("targets"))]
    assert (panel["repeat"], panel["gridPos"]["w"]) == ("gate", 24)
    assert "$gate" in panel["title"]
    for target in panel["targets"]:
        assert 'gate=~"$gate"' in target["expr"]
        assert "{{gate}}" not in target["legendFormat"]


def test_panels_are_told_apart_and_lie_beside_one_another() -> None:
    ids, titles = [it["id"] for it in PANELS], [it["title"] for it in PANELS]
    assert len(set(ids)) == len(ids)
    assert len(set(titles)) == len(titles)
    for one, other in combinations([it["gridPos"] for it in PANELS], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below
    assert all(it["gridPos"]["x"] + it["gridPos"]["w"] <= 24 for it in PANELS)


def test_every_panel_says_what_it_shows_and_asks_the_chosen_prometheus() -> None:
    for panel in PANELS:
        if panel["type"] != "row":
            assert panel["description"]
            assert panel["datasource"]["uid"] == "${datasource}"
            assert {it["refId"] for it in panel["targets"]}
    assert BOARD["schemaVersion"] >= 39
    assert BOARD["uid"]


def test_grafana_finds_it_by_its_label() -> None:
    made = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    (generated,) = made["configMapGenerator"]
    assert generated["files"] == ["lockstep.json"]
    assert made["generatorOptions"]["labels"] == {"grafana_dashboard": "1"}
