"""What is kept of the planner's tables is what their rows say, and nothing else."""

import importlib
from pathlib import Path

import pytest

from tests.unit.rollout.conftest import SAID, kept

FILES = {file.stem: file for file in sorted(SAID.iterdir())}


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_nothing_is_kept_of_a_row_that_is_gone(file: Path) -> None:
    module, table = file.stem.split(".")
    tests = vars(importlib.import_module(f"tests.unit.rollout.test_{module}"))
    (mark,) = (it for it in tests[f"test_{table}"].pytestmark if it.name == "parametrize")
    assert list(kept(file)) == list(mark.kwargs["ids"])
