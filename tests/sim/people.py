"""People who edit at random: new versions, second thoughts, scaling, and hands in the cluster."""

import functools
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from lockstep.api.failures import FailureReason
from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.core.facts import Foreign, Trouble
from lockstep.core.names import child_name
from lockstep.core.pods import Pod
from lockstep.core.rollout.observed import CallerService, ChildReplicaSet
from lockstep.core.rollout.routing import Nobody, Only
from tests.sim import deciders
from tests.sim.cluster import Weather
from tests.sim.objects import ALIENS
from tests.sim.parts import Mood
from tests.sim.story import Setting, Story
from tests.sim.transcript import VERSIONS, short
from tests.sim.written import (
    COUNTED,
    HALF_THEN_ALL,
    KEY,
    SCRIPTED,
    SMOKE_PATH,
    SOAKED,
    Nature,
    Way,
    of_version,
    revision_of,
    spec,
)

BUSY_SECONDS: Final = 600.0
"""How long people edit and things go wrong."""

TWO_OF_ML: Final[dict[str, Any]] = {
    "required": 2,
    "groups": ["ml"],
    "expiresAfter": "90s",
    "excludeAuthor": True,
}
STAGES: Final[tuple[list[dict[str, Any]], ...]] = (
    HALF_THEN_ALL,
    [
        {"name": "tenth", "weight": 10, "deadline": "3m", "exitCriteria": [COUNTED, SOAKED]},
        {"name": "half", "weight": 50, "soak": "10s"},
        {"name": "full", "weight": 100, "deadline": "4m", "exitCriteria": [SOAKED]},
    ],
    [
        {"name": "quarter", "weight": 25, "deadline": "4m", "exitCriteria": [SOAKED]},
        {"name": "most", "weight": 80, "deadline": "3m", "exitCriteria": [COUNTED]},
    ],
    [{"name": "all", "weight": 100, "deadline": "3m", "exitCriteria": [COUNTED]}],
    [
        {"name": "half", "weight": 50, "exitCriteria": [COUNTED], "approval": TWO_OF_ML},
        {"name": "full", "weight": 100, "approval": {"required": 1}},
    ],
)
_SICKNESSES: Final = tuple(nature for nature in Nature if nature not in {Nature.GOOD, *SCRIPTED})
_SIZES: Final = {Way.NO_SURGE: (2, 3, 4, 6), Way.ONE_PLACE: (1,)}
_UNGATED: Final = {Way.ROLLING, Way.ONE_PLACE}


def setting(way: Way, seed: int) -> Setting:
    """A world and a first manifest, drawn from ``seed``."""
    rng = random.Random(f"{way}/{seed}")
    first = _manifest(rng, way)
    surge = 0 if way is Way.NO_SURGE else None
    tight = surge == 0 and rng.random() < 0.5
    weather = Weather(
        lag=(0.01, rng.choice((0.3, 1.0, 4.0))),
        controller=(0.05, rng.choice((0.5, 3.0))),
        start=(1.0, rng.choice((4.0, 15.0))),
        proxy=(0.1, 3.0),
        sickness=rng.choice((0.0, 0.1, 0.4)),
        places=1 if way is Way.ONE_PLACE else first.replicas if tight else None,
        **_departures(way, seed),
    )
    return Setting(
        spec=first,
        natures={version: _nature(rng) for version in VERSIONS[1:-1]},
        weather=weather,
        latency=(0.05, rng.choice((0.5, 5.0))),
        lies=rng.choice((0.0, 0.05, 0.3)),
        refusals=rng.choice((0.0, 0.05, 0.2)),
        calm_at=BUSY_SECONDS,
        batch=(0.02, 0.5),
        downtime=(1.0, 40.0),
        seed=seed,
    )


def _departures(way: Way, seed: int) -> dict[str, Any]:
    """How pods go; drawn by itself, so that everything else is drawn as ever."""
    rng = random.Random(f"departures/{way}/{seed}")
    slow, held = rng.random() < 0.3, rng.random() < 0.2
    return {"drain": (80.0, 120.0) if slow else (5.0, 6.0), "held": 0.3 if held else 0.0}


def _nature(rng: random.Random) -> Nature:
    return Nature.GOOD if rng.random() < 0.5 else rng.choice(_SICKNESSES)


def _manifest(rng: random.Random, way: Way) -> ModelDeploymentSpec:
    changes: dict[str, Any] = {
        "replicas": rng.choice(_SIZES.get(way, (1, 2, 3, 4, 6))),
        "minReadySeconds": rng.choice((0, 0, 3)),
        "smokeTest": {"path": SMOKE_PATH} if rng.random() < 0.8 else None,
        "progressDeadline": rng.choice(("60s", "2m")),
        "unschedulableGrace": rng.choice((None, "0s", "30s")),
        "rollback": {
            "speed": "Paced" if way is Way.PACED else "Immediate",
            "onFailure": rng.choice(("Rollback", "Rollback", "Rollback", "Pause")),
            "keepFailed": rng.choice(("0s", "30s")),
        },
        "rollbackWindow": rng.choice((None, {"revisions": 1}, {"maxAge": "3m"})),
        "initialRollout": rng.choice(("Direct",) if way in _UNGATED else ("Direct", "Gate")),
    }
    return spec(way, VERSIONS[0], rng.choice(STAGES), **changes)


@dataclass(slots=True)
class People:
    """Whoever may write to the cluster besides the operator."""

    story: Story
    way: Way
    rng: random.Random
    latest: int = 0

    def plan_their_day(self) -> None:
        """Spread some edits over the busy time; the first version gets a while for itself."""
        begins = self.rng.choice((5.0, 60.0, 60.0))
        for _ in range(self.rng.choice((1, 2, 4, 8))):
            moment = self.rng.uniform(begins, BUSY_SECONDS - 60.0)
            act = self.rng.choice(_ACTS)
            self.story.agenda.at(moment, functools.partial(act, self))
        self.story.agenda.at(begins, lambda: apply_another_version(self))
        if self.rng.random() < 0.5:
            moment = self.rng.uniform(begins, BUSY_SECONDS - 60.0)
            self.story.agenda.at(moment, lambda: bring_a_pod_with_our_labels(self))
        self.story.agenda.at(BUSY_SECONDS, self._go_home)

    def _go_home(self) -> None:
        """From here on nothing goes wrong and nobody meddles."""
        parts, hands = self.story.parts, self.story.hands
        parts.mood, parts.shared = Mood.WELL, False
        hands.foreign = frozenset()
        for name in self.story.objects.of(ALIENS):
            self.story.objects.drop((ALIENS, name))
        if self.story.spec.rollback_to not in known_revisions(self):
            self.story.edit("corrects rollbackTo", rollback_to="")
        self.story.edit("unpauses and wants pods", paused=False, replicas=max(1, self.replicas))
        deciders.stay_and_help(self.story)
        self.story.enqueue()

    @property
    def replicas(self) -> int:
        return self.story.spec.replicas

    def apply(self, version: str) -> None:
        self.story.apply(f"applies version {version}", of_version(self.story.spec, version))


def apply_another_version(people: People) -> None:
    people.latest = min(people.latest + 1, len(VERSIONS) - 2)
    people.apply(VERSIONS[people.latest])


def apply_an_earlier_version(people: People) -> None:
    people.apply(VERSIONS[people.rng.randint(0, people.latest)])


def go_back_to_stable(people: People) -> None:
    stable = people.story.status.stable
    if stable:
        people.apply(stable.version)


def known_revisions(people: People) -> list[str]:
    return sorted(stored.revision for stored in people.story.objects.of("stored").values())


def roll_back_to_an_earlier_version(people: People) -> None:
    known = known_revisions(people)
    if known:
        target = people.rng.choice(known)
        people.story.edit(f"rolls back to {short(target)}", rollback_to=target)


def roll_back_to_nowhere(people: People) -> None:
    people.story.edit("rolls back to a revision that nobody knows", rollback_to="0" * 8)
    people.story.agenda.after(people.rng.uniform(5, 100), lambda: stop_rolling_back(people))


def stop_rolling_back(people: People) -> None:
    people.story.edit("empties rollbackTo", rollback_to="")


def retry(people: People) -> None:
    people.story.edit("asks to retry", retry=f"at {people.story.agenda.seconds:.0f}")


def scale(people: People) -> None:
    places = people.story.setting.weather.places
    replicas = people.rng.randint(2 if people.way is Way.NO_SURGE else 0, places or 7)
    people.story.edit(f"scales to {replicas}", replicas=replicas)


def pause_for_a_while(people: People) -> None:
    people.story.edit("pauses", paused=True)
    people.story.agenda.after(
        people.rng.uniform(5, 120), lambda: people.story.edit("unpauses", paused=False)
    )


def change_the_stages(people: People) -> None:
    canary = people.story.spec.strategy.canary
    if canary:
        other = spec(people.way, VERSIONS[0], people.rng.choice(STAGES)).strategy
        people.story.edit("changes the stages", strategy=other)


def delete_a_child(people: People) -> None:
    children = sorted(people.story.objects.of("replicasets").values(), key=lambda it: it.name)
    if children:
        child: ChildReplicaSet = people.rng.choice(children)
        people.story.transcript.note(f"somebody deletes the ReplicaSet of {short(child.revision)}")
        if people.rng.random() < 0.5:
            people.story.cluster.remove_replica_set(child.revision)
        else:
            people.story.cluster.remove_slowly(child.revision)


def delete_a_pod(people: People) -> None:
    pods = sorted(people.story.cluster.pods(), key=lambda it: it.name)
    if pods:
        people.story.cluster.terminate(people.rng.choice(pods).name)


def delete_the_service(people: People) -> None:
    people.story.transcript.note("somebody deletes the Service")
    people.story.meddle(None)


def edit_the_service(people: People) -> None:
    service = people.story.cluster.service()
    if service:
        target = people.rng.choice((Nobody(), Only(revision_of(VERSIONS[people.latest]))))
        people.story.transcript.note("somebody edits the Service")
        people.story.meddle(CallerService(uid=service.uid, routing=target, drifted=True))


def edit_a_child(people: People) -> None:
    children = sorted(people.story.objects.of("replicasets").values(), key=lambda it: it.name)
    if children:
        child: ChildReplicaSet = people.rng.choice(children)
        replicas = people.rng.randint(0, 6)
        people.story.transcript.note(f"somebody scales {short(child.revision)} to {replicas}")
        people.story.cluster.meddle(replace(child, replicas=replicas, drifted=True))
        if replicas > child.replicas:  # pods more than were asked for are no weight of ours
            people.story.edited_at = people.story.agenda.seconds


def bring_a_pod_with_our_labels(people: People) -> None:
    """A debug copy, or somebody's mistake: of no revision, of one that stands, of one to come."""
    story, rng = people.story, people.rng
    asked_for = revision_of(story.spec.model.version)
    coming = revision_of(VERSIONS[min(people.latest + 1, len(VERSIONS) - 2)])
    standing = sorted(child.revision for child in story.objects.of("replicasets").values())
    revision = rng.choice(("", coming, asked_for, *standing))
    ready = rng.random() < 0.5
    trouble = (
        None
        if ready
        else Trouble(FailureReason.CRASH_LOOP, "container server was restarted 3 times")
    )
    name = f"alien-{story.agenda.seconds:.0f}"
    alien = Pod(name=name, uid=name, revision=revision, ready=ready, trouble=trouble, ip="10.9.9.9")
    whose = f"the labels of {short(revision)}" if revision else "our label"
    story.transcript.note(f"somebody brings a pod with {whose}")
    story.objects.put((ALIENS, name), alien)
    story.agenda.after(rng.uniform(20, 300), lambda: story.objects.drop((ALIENS, name)))


def ask_for_a_restart(people: People) -> None:
    now = people.story.agenda.now()
    moment = now + timedelta(seconds=people.rng.choice((0, 0, 20)))
    people.story.edit("asks for a restart", restart_at=moment)


def take_a_name(people: People) -> None:
    version = VERSIONS[min(people.latest + 1, len(VERSIONS) - 2)]
    if people.story.cluster.replica_set(revision_of(version)):
        return
    taken = Foreign("ReplicaSet", child_name(KEY.name, revision_of(version)))
    people.story.hands.foreign = frozenset({taken})
    people.story.agenda.after(people.rng.uniform(5, 100), lambda: _free(people))


def _free(people: People) -> None:
    people.story.hands.foreign = frozenset()


def trouble_prometheus(people: People) -> None:
    parts = people.story.parts
    parts.mood = people.rng.choice(list(Mood))
    people.story.transcript.note(f"Prometheus is {parts.mood}")
    people.story.agenda.after(people.rng.uniform(5, 200), lambda: _cure(people))


def _cure(people: People) -> None:
    people.story.parts.mood = Mood.WELL


def trouble_everybody(people: People) -> None:
    parts = people.story.parts
    parts.shared = True
    people.story.transcript.note("errors everywhere, whoever answers")
    people.story.agenda.after(people.rng.uniform(20, 200), lambda: _relieve(people))


def _relieve(people: People) -> None:
    people.story.parts.shared = False


def fell_stable(people: People) -> None:
    stable = people.story.status.stable
    if stable:
        people.story.transcript.note(f"every pod of {short(stable.revision)} stops answering")
        people.story.cluster.fail_all(stable.revision, people.rng.uniform(10, 120))


def ruin_stable(people: People) -> None:
    """Whatever stable needs is gone for good: none of its pods will ever start again."""
    stable = people.story.status.stable
    if stable:
        people.story.transcript.note(f"{short(stable.revision)} will never start again")
        people.story.cluster.natures[stable.revision] = Nature.CRASHES
        people.story.cluster.fail_all(stable.revision, 10.0)


def use_up_the_quota(people: People) -> None:
    people.story.parts.quota_until = people.story.agenda.seconds + people.rng.uniform(10, 100)


def decide_something(people: People) -> None:
    deciders.at_random(people.story, people.rng)


def delete_decisions(people: People) -> None:
    deciders.prune(people.story, people.rng)


Act = Callable[[People], None]
_ACTS: Final[tuple[Act, ...]] = (
    apply_another_version,
    apply_another_version,
    apply_an_earlier_version,
    go_back_to_stable,
    roll_back_to_an_earlier_version,
    roll_back_to_nowhere,
    stop_rolling_back,
    retry,
    *[decide_something] * 8,
    delete_decisions,
    scale,
    pause_for_a_while,
    change_the_stages,
    delete_a_child,
    delete_a_pod,
    delete_the_service,
    edit_the_service,
    edit_a_child,
    ask_for_a_restart,
    bring_a_pod_with_our_labels,
    take_a_name,
    trouble_prometheus,
    trouble_everybody,
    fell_stable,
    ruin_stable,
    use_up_the_quota,
)
