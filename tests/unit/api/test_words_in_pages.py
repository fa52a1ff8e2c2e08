"""A page that names a reason, an Event or a condition names one that there is."""

import re
from pathlib import Path

import pytest

from lockstep.api.conditions import ConditionType, Reason
from lockstep.api.events import EventReason
from lockstep.api.failures import FailureReason

PAGES = [Path("README.md"), *(it for at in ("docs", "examples") for it in Path(at).rglob("*.md"))]
REASONS = {*Reason, *FailureReason}
KNOWN: dict[str, set[str]] = {
    "reason": {*map(str, REASONS)},
    "condition": {*map(str, ConditionType)},
    "Event": {*map(str, EventReason), *map(str, REASONS)},
}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_word_is_one_of_the_operators(page: Path) -> None:
    text = " ".join(page.read_text().split())
    said = re.findall(r"(?<!kubelet's )\b(reason|condition|Event)s? `([A-Z]\w+)`", text)
    said += re.findall(r"--for=(condition)=(\w+)", text)
    assert [word for kind, word in said if word not in KNOWN[kind]] == []
