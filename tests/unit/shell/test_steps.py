"""Store, act, tell and ask, each on its own."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from lockstep.adapters.kubernetes.refusals import Refusal
from lockstep.api.base import Manifest
from lockstep.api.changes import changed
from lockstep.api.events import EventReason
from lockstep.api.gate_status import GateStatus, Verdict
from lockstep.api.model_deployment_status import ModelDeploymentStatus, Phase, RevisionStatus
from lockstep.api.service import Service
from lockstep.core.facts import Foreign
from lockstep.core.gates.question import Answer, Broken, Question, Reply, Series, Unasked
from lockstep.core.key import Key
from lockstep.core.plan import Event
from lockstep.core.refusals import Cause
from lockstep.core.rollout.actions import (
    Action,
    PruneRevision,
    PutReplicaSet,
    RemoveReplicaSet,
    SetTraffic,
    StoreRevision,
)
from lockstep.core.rollout.needs import DryRun, Needs, PodEvents, Smoke
from lockstep.core.rollout.observed import Answers, DryRunResult, PodSaid, SmokeResult
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.routing import Everyone, Only
from lockstep.errors import ForeignObjectError, InvariantError, LostRaceError, TransientError
from lockstep.shell.loop.reconcile import AFTER_WRITING
from lockstep.shell.rollout.ask import Ask
from lockstep.shell.rollout.smokes import SmokeTests
from lockstep.shell.rollout.store import CROWD, EVIDENCE_WITHIN, SIGHT_WITHIN
from tests.unit.adapters.kubernetes.test_pod_events import event
from tests.unit.shell.fakes import NOW, Bench, plan, status
from tests.unit.shell.written import (
    FRAUD,
    TEMPLATE,
    callers,
    child,
    model_deployment,
    rendered_template,
)

ONLY_R1 = {"lockstep.dev/deployment": "fraud", "lockstep.dev/revision": "r1"}


def put(revision: str = "r1", replicas: int = 2, *, exists: bool = True) -> PutReplicaSet:
    return PutReplicaSet(
        revision=revision,
        replicas=replicas,
        template=rendered_template(revision),
        min_ready_seconds=0,
        exists=exists,
    )


def traffic(port: int = 80, *, exists: bool = True) -> SetTraffic:
    return SetTraffic(routing=Everyone(), ports=Service(port=port).served(), exists=exists)


# Store


async def test_an_equal_status_costs_no_request() -> None:
    bench = Bench().see(model_deployment(status=status(phase=Phase.HEALTHY)))
    await bench.store.store(await bench.look(), plan(phase=Phase.HEALTHY), NOW)
    assert bench.kube.log == []


async def test_our_own_write_is_known_at_once() -> None:
    bench = Bench().see(model_deployment())
    await bench.store.store(await bench.look(), plan(phase=Phase.HEALTHY), NOW)
    assert bench.kube.log == ["status ModelDeployment fraud"]
    assert (await bench.look()).status.phase is Phase.HEALTHY
    await bench.store.store(await bench.look(), plan(phase=Phase.HEALTHY), NOW)
    assert len(bench.kube.log) == 1


async def test_what_older_crds_do_not_keep_is_sent_once_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench().see(model_deployment())
    bench.kube.unknown = {"candidateSecrets"}
    for _ in range(3):
        await bench.store.store(await bench.look(), plan(phase=Phase.HEALTHY), NOW)
    await bench.store.store(await bench.look(), plan(phase=Phase.DEGRADED), NOW)
    await bench.store.store(await bench.look(), plan(phase=Phase.DEGRADED), NOW)
    assert bench.kube.log == ["status ModelDeployment fraud"] * 2
    (told,) = [it.getMessage() for it in caplog.records]
    assert told.startswith("the API server drops candidateSecrets of the status")


async def test_a_pass_that_thought_about_an_older_spec_does_nothing() -> None:
    bench = Bench().see(model_deployment(10))
    seen = await bench.look()
    bench.see(model_deployment(11, replicas=5))
    with pytest.raises(LostRaceError):
        await bench.store.store(seen, plan(phase=Phase.HEALTHY), NOW)
    assert bench.kube.log == []


async def test_a_write_of_somebody_else_that_was_not_heard_yet_wins() -> None:
    bench = Bench().see(model_deployment(10))
    seen = await bench.look()
    bench.kube.have(model_deployment(11))
    with pytest.raises(LostRaceError):
        await bench.store.store(seen, plan(phase=Phase.HEALTHY), NOW)
    known = bench.caches.model_deployments.get(FRAUD.named)
    assert known is not None
    assert known.meta.version == 11, "a watch that has gone silent would never tell"


def measured(samples: int) -> ModelDeploymentStatus:
    gate = GateStatus(name="p99", criteria="C/s", samples=samples)
    return ModelDeploymentStatus(phase=Phase.PROGRESSING, gates=(gate,))


async def test_evidence_gathers_in_memory_between_writes() -> None:
    bench = Bench().see(model_deployment())
    for samples in range(1, 40):
        seen = await bench.look()
        assert sum(gate.samples for gate in seen.status.gates) == samples - 1
        await bench.store.store(seen, Plan(status=measured(samples)), bench.now)
        bench.later(seconds=1)
    assert bench.kube.log == ["status ModelDeployment fraud"] * 2, "at the start and after 30 s"


async def test_what_is_only_seen_is_written_when_it_has_stood_for_a_while() -> None:
    bench = Bench().see(model_deployment(status=status(phase=Phase.HEALTHY, replicas=1)))
    for replicas, left in ((2, 5.0), (3, 3.0), (3, 1.0)):
        seen = await bench.look()
        wait = await bench.store.store(
            seen, plan(phase=Phase.HEALTHY, replicas=replicas), bench.now
        )
        assert wait == timedelta(seconds=left)
        assert (await bench.look()).status.replicas == replicas, "it is known meanwhile"
        bench.later(seconds=2)
    assert bench.kube.log == []
    await bench.store.store(await bench.look(), plan(phase=Phase.HEALTHY, replicas=3), bench.now)
    assert bench.kube.log == ["status ModelDeployment fraud"]


async def test_in_a_crowd_counts_are_kept_as_long_as_evidence() -> None:
    bench = Bench().see(model_deployment(status=status(phase=Phase.HEALTHY, replicas=1)))
    seen, counted = await bench.look(), plan(phase=Phase.HEALTHY, replicas=2)
    assert await bench.store.store(seen, counted, bench.now) == SIGHT_WITHIN
    kept = bench.memory.of(FRAUD).pending
    assert kept
    for number in range(CROWD):
        bench.memory.keep(Key("ModelDeployment", "pay", f"other-{number}"), kept)
    assert await bench.store.store(seen, counted, bench.now) == EVIDENCE_WITHIN
    assert bench.kube.log == []


async def test_what_is_seen_and_gone_again_is_never_written() -> None:
    bench = Bench().see(model_deployment(status=status(phase=Phase.HEALTHY, replicas=2)))
    for replicas in (3, 2):
        seen = await bench.look()
        await bench.store.store(seen, plan(phase=Phase.HEALTHY, replicas=replicas), bench.now)
        bench.later(seconds=4)
    seen = await bench.look()
    assert await bench.store.store(seen, plan(phase=Phase.HEALTHY, replicas=2), bench.now) is None
    assert bench.kube.log == []


async def test_what_was_seen_is_not_stored_before_something_is_done() -> None:
    bench = Bench().see(model_deployment(status=status(phase=Phase.HEALTHY, replicas=2)))
    counted = plan(phase=Phase.HEALTHY, replicas=3).status
    acting = Plan(status=counted, actions=(RemoveReplicaSet("r1"),))
    await bench.store.store(await bench.look(), acting, bench.now)
    assert bench.kube.log == []


PROVEN = RevisionStatus(revision="r2", version="2", smoke_tested=True)
TESTS: dict[str, tuple[Manifest, int]] = {
    "a smoke test that passed is stored before callers come": (
        {"smokeTest": {"path": "/infer"}},
        1,
    ),
    "without a smoke test the pod is proof enough": ({}, 0),
}


@pytest.mark.parametrize(("spec", "writes"), TESTS.values(), ids=TESTS)
async def test_what_is_done_rests_on_what_was_stored(spec: Manifest, writes: int) -> None:
    unproven = changed(PROVEN, smoke_tested=False)
    bench = Bench().see(model_deployment(status=status(candidate=unproven), **spec))
    moving = Plan(status=ModelDeploymentStatus(candidate=PROVEN), actions=(traffic(),))
    await bench.store.store(await bench.look(), moving, bench.now)
    assert len(bench.kube.log) == writes


async def test_our_own_write_rings_for_nobody() -> None:
    bench = Bench().see(model_deployment())
    rung: list[Key] = []
    bench.caches.enqueue = rung.append
    wait = await bench.store.store(await bench.look(), plan(phase=Phase.HEALTHY), NOW)
    assert (wait, rung) == (AFTER_WRITING, []), "but it is looked at again soon"


async def test_what_is_done_is_stored_first_even_if_only_evidence_changed() -> None:
    bench = Bench().see(model_deployment())
    await bench.store.store(await bench.look(), Plan(status=measured(1)), bench.now)
    acting = Plan(status=measured(2), actions=(RemoveReplicaSet("r1"),))
    await bench.store.store(await bench.look(), acting, bench.now)
    assert len(bench.kube.log) == 2


# Act

ACTIONS: dict[str, tuple[Action, list[str]]] = {
    "a new ReplicaSet is created": (
        put("r2", exists=False), ["create ReplicaSet fraud-r2"]),
    "only the size of a known one is sent": (put(replicas=5), ["merge ReplicaSet fraud-r1"]),
    "one that is as it should be is applied": (put(), ["apply ReplicaSet fraud-r1"]),
    "one that should be known and is not is created": (
        put("r2"), ["create ReplicaSet fraud-r2"]),
    "a ReplicaSet is removed by its uid": (
        RemoveReplicaSet("r1"), ["delete ReplicaSet fraud-r1"]),
    "one that is gone needs no removal": (RemoveReplicaSet("r9"), []),
    "to move callers, only the selector is sent": (traffic(), ["merge Service fraud"]),
    "another port goes with the selector": (traffic(8000), ["merge Service fraud"]),
    "a revision is stored once": (
        StoreRevision(revision="r2", scheme="1", number=2, inputs={}, template=TEMPLATE),
        ["create ControllerRevision fraud-r2"]),
    "a revision that is gone needs no pruning": (PruneRevision("fraud-r9"), []),
}  # fmt: skip


@pytest.mark.parametrize(("action", "asked"), ACTIONS.values(), ids=ACTIONS)
async def test_an_action_is_one_request_and_again_none_or_the_same(
    action: Action, asked: list[str]
) -> None:
    bench = Bench().see(model_deployment(), child(), callers(ONLY_R1))
    seen = await bench.look()
    await bench.act.act(seen, action)
    assert bench.kube.log == asked


async def test_the_answer_to_a_write_is_seen_by_the_next_look() -> None:
    bench = Bench().see(model_deployment(), child(), callers(ONLY_R1))
    seen = await bench.look()
    await bench.act.act(seen, put(replicas=5))
    await bench.act.act(seen, traffic())
    after = await bench.look()
    assert after.arm("r1").wanted == 5
    assert after.service is not None
    assert after.service.routing == Everyone()


async def test_an_apply_that_changed_nothing_settles_the_difference() -> None:
    bench = Bench().see(model_deployment(), child(), callers(ONLY_R1))
    seen = await bench.look()
    await bench.act.act(seen, put())
    same = SetTraffic(routing=Only("r1"), ports=Service().served(), exists=True)
    await bench.act.act(seen, same)
    assert bench.memory.of(FRAUD).noops == {"uid-r1": 1, "uid-svc": 10}
    await bench.act.act(seen, put(replicas=3))
    assert bench.memory.of(FRAUD).noops["uid-r1"] == 1, "what changed is not settled"


async def test_a_taken_name_is_remembered_for_the_next_look() -> None:
    bench = Bench().see(model_deployment())
    theirs = callers({"app": "x"})
    theirs["metadata"]["ownerReferences"] = []
    bench.kube.have(theirs)
    with pytest.raises(ForeignObjectError):
        await bench.act.act(await bench.look(), traffic(exists=False))
    assert (await bench.look()).foreign == (Foreign("Service", "fraud"),)


# Tell


EVENTS = (Event(EventReason.STAGE_ENTERED, "a"), Event(EventReason.ROLLED_BACK, "b"))
TOLD = Plan(status=ModelDeploymentStatus(), events=EVENTS)


async def told(bench: Bench) -> int:
    """How many Events are sent by a pass."""
    before = len(bench.kube.log)
    await bench.tell.tell(FRAUD)
    return len(bench.kube.log) - before


async def test_every_event_is_told_once() -> None:
    bench = Bench().see(model_deployment())
    bench.tell.note(await bench.look(), TOLD)
    assert await told(bench) == 2
    assert await told(bench) == 0


async def test_what_gets_no_answer_is_told_by_a_later_pass() -> None:
    bench = Bench().see(model_deployment())
    bench.kube.trouble = TransientError("away")
    bench.tell.note(await bench.look(), TOLD)
    assert await told(bench) == 1, "nobody waits for the second while the first is not answered"
    bench.kube.trouble = None
    assert await told(bench) == 2


async def test_what_is_refused_is_not_told_again() -> None:
    bench = Bench().see(model_deployment())
    bench.kube.trouble = InvariantError("the namespace is going")
    bench.tell.note(await bench.look(), TOLD)
    assert await told(bench) == 2
    assert await told(bench) == 0


async def test_only_the_latest_wait_to_be_told() -> None:
    bench = Bench().see(model_deployment())
    for number in range(20):
        event = Event(EventReason.STAGE_ENTERED, str(number))
        bench.tell.note(await bench.look(), Plan(status=ModelDeploymentStatus(), events=(event,)))
    assert [it["message"] for it in bench.memory.of(FRAUD).untold] == [str(n) for n in range(4, 20)]


async def test_what_a_broken_pass_stored_is_told_by_the_next() -> None:
    bench = Bench().see(model_deployment())
    seen = await bench.look()
    bench.tell.note(seen, replace(TOLD, status=plan(phase=Phase.HEALTHY).status))
    assert await told(bench) == 2, "the pass ended here, and another one began"


async def test_a_verdict_is_counted_when_it_falls() -> None:
    bench = Bench().see(model_deployment())
    seen = await bench.look()
    bench.tell.note(seen, Plan(status=ModelDeploymentStatus(), verdicts=(Verdict.FAIL,)))
    bench.tell.note(seen, Plan(status=ModelDeploymentStatus()))
    assert b'lockstep_gate_verdicts_total{verdict="Fail"} 1.0' in bench.metrics.exposed()


# Ask


async def answers(ask: Ask, needs: Needs) -> Answers:
    seen = await Bench().see(model_deployment()).look()
    return (await ask.ask(seen, needs)).answers


def events(uid: str, turn: int) -> Needs:
    return Needs(events=PodEvents(namespace="payments", uid=uid, turn=turn))


QUESTION = Question("", "up", NOW)


class Oracle:
    """Prometheus, which answers everything alike."""

    def __init__(self, answer: Answer | Unasked) -> None:
        self.answer = answer
        self.forgotten: list[Key] = []

    async def ask(
        self, key: Key, questions: Iterable[Question]
    ) -> Mapping[Question, Answer | Unasked]:
        del key
        return dict.fromkeys(questions, self.answer)

    def forget(self, key: Key) -> None:
        self.forgotten.append(key)


class AnsweringPod:
    async def ask(self, test: Smoke) -> SmokeResult:
        return SmokeResult(test.revision, None)


NAMED = {"namespace": "payments", "name": "fraud-r1"}
TRIAL = DryRun(
    revision="r1",
    replica_set={"kind": "ReplicaSet", "metadata": NAMED},
    pod={"kind": "Pod", "metadata": NAMED},
)
OUTCOMES: dict[str, tuple[Answer, str]] = {
    "a number": (Reply((Series(1.0),)), "answered"),
    "no data": (Reply(()), "no_data"),
    "no usable answer": (Broken("HTML"), "broken"),
}


@pytest.mark.parametrize(("answer", "outcome"), OUTCOMES.values(), ids=OUTCOMES)
async def test_answers_are_counted(answer: Answer, outcome: str) -> None:
    bench = Bench()
    ask = Ask(Oracle(answer), SmokeTests(AnsweringPod(), bench.caches), bench.client, bench.metrics)
    got = await answers(ask, Needs(questions=(QUESTION,)))
    assert got == Answers(metrics={QUESTION: answer})
    counted = f'lockstep_prometheus_queries_total{{outcome="{outcome}"}} 1.0'
    assert counted.encode() in bench.metrics.exposed()


async def test_what_is_not_answered_yet_is_not_counted_yet() -> None:
    bench, late = Bench(), Unasked("it is busy")
    ask = Ask(Oracle(late), SmokeTests(AnsweringPod(), bench.caches), bench.client, bench.metrics)
    assert await answers(ask, Needs(questions=(QUESTION,))) == Answers(metrics={QUESTION: late})
    assert b"lockstep_prometheus_queries_total{" not in bench.metrics.exposed()


async def test_asking_nothing_asks_nobody() -> None:
    bench = Bench()
    ask = Ask(
        Oracle(Reply(())), SmokeTests(AnsweringPod(), bench.caches), bench.client, bench.metrics
    )
    assert await answers(ask, Needs()) == Answers()
    assert bench.kube.log == []


async def test_a_dry_run_tries_the_deployment_and_then_a_pod() -> None:
    bench = Bench()
    ask = Ask(
        Oracle(Reply(())), SmokeTests(AnsweringPod(), bench.caches), bench.client, bench.metrics
    )
    got = await answers(ask, Needs(dry_run=TRIAL))
    assert got.dry_run == DryRunResult("r1", None)
    asked = list(bench.kube.log)
    assert [line.split()[2] for line in asked] == ["ReplicaSet", "Pod"]
    assert (await answers(ask, Needs(dry_run=TRIAL))).dry_run == got.dry_run
    assert bench.kube.log == asked, "a pass that was rung for meanwhile asks nothing again"


async def test_a_refused_dry_run_names_what_was_refused() -> None:
    bench = Bench()
    bench.kube.refusal = Refusal("exceeded quota", Cause.ROOM)
    ask = Ask(
        Oracle(Reply(())), SmokeTests(AnsweringPod(), bench.caches), bench.client, bench.metrics
    )
    got = await answers(ask, Needs(dry_run=TRIAL))
    assert got.dry_run == DryRunResult("r1", "ReplicaSet: exceeded quota", Cause.ROOM, "ReplicaSet")


async def test_an_api_server_that_does_not_answer_a_dry_run_ends_the_pass() -> None:
    bench = Bench()
    bench.kube.trouble = TransientError("away", retry_after=timedelta(seconds=1))
    ask = Ask(
        Oracle(Reply(())), SmokeTests(AnsweringPod(), bench.caches), bench.client, bench.metrics
    )
    with pytest.raises(TransientError):
        await answers(ask, Needs(dry_run=TRIAL))


async def test_a_pods_events_are_listed_once_a_turn() -> None:
    bench = Bench()
    ask = Ask(
        Oracle(Reply(())), SmokeTests(AnsweringPod(), bench.caches), bench.client, bench.metrics
    )
    bench.kube.told = {"items": [event("FailedMount", "mount failed", "2026-01-01T12:00:00Z")]}
    said = PodSaid("p1", "kubelet says FailedMount: mount failed")
    for _ in range(3):
        got = await answers(ask, events("p1", 0))
        assert got.said == said
    assert bench.kube.log == ["list payments Event involvedObject.uid=p1"]
    await answers(ask, events("p1", 1))
    assert len(bench.kube.log) == 2


@pytest.mark.parametrize("trouble", [TransientError("away"), InvariantError("forbidden")])
async def test_events_that_are_not_listed_stop_nothing(trouble: Exception) -> None:
    bench = Bench()
    ask = Ask(
        Oracle(Reply(())), SmokeTests(AnsweringPod(), bench.caches), bench.client, bench.metrics
    )
    bench.kube.told = {"items": [event("FailedMount", "mount failed", "2026-01-01T12:00:00Z")]}
    first = await answers(ask, events("p1", 0))
    bench.kube.trouble = trouble
    again = await answers(ask, events("p1", 1))
    other = await answers(ask, events("p2", 0))
    assert (again, other.said) == (first, PodSaid("p2", ""))


async def test_memory_of_what_is_gone_is_let_go() -> None:
    bench = Bench().see(model_deployment())
    await bench.store.store(await bench.look(), plan(phase=Phase.HEALTHY), NOW)
    raw = bench.kube.objects["ModelDeployment", "fraud"]
    bench.caches.read("modeldeployments", raw, "DELETED")
    assert await bench.follow.follow(FRAUD) is None
    assert not bench.memory.objects
