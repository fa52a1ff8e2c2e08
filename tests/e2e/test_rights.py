"""The operator was granted what a whole session used, and nothing more."""

import json
from pathlib import Path

import pytest
import yaml

from tests.e2e import rbac
from tests.e2e.lab import OPERATOR, World
from tests.e2e.turns import Turns

ACCOUNT = f"system:serviceaccount:{OPERATOR}:lockstep-operator"
EARLIER = {("deployments.apps", "list"), ("deployments.apps", "watch")}
"""What the landing before this one did in the same session, by rights of its own manifests."""
pytestmark = [pytest.mark.e2e, pytest.mark.last]


def test_the_manifests_grant_exactly_what_was_used(
    world: World, turns: Turns, request: pytest.FixtureRequest
) -> None:
    turns.wait_until_over(request.session.testscollected - 1)
    every = [it for file in Path("manifests/base").glob("*.yaml") for it in _objects(file)]
    roles = [it for it in every if it["metadata"]["name"] == "lockstep-operator"]
    session = [
        line
        for line in world.cluster.audit_lines()
        if json.loads(line)["requestReceivedTimestamp"] >= world.began
    ]
    used = {it for it in rbac.used(session, ACCOUNT) if (it.resource, it.verb) not in EARLIER}
    difference = rbac.compare(rbac.granted(roles), used)
    assert not difference.missing, difference
    assert not difference.unused, difference


def _objects(file: Path) -> list[rbac.Manifest]:
    return [it for it in yaml.safe_load_all(file.read_text()) if it and "metadata" in it]
