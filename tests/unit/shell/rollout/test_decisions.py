"""Who waits for an answer, who gets one, and who is told that there is nothing to decide about."""

from datetime import timedelta
from typing import Any

import pytest

from lockstep.api.base import API_VERSION, Manifest
from lockstep.api.model_deployment_status import Outcome
from lockstep.core.key import Key
from lockstep.core.rollout.actions import AnswerDecision
from lockstep.errors import TransientError
from lockstep.shell.rollout import decisions
from tests.unit.shell.fakes import NOW, Bench
from tests.unit.shell.written import FRAUD, model_deployment

AUTHOR = "lockstep.dev/author"


def decision(name: str, seconds: float = 0, target: str = FRAUD.name, **more: Any) -> Manifest:
    """One that was written that many seconds ago."""
    created = NOW - timedelta(seconds=seconds)
    return {
        "apiVersion": API_VERSION,
        "kind": "Decision",
        "metadata": {
            "name": name,
            "namespace": FRAUD.namespace,
            "uid": f"uid-{name}",
            "resourceVersion": "20",
            "creationTimestamp": created.isoformat().replace("+00:00", "Z"),
            **more.pop("metadata", {}),
        },
        "spec": {
            "target": {"name": target},
            "act": "Pause",
            "by": "alice@example.com",
            "reason": "a storm",
        },
        **more,
    }


async def test_decisions_are_seen_in_the_order_in_which_they_are_taken() -> None:
    bench = Bench().see(
        model_deployment(),
        decision("b", 10),
        decision("c", 20),
        decision("a", 10),
        decision("other", 30, target="churn"),
        decision("answered", 40, status={"outcome": "Applied"}),
        decision("going", 50, metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
    )
    assert [it.name for it in (await bench.look()).decisions] == ["c", "a", "b"]


def test_a_decision_rings_for_what_it_is_about() -> None:
    bench, bells = Bench(), list[Key]()
    bench.caches.enqueue = bells.append
    bench.see(decision("a", target="churn"))
    assert bells == [Key("ModelDeployment", FRAUD.namespace, "churn")]


async def test_the_author_is_seen_where_somebody_stamped_one() -> None:
    stamped = model_deployment()
    stamped["metadata"]["annotations"] = {AUTHOR: "alice@example.com"}
    assert (await Bench().see(stamped).look()).author == "alice@example.com"
    assert (await Bench().see(model_deployment()).look()).author == ""


def answering(name: str) -> AnswerDecision:
    return AnswerDecision(
        name=name, uid=f"uid-{name}", outcome=Outcome.APPLIED, message="done", at=NOW
    )


async def test_an_answer_is_known_at_once() -> None:
    bench = Bench().see(model_deployment(), decision("a"))
    seen = await bench.look()
    await bench.act.act(seen, answering("a"))
    assert bench.kube.objects["Decision", "a"]["status"]["outcome"] == "Applied"
    assert (await bench.look()).decisions == ()


async def test_a_decision_that_is_gone_needs_no_answer() -> None:
    bench = Bench().see(model_deployment(), decision("a"))
    seen = await bench.look()
    bench.kube.objects["Decision", "a"]["metadata"]["uid"] = "another"
    await bench.act.act(seen, answering("a"))
    assert "status" not in bench.kube.objects["Decision", "a"]


async def test_nothing_to_decide_about_is_a_refusal_that_names_it() -> None:
    bench = Bench().see(decision("a", 60))
    assert await bench.act.dismiss(FRAUD, NOW) is None
    status = bench.kube.objects["Decision", "a"]["status"]
    assert status["outcome"] == "Refused"
    assert status["message"].startswith("there is no ModelDeployment fraud in namespace pay; ")


async def test_it_is_refused_once() -> None:
    bench = Bench().see(decision("a", 60))
    for _ in range(3):
        await bench.act.dismiss(FRAUD, NOW)
    assert bench.kube.log == ["answer Decision a"]


async def test_a_decision_that_was_applied_with_its_target_waits_for_it() -> None:
    bench = Bench().see(decision("a", 1), decision("b", 3), decision("c", 60))
    assert await bench.act.dismiss(FRAUD, NOW) == decisions.APPLIED_TOGETHER - timedelta(seconds=3)
    assert bench.kube.log == ["answer Decision c"]
    assert await bench.act.dismiss(FRAUD, NOW + decisions.APPLIED_TOGETHER) is None


async def test_what_cannot_be_read_is_refused_with_the_field() -> None:
    unreadable = decision("a", 60)
    unreadable["spec"]["act"] = "Explode"
    bench = Bench().see(unreadable)
    await bench.act.dismiss(FRAUD, NOW)
    message = bench.kube.objects["Decision", "a"]["status"]["message"]
    assert message.startswith("the Decision is invalid: spec.act: ")


async def test_a_refusal_that_does_not_get_through_is_tried_again() -> None:
    bench = Bench().see(decision("a", 60))
    bench.kube.trouble = TransientError("away")
    with pytest.raises(TransientError):
        await bench.act.dismiss(FRAUD, NOW)
    bench.kube.trouble = None
    await bench.act.dismiss(FRAUD, NOW)
    assert bench.kube.objects["Decision", "a"]["status"]["outcome"] == "Refused"
