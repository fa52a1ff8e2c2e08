"""A router with objects of its own: what the shell writes for it, and what it makes of what stands.

The router is the one with weights that only tests have; its kind stands in the table meanwhile.
"""

from dataclasses import replace
from typing import Any

import pytest

from lockstep.api.base import DEPLOYMENT_LABEL, Manifest
from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.resources import BY_KIND, Resource
from lockstep.api.service import Service
from lockstep.core.facts import ChildRef, Foreign
from lockstep.core.rollout import planner
from lockstep.core.rollout.actions import (
    Action,
    PutArmService,
    RemoveArmService,
    SetOwnership,
    SetTraffic,
)
from lockstep.core.rollout.observed import (
    Answers,
    ArmService,
    CallerService,
    DryRunResult,
    Observed,
)
from lockstep.core.rollout.routing import Nobody, Only, Routing, split
from lockstep.errors import ForeignObjectError, TransientError
from lockstep.shell.rollout import budget_and_owners
from lockstep.shell.watch.caches import Caches
from tests.unit.shell.fakes import NOW, Bench
from tests.unit.shell.written import FRAUD, UID, model_deployment
from tests.weighted import KIND, WEIGHTED, WeightedRouter

PORTS = Service().served()
SPLIT = split({"r1": 75, "r2": 25})
ROW = Resource(
    group="routes.example.com",
    version="v1",
    plural="weightedroutes",
    kind=KIND,
    selectors=(DEPLOYMENT_LABEL,),
    verbs=("get", "list", "watch", "create", "patch", "delete"),
    optional=True,
)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Every spec chooses the weighted router, and ModelDeployment fraud is there."""
    monkeypatch.setitem(BY_KIND, KIND, ROW)
    monkeypatch.setattr(ModelDeploymentSpec, "traffic_method", WEIGHTED)
    bench = Bench(caches=Caches((), [KIND]), routers={WEIGHTED.name: WeightedRouter()})
    return bench.see(model_deployment())


async def done(bench: Bench, action: Action) -> Observed:
    """What the next pass sees once an action is carried out."""
    await bench.act.act(await bench.look(), action)
    return await bench.look()


def traffic(routing: Routing, *, exists: bool = False) -> SetTraffic:
    return SetTraffic(routing=routing, ports=PORTS, exists=exists)


def route(bench: Bench) -> Manifest:
    return bench.kube.objects[KIND, FRAUD.name]


def changed(bench: Bench, generation: int = 1, seen: int | None = None, **spec: Any) -> Bench:
    """The route after somebody else's write; ``seen``: the generation that its status speaks of."""
    there = route(bench)
    version = str(int(there["metadata"]["resourceVersion"]) + 1)
    metadata = {**there["metadata"], "resourceVersion": version, "generation": generation}
    accepted = {"type": "Accepted", "status": "True", "observedGeneration": seen}
    status = {"conditions": [accepted] if seen else []}
    bench.kube.version += 1
    return bench.see(
        {**there, "metadata": metadata, "spec": {**there["spec"], **spec}, "status": status}
    )


def edited(version: int, **spec: Any) -> Manifest:
    """The ModelDeployment with another spec."""
    raw = model_deployment(version, **spec)
    return {**raw, "metadata": {**raw["metadata"], "generation": version}}


def told(seen: Observed) -> tuple[Routing, bool, bool]:
    """Whom callers are led to, whether that waits for the data plane, and is written again."""
    service = seen.service
    assert isinstance(service, CallerService)
    assert service.unfinished or not service.drifted
    return service.routing, service.pending, service.unfinished


async def test_the_service_and_then_the_route_are_written(bench: Bench) -> None:
    seen = await done(bench, traffic(SPLIT))
    assert bench.kube.log == ["create Service fraud", "create WeightedRoute fraud"]
    assert told(seen) == (SPLIT, True, False)


async def test_it_waits_until_the_data_plane_has_taken_in_this_generation(bench: Bench) -> None:
    await done(bench, traffic(SPLIT))
    assert told(await changed(bench, seen=1).look()) == (SPLIT, False, False)
    seen = await done(bench, traffic(Only("r2"), exists=True))
    assert told(seen) == (Only("r2"), True, False)
    assert told(await changed(bench, generation=2, seen=1).look()) == (Only("r2"), True, False)
    assert told(await changed(bench, generation=2, seen=2).look()) == (Only("r2"), False, False)


async def test_a_route_that_stands_is_not_written_again(bench: Bench) -> None:
    await done(bench, traffic(SPLIT))
    bench.kube.log.clear()
    await done(bench, traffic(SPLIT, exists=True))
    assert not [it for it in bench.kube.log if KIND in it]


async def test_fields_of_others_are_no_drift_and_stay(bench: Bench) -> None:
    await done(bench, traffic(SPLIT))
    changed(bench, timeout="3s")
    assert told(await bench.look()) == (SPLIT, True, False)
    await done(bench, traffic(Only("r1"), exists=True))
    assert route(bench)["spec"]["timeout"] == "3s"


async def test_an_edit_of_what_is_ours_is_seen_named_and_put_right(bench: Bench) -> None:
    await done(bench, traffic(SPLIT))
    elsewhere = [{**it, "port": 1} for it in route(bench)["spec"]["backends"]]
    entry = {"manager": "kubectl-edit", "time": "2026-01-01T12:00:00Z"}
    route(bench)["metadata"]["managedFields"] = [entry]
    seen = await changed(bench, generation=2, backends=elsewhere).look()
    assert told(seen) == (SPLIT, True, True)
    assert seen.service is not None
    assert str(seen.service.hand) == f"{KIND} spec.backends, by kubectl-edit"
    assert told(await done(bench, traffic(SPLIT, exists=True))) == (SPLIT, True, False)


async def test_what_a_policy_makes_of_our_write_is_no_edit(bench: Bench) -> None:
    def policy(raw: Manifest) -> Manifest:
        if raw["kind"] != KIND:
            return raw
        slow = [{**it, "port": 8000} for it in raw["spec"]["backends"]]
        return {**raw, "spec": {**raw["spec"], "backends": slow}}

    bench.kube.policy = policy
    assert told(await done(bench, traffic(SPLIT))) == (SPLIT, True, False)


async def test_a_route_that_was_deleted_is_made_anew(bench: Bench) -> None:
    await done(bench, traffic(SPLIT))
    gone = bench.kube.objects.pop((KIND, FRAUD.name))
    bench.caches.read(ROW.plural, gone, "DELETED")
    seen = await bench.look()
    assert told(seen) == (Nobody(), True, True)
    assert seen.service is not None
    assert not seen.service.drifted, "who may have failed to write it says nothing of an edit"
    assert told(await done(bench, traffic(SPLIT, exists=True))) == (SPLIT, True, False)


async def test_an_operator_that_died_between_both_writes_finishes(bench: Bench) -> None:
    await done(bench, traffic(Only("r1")))
    bench.kube.refusals = {KIND: TransientError("the operator dies")}
    with pytest.raises(TransientError):
        await done(bench, traffic(Only("r2"), exists=True))
    bench.kube.refusals = {}
    seen = await bench.look()
    assert told(seen) == (Only("r1"), True, True), "callers are where the route leads them"
    assert seen.service is not None
    assert not seen.service.drifted
    assert told(await done(bench, traffic(Only("r2"), exists=True))) == (Only("r2"), True, False)


async def test_somebody_elses_route_is_left_alone(bench: Bench) -> None:
    theirs = {"name": FRAUD.name, "namespace": FRAUD.namespace, "uid": "x", "resourceVersion": "1"}
    labels = {DEPLOYMENT_LABEL: FRAUD.name}
    bench.see({"kind": KIND, "metadata": {**theirs, "labels": labels}, "spec": {"backends": []}})
    with pytest.raises(ForeignObjectError):
        await done(bench, traffic(SPLIT))
    assert (await bench.look()).foreign == (Foreign(KIND, FRAUD.name),)


async def test_a_revision_has_a_service_of_its_own_until_it_is_removed(bench: Bench) -> None:
    seen = await done(bench, PutArmService(revision="r2", ports=PORTS, exists=False))
    assert seen.arm_services == (ArmService(revision="r2", ports=PORTS),)
    labels = {"lockstep.dev/deployment": "fraud", "lockstep.dev/revision": "r2"}
    there = bench.kube.objects["Service", "fraud-r2"]
    assert (there["spec"]["selector"], there["metadata"]["labels"]) == (labels, labels)
    await done(bench, RemoveArmService("r2"))
    assert bench.kube.log == ["create Service fraud-r2", "delete Service fraud-r2"]


async def test_a_service_of_a_revision_that_selects_another_is_put_right(bench: Bench) -> None:
    await done(bench, PutArmService(revision="r2", ports=PORTS, exists=False))
    there = bench.kube.objects["Service", "fraud-r2"]
    selector = {**there["spec"]["selector"], "lockstep.dev/revision": "r1"}
    metadata = {**there["metadata"], "resourceVersion": "999"}
    bench.see({**there, "metadata": metadata, "spec": {**there["spec"], "selector": selector}})
    (found,) = (await bench.look()).arm_services
    assert found.drifted


async def test_a_route_follows_deletion_policy_and_keeps_other_owners(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(budget_and_owners._KINDS, ROW.plural, KIND)
    await done(bench, traffic(SPLIT))
    theirs = {"kind": "Gateway", "name": "edge", "uid": "g"}
    there = route(bench)
    bench.see({**there, "metadata": {**there["metadata"], "resourceVersion": "900",
               "ownerReferences": [*there["metadata"]["ownerReferences"], theirs]}})  # fmt: skip
    bench.see(edited(901, deletionPolicy="Orphan"))
    bench.kube.version = 901
    misowned = (await bench.look()).misowned
    assert ChildRef(KIND, FRAUD.name) in misowned
    await done(bench, SetOwnership(ChildRef(KIND, FRAUD.name), orphan=True))
    assert route(bench)["metadata"]["ownerReferences"] == [theirs]
    bench.see(edited(950))
    seen = await done(bench, SetOwnership(ChildRef(KIND, FRAUD.name), orphan=False))
    owners = [it["uid"] for it in route(bench)["metadata"]["ownerReferences"]]
    assert (owners, seen.misowned) == (["g", UID], ())


async def test_a_route_from_a_restored_backup_is_taken_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(budget_and_owners._KINDS, ROW.plural, KIND)
    await done(bench, traffic(SPLIT))
    there = route(bench)
    bench.see({**there, "metadata": {**there["metadata"], "resourceVersion": "900",
               "ownerReferences": []}})  # fmt: skip
    bench.kube.version = 900
    seen = await bench.look()
    assert (seen.unowned, told(seen)[0]) == ((ChildRef(KIND, FRAUD.name),), Nobody())
    seen = await done(bench, SetOwnership(ChildRef(KIND, FRAUD.name), orphan=False))
    assert (seen.unowned, told(seen)) == ((), (SPLIT, True, False))


async def passed(bench: Bench) -> list[str]:
    """What one whole pass writes, where the API server would take every revision."""
    bench.kube.log.clear()
    seen = await bench.look()
    asked = planner.needs(seen, NOW).dry_run
    answers = Answers(dry_run=DryRunResult(asked.revision, None) if asked else None)
    seen = replace(seen, answers=answers)
    decided = planner.plan(seen, NOW)
    await bench.store.store(seen, decided, NOW)
    for action in decided.actions:
        await bench.act.act(seen, action)
    return [it.removeprefix("create ") for it in bench.kube.log if it.startswith("create")]


async def test_a_first_pass_writes_in_an_order_that_misleads_nobody(bench: Bench) -> None:
    written = await passed(bench)
    (revision,) = (it.revision for it in (await bench.look()).stored)
    own = f"fraud-{revision}"
    services = [f"Service {own}", "Service fraud", f"{KIND} fraud"]
    assert written[:5] == [f"ControllerRevision {own}", *services, f"ReplicaSet {own}"]
    assert await passed(bench) == []


async def test_what_a_router_writes_enqueues_its_model_deployment(bench: Bench) -> None:
    await done(bench, traffic(SPLIT))
    enqueued: list[str] = []
    bench.caches.enqueue = lambda key: enqueued.append(str(key))
    changed(bench, seen=1)
    assert enqueued == [str(FRAUD)]
    assert ChildRef(KIND, FRAUD.name) in WeightedRouter().refs(FRAUD.name)
