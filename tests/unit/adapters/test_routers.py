"""The contract of every traffic router there is, and of one with weights that only tests have."""

import copy
from typing import Any, Final

import pytest

from lockstep.adapters.routers.base import Reading, Router
from lockstep.adapters.routers.registry import ROUTERS, chosen, kinds
from lockstep.api.base import Manifest
from lockstep.api.resources import BY_KIND
from lockstep.api.service import Service
from lockstep.core.facts import Unreadable
from lockstep.core.key import Key
from lockstep.core.rollout.children.owner import Owner
from lockstep.core.rollout.routing import Everyone, Nobody, Only, Routing, split
from tests.unit.rollout.worlds import spec_of
from tests.weighted import WEIGHTED, WeightedRouter, weighted

ALL: Final[dict[str, Router]] = {**ROUTERS, WEIGHTED.name: WeightedRouter()}
BY_WEIGHT: Final = {name: router for name, router in ALL.items() if router.method.weighted}
BY_RATIO: Final = {name: router for name, router in ALL.items() if not router.method.weighted}
OWNER: Final = Owner(key=Key("ModelDeployment", "pay", "fraud"), uid="u")
PORTS: Final = Service().served()
STABLE, CANDIDATE = "7f9c2b1e", "0a1b2c3d"

every = pytest.mark.parametrize("router", ALL.values(), ids=ALL)
by_weight = pytest.mark.parametrize("router", BY_WEIGHT.values(), ids=BY_WEIGHT)
by_ratio = pytest.mark.parametrize("router", BY_RATIO.values(), ids=BY_RATIO)


def read_back(router: Router, routing: Routing, **status: Any) -> Reading:
    """What the router reads where its last writing stands as generation 1."""
    rendered = router.render(OWNER, routing, PORTS)
    found = [stored(it, **status) for it in rendered.objects]
    return router.read("fraud", rendered.selector, found)


def stored(manifest: Manifest, generation: int = 1, seen: int | None = None) -> Manifest:
    """An object as the API server holds it; ``seen``: the generation that its status speaks of."""
    accepted = {"type": "Accepted", "status": "True", "observedGeneration": seen}
    metadata = {**manifest["metadata"], "generation": generation}
    status = {"status": {"conditions": [accepted]}} if seen is not None else {}
    return {**manifest, "metadata": metadata, **status}


def applied(manifest: Manifest, there: Manifest) -> Manifest:
    """Server-side apply as far as routers need it: maps are merged, lists are ours, whole."""
    merged = dict(there)
    for field, value in manifest.items():
        known = there.get(field)
        merged[field] = applied(value, known) if isinstance(known, dict) else value
    return merged


@every
@pytest.mark.parametrize("routing", [Nobody(), Only(STABLE)], ids=["nobody", "one revision"])
def test_what_is_rendered_is_read_back(router: Router, routing: Routing) -> None:
    assert read_back(router, routing, seen=1) == Reading(routing, routing)


@by_ratio
def test_who_splits_by_pods_reads_back_everyone(router: Router) -> None:
    assert read_back(router, Everyone()) == Reading(Everyone(), Everyone())


@by_weight
@pytest.mark.parametrize("percent", range(101))
def test_every_weight_is_read_back(router: Router, percent: int) -> None:
    routing = split({STABLE: 100 - percent, CANDIDATE: percent})
    assert read_back(router, routing, seen=1) == Reading(routing, routing)


UNCONFIRMED: dict[str, dict[str, int]] = {
    "without a status": {},
    "with the status of what stood there before": {"generation": 7, "seen": 6},
}


@by_weight
@pytest.mark.parametrize("status", UNCONFIRMED.values(), ids=UNCONFIRMED)
def test_what_is_not_confirmed_is_not_said_to_be(router: Router, status: dict[str, int]) -> None:
    routing = split({STABLE: 75, CANDIDATE: 25})
    assert read_back(router, routing, **status) == Reading(routing, None)


@by_weight
def test_a_route_that_is_gone_leads_nobody_knows_where(router: Router) -> None:
    selector = router.render(OWNER, Only(STABLE), PORTS).selector
    assert router.read("fraud", selector, ()) == Reading(None, None)


@by_weight
def test_fields_that_are_not_ours_survive(router: Router) -> None:
    before, after = split({STABLE: 90, CANDIDATE: 10}), split({STABLE: 40, CANDIDATE: 60})
    theirs = {"spec": {"timeout": "3s"}, "metadata": {"annotations": {"team": "ml"}}}
    for old, new in zip(
        router.render(OWNER, before, PORTS).objects,
        router.render(OWNER, after, PORTS).objects,
        strict=True,
    ):
        there = applied(theirs, copy.deepcopy(old))
        changed = stored(applied(new, there), seen=1)
        assert changed["spec"]["timeout"] == "3s"
        assert changed["metadata"]["annotations"] == {"team": "ml"}
        selector = router.render(OWNER, after, PORTS).selector
        assert router.read("fraud", selector, [changed]) == Reading(after, after)


@every
def test_no_object_has_a_status_of_ours_and_each_is_named_before(router: Router) -> None:
    rendered = router.render(OWNER, Only(STABLE), PORTS).objects
    named = [(it["kind"], it["metadata"]["name"]) for it in rendered]
    assert named == [(ref.kind, ref.name) for ref in router.refs("fraud")]
    assert not any("status" in it for it in rendered)
    assert all(it["metadata"]["ownerReferences"][0]["uid"] == "u" for it in rendered)


FOREIGN: dict[str, dict[str, str]] = {
    "a selector without our label": {"app": "fraud"},
    "another ModelDeployment's": {"lockstep.dev/deployment": "churn"},
    "ours with something added": {"lockstep.dev/deployment": "fraud", "zone": "a"},
    "none at all": {},
}


@by_ratio
@pytest.mark.parametrize("selector", FOREIGN.values(), ids=FOREIGN)
def test_a_selector_that_we_would_not_write_is_not_guessed(
    router: Router, selector: dict[str, str]
) -> None:
    assert router.read("fraud", selector, ()) == Reading(None, None)


def test_a_router_is_chosen_by_the_spec_of_each_object() -> None:
    spec = spec_of("1.0.0")
    assert chosen(ALL, spec) is ROUTERS["ReplicaRatio"]
    assert chosen(ALL, weighted(spec)) is ALL["Weighted"]
    assert chosen(ALL, Unreadable("spec.replicas")) is ROUTERS["ReplicaRatio"]


@pytest.mark.parametrize("name", ROUTERS)
def test_a_router_is_registered_by_its_name_and_writes_known_kinds(name: str) -> None:
    assert ROUTERS[name].method.name == name
    assert kinds(ROUTERS) <= BY_KIND.keys()
