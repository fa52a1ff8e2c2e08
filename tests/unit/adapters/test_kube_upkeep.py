"""Whose a child is, and when its pods were made anew, as its metadata and status tell it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from lockstep.adapters import kube_autoscalers, kube_deployments
from lockstep.adapters.kube import meta
from lockstep.api.base import Manifest
from lockstep.core import names
from lockstep.core.children import deployment
from lockstep.core.children.owner import Owner
from lockstep.core.key import Key
from lockstep.core.plan import PutDeployment

OWNER = Owner(key=Key("pay", "fraud"), uid="uid-fraud")
AT = datetime(2026, 11, 21, 12, 0, 0, 500000, tzinfo=UTC)
REFERENCE = {"uid": "by-reference", "controller": True}
NOTE = {"lockstep.dev/owner-uid": "by-note"}

OWNERS: dict[str, tuple[Manifest, str, bool]] = {
    "a controller": ({"ownerReferences": [REFERENCE]}, "by-reference", False),
    "an annotation": ({"annotations": NOTE}, "by-note", True),
    "both, while the policy changes": (
        {"ownerReferences": [REFERENCE], "annotations": NOTE}, "by-reference", False),
    "an owner that is no controller": ({"ownerReferences": [{"uid": "x"}]}, "", True),
    "nobody": ({}, "", True),
    "nothing but null": ({"ownerReferences": None, "annotations": None}, "", True),
}  # fmt: skip


@pytest.mark.parametrize(("metadata", "uid", "outlives"), OWNERS.values(), ids=OWNERS)
def test_whose_it_is(metadata: Manifest, uid: str, *, outlives: bool) -> None:
    known = meta({"metadata": {"name": "fraud", **metadata}})
    assert (known.owner_uid, known.outlives) == (uid, outlives)


def rendered(restarted_at: datetime | None = None, replicas: int = 4, surge: int = 1) -> Manifest:
    wanted = PutDeployment(
        revision="r1",
        replicas=replicas,
        template={"metadata": {"labels": {"a": "b"}, "annotations": {"team": "fraud"}}, "spec": {}},
        min_ready_seconds=0,
        exists=True,
        restarted_at=restarted_at,
        surge=surge,
    )
    return deployment.put(OWNER, wanted)


def test_a_restart_changes_nothing_but_the_time_and_the_way_of_updating() -> None:
    plain, again = rendered()["spec"], rendered(AT)["spec"]
    notes = again["template"]["metadata"]["annotations"]
    assert notes == {"team": "fraud", "lockstep.dev/restarted-at": "2026-11-21T12:00:00.500000Z"}
    assert again.pop("strategy")["type"] == "RollingUpdate"
    del notes["lockstep.dev/restarted-at"]
    assert again == plain


def test_what_was_rendered_is_read_back() -> None:
    raw = rendered(AT)
    raw["metadata"] |= {"creationTimestamp": "2026-11-20T00:00:00Z", "uid": "u"}
    child = kube_deployments.prune(raw).child
    assert (child.restarted_at, child.created) == (AT, datetime(2026, 11, 20, tzinfo=UTC))


@pytest.mark.parametrize("text", ["", "soon", "2026-11-21T12:00:00", "12"])
def test_what_is_no_time_is_no_restart(text: str) -> None:
    raw = rendered(AT)
    raw["spec"]["template"]["metadata"]["annotations"] = {"lockstep.dev/restarted-at": text}
    assert kube_deployments.prune(raw).child.restarted_at is None


PACES: dict[str, tuple[int, int, dict[str, int]]] = {
    "within the surge, none fewer than wanted": (4, 2, {"maxSurge": 2, "maxUnavailable": 0}),
    "without surge a place is freed first": (4, 0, {"maxSurge": 0, "maxUnavailable": 1}),
    "but never the last one": (1, 0, {"maxSurge": 1, "maxUnavailable": 0}),
}


@pytest.mark.parametrize(("replicas", "surge", "pace"), PACES.values(), ids=PACES)
def test_the_pace_of_a_restart(replicas: int, surge: int, pace: dict[str, int]) -> None:
    strategy = rendered(AT, replicas, surge)["spec"]["strategy"]
    assert strategy["rollingUpdate"] == pace


STATUSES: dict[str, tuple[datetime | None, dict[str, Any], int]] = {
    "none are left": (AT, {"observedGeneration": 3, "replicas": 4, "updatedReplicas": 4}, 0),
    "some are left": (AT, {"observedGeneration": 3, "replicas": 5, "updatedReplicas": 2}, 3),
    "its controller has not noticed": (
        AT, {"observedGeneration": 2, "replicas": 4, "updatedReplicas": 4}, 4),
    "it never was restarted": (None, {"observedGeneration": 2, "replicas": 4}, 0),
    "nothing is said yet": (AT, {}, 0),
}  # fmt: skip


@pytest.mark.parametrize(("at", "status", "left"), STATUSES.values(), ids=STATUSES)
def test_pods_that_a_restart_has_not_replaced(
    at: datetime | None, status: dict[str, Any], left: int
) -> None:
    raw = {**rendered(at), "status": status}
    raw["metadata"] |= {"uid": "u", "generation": 3}
    assert kube_deployments.prune(raw).child.outdated == left


CHILDREN = {
    "fraud-0a1b2c3d": "fraud",
    "fraud-detector-0a1b2c3d": "fraud-detector",
    "fraud": "",
    "fraud-api": "",
    "fraud-0A1B2C3D": "",
    "-0a1b2c3d": "",
}


@pytest.mark.parametrize(("name", "owner"), CHILDREN.items())
def test_whose_child_a_name_may_be(name: str, owner: str) -> None:
    assert names.owner_of(name) == owner


def test_another_groups_deployment_is_nobodys_child() -> None:
    ref = {"apiVersion": "example.com/v1", "kind": "Deployment", "name": "fraud-0a1b2c3d"}
    raw = {"metadata": {"name": "h", "namespace": "pay"}, "spec": {"scaleTargetRef": ref}}
    assert kube_autoscalers.prune(raw).meta.deployment == ""
