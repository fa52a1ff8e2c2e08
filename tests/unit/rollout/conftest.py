"""What the planner says in each row of its tables, kept in said/: one file for a table.

A row says what is done; its lines here are what people read of it, and when it is looked at again.
``LOCKSTEP_UPDATE_GOLDEN=1 pytest tests/unit/rollout`` writes them anew.
"""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from lockstep.api.durations import format_duration
from lockstep.core.rollout.plan import Plan

SAID: Final = Path(__file__).with_name("said")
UPDATE: Final = "LOCKSTEP_UPDATE_GOLDEN"

Says = Callable[[Plan], None]


@cache
def kept(file: Path) -> dict[str, str]:
    """By row."""
    blocks = file.read_text().strip("\n").split("\n\n") if file.exists() else []
    return dict(block.split("\n", 1) for block in blocks)


def said(decided: Plan) -> str:
    status, wait = decided.status, decided.look_again
    (why,) = {it.reason for it in status.conditions if it.type == "Ready"}
    again = "waits for a change" if wait is None else f"again in {format_duration(wait)}"
    return f"    {status.phase}, {why}, {again}\n    {status.message}"


@pytest.fixture
def says(request: pytest.FixtureRequest) -> Says:
    """Compare what is said with what is kept of this row."""
    name = request.function.__name__.removeprefix("test_")
    file = SAID / f"{request.path.stem.removeprefix('test_')}.{name}.txt"
    row = request.node.callspec.id

    def compare(decided: Plan) -> None:
        rows = kept(file)
        if UPDATE in os.environ:
            (table,) = request.node.iter_markers("parametrize")
            before = rows | {row: said(decided)}
            rows.clear()
            rows.update({it: before[it] for it in table.kwargs["ids"] if it in before})
            file.write_text("\n\n".join(f"{it}\n{lines}" for it, lines in rows.items()) + "\n")
        assert said(decided) == rows.get(row), f"{UPDATE}=1 writes it anew"

    return compare
