"""What an action writes, and what has to wait while another is refused."""

from dataclasses import replace

import pytest

from lockstep.api.service import Service
from lockstep.core.facts import ChildRef
from lockstep.core.key import Key
from lockstep.core.rollout.actions import (
    Action,
    NotePorts,
    PruneConfig,
    PruneRevision,
    PutArmService,
    PutBudget,
    PutReplicaSet,
    RemoveArmService,
    RemoveBudget,
    RemovePod,
    RemovePreview,
    RemoveReplicaSet,
    SetOwnership,
    SetPreview,
    SetTraffic,
    StoreConfig,
    StoreRevision,
)
from lockstep.core.rollout.routing import Everyone, Only, split
from lockstep.core.rollout.writes import rests_on, write
from tests.unit.rollout.worlds import V1, V2, trial

KEY = Key("ModelDeployment", "pay", "fraud")
PORTS = Service().served()
STORE = StoreRevision(revision=V2, scheme="1", number=2, inputs={}, template={})
COPY = StoreConfig(name=f"fraud-{V2}-a", revision=V2, source="a", digest="d")
TRAFFIC = SetTraffic(routing=Everyone(), exists=True, ports=PORTS)
ARM_SERVICE = PutArmService(revision=V2, ports=PORTS, exists=False)
PREVIEW = SetPreview(revision=V2, exists=False, ports=PORTS)
BUDGET = PutBudget(exists=False)


def put(revision: str, replicas: int) -> PutReplicaSet:
    return PutReplicaSet(
        revision=revision, replicas=replicas, template={}, min_ready_seconds=0, exists=True
    )


WRITES: dict[str, Action] = {
    f"ControllerRevision fraud-{V2} could not be created": STORE,
    "ControllerRevision x could not be deleted": PruneRevision("x"),
    "ControllerRevision x could not be given its ports": NotePorts("x", PORTS),
    f"ReplicaSet fraud-{V2} could not be changed": put(V2, 1),
    f"ReplicaSet fraud-{V2} could not be deleted": RemoveReplicaSet(V2),
    "Pod x could not be deleted": RemovePod("x", "u", V2),
    "Service fraud could not be changed": TRAFFIC,
    "Service fraud-candidate could not be created": PREVIEW,
    "Service fraud-candidate could not be deleted": RemovePreview(),
    f"Service fraud-{V2} could not be created": ARM_SERVICE,
    f"Service fraud-{V2} could not be deleted": RemoveArmService(V2),
    "PodDisruptionBudget fraud could not be created": BUDGET,
    "PodDisruptionBudget fraud could not be deleted": RemoveBudget(),
    "Service fraud could not be given its owner": SetOwnership(
        ChildRef("Service", "fraud"), orphan=False
    ),
    f"ConfigMap fraud-{V2}-a could not be created": COPY,
    "ConfigMap x could not be deleted": PruneConfig("x"),
}


@pytest.mark.parametrize(("said", "action"), WRITES.items(), ids=WRITES)
def test_a_write_says_what_it_is_about(said: str, action: Action) -> None:
    assert str(write(KEY, action)) == said


CASES: dict[str, tuple[Action, Action, bool]] = {
    "no pod of a revision that is not stored": (STORE, put(V2, 2), True),
    "no copy for a revision that is not stored": (STORE, COPY, True),
    "no pod of a revision whose ConfigMap is not copied": (COPY, put(V2, 2), True),
    "stable grows while a new revision is not stored": (STORE, put(V1, 4), False),
    "no pod goes that callers may still be sent to": (TRAFFIC, RemoveReplicaSet(V2), True),
    "nor one at a time": (TRAFFIC, RemovePod("x", "u", V1), True),
    "nor by a smaller size": (TRAFFIC, put(V1, 1), True),
    "without a Service nobody is sent to a pod that goes": (
        replace(TRAFFIC, exists=False),
        RemoveReplicaSet(V1),
        False,
    ),
    "pods come up while the Service is refused": (TRAFFIC, put(V2, 4), False),
    "a restart needs no budget": (BUDGET, RemovePod("x", "u", V1), False),
    "callers need no preview": (PREVIEW, TRAFFIC, False),
    "callers go back without a note of their ports": (NotePorts("x", PORTS), TRAFFIC, False),
    "pods need no preview": (PREVIEW, put(V1, 1), False),
    "no request is sent where no Service is": (
        ARM_SERVICE,
        replace(TRAFFIC, routing=split({V1: 90, V2: 10})),
        True,
    ),
    "callers go back without the Service of another revision": (
        ARM_SERVICE,
        replace(TRAFFIC, routing=Only(V1)),
        False,
    ),
    "no Service goes that requests may still be sent to": (TRAFFIC, RemoveArmService(V2), True),
}


@pytest.mark.parametrize(("missing", "action", "waits"), CASES.values(), ids=CASES)
def test_rests_on(missing: Action, action: Action, *, waits: bool) -> None:
    seen = trial(2, stable=2).observed()
    assert rests_on(seen, action, (missing,)) is waits


def test_nothing_waits_for_nothing() -> None:
    seen = trial().observed()
    assert not rests_on(seen, SetTraffic(routing=Only(V1), exists=True, ports=PORTS), ())
