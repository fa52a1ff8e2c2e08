"""Planners and passes that are wrong on purpose: each mistake is found by a promise that it breaks.

A simulation that never fails proves nothing; these are mistakes that it was seen to find.
"""

import itertools
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from lockstep.api.changes import changed
from lockstep.core.gates import stage as gates
from lockstep.core.key import Key
from lockstep.core.rollout import approving, deciding, planner, standing
from lockstep.core.rollout.actions import (
    Action,
    AnswerDecision,
    PutReplicaSet,
    RemovePod,
    RemoveReplicaSet,
    SetTraffic,
)
from lockstep.core.rollout.needs import Needs
from lockstep.core.rollout.observed import Observed
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.routing import Everyone, Only, Routing
from lockstep.shell.loop.reconcile import (
    AFTER_WRITING,
    Waits,
    reconcile,
)
from lockstep.shell.rollout.controller import RolloutController, RolloutPlanner
from tests.sim.ends import play_to_the_end
from tests.sim.hands import Hands
from tests.sim.people import BUSY_SECONDS, People, setting
from tests.sim.promises import BrokenPromiseError, spec_of
from tests.sim.scripted import SCRIPTS, play
from tests.sim.story import Reconcile, Story
from tests.sim.test_stories import crashes_of
from tests.sim.written import HALF_THEN_ALL, Way, spec

SEEDS = 50
_COUNTER = itertools.count()

Mistake = Callable[[Observed, Plan], Plan]
Look = Callable[[Hands, Key], Awaitable[Observed | None]]


@dataclass(frozen=True)
class Saboteur:
    """The planner, with one mistake in what it decides."""

    mistake: Mistake

    def needs(self, observed: Observed, now: datetime) -> Needs:
        return planner.needs(observed, now)

    def plan(self, observed: Observed, now: datetime) -> Plan:
        return self.mistake(observed, planner.plan(observed, now))


def _on_trial(decided: Plan) -> tuple[str, str] | None:
    """Stable and candidate, when both are there."""
    stable, candidate = decided.status.stable, decided.status.candidate
    return (stable.revision, candidate.revision) if stable and candidate else None


def _routed(seen: Observed, decided: Plan, routing: Routing) -> Plan:
    service = spec_of(seen).service
    opened = SetTraffic(routing=routing, ports=service.served(), exists=True)
    kept = tuple(it for it in decided.actions if not isinstance(it, SetTraffic))
    standing = seen.service is not None and seen.service.routing == routing
    return replace(decided, actions=kept if standing else (opened, *kept))


def _sized(seen: Observed, decided: Plan, revision: str, replicas: int) -> Plan:
    child = next((it for it in seen.stored if it.revision == revision), None)
    if child is None or seen.arm(revision).wanted == replicas:
        return decided
    resized = PutReplicaSet(
        revision=revision,
        replicas=replicas,
        template=child.template,
        min_ready_seconds=spec_of(seen).min_ready_seconds,
        exists=seen.arm(revision).replica_set is not None,
    )
    return replace(decided, actions=(*decided.actions, resized))


def opens_before_the_smoke_test(seen: Observed, decided: Plan) -> Plan:
    arms, candidate = _on_trial(decided), decided.status.candidate
    early = arms and candidate and not candidate.smoke_tested and seen.arm(arms[1]).replica_set
    return _routed(seen, decided, Everyone()) if early else decided


def moves_everybody_to_the_first_ready_pod(seen: Observed, decided: Plan) -> Plan:
    arms, candidate = _on_trial(decided), decided.status.candidate
    ready = arms and candidate and candidate.smoke_tested and seen.arm(arms[1]).ready
    return _routed(seen, decided, Only(arms[1])) if arms and ready else decided


def opens_beside_a_third_revision(seen: Observed, decided: Plan) -> Plan:
    arms = _on_trial(decided)
    third = arms and any(arm.ready for arm in seen.arms.values() if arm.revision not in arms)
    return _routed(seen, decided, Everyone()) if third else decided


def opens_beside_somebody_elses_pod(seen: Observed, decided: Plan) -> Plan:
    arms, stage = _on_trial(decided), decided.status.stage
    beside = any(it.ready and arms and it.revision != arms[0] for it in seen.strangers)
    return _routed(seen, decided, Everyone()) if beside and stage else decided


def removes_somebody_elses_pod(seen: Observed, decided: Plan) -> Plan:
    gone = tuple(RemovePod(it.name, it.uid, it.revision) for it in seen.strangers)
    return replace(decided, actions=(*decided.actions, *gone))


def leaves_callers_where_they_are(seen: Observed, decided: Plan) -> Plan:
    del seen
    kept = tuple(it for it in decided.actions if not isinstance(it, SetTraffic))
    return decided if decided.status.candidate else replace(decided, actions=kept)


def shrinks_stable_first(seen: Observed, decided: Plan) -> Plan:
    arms = _on_trial(decided)
    return _sized(seen, decided, arms[0], 1) if arms else decided


def grows_the_candidate_at_once(seen: Observed, decided: Plan) -> Plan:
    arms = _on_trial(decided)
    return _sized(seen, decided, arms[1], spec_of(seen).replicas) if arms else decided


def takes_pods_away_before_their_callers(seen: Observed, decided: Plan) -> Plan:
    del seen
    return replace(decided, actions=decided.actions[::-1])


def removes_what_was_promoted(seen: Observed, decided: Plan) -> Plan:
    stable, before = decided.status.stable, seen.status.candidate
    if stable and before and stable.revision == before.revision:
        removed: Action = RemoveReplicaSet(stable.revision)
        return replace(decided, actions=(*decided.actions, removed))
    return decided


def restarts_all_pods_at_once(seen: Observed, decided: Plan) -> Plan:
    restarting = {it.revision for it in decided.actions if isinstance(it, RemovePod)}
    pods = (pod for it in restarting for pod in seen.arm(it).pods if not pod.terminating)
    removals = tuple(RemovePod(pod.name, pod.uid, pod.revision) for pod in pods)
    kept = tuple(it for it in decided.actions if not isinstance(it, RemovePod))
    return replace(decided, actions=(*kept, *removals))


def restarts_pods_with_each_pass(seen: Observed, decided: Plan) -> Plan:
    del seen
    stamp = {"metadata": {"annotations": {"pass": str(next(_COUNTER))}}}
    actions = tuple(
        replace(it, template=it.template | stamp) if isinstance(it, PutReplicaSet) else it
        for it in decided.actions
    )
    return replace(decided, actions=actions)


def forgets_what_it_rejected(seen: Observed, decided: Plan) -> Plan:
    del seen
    return replace(decided, status=changed(decided.status, rejected=None))


def sleeps_through_every_deadline(seen: Observed, decided: Plan) -> Plan:
    del seen
    return replace(decided, look_again=None)


def never_sleeps(seen: Observed, decided: Plan) -> Plan:
    del seen
    return replace(decided, look_again=timedelta(0))


def says_nothing(seen: Observed, decided: Plan) -> Plan:
    del seen
    return replace(decided, status=changed(decided.status, message=""))


def says_something_else_each_time(seen: Observed, decided: Plan) -> Plan:
    del seen
    message = f"pass {next(_COUNTER)}"
    return replace(decided, status=changed(decided.status, message=message))


MISTAKES: tuple[Mistake, ...] = (
    opens_before_the_smoke_test,
    moves_everybody_to_the_first_ready_pod,
    opens_beside_a_third_revision,
    opens_beside_somebody_elses_pod,
    removes_somebody_elses_pod,
    leaves_callers_where_they_are,
    shrinks_stable_first,
    grows_the_candidate_at_once,
    takes_pods_away_before_their_callers,
    removes_what_was_promoted,
    restarts_all_pods_at_once,
    restarts_pods_with_each_pass,
    forgets_what_it_rejected,
    sleeps_through_every_deadline,
    never_sleeps,
    says_nothing,
    says_something_else_each_time,
)


def broken(thinking: RolloutPlanner = planner, walk: Reconcile = reconcile) -> str:
    """The first promise that breaks in some story; empty if none does."""
    for seed, way in itertools.product(range(SEEDS), (Way.SHRINK, Way.ROLLING)):
        story = Story(setting(way, seed), thinking, walk)
        story.hands.crashes = crashes_of(seed)
        People(story, way, random.Random(seed)).plan_their_day()
        try:
            story.run_until(BUSY_SECONDS)
            play_to_the_end(story)
        except BrokenPromiseError as error:
            return str(error)
    return ""


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda it: it.__name__)
def test_the_mistake_is_found(mistake: Mistake) -> None:
    assert broken(Saboteur(mistake))


def test_a_gate_that_passes_without_evidence_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = gates.Judged(gates=(), outcome=gates.Passed(), look_again=None)
    monkeypatch.setattr(gates, "judge", lambda *_: nothing)
    assert "zero evidence" in broken()


def answers_nobody(seen: Observed, decided: Plan) -> Plan:
    del seen
    kept = tuple(it for it in decided.actions if not isinstance(it, AnswerDecision))
    return replace(decided, actions=kept)


def _by_label(look: Look) -> Look:
    """What a pass sees if it goes by labels: whatever has a revision's is a pod of it."""

    async def seen(self: Hands, key: Key) -> Observed | None:
        found = await look(self, key)
        if found is None:
            return None
        arms = dict(found.arms)
        for pod in found.strangers:
            arm = found.arm(pod.revision)
            arms[pod.revision] = replace(arm, pods=(*arm.pods, pod))
        return replace(found, arms=arms)

    return seen


def test_who_goes_by_labels_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an operator did that let a crashing pod of somebody else reject a candidate."""
    monkeypatch.setattr(Hands, "observe", _by_label(Hands.observe))
    assert broken()


def test_a_decision_without_an_answer_is_found() -> None:
    assert "every Decision gets its answer" in broken(Saboteur(answers_nobody))


def test_a_stage_without_its_approvals_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approving, "ballot", lambda *_: None)
    assert "the approvals that it wants" in broken()


def test_a_decision_that_acts_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is forgotten at once is taken again by whoever comes after a crash."""
    monkeypatch.setattr(deciding, "_remembered", lambda view: view.with_status(decisions=()))
    assert "a Decision acts once" in broken()


async def acting_first(key: Key, of: RolloutController, clock: Callable[[], datetime]) -> Waits:
    """The pass the wrong way round: act, then store."""
    seen = await of.observe.observe(key)
    if seen is None:
        return Waits()
    now = clock()
    decided = of.planner.plan(await of.ask.ask(seen, of.planner.needs(seen, now)), now)
    for action in decided.actions:
        await of.act.act(seen, action)
    await of.store.store(seen, decided, now)
    of.tell.note(seen, decided)
    await of.tell.tell(key)
    return Waits(decided.look_again, AFTER_WRITING if decided.actions else None)


def test_without_a_mistake_nothing_is_found() -> None:
    assert not broken()


DIES = SCRIPTS["a candidate that dies again and again is taken back"]


def test_a_soak_that_outlives_a_death_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "_ends", lambda *_: ())
    with pytest.raises(BrokenPromiseError, match="a soak is time on its feet"):
        play(DIES)


def test_deaths_that_nobody_counts_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "_counted", lambda *_: None)
    gated = spec(Way.SHRINK, "1.0.0", HALF_THEN_ALL)
    with pytest.raises(BrokenPromiseError, match="no stage ends after too many deaths"):
        play(replace(DIES, setting=replace(DIES.setting, spec=gated)))


def test_acting_before_storing_is_found() -> None:
    assert broken(walk=acting_first)
