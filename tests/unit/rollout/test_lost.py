"""A ControllerRevision that somebody deletes, and one that could never be stored."""

from dataclasses import replace
from typing import Any

import pytest

from lockstep.api.model_deployment import Model
from lockstep.core.rollout import revision
from lockstep.core.rollout.actions import PutReplicaSet, StoreRevision
from lockstep.core.rollout.observed import Arm
from lockstep.core.rollout.planner import plan
from lockstep.core.rollout.routing import Everyone, Only
from tests.sim.obey import obey
from tests.unit.rollout.conftest import Says
from tests.unit.rollout.test_planner import did, reason
from tests.unit.rollout.worlds import KEY, NOW, V1, V2, World, arm, template, trial, world

STANDING: dict[str, Any] = {"spec": {"containers": [{"name": "server", "image": "as it runs"}]}}


def bare(whole: Arm) -> Arm:
    """Nothing but its ReplicaSet says what its template is."""
    assert whole.replica_set is not None
    return replace(whole, replica_set=replace(whole.replica_set, template=STANDING))


CASES: dict[str, tuple[World, str, str]] = {
    "a candidate stays where it is when stable's revision is deleted": (
        trial(2, arms=(bare(arm(V1, 2)), arm(V2, 2)), stored=(V2,)),
        "Moving",
        "store 1, v2=3",
    ),
    "stable grows back to its size when the candidate is superseded": (
        trial(2, arms=(bare(arm(V1, 2)), arm(V2, 1)), stored=(V2,), version="3.0.0"),
        "Returning",
        "store 1, v1=4",
    ),
    "a settled stable is stored again from what the spec says": (
        world(version="1.0.0", arms=(bare(arm(V1, 4)),), stored=()),
        "Completed",
        "store 1",
    ),
    "without its ReplicaSet nobody knows what it was": (
        world(arms=(), stored=(V2,)),
        "RevisionLost",
        "",
    ),
}


@pytest.mark.parametrize(("seen", "why", "actions"), CASES.values(), ids=CASES)
def test_plan(seen: World, why: str, actions: str, says: Says) -> None:
    decided = plan(seen.observed(), NOW)
    assert (reason(decided), did(decided)) == (why, actions), decided.status.message
    says(decided)


def rebuilt() -> World:
    return trial(2, arms=(bare(arm(V1, 2)), arm(V2, 2)), stored=(V2,), routing=Everyone())


def test_a_replica_set_that_was_made_beforehand_lends_no_template() -> None:
    """It has the name of a revision to come, and says that it is ours."""
    decided = plan(world(arms=(arm(V1, 4), bare(arm(V2, 1))), stored=(V1,)).observed(), NOW)
    (told,) = [it for it in decided.actions if isinstance(it, StoreRevision)]
    assert told.revision == V2
    assert told.template != STANDING


def test_what_is_stored_again_is_what_runs() -> None:
    decided = plan(rebuilt().observed(), NOW)
    (stored,) = [it for it in decided.actions if isinstance(it, StoreRevision)]
    assert (stored.revision, stored.template, stored.scheme) == (V1, STANDING, revision.REBUILT)
    assert stored.inputs["version"] == "1.0.0"
    assert "RevisionRebuilt" in [it.reason for it in decided.events]


def test_pods_of_stable_are_asked_for_with_the_template_that_they_have() -> None:
    seen = trial(1, arms=(bare(arm(V1, 2)), arm(V2, 1)), stored=(V2,), version="3.0.0")
    puts = [it for it in plan(seen.observed(), NOW).actions if isinstance(it, PutReplicaSet)]
    assert {it.revision: it.template for it in puts} == {V1: STANDING}


def test_the_old_manifest_is_known_by_its_name_alone() -> None:
    seen = rebuilt().observed()
    after = obey(seen, plan(seen, NOW))
    model = Model.model_validate({"version": "1.0.0"})
    wanted = revision.resolve(KEY, template("1.0.0"), model, after.stored)
    assert wanted.revision == V1
    assert wanted.stored is not None


def large(characters: int) -> World:
    """A new revision whose template has so many characters in its environment."""
    seen = template("2.0.0")
    seen["spec"]["containers"][0]["env"] = [{"name": "A", "value": "x" * characters}]
    return world(spec={"template": seen}, stored=(V1,), routing=Only(V1))


def test_a_template_that_no_store_takes_is_refused_before_it_starts() -> None:
    seen = large(840_000)
    decided = plan(replace(seen.observed(), template=dict(seen.spec["template"])), NOW)
    assert (reason(decided), did(decided)) == ("TemplateTooLarge", "")
    assert "spec.template takes 1,68" in decided.status.message
    valid = next(it for it in decided.status.conditions if it.type == "SpecValid")
    assert valid.reason == "TemplateTooLarge"


def test_a_large_template_that_fits_is_no_trouble() -> None:
    seen = large(700_000)
    decided = plan(replace(seen.observed(), template=dict(seen.spec["template"])), NOW)
    assert reason(decided) == "Checking"
