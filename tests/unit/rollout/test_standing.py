"""Time on its feet: what a candidate's pods went through counts, whenever somebody looks."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from lockstep.adapters.kubernetes.model_deployments import read_status, write_status
from lockstep.api.model_deployment_status import WATCHED, ModelDeploymentStatus, Phase, StageStatus
from lockstep.core.plan import Event
from lockstep.core.pods import Crash, Ended, Pod
from lockstep.core.rollout.actions import RemovePod
from lockstep.core.rollout.observed import Arm, Observed
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.planner import plan
from lockstep.core.rollout.routing import Everyone, Only
from tests.unit.rollout.test_planner import reason
from tests.unit.rollout.worlds import NOW, V1, V2, V3, World, arm, first, trial

SECOND = timedelta(seconds=1)
SOAK = {
    "strategy": {
        "canary": {
            "stages": [
                {"name": "half", "weight": 50, "soak": "30s"},
                {"name": "full", "weight": 100},
            ]
        }
    },
    "progressDeadline": "60s",
}

Change = Callable[[Pod], Pod]


def died(times: int = 1, why: str = "Error", *, ready: bool = True) -> Change:
    """A container of it died and runs again, or is down."""

    def change(pod: Pod) -> Pod:
        restarts = pod.restarts + times
        said = f"container server was restarted {restarts} times, last exit code 3"
        crash = Crash(restarts=restarts, reason=why, message=said, down=not ready)
        return replace(pod, restarts=restarts, crash=crash, ready=ready)

    return change


def unready(pod: Pod) -> Pod:
    return replace(pod, ready=False)


def answering(pod: Pod) -> Pod:
    return replace(pod, ready=True)


@dataclass
class Played:
    """A trial of version 2 and what happens to its pods, pass by pass."""

    world: World = field(default_factory=lambda: trial(2, stable=2, spec=SOAK))
    seconds: int = 0
    status: ModelDeploymentStatus | None = None
    told: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.seen: Observed = self.world.observed()

    @property
    def arm(self) -> Arm:
        return self.seen.arm(V2)

    def look(self, after: int = 0) -> Plan:
        """A pass, with the memory of the one before as it is on the wire."""
        self.seconds += after
        decided = plan(self.seen, NOW + self.seconds * SECOND)
        self.told += decided.events
        self.status = read_status(write_status(decided.status))
        self.seen = replace(self.seen, status=self.status)
        return decided

    def happens(self, change: Change, which: int = 0) -> "Played":
        pods = list(self.arm.pods)
        pods[which] = change(pods[which])
        return self.stand(replace(self.arm, pods=tuple(pods)))

    def goes(self, which: int = 0, **how: Any) -> "Played":
        """A pod goes and nobody sees why, or is on its way out, or failed."""
        pods = list(self.arm.pods)
        gone = replace(pods.pop(which), **how)
        if how.get("failed"):
            return self.stand(replace(self.arm, pods=tuple(pods), failed=(gone,)))
        left = (*pods, gone) if how else tuple(pods)
        return self.stand(replace(self.arm, pods=left))

    def stand(self, changed: Arm) -> "Played":
        child = changed.replica_set
        if child:
            changed = replace(changed, replica_set=replace(child, available=changed.ready))
        self.seen = replace(self.seen, arms={**self.seen.arms, V2: changed})
        return self

    @property
    def stage(self) -> StageStatus:
        assert self.status is not None
        assert self.status.stage is not None
        return self.status.stage


def soaking(**changes: Any) -> Played:
    """Half of the callers are on two pods of version 2, for ten seconds so far."""
    played = Played(trial(2, stable=2, **({"spec": SOAK} | changes)))
    played.look()
    played.look(10)
    return played


def soak_left(played: Played) -> float | None:
    until = played.stage.soak_until
    return None if until is None else (until - NOW).total_seconds() - played.seconds


def test_a_soak_counts_from_when_the_weight_is_reached() -> None:
    played = soaking()
    assert soak_left(played) == 20
    assert reason(played.look(20)) == "Moving"
    assert played.stage.name == "full"


BREAKS: dict[str, tuple[Callable[[Played], Played], int]] = {
    "a death that is over when somebody looks": (lambda it: it.happens(died()), 1),
    "a pod that nobody has seen go": (lambda it: it.goes(), 1),
    "a pod that somebody deletes": (lambda it: it.goes(terminating=True), 1),
    "a pod that is evicted for want of memory": (
        lambda it: it.goes(failed=Ended("Evicted", "low on resource: memory")), 1),
    "a pod whose node is drained": (lambda it: it.goes(terminating=True, disrupted=True), 0),
    "a pod whose node is shut down": (
        lambda it: it.goes(failed=Ended("Terminated", "imminent node shutdown"), disrupted=True),
        0),
    "a pod that is not ready": (lambda it: it.happens(unready), 0),
    "both pods gone in one look are one death": (lambda it: it.goes().goes(), 1),
}  # fmt: skip


@pytest.mark.parametrize(("happens", "deaths"), BREAKS.values(), ids=BREAKS)
def test_a_break_begins_the_soak_anew(happens: Callable[[Played], Played], deaths: int) -> None:
    played = soaking()
    happens(played).look()
    assert (played.stage.deaths.count if played.stage.deaths else 0) == deaths
    played.stand(arm(V2, 2)).look(5)
    assert soak_left(played) == 30
    assert reason(played.look(19)) == "Measuring"
    assert "the soak restarted" in played.seen.status.message
    played.look(11)
    assert played.stage.name == "full"


def test_what_our_own_scaling_takes_is_no_death_and_no_break() -> None:
    played = soaking()
    spec = played.world.observed().spec
    assert not isinstance(spec, str)
    smaller = replace(
        trial(1, stable=1, spec={**SOAK, "replicas": 2}), candidate=played.status.candidate
    ) if played.status else played.world  # fmt: skip
    before = played.seen.status
    played.seen = replace(smaller.observed(), status=before)
    played.look(5)
    assert (played.stage.deaths, soak_left(played)) == (None, 15)


def test_pods_that_a_scale_up_adds_break_nothing() -> None:
    played = soaking()
    before = played.seen.status
    wider = trial(2, wanted=3, stable=3, spec={**SOAK, "replicas": 6})
    played.seen = replace(wider.observed(), status=before)
    assert reason(played.look(5)) == "Moving"
    assert soak_left(played) == 15


def test_pods_that_a_restart_replaces_are_no_deaths() -> None:
    restart = {**SOAK, "restartAt": "2026-11-21T12:00:11Z"}
    played = soaking(spec=restart)
    old = [replace(pod, created=NOW - SECOND) for pod in played.arm.pods]
    new = replace(old[0], name="fresh", uid="fresh", created=NOW + 20 * SECOND)
    child = played.arm.replica_set
    assert child is not None
    surplus = replace(child, surplus=1, available=3)
    played.seen = replace(
        played.seen,
        arms={**played.seen.arms, V2: Arm(revision=V2, replica_set=surplus, pods=(*old, new))},
    )
    played.look(10)
    decided = played.look()
    (removed,) = [it for it in decided.actions if isinstance(it, RemovePod)]
    left = [pod for pod in (*old, new) if pod.uid != removed.uid]
    played.seen = replace(
        played.seen,
        arms={**played.seen.arms, V2: Arm(revision=V2, replica_set=surplus, pods=tuple(left))},
    )
    played.look()
    assert played.stage.deaths is None
    assert soak_left(played) == 10


def test_one_death_more_than_is_tolerated_takes_it_back_although_it_runs_again() -> None:
    played = soaking()
    played.happens(died()).look(2)
    assert "1 death of candidate pods in this stage, 1 tolerated" in played.seen.status.message
    played.happens(died()).look(12)
    rejected = played.seen.status.rejected
    assert rejected is not None
    assert rejected.reason == "CandidateDied"
    assert "2 deaths of candidate pods in this stage, 1 tolerated" in rejected.message
    assert "last exit code 3" in rejected.message


def test_each_death_is_told_once() -> None:
    played = soaking()
    played.happens(died()).look(2)
    played.look(1)
    (told,) = [it.message for it in played.told if it.reason == "PodDied"]
    assert told.endswith("last exit code 3 (1 so far in stage half)")


def test_deaths_between_two_looks_are_all_counted() -> None:
    played = soaking()
    played.happens(died(2)).look(12)
    assert played.seen.status.rejected is not None


def test_a_death_in_each_of_two_stages_is_tolerated() -> None:
    played = soaking()
    played.happens(died()).look(2)
    played.look(1)
    played.look(31)
    assert (played.stage.name, played.stage.deaths) == ("full", None)
    played.happens(died(), which=1).look(1)
    assert played.stage.deaths is not None
    assert played.stage.deaths.count == 1


def test_the_limit_can_be_set() -> None:
    played = soaking(spec={**SOAK, "restartLimit": {"serving": 2}})
    played.happens(died(2)).look(2)
    assert played.stage.name == "half"
    played.happens(died()).look(2)
    assert played.seen.status.rejected is not None


def test_none_need_be_tolerated() -> None:
    played = soaking(spec={**SOAK, "restartLimit": {"serving": 0}})
    played.happens(died()).look(2)
    assert played.seen.status.rejected is not None


def test_out_of_memory_is_never_tolerated() -> None:
    played = soaking(spec={**SOAK, "restartLimit": {"serving": 100}})
    played.happens(died(why="OOMKilled")).look(2)
    rejected = played.seen.status.rejected
    assert rejected is not None
    assert rejected.reason == "OOMKilled"


def test_with_pause_the_deaths_stay_until_a_person_decides() -> None:
    played = soaking(spec={**SOAK, "rollback": {"onFailure": "Pause"}})
    played.happens(died(2)).look(2)
    for _ in range(3):
        assert reason(played.look(60)) == "CandidateDied"
    assert played.seen.status.phase is Phase.PAUSED


def test_retry_forgets_the_deaths_of_the_stage() -> None:
    played = soaking(spec={**SOAK, "rollback": {"onFailure": "Pause"}})
    played.happens(died(2)).look(2)
    again = trial(spec={**SOAK, "rollback": {"onFailure": "Pause"}, "retry": "b"}).observed()
    played.seen = replace(played.seen, spec=again.spec)
    played.look(1)
    assert (played.stage.deaths, soak_left(played)) == (None, 30)


def starting(restarts: int, **spec: Any) -> Played:
    """The first pod of version 2 is not ready yet."""
    played = Played(trial(0, wanted=1, stable=4, spec={**SOAK, **spec}, routing=Only(V1)))
    played.look()
    played.happens(died(restarts, ready=False)).look(2)
    return played


def test_a_slow_start_is_waited_for_and_told() -> None:
    played = starting(3)
    assert played.seen.status.rejected is None
    message = played.seen.status.message
    assert "restarted 3 times, last exit code 3; 5 tolerated" in message
    played.stand(arm(V2, 1)).look(2)
    played.happens(lambda pod: replace(pod, restarts=3)).look(2)
    assert played.stage.deaths is None


def test_restarts_before_it_was_ready_are_no_deaths_later() -> None:
    played = starting(3)
    played.happens(answering).look(2)
    assert played.stage.deaths is None
    played.happens(died()).look(2)
    assert played.stage.deaths is not None
    assert played.stage.deaths.count == 1


@pytest.mark.parametrize(
    ("limit", "restarts", "fails"), [(5, 5, False), (5, 6, True), (1, 2, True)]
)
def test_a_start_that_fails_too_often_is_a_crash_loop(
    limit: int, restarts: int, *, fails: bool
) -> None:
    played = starting(restarts, restartLimit={"startup": limit})
    rejected = played.seen.status.rejected
    assert (rejected.reason if rejected else None) == ("CrashLoop" if fails else None)


def test_a_slow_start_ends_with_the_progress_deadline_too() -> None:
    played = starting(1)
    assert reason(played.look(61)) == "RolledBack"


def test_pods_that_the_kubelet_refuses_again_and_again_are_not_waited_for() -> None:
    played = Played(trial(0, wanted=1, stable=4, spec=SOAK, routing=Only(V1)))
    played.look()
    pod = played.arm.pods[0]
    refused = Ended("UnexpectedAdmissionError", "no gpu is left")
    failed = [replace(pod, uid=f"f{n}", name=f"f{n}", failed=refused) for n in range(6)]
    played.stand(replace(played.arm, failed=tuple(failed[:5]))).look(1)
    assert played.seen.status.rejected is None
    played.stand(replace(played.arm, failed=tuple(failed))).look(1)
    rejected = played.seen.status.rejected
    assert rejected is not None
    assert rejected.reason == "PodsFailed"
    assert "UnexpectedAdmissionError: no gpu is left" in rejected.message


def test_readiness_that_comes_and_goes_is_no_progress() -> None:
    """Neither its progress clock nor its stage begins anew with each moment of readiness."""
    played = soaking()
    for _ in range(6):
        played.happens(unready).look(5)
        if played.seen.status.rejected:
            break
        played.happens(answering).look(7)
    rejected = played.seen.status.rejected
    assert rejected is not None
    assert rejected.reason == "CandidateFlaps"
    assert played.seconds <= 10 + 60 + 12


def test_a_break_now_and_then_is_forgotten() -> None:
    played = soaking(spec={**SOAK, "strategy": {"canary": {"stages": [
        {"name": "half", "weight": 50, "soak": "10m"}]}}})  # fmt: skip
    for _ in range(6):
        played.happens(unready).look(5)
        played.happens(answering).look(1)
        played.look(69)
    assert played.seen.status.rejected is None


def test_a_stage_that_never_stands_long_enough_has_a_deadline_all_the_same() -> None:
    played = soaking(spec={**SOAK, "strategy": {"canary": {"stages": [
        {"name": "half", "weight": 50, "soak": "90s", "deadline": "3m"}]}}})  # fmt: skip
    for _ in range(4):
        played.happens(unready).look(5)
        played.happens(answering).look(1)
        played.look(64)
    assert reason(played.look()) == "DeadlineExceeded"
    assert reason(played.happens(unready).look(1)) == "DeadlineExceeded"


def test_time_without_the_weight_is_no_soak() -> None:
    """Callers went back to stable because a third revision could be reached."""
    played = soaking()
    alien = arm(V3, 1)
    service = played.seen.service
    assert service is not None
    played.seen = replace(
        played.seen,
        arms={**played.seen.arms, V3: alien},
        service=replace(service, routing=Only(V1)),
    )
    played.look(1)
    assert soak_left(played) is None
    assert reason(played.look(60)) == "Moving"
    arms = {name: it for name, it in played.seen.arms.items() if name != V3}
    played.seen = replace(played.seen, arms=arms, service=replace(service, routing=Everyone()))
    played.look(1)
    assert soak_left(played) == 30


def test_an_operator_that_did_not_look_is_believed() -> None:
    stage = StageStatus(
        name="half", index=0, entered_at=NOW - 10 * SECOND, soak_until=NOW + 20 * SECOND
    )
    played = Played(trial(2, stable=2, spec=SOAK, stage=stage))
    played.look()
    assert (soak_left(played), played.stage.deaths) == (20, None)


def test_of_very_many_pods_the_first_are_looked_at_one_by_one() -> None:
    many = trial(300, stable=300, spec={**SOAK, "replicas": 600})
    played = Played(many)
    played.look()
    assert len(played.stage.pods) == WATCHED
    played.happens(unready, which=299).look(1)
    assert soak_left(played) is None


def test_a_first_revision_that_dies_stays_to_get_well() -> None:
    played = Played(first(4, routing=Only(V2), spec={"minReadySeconds": 20}))
    played.seen = replace(played.seen, arms={V2: arm(V2, 3, 4)})
    played.look()
    played.happens(died(2, ready=False)).look(1)
    assert reason(played.look()) == "CandidateDied"
    assert played.seen.status.phase is Phase.DEGRADED
    played.stand(arm(V2, 4)).look(30)
    assert played.seen.status.stable is not None


def test_a_repeated_pass_changes_nothing() -> None:
    played = soaking()
    played.happens(died()).happens(unready, which=1).look(2)
    before = write_status(played.seen.status)
    played.look()
    played.look()
    assert write_status(played.seen.status) == before


def test_a_break_does_not_end_the_wait_for_a_person() -> None:
    """Whoever is told of what has waited for an hour would never hear of a phase that flaps."""
    stages = [{"name": "half", "weight": 50, "soak": "10s", "approval": {}}]
    played = soaking(spec={**SOAK, "strategy": {"canary": {"stages": stages}}})
    seen: list[tuple[str, Phase | None]] = []
    for happens, seconds in ((unready, 5), (answering, 1), (answering, 5), (answering, 20)):
        seen.append((reason(played.look()), played.seen.status.phase))
        played.happens(happens).look(seconds)
    assert set(seen) == {("ApprovalNeeded", Phase.PAUSED)}
    assert len([it for it in played.told if it.reason == "ApprovalNeeded"]) == 1


def test_a_pause_of_a_person_is_one_while_pods_are_away() -> None:
    played = soaking()
    paused = trial(2, stable=2, spec={**SOAK, "paused": True}).observed()
    played.seen = replace(played.seen, spec=paused.spec)
    played.look(25)
    assert played.seen.status.phase is Phase.PAUSED
    played.happens(unready).look(5)
    assert played.seen.status.phase is Phase.PAUSED
    assert "moving to 50%" in played.seen.status.message
    assert "it waits for a person again" in played.seen.status.message
