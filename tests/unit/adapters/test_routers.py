"""The contract of every traffic router there is."""

import pytest

from lockstep.adapters.routers.base import Router
from lockstep.adapters.routers.registry import ROUTERS
from lockstep.core.rollout.routing import Everyone, Nobody, Only, Routing

ROUTINGS: dict[str, Routing] = {
    "nobody": Nobody(),
    "one revision": Only("7f9c2b1e"),
    "everyone": Everyone(),
}


@pytest.mark.parametrize("routing", ROUTINGS.values(), ids=ROUTINGS)
@pytest.mark.parametrize("router", ROUTERS.values(), ids=ROUTERS)
def test_what_is_rendered_is_read_back(router: Router, routing: Routing) -> None:
    assert router.read("fraud", router.render("fraud", routing)) == routing


FOREIGN: dict[str, dict[str, str]] = {
    "a selector without our label": {"app": "fraud"},
    "another ModelDeployment's": {"lockstep.dev/deployment": "churn"},
    "ours with something added": {"lockstep.dev/deployment": "fraud", "zone": "a"},
    "none at all": {},
}


@pytest.mark.parametrize("selector", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("router", ROUTERS.values(), ids=ROUTERS)
def test_a_selector_that_we_would_not_write_is_not_guessed(
    router: Router, selector: dict[str, str]
) -> None:
    assert router.read("fraud", selector) is None
