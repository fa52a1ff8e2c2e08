"""Budget, ownership and autoscalers: what is seen of them, and one request per action."""

from typing import Any

import pytest

from lockstep.api.base import Manifest
from lockstep.api.model_deployment import DeletionPolicy
from lockstep.core.facts import ChildRef
from lockstep.core.key import Key
from lockstep.core.rollout.actions import (
    PutBudget,
    RemoveBudget,
    SetOwnership,
    StoreRevision,
)
from lockstep.core.rollout.children import (
    budget,
    controller_revision,
    replica_set,
)
from lockstep.core.rollout.children.owner import Owner
from lockstep.core.rollout.observed import Autoscaler, Budget
from lockstep.errors import ForeignObjectError
from lockstep.shell.watch.caches import Caches
from tests.unit.shell.fakes import Bench
from tests.unit.shell.written import (
    FRAUD,
    OWNER,
    callers,
    child,
    model_deployment,
    rendered_template,
    standing,
)

OUTLIVING = Owner(key=OWNER.key, uid=OWNER.uid, policy=DeletionPolicy.ORPHAN)
ORPHANS: dict[str, Any] = {"deletionPolicy": "Orphan"}
REFERENCE = {"uid": "team", "kind": "Team", "name": "fraud", "apiVersion": "v1"}


def budgeted(owner: Owner = OWNER, **spec: object) -> Manifest:
    rendered = budget.budget(owner)
    return standing({**rendered, "spec": {**rendered["spec"], **spec}}, "uid-pdb")


def revision(owner: Owner = OWNER) -> Manifest:
    stored = StoreRevision(revision="r1", scheme="1", number=1, inputs={}, template={})
    return standing(controller_revision.controller_revision(owner, stored), "uid-rev")


def autoscaler(target: str, kind: str = "ReplicaSet", version: int = 10) -> Manifest:
    api = "lockstep.dev/v1alpha1" if kind == "ModelDeployment" else "apps/v1"
    return {
        "metadata": {
            "name": "hpa",
            "namespace": "pay",
            "uid": "h",
            "resourceVersion": str(version),
        },
        "spec": {"scaleTargetRef": {"apiVersion": api, "kind": kind, "name": target}},
    }


DRIFT: dict[str, tuple[Manifest, Budget | None]] = {
    "ours as we made it": (budgeted(), Budget(uid="uid-pdb")),
    "another number": (budgeted(maxUnavailable=1), Budget(uid="uid-pdb", drifted=True)),
    "a field that is not ours": (
        budgeted(maxUnavailable=None, minAvailable=1), Budget(uid="uid-pdb", drifted=True)),
    "a selector that spares pods": (
        budgeted(selector={"matchLabels": {"lockstep.dev/deployment": "fraud", "a": "b"}}),
        Budget(uid="uid-pdb", drifted=True)),
    "somebody else's": (budgeted(Owner(key=FRAUD, uid="another")), None),
    "ours, made to outlive": (budgeted(OUTLIVING), Budget(uid="uid-pdb")),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "seen"), DRIFT.values(), ids=DRIFT)
async def test_the_budget_is_seen(raw: Manifest, seen: Budget | None) -> None:
    assert (await Bench().see(model_deployment(), raw).look()).budget == seen


EDITORS: dict[str, tuple[list[Manifest], str]] = {
    "through whom is known": (
        [{"manager": "lockstep"}, {"manager": "vim", "time": "2026-01-01T11:00:00Z"}],
        "spec.maxUnavailable, by vim"),
    "the last of several": (
        [{"manager": "vim", "time": "2026-01-01T11:00:00Z"},
         {"manager": "ed", "time": "2026-01-01T12:00:00Z"}],
        "spec.maxUnavailable, by ed"),
    "a status is nobody's edit": (
        [{"manager": "controller", "subresource": "status", "time": "2026-01-01T11:00:00Z"}],
        "spec.maxUnavailable"),
    "nobody has said": ([], "spec.maxUnavailable"),
}  # fmt: skip


@pytest.mark.parametrize(("entries", "said"), EDITORS.values(), ids=EDITORS)
async def test_an_edited_budget_says_what_was_edited_and_through_whom(
    entries: list[Manifest], said: str
) -> None:
    raw = budgeted(maxUnavailable=1)
    raw["metadata"]["managedFields"] = entries
    found = (await Bench().see(model_deployment(), raw).look()).budget
    assert found is not None
    assert str(found.hand) == said


async def test_a_budget_costs_one_request_and_no_other() -> None:
    bench = Bench().see(model_deployment())
    await bench.act.act(await bench.look(), PutBudget(exists=False))
    assert (await bench.look()).budget == Budget(uid="uid-fraud")
    assert bench.kube.log == ["create PodDisruptionBudget fraud"]


async def test_a_budget_is_put_back_whole() -> None:
    edited = budgeted(maxUnavailable=None, minAvailable=1)
    bench = Bench().see(model_deployment(), edited)
    await bench.act.act(await bench.look(), PutBudget(exists=True))
    assert bench.kube.log == ["merge PodDisruptionBudget fraud"]
    there = bench.kube.objects["PodDisruptionBudget", "fraud"]
    assert "minAvailable" not in there["spec"]
    assert there["spec"]["maxUnavailable"] == "25%"


async def test_a_difference_that_a_put_did_not_change_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    edited = budgeted(defaultedLater=True)
    bench = Bench().see(model_deployment(), edited)

    async def unchanged(_: Manifest, __: Manifest) -> Manifest:
        return edited

    monkeypatch.setattr(bench.kube, "merge", unchanged)
    await bench.act.act(await bench.look(), PutBudget(exists=True))
    assert (await bench.look()).budget == Budget(uid="uid-pdb")


async def test_a_budget_is_removed_by_its_uid() -> None:
    bench = Bench().see(model_deployment(), budgeted())
    seen = await bench.look()
    await bench.act.act(seen, RemoveBudget())
    assert bench.kube.log == ["delete PodDisruptionBudget fraud"]
    bench.caches.read("poddisruptionbudgets", budgeted(), "DELETED")
    await bench.act.act(seen, RemoveBudget())
    assert len(bench.kube.log) == 1


async def test_somebody_elses_budget_is_left_alone() -> None:
    bench = Bench().see(model_deployment())
    bench.kube.have(budgeted(Owner(key=FRAUD, uid="another")))
    with pytest.raises(ForeignObjectError):
        await bench.act.act(await bench.look(), PutBudget(exists=False))
    (foreign,) = (await bench.look()).foreign
    assert (foreign.kind, foreign.name) == ("PodDisruptionBudget", "fraud")


ALL = (
    ChildRef("ReplicaSet", "fraud-r1"),
    ChildRef("ControllerRevision", "fraud-r1"),
    ChildRef("Service", "fraud"),
    ChildRef("PodDisruptionBudget", "fraud"),
)


async def test_every_child_changes_its_owner_with_the_policy_and_nobody_elses_reference_goes() -> (
    None
):
    theirs = callers({})
    theirs["metadata"]["ownerReferences"].append(REFERENCE)
    bench = Bench().see(model_deployment(**ORPHANS), child(), revision(), theirs, budgeted())
    seen = await bench.look()
    assert seen.misowned == ALL
    for it in seen.misowned:
        await bench.act.act(seen, SetOwnership(it, orphan=True))
    after = await bench.look()
    assert after.misowned == ()
    assert after.arm("r1").replica_set is not None, "still known as ours"
    left = bench.kube.objects["Service", "fraud"]["metadata"]
    assert left["ownerReferences"] == [REFERENCE]
    assert left["annotations"] == {"lockstep.dev/owner-uid": OWNER.uid}
    assert bench.kube.log == [f"merge items {it.kind} {it.name}" for it in ALL]


async def test_they_are_owned_again_when_the_policy_changes_back() -> None:
    manifest = replica_set.replica_set(OUTLIVING, "r1", rendered_template(), 2, 0)
    bench = Bench().see(model_deployment(), standing(manifest, "uid-r1"))
    seen = await bench.look()
    assert seen.misowned == (ChildRef("ReplicaSet", "fraud-r1"),)
    await bench.act.act(seen, SetOwnership(seen.misowned[0], orphan=False))
    assert (await bench.look()).misowned == ()
    metadata = bench.kube.objects["ReplicaSet", "fraud-r1"]["metadata"]
    assert (metadata["ownerReferences"][0]["uid"], metadata["annotations"]) == (OWNER.uid, {})


async def test_children_of_an_earlier_owner_are_neither_seen_nor_owned() -> None:
    earlier = Owner(key=FRAUD, uid="earlier", policy=DeletionPolicy.ORPHAN)
    manifest = replica_set.replica_set(earlier, "r1", rendered_template(), 2, 0)
    bench = Bench().see(model_deployment(), standing(manifest, "uid-r1"))
    seen = await bench.look()
    assert (seen.misowned, seen.arm("r1").replica_set) == ((), None)


CHILD = "fraud-0a1b2c3d"
SCALERS: dict[str, tuple[Manifest, tuple[Autoscaler, ...]]] = {
    "one of a child": (autoscaler(CHILD), (Autoscaler("hpa", ChildRef("ReplicaSet", CHILD)),)),
    "one of a revision that is gone": (autoscaler("fraud-ffffffff"), ()),
    "one of somebody else's Deployment": (autoscaler("web"), ()),
    "one of the ModelDeployment": (autoscaler("fraud", "ModelDeployment"), ()),
}


@pytest.mark.parametrize(("raw", "seen"), SCALERS.values(), ids=SCALERS)
async def test_autoscalers_of_a_child_are_seen(raw: Manifest, seen: tuple[Autoscaler, ...]) -> None:
    manifest = replica_set.replica_set(OWNER, "0a1b2c3d", rendered_template(), 2, 0)
    bench = Bench().see(model_deployment(), standing(manifest, "uid-r1"))
    bench.caches.read("horizontalpodautoscalers", raw)
    assert (await bench.look()).autoscalers == seen


def test_an_autoscaler_rings_for_whom_it_scales_and_scaled_before() -> None:
    caches, bells = Caches(()), list[Key]()
    caches.enqueue = bells.append
    caches.read("horizontalpodautoscalers", autoscaler(CHILD, version=10))
    caches.read("horizontalpodautoscalers", autoscaler(CHILD, version=11), "MODIFIED")
    assert bells == [FRAUD]
    moved = autoscaler("fraud", "ModelDeployment", version=12)
    caches.read("horizontalpodautoscalers", moved, "MODIFIED")
    assert bells == [FRAUD, FRAUD]
    caches.read("horizontalpodautoscalers", moved, "DELETED")
    assert bells == [FRAUD, FRAUD]
