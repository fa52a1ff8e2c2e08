"""How long a status may wait before it is written."""

from datetime import timedelta

import pytest

from lockstep.api.base import Manifest
from lockstep.shell.rollout.store import (
    EVIDENCE_WITHIN,
    PROOF,
    SIGHT_WITHIN,
    Fields,
    write_delay,
)

AT_ONCE = timedelta(0)


def status(samples: int = 1, verdict: str = "Measuring", **fields: object) -> Manifest:
    gate = {"name": "p99", "samples": samples, "value": f"0.{samples}", "verdict": verdict}
    ready = {"type": "Ready", "status": "False", "reason": "Moving", "message": "0 of 2"}
    stage = {"name": "half", "progressAt": "12:00", "progressReady": 0}
    return {
        "phase": "Progressing",
        "message": "0 of 2",
        "replicas": 2,
        "readyReplicas": 0,
        "candidate": {"revision": "r2", "smokeTested": False},
        "stage": stage,
        "weights": {"desired": 50, "actual": 0},
        "conditions": [ready],
        "gates": [gate],
        **fields,
    }


def ready(**fields: str) -> list[Manifest]:
    return [{**status()["conditions"][0], **fields}]


def stage(**fields: object) -> Manifest:
    return {**status()["stage"], **fields}


TESTED = {"revision": "r2", "smokeTested": True}
OTHER = {"revision": "r3", "smokeTested": False}
CASES: dict[str, tuple[Manifest, Fields, timedelta | None]] = {
    "an equal status is not written": (status(), (), None),
    "a phase goes at once": (status(phase="Healthy"), (), AT_ONCE),
    "a verdict goes at once": (status(verdict="Fail"), (), AT_ONCE),
    "a new gate goes at once": (status(gates=[]), (), AT_ONCE),
    "another candidate goes at once": (status(candidate=OTHER), (), AT_ONCE),
    "another stage goes at once": (status(stage=stage(name="full")), (), AT_ONCE),
    "a stage that was entered goes at once": (status(stage=stage(enteredAt="1")), (), AT_ONCE),
    "the end of a stage goes at once": (status(stage=None), (), AT_ONCE),
    "another desired weight goes at once": (
        status(weights={"desired": 100, "actual": 0}), (), AT_ONCE),
    "a condition that flips goes at once": (
        status(conditions=ready(status="True")), (), AT_ONCE),
    "another reason goes at once": (status(conditions=ready(reason="Paused")), (), AT_ONCE),
    "a pod more waits a little": (status(replicas=3), (), SIGHT_WITHIN),
    "a ready pod waits a little, with the sentence about it": (
        status(readyReplicas=1, message="1 of 2", conditions=ready(message="1 of 2")),
        (), SIGHT_WITHIN),
    "what callers are seen to get waits a little": (
        status(weights={"desired": 50, "actual": 33}), (), SIGHT_WITHIN),
    "the progress clock waits a little": (status(stage=stage(progressReady=1)), (), SIGHT_WITHIN),
    "a pod that is ready waits a little": (
        status(stage=stage(pods=["3f2a9c1b"], standingSince="12:00")), (), SIGHT_WITHIN),
    "a death goes at once": (status(stage=stage(deaths={"count": 1})), (), AT_ONCE),
    "a soak that stops goes at once": (
        status(stage=stage(standingSince="12:00", soakUntil="12:10")), (), AT_ONCE),
    "a sentence alone waits a little": (status(message="other words"), (), SIGHT_WITHIN),
    "a smoke test that passed waits a little": (status(candidate=TESTED), (), SIGHT_WITHIN),
    "but not when something is done on it": (status(candidate=TESTED), (PROOF,), AT_ONCE),
    "evidence alone waits longer": (status(2), (), EVIDENCE_WITHIN),
    "evidence waits longer with the sentence that it changed": (
        status(2, message="2 samples"), (), EVIDENCE_WITHIN),
    "evidence is written with what else is seen": (status(2, replicas=3), (), SIGHT_WITHIN),
}  # fmt: skip


@pytest.mark.parametrize(("after", "relied_on", "expected"), CASES.values(), ids=CASES)
def test_patience(after: Manifest, relied_on: Fields, expected: timedelta | None) -> None:
    assert write_delay(status(), after, relied_on) == expected


CROWDED: dict[str, tuple[Manifest, timedelta | None]] = {
    "a pod more waits as long as evidence": (status(replicas=3), EVIDENCE_WITHIN),
    "a phase goes at once": (status(phase="Healthy"), AT_ONCE),
    "an equal status is not written": (status(), None),
}


@pytest.mark.parametrize(("after", "expected"), CROWDED.values(), ids=CROWDED)
def test_patience_in_a_crowd(after: Manifest, expected: timedelta | None) -> None:
    assert write_delay(status(), after, (), crowded=True) == expected


def test_the_first_status_goes_at_once() -> None:
    assert write_delay({}, status(), ()) == AT_ONCE


STANDS: Manifest = {
    "phase": "Healthy",
    "message": "serves",
    "stable": {"revision": "r1", "version": "1.0.0"},
    "conditions": [{"type": "Ready", "status": "True"}, {"type": "Paused", "status": "False"}],
}
EARLIER: Manifest = {
    **STANDS,
    "adopting": "",
    "stable": {**STANDS["stable"], "image": "", "ungated": ""},
    "conditions": [{**it, "message": ""} for it in STANDS["conditions"]],
    "weights": {"desired": 0, "actual": 0, "method": "ReplicaRatio"},
}
"""As operators wrote it that wrote every empty text, and a weight of nothing."""
LEFT: Manifest = {"desired": 0, "actual": 33, "method": "ReplicaRatio"}
UPGRADES: dict[str, tuple[Manifest, Manifest, timedelta | None]] = {
    "a status that says the same is not written for its empty texts": (EARLIER, STANDS, None),
    "nor by an operator that is older again": (STANDS, EARLIER, None),
    "what is seen waits as ever": (EARLIER, {**STANDS, "replicas": 3}, SIGHT_WITHIN),
    "what is decided goes at once": (EARLIER, {**STANDS, "phase": "Degraded"}, AT_ONCE),
    "the last caller of an ended trial waits a little": (
        {**STANDS, "weights": LEFT}, STANDS, SIGHT_WITHIN),
    "a weight of a candidate is no empty one": (
        {**STANDS, "candidate": {"revision": "r2"}, "weights": EARLIER["weights"]},
        {**STANDS, "candidate": {"revision": "r2"}}, AT_ONCE),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "expected"), UPGRADES.values(), ids=UPGRADES)
def test_patience_with_what_another_version_wrote(
    before: Manifest, after: Manifest, expected: timedelta | None
) -> None:
    assert write_delay(before, after, ()) == expected
