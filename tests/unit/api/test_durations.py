"""Every duration of the API has a row that says from when it counts and what an edit does."""

import re
from pathlib import Path
from typing import Final

import pytest

DOCS: Final = Path(__file__).parents[3] / "docs"
TABLE: Final = (DOCS / "explanation" / "durations.md").read_text()
FIELDS: Final = sorted(
    {
        name
        for page in (DOCS / "reference").glob("*.md")
        for name in re.findall(r"^\| `(\w+)` \| duration", page.read_text(), re.MULTILINE)
    }
)


@pytest.mark.parametrize("name", FIELDS)
def test_a_duration_says_from_when_it_counts(name: str) -> None:
    rows = [line for line in TABLE.splitlines() if line.startswith(f"| `{name}`")]
    assert rows, f"docs/explanation/durations.md has no row for {name}"
    assert all(len(row.strip("|").split(" | ")) == 4 for row in rows)


def test_there_are_durations() -> None:
    assert {"soak", "keepFailed", "maxAge", "interval"} <= set(FIELDS)
