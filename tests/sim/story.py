"""One story: a toy cluster, an operator in it, people who edit, promises watched at every step."""

import functools
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Unpack

from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.model_deployment_status import ModelDeploymentStatus
from lockstep.core.facts import Outage
from lockstep.core.pods import Pod
from lockstep.core.rollout import planner
from lockstep.core.rollout.actions import Action
from lockstep.core.rollout.needs import Needs
from lockstep.core.rollout.observed import Arm, CallerService, Decided, Observed
from lockstep.core.rollout.plan import Plan
from lockstep.errors import ForeignObjectError, LostRaceError, TransientError
from lockstep.shell.loop.reconcile import Waits, reconcile
from lockstep.shell.rollout.controller import RolloutController, RolloutPlanner
from lockstep.shell.rollout.refusals import Refusals
from tests.controllers import controller_of
from tests.sim import deciders, feet, promises, weights
from tests.sim.agenda import Agenda
from tests.sim.changes import SpecChanges, changed_spec
from tests.sim.cluster import Cluster, Weather
from tests.sim.hands import CrashError, Hands, Watcher
from tests.sim.obey import carried_out, obey
from tests.sim.objects import ALIENS, ARM_SERVICES, RESOURCE, Objects
from tests.sim.parts import ALLOWED, Parts
from tests.sim.promises import BrokenPromiseError, keep
from tests.sim.resource import Resource, wire
from tests.sim.transcript import VERSIONS, Transcript
from tests.sim.written import KEY, Nature, criteria, moves_ports, port_of, revision_of, template

PASS_SECONDS: Final = 0.005
MOST_PASSES: Final = 6000
REACTION_SECONDS: Final = 60.0
"""How long callers may find nobody while a pod that may serve is ready and the operator is up."""
FOLLOW_SECONDS: Final = 120.0
"""How long pods may take to follow an edited spec, with an operator that dies on the way."""
REPEATS: Final = 8
"""Passes after which a world that stands still has nothing left to be done."""

Reconcile = Callable[[Any, RolloutController, Any], Coroutine[Any, Any, Waits]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a story begins with. ``natures`` is by version; others are good.

    ``gates``: pods become ready only once the Service selects them.
    """

    spec: ModelDeploymentSpec
    natures: dict[str, Nature] = field(default_factory=dict)
    weather: Weather = Weather()
    latency: tuple[float, float] = (0.1, 0.1)
    lies: float = 0.0
    refusals: float = 0.0
    calm_at: float = 0.0
    batch: tuple[float, float] = (0.05, 0.05)
    downtime: tuple[float, float] = (10.0, 10.0)
    repeat_share: float = 0.1
    crashes: frozenset[int] = frozenset()
    seed: int = 0
    gates: bool = False


def finished(pass_: Coroutine[Any, Any, Waits]) -> Waits:
    """Run a coroutine that waits for nothing but simulated time."""
    try:
        pass_.send(None)
    except StopIteration as end:
        value: Waits = end.value
        return value
    raise AssertionError("a pass waited for real time")


@dataclass(slots=True)
class WatchEvents:
    """A planner whose last decision is known to whoever watches the promises."""

    thinking: RolloutPlanner
    decided: Plan = field(default_factory=lambda: Plan(status=ModelDeploymentStatus()))

    def needs(self, observed: Observed, now: datetime) -> Needs:
        return self.thinking.needs(observed, now)

    def plan(self, observed: Observed, now: datetime) -> Plan:
        self.decided = self.thinking.plan(observed, now)
        return self.decided


class Story:
    """The cast, and the loop that plays it."""

    def __init__(
        self, setting: Setting, thinking: RolloutPlanner = planner, walk: Reconcile = reconcile
    ) -> None:
        self.setting, self.thinking, self.walk = setting, WatchEvents(thinking), walk
        self.rng = random.Random(setting.seed)
        self.agenda = Agenda()
        self.objects = Objects(self.agenda, self.rng, setting.weather.lag, self.enqueue)
        natures = {revision_of(it): nature for it, nature in setting.natures.items()}
        self.cluster = Cluster(self.agenda, self.rng, setting.weather, self.objects, natures)
        self.cluster.calm_at = setting.calm_at
        self.cluster.gates = setting.gates
        if moves_ports(setting.spec):
            self.cluster.listens = {revision_of(it): port_of(it) for it in VERSIONS}
        self.parts = Parts(
            cluster=self.cluster, rng=self.rng, latency=setting.latency, lies=setting.lies
        )
        self.hands = Hands(
            objects=self.objects,
            cluster=self.cluster,
            parts=self.parts,
            rng=self.rng,
            refusals=setting.refusals,
            crashes=setting.crashes,
        )
        self.transcript = Transcript(self.agenda)
        self.due: float | None = 0.0
        self.passes = 0
        self.up_since = 0.0
        self.starved_since: float | None = None
        self.held_up_since: float | None = None
        self.meddled_at: float | None = None
        self.unanswered = 0
        self.edited_at = 0.0
        self.decided: list[Decided] = []
        self._once = deciders.Once()
        self._checked = -1
        self._said: tuple[object, ModelDeploymentStatus] = (None, ModelDeploymentStatus())
        self._standing: Observed | None = None
        self._recalled: promises.Recall | None = None
        self._began = 0.0
        self.objects.put(RESOURCE, Resource(spec=setting.spec, template=_template(setting.spec)))
        self.objects.put(("criteria", ""), criteria())
        self.objects.relist()
        self.agenda.watchers.append(self._watch)
        self.hands.watchers.append(Watcher(stored=self._stored, acts=self._acts, told=self._told))

    # The loop -------------------------------------------------------------------------------------

    def enqueue(self) -> None:
        """Something changed: a pass is due soon."""
        self._due(self.rng.uniform(*self.setting.batch))

    def run_until(self, moment: float) -> None:
        while True:
            following = self.agenda.following()
            upcoming = [it for it in (following, self.due) if it is not None and it <= moment]
            if not upcoming:
                self.agenda.run_until(moment)
                return
            if self.due is not None and self.due <= min(upcoming):
                self.agenda.run_until(max(self.due, self.agenda.seconds))
                self._pass()
            else:
                self.agenda.run_until(min(upcoming))

    def run_for(self, seconds: float) -> None:
        self.run_until(self.agenda.seconds + seconds)

    def run_to(self, moment: float, done: Callable[["Story"], bool], step: float = 1.0) -> bool:
        """Go on until ``done``, at most to ``moment``; whether it came to that."""
        while not done(self) and self.agenda.seconds < moment:
            self.run_for(step)
        return done(self)

    def _due(self, delay: float) -> None:
        moment = self.agenda.seconds + delay
        self.due = moment if self.due is None else min(self.due, moment)

    def _pass(self) -> None:
        self.due, self._began = None, self.agenda.seconds
        self.passes += 1
        keep("passes fall silent", self.passes < MOST_PASSES, self.transcript.tail())
        self.agenda.run_until(self.agenda.seconds + PASS_SECONDS)
        try:
            waits = finished(
                self.walk(KEY, controller_of(self.hands, self.thinking), self.agenda.now)
            )
        except CrashError as crash:
            self._restart(str(crash))
        except LostRaceError:
            self._due(0.1)
        except TransientError as error:
            self._due(error.retry_after.total_seconds())
        except ForeignObjectError:
            self._due(0.0)
        else:
            for wait in (waits.planned, waits.written):
                if wait is not None:
                    self._due(wait.total_seconds())

    def _restart(self, why: str) -> None:
        """The operator is gone with all it had in memory, and comes back after a while."""
        self.transcript.note(f"the operator dies {why}")
        self.objects.connected = False
        self.hands.held = Refusals()
        self.due = None
        self.agenda.after(self.rng.uniform(*self.setting.downtime), self._come_back)

    def lose_the_api_server(self, seconds: float, deaf: float) -> None:
        """It is away for everybody; proxies hear of what changed ``deaf`` seconds later than us."""
        self.transcript.note(f"the API server is away for {seconds:.0f} s")
        self.cluster.go_out(seconds, deaf)
        self.objects.connected = False

        def back() -> None:
            self.transcript.note("the API server is back")
            self.hands.outage = Outage(timedelta(seconds=seconds), self.agenda.now())
            self._come_back()

        self.agenda.after(seconds, back)

    def _come_back(self) -> None:
        self.objects.connected = True
        self.objects.relist()
        self.up_since = self.agenda.seconds
        self._due(0.0)

    # What people do -------------------------------------------------------------------------------

    @property
    def resource(self) -> Resource:
        held: Resource = self.objects.truth[RESOURCE]
        return held

    @property
    def status(self) -> ModelDeploymentStatus:
        held = self.resource.status
        if self._said[0] is not held:
            self._said = (held, self.resource.said)
        return self._said[1]

    @property
    def spec(self) -> ModelDeploymentSpec:
        return self.resource.spec

    def edit(self, why: str, **changes: Unpack[SpecChanges]) -> None:
        """Change fields of the spec."""
        self.apply(why, changed_spec(self.spec, **changes))

    def apply(self, why: str, spec: ModelDeploymentSpec) -> None:
        held = self.resource
        if spec == held.spec:
            return
        self.transcript.note(f"user: {why}")
        self.edited_at = self.agenda.seconds
        changed = replace(held, spec=spec, template=_template(spec), generation=held.generation + 1)
        self.objects.put(RESOURCE, changed)

    def meddle(self, service: CallerService | None) -> None:
        """Somebody edits the Service by hand."""
        self.meddled_at = self.agenda.seconds
        self.cluster.route(service)

    # The promises ---------------------------------------------------------------------------------

    def arms(self) -> dict[str, Arm]:
        """The revisions as they truly are."""
        pods: dict[str, list[Pod]] = {}
        for pod in self.cluster.pods():
            pods.setdefault(pod.revision, []).append(pod)
        children = self.objects.of("replicasets")
        return {
            name: Arm(revision=name, replica_set=children.get(name), pods=tuple(pods.get(name, ())))
            for name in {*children, *pods}
        }

    def arm_services(self) -> frozenset[str]:
        """The revisions that have a Service of their own."""
        return frozenset(self.objects.of(ARM_SERVICES))

    def _watch(self) -> None:
        """After everything that happens: the promises about the world as it is."""
        if self.cluster.endpoints and self.cluster.unanswered():
            self.unanswered += 1
        version = self.objects.writes
        if version == self._checked:
            self._starve()
            return
        self._checked = version
        self._kept(lambda: self._once.watch(self.status))
        standing = promises.Standing(
            spec=self.spec,
            status=self.status,
            arms=self.arms(),
            routing=self.cluster.routing(),
            proven=frozenset(self.parts.proven),
            misled=tuple(self.cluster.misled()),
            edited=self.agenda.seconds < self.edited_at + FOLLOW_SECONDS,
        )
        if self.meddled_at is None:
            for promise in promises.OF_MOMENTS:
                self._kept(functools.partial(promise, standing))
            self._kept(lambda: weights.of_moments(standing, self.arm_services()))
        refused = len(self.hands.held) > 0
        strange = any(it.ready for it in self.objects.of(ALIENS).values())
        excused = refused or strange or self.meddled_at is not None
        if excused or not promises.is_held_up(standing):
            self.held_up_since = None
        elif self.held_up_since is None:
            self.held_up_since = self.agenda.seconds
        served = promises.somebody_serves(standing)
        if served or self.hands.foreign or self.meddled_at is not None:
            self.starved_since = None
        elif self.starved_since is None:
            self.starved_since = self.agenda.seconds
        self._starve()

    def _starve(self) -> None:
        self._in_time("callers find a ready pod when one exists", self.starved_since)
        self._in_time("nothing that is about to go holds a stage up", self.held_up_since)

    def _in_time(self, promise: str, since: float | None) -> None:
        if since is None or not self.objects.connected:
            return
        waited = self.agenda.seconds - max(since, self.up_since)
        self._kept(lambda: keep(promise, waited <= REACTION_SECONDS, f"for {waited:.0f} s"))

    def _kept(self, check: Callable[[], None]) -> None:
        try:
            check()
        except BrokenPromiseError as broken:
            raise BrokenPromiseError(f"{broken}\n{self.transcript.tail()}") from None

    def _stored(self, seen: Observed, decided: Plan) -> None:
        self._standing = seen
        before, after = seen.status, decided.status
        good, acts = self._good_measurements(seen), deciders.applied(before, after, seen)
        vouched = before.stage is not None and before.stage.vouched_by
        if not (vouched or acts & deciders.WAVING):
            self._kept(lambda: promises.evidence_precedes_progress(before, after, seen, good))
            self._kept(lambda: self._stood(seen, decided))
        self._kept(lambda: deciders.approvals_precede_progress(before, after, seen, self.decided))
        if acts & deciders.RENEWING:
            self._recalled = None

    def _stood(self, seen: Observed, decided: Plan) -> None:
        unseen = 2 * (self.setting.weather.lag[1] + self.setting.batch[1]) + PASS_SECONDS
        ended = feet.Ended(observed=seen, decided=decided, now=self._began, unseen=unseen)
        feet.a_soak_is_time_on_its_feet(ended, self.cluster.deaths)

    def _good_measurements(self, seen: Observed) -> dict[str, int]:
        candidate, stage = seen.status.candidate, seen.status.stage
        good: dict[str, int] = {}
        if candidate is None or stage is None or stage.entered_at is None:
            return good
        for sample in self.parts.samples:
            fits = sample.revision == candidate.revision and sample.at > stage.entered_at
            if fits and sample.metric == "errors" and sample.value <= ALLOWED:
                good[sample.metric] = good.get(sample.metric, 0) + 1
        return good

    def _acts(self, standing: Observed, action: Action) -> None:
        decided = self.thinking.decided
        self._kept(lambda: promises.of_action(standing, decided, action))
        self._kept(lambda: weights.of_actions(standing, decided, action))
        self._kept(
            lambda: promises.callers_do_not_return_to_the_rejected(standing, action, self._recalled)
        )
        self._recalled = promises.who_was_recalled(standing, decided, action) or self._recalled
        self._standing = carried_out(standing, action)

    def _told(self, seen: Observed, decided: Plan) -> None:
        self.transcript.line(self, decided)
        after = replace(self._standing or seen, status=decided.status)
        for promise in promises.OF_PASSES:
            self._kept(functools.partial(promise, seen, after, decided))
        lag = self.setting.weather.lag[1]
        if self.meddled_at is not None and self._began > self.meddled_at + lag:
            self.meddled_at = None
        if self.rng.random() < self.setting.repeat_share:
            self._kept(lambda: self.falls_silent(seen, decided))

    def falls_silent(self, seen: Observed, decided: Plan) -> None:
        """With the world standing still, repeated passes soon write nothing, and go on so."""
        now, before = self.agenda.now(), _remembered(obey(seen, decided))
        for _ in range(REPEATS):
            asked = self.thinking.needs(before, now)
            if asked.smoke or asked.dry_run or asked.questions:
                return
            again = self.thinking.thinking.plan(before, now)
            if not again.actions and wire(again.status) == wire(before.status):
                keep("a repeated pass tells nothing", not again.events, str(again.events))
                return
            before = _remembered(obey(before, again))
        raise BrokenPromiseError(f"repeated passes never fall silent: {again}")


def _remembered(observed: Observed) -> Observed:
    """What an operator knows that was started a moment ago: status as it is on the wire."""
    stored = ModelDeploymentStatus.model_validate(wire(observed.status))
    return replace(observed, status=stored, answers=type(observed.answers)())


def _template(spec: ModelDeploymentSpec) -> dict[str, Any]:
    return template(spec.model.version)
