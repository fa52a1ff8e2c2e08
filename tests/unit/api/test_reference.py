import re
from pathlib import Path

import pytest

from lockstep.api import reference
from lockstep.api.base import HOW_TO_PIN
from tests.unit.api.rule_cases import CASES, Case

PAGES = reference.files()


@pytest.mark.parametrize("name", PAGES)
def test_the_pages_are_what_the_models_say(name: str) -> None:
    assert Path("docs/reference", name).read_text() == PAGES[name], "run `make docs`"


def test_writing_them_twice_changes_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        reference.main(str(tmp_path))
        assert {path.name: path.read_text() for path in tmp_path.iterdir()} == PAGES


@pytest.mark.parametrize("name", PAGES)
def test_every_field_says_what_it_means(name: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", PAGES[name], re.MULTILINE)
    assert rows
    assert [field for field, meaning in rows if not meaning] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_to_a_table(name: str) -> None:
    links = set(re.findall(r"\]\(#(\w+)\)", PAGES[name]))
    headings = re.findall(r"^## (.*)$", PAGES[name], re.MULTILINE)
    assert links <= {re.sub(r"[^a-z0-9]", "", heading.lower()) for heading in headings}


ROWS: dict[str, str] = {
    "a number with both ends": "| `weight` | integer | required | 1 to 100 | Whole percent",
    "a duration with a default": "| `soak` | duration | `0s` | a duration such as 90s,",
    "words": "| `speed` | string | `Immediate` | `Immediate`, `Paced` | Immediate: all traffic",
    "an object": "| `expect` | [object](#specsmoketestexpect) |  |  | The expected answer",
    "a list of objects": "| `stages` | list of [object](#specstrategycanarystages) | required | 1",
    "a time of the status": "| `enteredAt` | time |  |  | When the stage's weight was reached",
    "a pinned reference": "| `artifact` | string |  | at most 512 characters; an OCI",
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_row(row: str) -> None:
    assert row in PAGES["modeldeployment.md"]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_rule_is_told(case: Case) -> None:
    told = "pinned: see `lockstep pin`" if case.says == HOW_TO_PIN else case.says
    assert told.removeprefix("must be ") in PAGES[f"{case.kind.lower()}.md"]
