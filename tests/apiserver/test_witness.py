"""The witness is no friend of the operator's: each broken promise is noticed."""

from typing import Any

import pytest

from tests.apiserver.api import Manifest
from tests.apiserver.witness import REVISION, Moment, promises

pytestmark = pytest.mark.apiserver

OLD, NEW = "00000001", "00000002"
BOTH: Manifest = {"lockstep.dev/deployment": "fraud"}


def pod(revision: str, ready: str = "True") -> Manifest:
    return {
        "metadata": {"labels": {**BOTH, REVISION: revision}},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def at(
    seconds: float, selector: Manifest, *pods: Manifest, spec: Any = None, **status: str
) -> Moment:
    named: Manifest = {key: {"revision": revision} for key, revision in status.items()}
    return Moment(
        at=seconds,
        deployment={"spec": spec or {}, "status": named},
        service={"spec": {"selector": selector}},
        pods={str(number): it for number, it in enumerate(pods)},
    )


def only(revision: str) -> Manifest:
    return {**BOTH, REVISION: revision}


SERVING = at(0, only(OLD), pod(OLD), stable=OLD)
HALF = at(1, BOTH, pod(OLD), pod(NEW), stable=OLD, candidate=NEW)
TESTED = {"smokeTest": {"path": "/"}}
BROKEN: dict[str, tuple[str, tuple[Moment, ...]]] = {
    "the last ready pod goes": ("nobody answers", (SERVING, at(1, only(OLD), stable=OLD))),
    "the last ready pod is no longer ready": (
        "nobody answers", (SERVING, at(1, only(OLD), pod(OLD, "False"), stable=OLD))),
    "the Service opens to what nobody knows": (
        "let in", (SERVING, at(1, BOTH, pod(OLD), pod(NEW), stable=OLD))),
    "the Service opens to what never answered its smoke test": (
        "let in",
        (SERVING, at(1, BOTH, pod(OLD), pod(NEW), spec=TESTED, stable=OLD, candidate=NEW))),
    "the rejected is called for a minute": (
        "for 60 s", (SERVING, HALF,
                     at(2, BOTH, pod(OLD), pod(NEW), stable=OLD, rejected=NEW),
                     at(62, only(OLD), pod(OLD), pod(NEW), stable=OLD, rejected=NEW))),
    "the rejected is called again": (
        "let in", (SERVING, HALF,
                   at(2, only(OLD), pod(OLD), pod(NEW), stable=OLD, rejected=NEW),
                   at(3, BOTH, pod(OLD), pod(NEW), stable=OLD, rejected=NEW))),
    "the rejected is still called in the end": (
        "selector", (SERVING, HALF, at(2, BOTH, pod(OLD), pod(NEW), stable=OLD, rejected=NEW))),
}  # fmt: skip


@pytest.mark.parametrize(("said", "story"), BROKEN.values(), ids=BROKEN)
def test_a_broken_promise_is_noticed(said: str, story: tuple[Moment, ...]) -> None:
    with pytest.raises(AssertionError, match=said):
        promises(iter(story))


def test_a_rollout_as_it_should_be_breaks_none() -> None:
    back = at(3, only(OLD), pod(OLD), pod(NEW), stable=OLD, rejected=NEW)
    rejected = at(2, BOTH, pod(OLD), pod(NEW), stable=OLD, rejected=NEW)
    assert promises(iter((SERVING, HALF, rejected, back))) == 1.0
