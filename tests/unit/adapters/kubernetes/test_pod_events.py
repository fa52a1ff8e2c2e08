"""Which of a pod's Events explains it."""

from typing import Any

import pytest

from lockstep.adapters.kubernetes.pod_events import query, read
from lockstep.api.base import Manifest


def event(reason: str, message: str, at: str, **rest: Any) -> Manifest:
    return {
        "metadata": {"name": "x", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": at,
        "source": {"component": "kubelet"},
        **rest,
    }


def at(second: int) -> str:
    return f"2026-01-01T12:00:{second:02}Z"


MOUNT = event("FailedMount", 'MountVolume.SetUp failed for volume "w"', at(5))
PROBE = event("Unhealthy", "Readiness probe failed: HTTP\n  503", at(9))
PULLING = event("Pulling", 'Pulling image "r/x"', at(7), type="Normal")
STARTED = event("Started", "Started container server", at(8), type="Normal")
NO_NODE = event("FailedScheduling", "0/1 nodes are available", at(10))
NEWER = {
    **event("Failed", "no", "", series={"count": 3, "lastObservedTime": at(20)}),
    "source": {}, "reportingComponent": "a-controller", "lastTimestamp": None,
}  # fmt: skip
ONCE = {**event("FailedAttachVolume", "busy", ""), "lastTimestamp": None, "eventTime": at(30)}

CASES: dict[str, tuple[list[Manifest], str]] = {
    "nobody said anything": ([], ""),
    "what went right explains nothing": ([STARTED], ""),
    "a mount that failed": (
        [MOUNT, STARTED], 'kubelet says FailedMount: MountVolume.SetUp failed for volume "w"'),
    "the latest counts, on one line": (
        [PROBE, MOUNT], "kubelet says Unhealthy: Readiness probe failed: HTTP 503"),
    "a long pull is work, and says so": (
        [MOUNT, PULLING], 'kubelet says Pulling: Pulling image "r/x"'),
    "the scheduler's are a condition of the pod": ([NO_NODE], ""),
    "a series counts from when it was last seen": ([PROBE, NEWER], "a-controller says Failed: no"),
    "one that was only seen once": ([NEWER, ONCE], "kubelet says FailedAttachVolume: busy"),
    "no time at all": ([{**MOUNT, "lastTimestamp": None, "metadata": {}}], ""),
    "nobody signed": ([{**MOUNT, "message": "x", "source": None}], "an Event says FailedMount: x"),
    "what is no Event": ([], ""),
}  # fmt: skip


@pytest.mark.parametrize(("items", "said"), CASES.values(), ids=CASES)
def test_read(items: list[Manifest], said: str) -> None:
    assert read({"kind": "EventList", "items": items}) == said


def test_an_answer_that_is_no_list_says_nothing() -> None:
    assert read({"items": None}) == read({}) == ""


def test_a_long_sentence_is_cut() -> None:
    assert len(read({"items": [event("A", "x" * 2000, at(1))]})) < 600


def test_one_pods_events_are_asked_for_and_not_many() -> None:
    assert query("u1") == {"fieldSelector": "involvedObject.uid=u1", "limit": "50"}
