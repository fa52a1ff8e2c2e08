"""All parts of the operator, put together beside an API server of one answer, and closed again."""

import kopf

from lockstep import wiring
from lockstep.core.rollout import planner
from lockstep.settings import Settings
from tests.integration.clients.scripted import Say, connection, scripted


async def test_the_operator_is_put_together_and_closed() -> None:
    """A connection that stayed open would be an error of this test, as every warning is."""
    async with scripted(Say(code=404)) as server:
        way = connection(server.url)
        parts = wiring._operator(
            Settings(probe_port=0), lambda _: kopf.OperatorRegistry(), way, planner, ()
        )
        async with parts as manager:
            assert await manager.kube.read("Service", "pay", "fraud") is None
            assert manager.health.standing == "starting"
    assert len(server.asked) == 1
