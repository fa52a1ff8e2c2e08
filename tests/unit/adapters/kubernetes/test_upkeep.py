"""Whose a child is and of which size, as its metadata tells it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lockstep.adapters.kubernetes import autoscalers, replica_sets
from lockstep.adapters.kubernetes.meta import meta
from lockstep.api.base import Manifest
from lockstep.api.model_deployment import DeletionPolicy
from lockstep.core import names
from lockstep.core.key import Key
from lockstep.core.rollout.actions import PutReplicaSet
from lockstep.core.rollout.children import replica_set
from lockstep.core.rollout.children.owner import Owner

OWNER = Owner(key=Key("ModelDeployment", "pay", "fraud"), uid="uid-fraud")
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


def rendered(surplus: int = 0, replicas: int = 4) -> Manifest:
    wanted = PutReplicaSet(
        revision="r1",
        replicas=replicas,
        template={"metadata": {"labels": {"a": "b"}, "annotations": {"team": "fraud"}}, "spec": {}},
        min_ready_seconds=0,
        exists=True,
        surplus=surplus,
    )
    return replica_set.put(OWNER, wanted)


def test_a_surplus_is_said_beside_the_size_and_changes_nothing_else() -> None:
    plain, more = rendered(), rendered(surplus=2)
    assert more["metadata"].pop("annotations") == {"lockstep.dev/surplus": "2"}
    assert (plain["spec"].pop("replicas"), more["spec"].pop("replicas")) == (4, 6)
    assert more == plain


def test_a_surplus_stands_beside_the_owner_of_a_child_that_outlives_it() -> None:
    outliving = replace(OWNER, policy=DeletionPolicy.ORPHAN)
    wanted = PutReplicaSet(
        revision="r1", replicas=1, template={}, min_ready_seconds=0, exists=True, surplus=1
    )
    notes = replica_set.put(outliving, wanted)["metadata"]["annotations"]
    assert notes == {"lockstep.dev/owner-uid": "uid-fraud", "lockstep.dev/surplus": "1"}


def test_what_was_rendered_is_read_back() -> None:
    raw = rendered(surplus=2)
    raw["metadata"] |= {"creationTimestamp": "2026-11-20T00:00:00Z", "uid": "u"}
    child = replica_sets.prune(raw).child
    created = datetime(2026, 11, 20, tzinfo=UTC)
    assert (child.replicas, child.surplus, child.created) == (4, 2, created)


@pytest.mark.parametrize("text", ["", "some", "-1", "1.5", "9999999"])
def test_what_is_no_number_of_pods_is_no_surplus(text: str) -> None:
    raw = rendered()
    raw["metadata"] |= {"uid": "u", "annotations": {"lockstep.dev/surplus": text}}
    child = replica_sets.prune(raw).child
    assert (child.replicas, child.surplus) == (4, 0)


def test_a_surplus_above_the_size_leaves_none() -> None:
    raw = rendered(replicas=1)
    raw["metadata"] |= {"uid": "u", "annotations": {"lockstep.dev/surplus": "3"}}
    child = replica_sets.prune(raw).child
    assert (child.replicas, child.surplus) == (0, 1)


SPAN = (datetime(2026, 11, 20, 1, tzinfo=UTC), datetime(2026, 11, 20, 2, 0, 0, 500000, tzinfo=UTC))


def test_when_a_template_was_edited_is_read_back() -> None:
    wanted = PutReplicaSet(
        revision="r1", replicas=1, template={}, min_ready_seconds=0, exists=True, edited=SPAN
    )
    raw = replica_set.put(OWNER, wanted)
    raw["metadata"] |= {"uid": "u"}
    assert replica_sets.prune(raw).child.edited == SPAN


@pytest.mark.parametrize(
    "text", ["", "then", "2026-11-20T01:00:00Z", "a/b", "2026-11-20/2026-11-21"]
)
def test_what_is_no_span_of_time_is_none(text: str) -> None:
    raw = rendered()
    raw["metadata"] |= {"uid": "u", "annotations": {"lockstep.dev/edited": text}}
    assert replica_sets.prune(raw).child.edited is None


def entry(manager: str, at: str, field: str = "template") -> Manifest:
    return {"manager": manager, "time": at, "fieldsV1": {"f:spec": {f"f:{field}": {}}}}


SINCE: dict[str, tuple[list[Manifest], datetime | None]] = {
    "only we wrote it": ([entry("lockstep", "2026-11-20T01:00:00Z")], None),
    "somebody else wrote it": ([entry("kubectl-edit", "2026-11-20T01:00:00Z")], SPAN[0]),
    "the first of them counts": (
        [entry("kubectl-set", "2026-11-20T03:00:00Z"), entry("vim", "2026-11-20T01:00:00Z")],
        SPAN[0]),
    "somebody else scaled it": ([entry("kubectl", "2026-11-20T01:00:00Z", "replicas")], None),
    "nobody says when": ([{"manager": "x", "fieldsV1": {"f:spec": {"f:template": {}}}}], None),
}  # fmt: skip


@pytest.mark.parametrize(("entries", "since"), SINCE.values(), ids=SINCE)
def test_since_when_a_template_is_somebody_elses(
    entries: list[Manifest], since: datetime | None
) -> None:
    raw = rendered()
    raw["metadata"] |= {"uid": "u", "managedFields": entries}
    assert replica_sets.prune(raw).child.edit == since


def test_what_is_known_of_an_edit_is_no_new_one() -> None:
    """What an apply does not take back stays theirs, and would be a new edit in every pass."""
    raw = rendered()
    notes = {"lockstep.dev/edited": f"{SPAN[0].isoformat()}/{SPAN[1].isoformat()}"}
    known = [entry("kubectl-edit", "2026-11-20T01:00:00Z")]
    raw["metadata"] |= {"uid": "u", "annotations": notes, "managedFields": known}
    assert replica_sets.prune(raw).child.edit is None
    known.append(entry("vim", "2026-11-20T03:00:00Z"))
    later = datetime(2026, 11, 20, 3, tzinfo=UTC)
    assert replica_sets.prune(raw).child.edit == later


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
    assert autoscalers.prune(raw).meta.parent is None
