"""The Decisions that people copy from the how-to."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from lockstep.api.decision import ABOUT_A_STAGE, ABOUT_ALL, Act, DecisionSpec
from lockstep.api.model_deployment_status import Outcome

PAGE = Path("docs/how-to/decisions.md").read_text()
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
DECISIONS: dict[str, dict[str, Any]] = {
    manifest["spec"]["act"]: manifest
    for block in BLOCKS
    for manifest in yaml.safe_load_all(block)
    if manifest["kind"] == "Decision"
}


@pytest.mark.parametrize("act", DECISIONS)
def test_it_can_be_read(act: str) -> None:
    assert DecisionSpec.model_validate(DECISIONS[act]["spec"]).act == act


def test_they_are_those_of_a_bad_night() -> None:
    assert set(DECISIONS) == {"Abort", "Pause", "Resume", "Approve"}


def test_the_table_of_acts_is_what_the_model_asks_for() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([a-z, ]+) \|", PAGE, re.MULTILINE)
    assert [(act, verb, names) for act, verb, names in rows] == [
        (act, act.lower(), _named(act)) for act, _, _ in rows
    ]
    assert {act for act, _, _ in rows} == {act.value for act in Act}


def _named(act: str) -> str:
    parts = {
        "revision": act not in ABOUT_ALL,
        "stage": act in ABOUT_A_STAGE,
        "reason": act != Act.APPROVE,
    }
    return ", ".join(name for name, is_named in parts.items() if is_named)


def test_every_outcome_is_explained() -> None:
    assert all(f"| `{outcome.value}` |" in PAGE for outcome in Outcome)
