"""What a duration may look like; and each of the API says from when it counts."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from lockstep.api.durations import A_DURATION, format_duration, parse_duration

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


READ: Final[dict[str, timedelta]] = {
    "250ms": timedelta(milliseconds=250),
    "0s": timedelta(0),
    "90s": timedelta(seconds=90),
    "1h30m": timedelta(minutes=90),
    "1.5h": timedelta(minutes=90),
    "30m1h": timedelta(minutes=90),
    "1m1m": timedelta(minutes=2),
    "0.0005s": timedelta(microseconds=500),
    "99999h": timedelta(hours=99999),
}
REFUSED: Final = {
    "nothing": "",
    "no unit": "0",
    "a sign": "+5s",
    "less than nothing": "-1h",
    "units that are too fine": "100ns",
    "µs": "5µs",
    "days": "1d",
    "weeks": "1w",
    "months": "1mm",
    "years": "1y",
    "a blank between": "1h 5m",
    "anything between": "1h!5m",
    "two points": "1.2.3s",
    "an exponent": "1e5s",
    "digits of other scripts": "٣s",
    "a line break at the end": "5s\n",
    "more than any clock has": "9" * 20 + "h",
    "longer than it may be": "1s" * 17,
}


@pytest.mark.parametrize(("text", "length"), READ.items(), ids=READ)
def test_a_duration_is_read(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=A_DURATION):
        parse_duration(text)


@pytest.mark.parametrize("milliseconds", [0, 1, 999, 1500, 61_000, 3_600_000, 90_061_001])
def test_what_is_written_is_read_back(milliseconds: int) -> None:
    length = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(length)) == length
