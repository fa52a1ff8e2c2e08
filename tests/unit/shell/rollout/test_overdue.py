"""A pass that was ended is told of its object."""

from lockstep.shell.loop.workers import LONGEST_PASS
from tests.unit.shell.fakes import Bench
from tests.unit.shell.written import FRAUD, model_deployment


async def test_it_is_told_for_what_it_had_waited_and_where_things_stand() -> None:
    bench = Bench().see(model_deployment())
    await bench.tell.pass_ended(FRAUD, "ReplicaSet fraud-r1 to be changed", LONGEST_PASS)
    (event,) = bench.kube.recorded
    assert (event["type"], event["reason"]) == ("Warning", "PassEnded")
    assert event["involvedObject"]["name"] == FRAUD.name
    assert event["message"].startswith(
        "a pass was stopped after 2m: it waited for ReplicaSet fraud-r1 to be changed; "
    )
    assert "traffic and pods stay as they are, and Lockstep retries by itself" in event["message"]


async def test_of_what_is_gone_nothing_is_told() -> None:
    bench = Bench()
    await bench.tell.pass_ended(FRAUD, "its status write", LONGEST_PASS)
    assert not bench.kube.recorded
