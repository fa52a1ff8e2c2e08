"""From caches to one frozen Observed."""

import copy
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lockstep.adapters.kubernetes import services
from lockstep.api.base import Manifest
from lockstep.api.changes import changed
from lockstep.api.model_deployment_status import Phase
from lockstep.api.service import Service, alike
from lockstep.api.strategy import CriteriaRef
from lockstep.core.facts import Foreign, Unreadable
from lockstep.core.rollout.actions import StoreRevision
from lockstep.core.rollout.children import controller_revision
from lockstep.core.rollout.observed import CallerService, Observed
from lockstep.core.rollout.routing import Nobody, Only
from lockstep.errors import InvariantError
from lockstep.shell.rollout.follow import FOREIGN_BELIEVED
from lockstep.shell.rollout.memory import Pending
from tests.unit.shell.fakes import NOW, Bench, status
from tests.unit.shell.written import (
    FRAUD,
    OWNER,
    TEMPLATE,
    callers,
    child,
    model_deployment,
    rendered_template,
    standing,
)

STORED = StoreRevision(
    revision="r1",
    scheme="1",
    number=1,
    inputs={"version": "1.0.0", "template": TEMPLATE},
    template=rendered_template(),
)
REVISION = standing(controller_revision.controller_revision(OWNER, STORED), "uid-rev")
PORTS = Service().served()
ONLY_R1 = {"lockstep.dev/deployment": "fraud", "lockstep.dev/revision": "r1"}


def pod(name: str = "p", revision: str = "r1", phase: str = "Running") -> Manifest:
    labels = {"lockstep.dev/deployment": "fraud", "lockstep.dev/revision": revision}
    owner = {"kind": "ReplicaSet", "name": f"fraud-{revision}", "uid": f"uid-{revision}"}
    metadata = {
        "name": name,
        "generateName": f"fraud-{revision}-",
        "namespace": "pay",
        "uid": name,
        "resourceVersion": "10",
        "ownerReferences": [{**owner, "controller": True}],
    }
    ready = {"type": "Ready", "status": "True"}
    return {
        "kind": "Pod",
        "metadata": {**metadata, "labels": labels},
        "status": {"phase": phase, "conditions": [ready]},
    }


def edited(raw: Manifest, **spec: Any) -> Manifest:
    """The same object after somebody else's edit."""
    metadata = {**raw["metadata"], "resourceVersion": "11", "generation": 2}
    return {**raw, "metadata": metadata, "spec": {**raw["spec"], **spec}}


def drifted(seen: Observed) -> bool:
    found = seen.arm("r1").replica_set
    assert found is not None
    return found.drifted


async def test_what_is_not_there_is_not_seen() -> None:
    assert await Bench().follow.follow(FRAUD) is None


async def test_what_is_going_is_left_alone() -> None:
    raw = model_deployment()
    raw["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert await Bench().see(raw).follow.follow(FRAUD) is None


async def test_arms_have_their_deployment_and_their_pods() -> None:
    bench = Bench().see(model_deployment(), REVISION, child(), child("r2", 1), pod("a"), pod("b"))
    alien = pod("alien")
    del alien["metadata"]["ownerReferences"]
    bench.see(pod("left", "r3"), pod("ended", "r1", "Failed"), alien)
    seen = await bench.look()
    assert {name: (arm.wanted, len(arm.pods)) for name, arm in seen.arms.items()} == {
        "r1": (2, 2),
        "r2": (1, 0),
        "r3": (0, 1),
    }
    assert [it.revision for it in seen.stored] == ["r1"]
    assert [it.name for it in seen.strangers] == ["alien"]


async def test_a_stored_revision_with_a_template_of_somebody_else_is_not_ours() -> None:
    """Unless status says that it began: then an operator before us has made it."""
    evil = {"spec": {"containers": [{"name": "server", "image": "evil:1"}]}}
    forged = copy.deepcopy(REVISION)
    forged["data"]["template"] = evil
    seen = await Bench().see(model_deployment(), forged).look()
    assert (seen.stored, seen.foreign) == ((), (Foreign("ControllerRevision", "fraud-r1"),))
    named = {"stable": {"revision": "r1", "version": "1.0.0"}}
    begun = await Bench().see(model_deployment(status=named), forged).look()
    assert ([it.revision for it in begun.stored], begun.foreign) == (["r1"], ())


async def test_a_stored_revision_of_another_name_stands_for_no_other() -> None:
    second = copy.deepcopy(REVISION)
    second["metadata"] |= {"name": "fraud-zz", "uid": "uid-zz"}
    seen = await Bench().see(model_deployment(), REVISION, second).look()
    assert [it.name for it in seen.stored] == ["fraud-r1"]


async def test_a_child_of_an_earlier_owner_of_this_name_is_not_ours() -> None:
    old = child()
    owner = {**old["metadata"]["ownerReferences"][0], "uid": "an earlier one"}
    old["metadata"]["ownerReferences"] = [owner]
    seen = await Bench().see(model_deployment(), old).look()
    assert seen.arms == {}


async def test_a_replica_set_as_we_made_it_has_not_drifted() -> None:
    assert not drifted(await Bench().see(model_deployment(), REVISION, child()).look())


EDITS: dict[str, dict[str, object]] = {
    "the image": {"template": {"spec": {"containers": [{"name": "server", "image": "evil:1"}]}}},
    "minReadySeconds": {"minReadySeconds": 9},
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
async def test_an_edit_by_hand_is_drift(edit: dict[str, object]) -> None:
    bench = Bench().see(model_deployment(), REVISION, edited(child(), **edit))
    assert drifted(await bench.look())


HANDS: dict[str, tuple[dict[str, object], Manifest, str]] = {
    "the template, of which nothing but the image is left": (
        EDITS["the image"], {"f:template": {}}, "spec.template.metadata, by vim"),
    "minReadySeconds": (
        EDITS["minReadySeconds"], {"f:minReadySeconds": {}}, "spec.minReadySeconds, by vim"),
    "its size": ({"replicas": 50}, {"f:replicas": {}}, "spec.replicas, by vim"),
    "nothing": ({}, {}, "None"),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "fields", "said"), HANDS.values(), ids=HANDS)
async def test_an_edit_by_hand_says_what_and_through_whom(
    edit: dict[str, object], fields: Manifest, said: str
) -> None:
    raw = edited(child(), **edit)
    raw["metadata"]["managedFields"] = [{**BY_HAND, "fieldsV1": {"f:spec": fields}}]
    found = (await Bench().see(model_deployment(), REVISION, raw).look()).arm("r1").replica_set
    assert found is not None
    assert str(found.hand) == said


BY_HAND = {"manager": "vim", "time": "2026-01-01T11:00:00Z"}
TEMPLATE_BY_HAND = {**BY_HAND, "fieldsV1": {"f:spec": {"f:template": {}}}}
SINCES: dict[str, tuple[dict[str, object], datetime | None]] = {
    "its template": (EDITS["the image"], datetime(2026, 1, 1, 11, tzinfo=UTC)),
    "only another field": (EDITS["minReadySeconds"], None),
    "nothing that is ours": ({}, None),
}


@pytest.mark.parametrize(("edit", "since"), SINCES.values(), ids=SINCES)
async def test_since_when_pods_are_made_from_another_template(
    edit: dict[str, object], since: datetime | None
) -> None:
    raw = edited(child(), **edit)
    raw["metadata"]["managedFields"] = [TEMPLATE_BY_HAND]
    found = (await Bench().see(model_deployment(), REVISION, raw).look()).arm("r1").replica_set
    assert found is not None
    assert found.edit == since


async def test_replicas_are_planned_not_compared_unless_somebody_else_wrote_them() -> None:
    scaled = edited(child(), replicas=50)
    assert not drifted(await Bench().see(model_deployment(), REVISION, scaled).look())
    entry = {"manager": "kubectl", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    scaled["metadata"]["managedFields"] = [entry]
    assert drifted(await Bench().see(model_deployment(), REVISION, scaled).look())


async def test_without_its_stored_template_nothing_can_be_said_about_drift() -> None:
    bench = Bench().see(model_deployment(), edited(child(), minReadySeconds=9))
    assert not drifted(await bench.look())


async def test_a_difference_that_an_apply_did_not_change_is_notation() -> None:
    bench = Bench().see(model_deployment(), REVISION, edited(child(), minReadySeconds=9))
    bench.memory.of(FRAUD).note_noop("uid-r1", 2)
    assert not drifted(await bench.look())
    bench.memory.of(FRAUD).note_noop("uid-r1", 1)
    assert drifted(await bench.look()), "another generation is looked at anew"


async def test_the_service_says_whom_callers_reach() -> None:
    seen = await Bench().see(model_deployment(), callers(ONLY_R1)).look()
    assert seen.service == CallerService(uid="uid-svc", routing=Only("r1"), ports=PORTS)


async def test_a_selector_that_is_not_ours_is_drift_towards_nobody_we_know() -> None:
    seen = await Bench().see(model_deployment(), callers({"app": "x"})).look()
    assert seen.service == CallerService(
        uid="uid-svc", routing=Nobody(), ports=PORTS, drifted=True, elsewhere=True
    )


STRAY: dict[str, tuple[Manifest, bool, str]] = {
    "callers sent out of the cluster": (
        {"spec": {"type": "ExternalName", "externalName": "elsewhere.example.com"}}, True,
        "spec.type"),
    "callers sent to pods that are not ready": (
        {"spec": {"publishNotReadyAddresses": True}}, True, "spec.publishNotReadyAddresses"),
    "what the spec says of it": (
        {"metadata": {"annotations": {"mesh": "off"}}}, False, "metadata.annotations.mesh"),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "astray", "what"), STRAY.values(), ids=STRAY)
async def test_what_is_ours_of_a_service_is_put_back(
    edit: Manifest, what: str, *, astray: bool
) -> None:
    raw = callers(ONLY_R1, version=20)
    changed = {part: {**raw[part], **edit.get(part, {})} for part in ("metadata", "spec")}
    asked = {"annotations": {"mesh": "on"}}
    as_asked = callers(ONLY_R1)
    as_asked["metadata"]["annotations"] = {"mesh": "on"}
    bench = Bench().see(model_deployment(service=asked), as_asked)
    seen = (await bench.look()).service
    edited = (await bench.see({**raw, **changed}).look()).service
    assert seen is not None
    assert edited is not None
    assert (seen.drifted, seen.astray) == (False, False)
    assert (edited.drifted, edited.astray) == (True, astray)
    assert (seen.hand, str(edited.hand)) == (None, what)


async def test_what_others_add_to_a_service_and_no_write_of_ours_touches_stays() -> None:
    raw = callers(ONLY_R1)
    raw["metadata"] |= {"annotations": {"lb": "big"}}
    raw["metadata"]["labels"] |= {"team": "a"}
    raw["spec"] |= {"type": "NodePort", "sessionAffinity": "ClientIP"}
    raw["spec"]["ports"][0]["nodePort"] = 30080
    seen = (await Bench().see(model_deployment(), raw).look()).service
    assert seen is not None
    assert not seen.drifted
    assert alike(PORTS, seen.ports), "a node's port that nobody asked for is the cluster's"


async def test_a_label_that_the_spec_says_no_more_is_ours_to_take_away() -> None:
    raw = callers(ONLY_R1)
    raw["metadata"]["labels"] |= {"team": "a", "theirs": "b"}
    fields: Manifest = {"f:metadata": {"f:labels": {".": {}, "f:team": {}}}}
    raw["metadata"]["managedFields"] = [{"manager": "lockstep", "fieldsV1": fields}]
    seen = (await Bench().see(model_deployment(), raw).look()).service
    assert seen is not None
    assert seen.drifted
    known, rendered = services.prune(raw), callers(ONLY_R1)
    rendered["spec"] |= {"publishNotReadyAddresses": False}
    assert services.patch(rendered, known)["metadata"]["labels"]["team"] is None
    assert "theirs" not in services.patch(rendered, known)["metadata"]["labels"]


async def test_a_service_of_somebody_else_is_not_seen_as_ours() -> None:
    raw = callers(ONLY_R1)
    raw["metadata"]["ownerReferences"] = []
    seen = await Bench().see(model_deployment(), raw).look()
    assert seen.service is None


async def test_a_spec_that_cannot_be_read_is_seen_with_its_children() -> None:
    raw = model_deployment(replicas=-1)
    seen = await Bench().see(raw, REVISION, child(), callers(ONLY_R1)).look()
    assert isinstance(seen.spec, Unreadable)
    assert seen.arm("r1").replica_set is not None
    assert seen.service == CallerService(uid="uid-svc", routing=Only("r1"), ports=PORTS)


async def test_criteria_are_those_the_spec_names() -> None:
    metric = {"name": "p99", "prometheus": {"query": "up"}, "successWhen": {"max": 1}}
    metadata = {"name": "quality", "namespace": "pay", "uid": "c", "resourceVersion": "3"}
    bench = Bench()
    found = {"metadata": metadata, "spec": {"metrics": [metric]}}
    bench.caches.read("exitcriteria", found)
    refs = [{"name": "quality"}, {"name": "missing"}]
    stages = [{"name": "a", "weight": 5, "soak": "1m", "exitCriteria": refs}]
    bench.see(model_deployment(strategy={"canary": {"stages": stages}}))
    seen = await bench.look()
    assert list(seen.criteria) == [CriteriaRef(name="quality")]


async def test_the_newest_planned_status_is_used_while_the_stored_one_stands() -> None:
    bench = Bench().see(model_deployment(status=status(phase=Phase.PROGRESSING)))
    seen = await bench.look()
    newest = changed(seen.status, message="3 samples")
    wire = status(phase=Phase.PROGRESSING)
    bench.memory.keep(FRAUD, Pending(seen.uid, wire, newest, NOW))
    assert (await bench.look()).status.message == "3 samples"
    bench.see(model_deployment(11, status(phase=Phase.PAUSED)))
    assert (await bench.look()).status.phase is Phase.PAUSED, "somebody wrote another one"


async def test_a_status_that_is_not_ours_stops_the_pass() -> None:
    bench = Bench().see(model_deployment(status={"phase": "Splendid"}))
    with pytest.raises(InvariantError):
        await bench.look()


async def test_a_name_that_was_taken_is_looked_up_again_before_it_is_believed() -> None:
    bench = Bench().see(model_deployment())
    foreign = Foreign("Service", "fraud")
    theirs = callers({"app": "x"})
    theirs["metadata"]["ownerReferences"] = []
    bench.kube.have(theirs)
    bench.memory.of(FRAUD).foreign[foreign] = bench.now
    assert (await bench.look()).foreign == (foreign,)
    assert bench.kube.log == [], "it is believed for a while"
    bench.now += FOREIGN_BELIEVED
    assert (await bench.look()).foreign == (foreign,)
    assert (await bench.look()).foreign == (foreign,)
    assert bench.kube.log == ["read Service fraud"]
    del bench.kube.objects["Service", "fraud"]
    bench.now += FOREIGN_BELIEVED
    assert (await bench.look()).foreign == ()


async def test_looking_twice_sees_the_same() -> None:
    bench = Bench().see(model_deployment(), REVISION, child(), callers(ONLY_R1), pod())
    first = await bench.look()
    assert replace(first) == await bench.look()
    assert bench.kube.log == []


def remembered(bench: Bench) -> dict[str, Any]:
    kept = {it.name: getattr(bench.memory, it.name) for it in fields(bench.memory)}
    return copy.deepcopy({name: it for name, it in kept.items() if isinstance(it, dict)})


async def test_observing_only_reads() -> None:
    bench = Bench().see(model_deployment(), REVISION, child(), callers(ONLY_R1), pod())
    bench.memory.of(FRAUD).foreign[Foreign("Service", "fraud")] = bench.now
    await bench.look()
    followed = await bench.follow.follow(FRAUD)
    assert followed is not None
    bench.later(hours=1)
    before = remembered(bench)
    assert bench.observe.observe(followed) == bench.observe.observe(followed)
    assert (remembered(bench), bench.kube.log) == (before, [])


async def test_children_that_are_gone_are_not_remembered() -> None:
    bench = Bench().see(model_deployment(), REVISION, child(), callers(ONLY_R1))
    await bench.look()
    bench.memory.of(FRAUD).note_noop("uid-r0", 1)
    bench.caches.read("replicasets", child(version=30), "DELETED")
    await bench.look()
    assert (bench.memory.of(FRAUD).matched, bench.memory.of(FRAUD).noops) == ({}, {})
    bench.memory.forget(FRAUD)
    assert not bench.memory.objects


async def test_a_child_that_stood_is_compared_again_when_it_was_edited() -> None:
    bench = Bench().see(model_deployment(), REVISION, child())
    assert not drifted(await bench.look())
    assert not drifted(await bench.look())
    assert bench.memory.of(FRAUD).matched.keys() == {"uid-r1"}
    edited = copy.deepcopy(child(version=20))
    edited["metadata"]["generation"] = child()["metadata"].get("generation", 0) + 1
    edited["spec"]["template"]["spec"]["containers"][0]["image"] = "somebody/elses"
    assert drifted(await bench.see(edited).look())
