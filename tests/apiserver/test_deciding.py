"""What each act does to a rollout and what is answered, with the operator on a real API server.

Who may write which Decision is not asked here: no policy is installed.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.api import GROUP, MERGE, Manifest
from tests.apiserver.kubelet import CRASHING
from tests.apiserver.lab import DEADLINE, Lab, lab, reason_of

pytestmark = pytest.mark.apiserver

TWO: dict[str, Any] = {"required": 2, "groups": ["ml"], "excludeAuthor": True}
_numbers = itertools.count(1)


def staged(soak: str = "1h", **approval: Any) -> dict[str, Any]:
    half = {"name": "half", "weight": 50, "soak": soak}
    asked = {"approval": approval} if approval else {}
    return {"strategy": {"canary": {"stages": [half | asked, {"name": "full", "weight": 100}]}}}


@pytest.fixture
async def world(api_server: Path, namespace: str, tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(api_server, namespace, tmp_path) as made:
        made.start()
        yield made


def _path(world: Lab, name: str = "") -> str:
    return f"{GROUP}/namespaces/{world.namespace}/decisions" + (f"/{name}" if name else "")


async def decide(world: Lab, act: str, by: str = "alice", **about: Any) -> str:
    """Create a Decision about version 2; its name."""
    name = f"decision-{next(_numbers):04}"
    spec = {"target": {"name": "fraud"}, "act": act, "by": by, "reason": "so be it", **about}
    if act not in {"Pause", "Resume"}:
        spec.setdefault("revision", world.id_of("2.0.0"))
    if act in {"Approve", "Reject", "SkipStage"}:
        spec.setdefault("stage", "half")
    manifest = {
        "apiVersion": "lockstep.dev/v1alpha1",
        "kind": "Decision",
        "metadata": {"name": name},
        "spec": spec,
    }
    await world.api("POST", _path(world), manifest)
    return name


async def answered(world: Lab, name: str) -> Manifest:
    async with asyncio.timeout(DEADLINE):
        while True:
            world.check()
            found = await world.api("GET", _path(world, name))
            if found.get("status"):
                return dict(found["status"])
            await asyncio.sleep(0.05)


async def decided(world: Lab, act: str, by: str = "alice", **about: Any) -> tuple[str, str]:
    """The outcome and sentence of a fresh Decision."""
    status = await answered(world, await decide(world, act, by, **about))
    return status["outcome"], status["message"]


async def on_trial(world: Lab, **spec: Any) -> Manifest:
    """Version 2 in its first stage beside version 1."""
    await world.apply("1.0.0", **spec)
    await world.healthy("1.0.0")
    await world.apply("2.0.0", **spec)
    return await world.until("half", lambda it: "enteredAt" in (it.get("stage") or {}))


async def written_by(world: Lab, author: str) -> None:
    """What a cluster's admission policy does with every change of a spec."""
    stamp = {"metadata": {"annotations": {"lockstep.dev/author": author}}}
    await world.api("PATCH", world.path(), stamp, MERGE)


async def apply_as(world: Lab, author: str, **spec: Any) -> None:
    """Version 2 by ``author``, beside version 1."""
    await world.apply("1.0.0", **spec)
    await world.healthy("1.0.0")
    await world.stop()
    await world.apply("2.0.0", **spec)
    await written_by(world, author)
    world.start()


async def test_two_people_approve_and_neither_the_author_nor_a_stranger(world: Lab) -> None:
    await apply_as(world, "carol", **staged("0s", **TWO))
    waiting = await world.reason("ApprovalNeeded")
    assert waiting["candidate"]["author"] == "carol"
    assert waiting["phase"] == "Paused"
    assert "waits for approval from group ml" in waiting["message"]
    assert (await decided(world, "Approve", "carol", groups=["ml"]))[0] == "Refused"
    assert (await decided(world, "Approve", "eve", groups=["ops"]))[0] == "Refused"
    assert await decided(world, "Approve", "alice", groups=["ml"]) == (
        "Applied", "stage half has 1 of 2 approvals (alice)")  # fmt: skip
    assert (await decided(world, "Approve", "alice", groups=["ml"]))[0] == "Applied"
    assert reason_of(await world.status()) == "ApprovalNeeded"
    assert (await decided(world, "Approve", "bob", groups=["ml"]))[0] == "Applied"
    done = await world.healthy("2.0.0")
    assert done["history"][-1]["message"].endswith("approved by alice (half), bob (half)")
    assert {"DecisionApplied", "DecisionRefused", "ApprovalNeeded"} <= set(await world.events())


async def test_an_author_whom_nobody_stamped_is_refused_and_told_why(world: Lab) -> None:
    await on_trial(world, **staged("0s", excludeAuthor=True))
    outcome, message = await decided(world, "Approve")
    assert outcome == "Refused"
    assert "Kubernetes 1.36" in message


@pytest.mark.parametrize(("act", "reason"), [("Reject", "Rejected"), ("Abort", "Aborted")])
async def test_a_person_takes_a_revision_back_until_somebody_retries(
    world: Lab, act: str, reason: str
) -> None:
    await on_trial(world, **staged("0s", required=1))
    outcome, message = await decided(world, act)
    assert (outcome, "all traffic is on version 1.0.0" in message) == ("Applied", True)
    back = await world.reason("RolledBack")
    assert back["rejected"]["reason"] == reason
    assert "by alice: so be it" in back["history"][-1]["message"]
    await world.callers_on("1.0.0")
    await world.apply("2.0.0", **staged("0s", required=1))
    assert (await decided(world, "Approve"))[0] == "Superseded"
    assert (await decided(world, "Retry", "bob"))[0] == "Applied"
    await world.reason("ApprovalNeeded")
    assert (await decided(world, "Approve"))[0] == "Applied"
    await world.healthy("2.0.0")


async def test_a_skipped_stage_is_left_and_said_so(world: Lab) -> None:
    await on_trial(world, **staged())
    outcome, message = await decided(world, "SkipStage")
    assert (outcome, message) == (
        "Applied", "stage half skipped by alice: so be it; next stage: full")  # fmt: skip
    done = await world.healthy("2.0.0")
    assert [it["outcome"] for it in done["history"]] == ["Promoted", "StageSkipped", "Promoted"]


async def test_a_promotion_in_full_waits_for_nothing_but_pods(world: Lab) -> None:
    await apply_as(world, "carol", **staged(**TWO))
    await world.until("half", lambda it: "enteredAt" in (it.get("stage") or {}))
    outcome, message = await decided(world, "PromoteFull", "carol")
    assert (outcome, "carol wrote, edited or asked for" in message) == ("Refused", True)
    assert (await decided(world, "PromoteFull"))[0] == "Applied"
    done = await world.healthy("2.0.0")
    assert "promoted in full by alice" in done["history"][-2]["message"]


async def test_a_promotion_is_for_what_waits_for_a_person(world: Lab) -> None:
    await world.criteria(onFailure="Pause", interval="1s")
    gated = staged("1s")
    gated["strategy"]["canary"]["stages"][0]["exitCriteria"] = [{"name": "serving"}]
    await world.apply("1.0.0", **gated)
    await world.healthy("1.0.0")
    world.prometheus.sick.add(world.id_of("2.0.0"))
    await world.apply("2.0.0", **gated)
    await world.reason("GateFailed")
    assert (await decided(world, "Promote"))[0] == "Applied"
    await world.healthy("2.0.0")


async def test_a_promotion_nobody_waits_for_is_refused(world: Lab) -> None:
    await on_trial(world, **staged())
    outcome, message = await decided(world, "Promote")
    assert (outcome, "holding 50% until" in message) == ("Refused", True)


async def test_a_pause_holds_and_the_specs_form_of_it_wins(world: Lab) -> None:
    held = staged("0s", required=1)
    await on_trial(world, **held)
    assert (await decided(world, "Pause", "bob"))[0] == "Applied"
    assert (await decided(world, "Approve"))[0] == "Applied"
    paused = await world.reason("Paused")
    assert "paused by bob at" in paused["message"]
    assert paused["hold"]["reason"] == "so be it"
    await world.apply("2.0.0", paused=True, **held)
    await world.until("the spec holds it", lambda it: "spec.paused is true" in it["message"])
    assert "hold" not in await world.status()
    assert (await decided(world, "Resume"))[0] == "Refused"
    await world.apply("2.0.0", paused=False, **held)
    await world.healthy("2.0.0")


async def test_a_resume_ends_a_pause(world: Lab) -> None:
    await world.apply("1.0.0")
    await world.healthy("1.0.0")
    assert (await decided(world, "Pause"))[0] == "Applied"
    await world.apply("2.0.0")
    waits = await world.reason("Paused")
    assert "paused by alice at" in waits["message"]
    assert (await decided(world, "Resume"))[0] == "Applied"
    await world.healthy("2.0.0")


async def test_an_aborted_first_rollout_is_tried_again(world: Lab) -> None:
    world.kubelet.health["2.0.0"] = CRASHING
    await world.apply("2.0.0", rollback={"keepFailed": "0s"})
    await world.reason("CrashLoop")
    assert (await decided(world, "Abort"))[0] == "Applied"
    await world.reason("RolledBack")
    del world.kubelet.health["2.0.0"]
    assert (await decided(world, "Retry"))[0] == "Applied"
    await world.healthy("2.0.0")


async def test_what_was_decided_while_nobody_listened_is_taken_once_and_in_order(
    world: Lab,
) -> None:
    await on_trial(world, **staged())
    await world.die()
    acts = ("Pause", "Resume", "Abort", "Retry")
    names = [await decide(world, act, by=f"p{number}") for number, act in enumerate(acts)]
    world.start()
    outcomes = [(await answered(world, name))["outcome"] for name in names]
    assert outcomes == ["Applied"] * len(acts)
    again = await world.until("tried again", lambda it: "rejected" not in it and it["candidate"])
    in_turn = [names[2], names[0], names[1], names[3]]
    assert [it["name"] for it in again["decisions"]] == in_turn, "Abort before those before it"
    await world.die()
    world.start()
    assert (await decided(world, "Resume"))[0] == "Superseded"
    status = await world.status()
    assert [it["name"] for it in status["decisions"]][:-1] == in_turn
    assert [it["outcome"] for it in status["history"]] == ["Promoted", "RolledBack"]


async def test_pruned_decisions_are_not_missed(world: Lab) -> None:
    await on_trial(world, **staged())
    name = await decide(world, "Pause")
    await answered(world, name)
    await world.api("DELETE", _path(world, name))
    assert (await decided(world, "Pause", "bob"))[1].startswith("already paused by alice")
