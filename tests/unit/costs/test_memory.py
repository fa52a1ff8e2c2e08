"""A large template is in memory once, however many objects have it and in which order
they are listed.
"""

import itertools
import json
import tracemalloc
from datetime import timedelta
from typing import Any, Final

import pytest

from lockstep.api.base import Manifest
from lockstep.core.rollout import revision
from lockstep.core.rollout.actions import StoreRevision
from lockstep.core.rollout.children import controller_revision, replica_set
from lockstep.shell.watch.caches import Caches
from tests.unit.shell.fakes import watch
from tests.unit.shell.written import OWNER, TEMPLATE, model_deployment, standing

TEXTS: Final = 4000
REVISIONS: Final = 5


def _objects() -> dict[str, list[str]]:
    """One ModelDeployment with a large template, a few revisions, a ReplicaSet, as on the wire."""
    (container,) = TEMPLATE["spec"]["containers"]
    args = [f"--option-{number}=x" for number in range(TEXTS)]
    template = {"spec": {"containers": [{**container, "args": args}]}}
    inputs = {"template": template, "version": "1.0.0"}
    stored = [
        StoreRevision(
            revision=f"r{number}",
            scheme=revision.SCHEME,
            number=number,
            inputs=inputs,
            template=revision.render("fraud", f"r{number}", inputs, timedelta(seconds=5)),
        )
        for number in range(1, REVISIONS + 1)
    ]
    child = replica_set.replica_set(OWNER, "r1", stored[0].template, 2, 0)
    kept = (controller_revision.controller_revision(OWNER, it) for it in stored)
    found: dict[str, list[Manifest]] = {
        "modeldeployments": [model_deployment(template=template)],
        "controllerrevisions": [standing(it, it["metadata"]["name"]) for it in kept],
        "replicasets": [standing(child, "uid-r1")],
    }
    return {plural: [json.dumps(it) for it in raws] for plural, raws in found.items()}


OBJECTS: Final = _objects()
ORDERS: Final = {", ".join(order): order for order in itertools.permutations(OBJECTS)}


def _listed(order: tuple[str, ...]) -> Caches:
    caches = Caches(())
    for plural in order:
        found = [caches.seen(watch(plural), json.loads(text)) for text in OBJECTS[plural]]
        caches.on_list(watch(plural), "", [it for it in found if it], 100)
    return caches


def _bytes(made: Any) -> int:
    """What making it leaves in memory."""
    tracemalloc.start()
    try:
        kept = made()
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept
    return size


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_a_large_template_is_kept_once(order: tuple[str, ...]) -> None:
    (text,) = OBJECTS["modeldeployments"]
    once, all_of_them = _bytes(lambda: json.loads(text)), _bytes(lambda: _listed(order))
    assert all_of_them < 1.5 * once
