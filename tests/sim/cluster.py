"""The cluster's own parts: controllers that are late, kubelets whose pods die, a proxy that lags.

They know nothing of rollouts: they do what ReplicaSets, Pods and a Service ask for.
"""

import functools
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from lockstep.api.failures import FailureReason
from lockstep.core.facts import Trouble
from lockstep.core.names import child_name
from lockstep.core.pods import Crash, Ended, Pod
from lockstep.core.rollout.observed import CallerService, ChildReplicaSet
from lockstep.core.rollout.routing import Routing, reaches
from tests.sim.agenda import Agenda
from tests.sim.objects import ARM_SERVICES, SERVICE, Objects
from tests.sim.promises import keep
from tests.sim.written import KEY, USUAL_PORT, Nature

TROUBLES: Final = {
    Nature.NO_IMAGE: Trouble(FailureReason.IMAGE_PULL_FAILED, "manifest unknown"),
}
HELD_SECONDS: Final = 200.0
"""Until somebody looks after a pod that nobody removes."""
DIES_AFTER: Final = 12.0
"""Seconds from a start, or a death, to the next death."""
LOOPING: Final = 6
"""Restarts of a container that never comes up, once the kubelet has tried for a while."""
SLOW_TRIES: Final = 3
OOM: Final = "OOMKilled"
NO_DISK: Final = Ended("Evicted", "The node was low on resource: ephemeral-storage.")
NO_DEVICE: Final = Ended("UnexpectedAdmissionError", "no nvidia.com/gpu is left")
NO_NODE: Final = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu"
AWAY: Final = Trouble(
    FailureReason.CLUSTER_UNAVAILABLE,
    'Internal error occurred: failed calling webhook "inject.example.com"',
)
NO_QUOTA: Final = Trouble(
    FailureReason.QUOTA_EXCEEDED, 'pods "fraud" is forbidden: exceeded quota: pods'
)
TRIED_AGAIN: Final = 5.0
"""Seconds after which the ReplicaSet's controller tries to make pods again."""
NOT_CREATED: Final = Trouble(
    FailureReason.POD_SECURITY, 'pods "fraud" is forbidden: violates PodSecurity'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How late the parts are, in seconds, and how often pods get sick; ``places`` for pods.

    ``plane``: a data plane that splits by weight, from what it is told to what it does, and once
    more to what it says.
    ``drain``: for how long a pod goes on answering after it was told to go. ``held``: how often one
    stays all the same, answering nobody, until somebody removes it.
    """

    lag: tuple[float, float] = (0.2, 0.2)
    controller: tuple[float, float] = (0.3, 0.3)
    start: tuple[float, float] = (8.0, 8.0)
    proxy: tuple[float, float] = (1.0, 1.0)
    plane: tuple[float, float] = (1.0, 3.0)
    sickness: float = 0.0
    places: int | None = None
    drain: tuple[float, float] = (5.0, 6.0)
    held: float = 0.0


@dataclass(frozen=True, slots=True)
class Death:
    """A container of a pod died ``at``, or the pod failed; it had been ready ``since``."""

    at: float
    since: float
    revision: str
    pod: str


@dataclass(slots=True)
class Body:
    """What only the kubelet knows of a pod; ``since``: when it became ready."""

    placed: bool = False
    since: float | None = None


class Cluster:
    """Everything between what was written to the API server and the callers."""

    def __init__(
        self,
        agenda: Agenda,
        rng: random.Random,
        weather: Weather,
        objects: Objects,
        natures: dict[str, Nature],
    ) -> None:
        self.agenda, self.rng, self.weather = agenda, rng, weather
        self.objects, self.natures = objects, natures
        self.calm_at: float | None = None
        self.listens: dict[str, int] = {}
        self.away_until = 0.0
        self.out_until = 0.0
        self.deaf_until = 0.0
        self.lost: frozenset[str] = frozenset()
        self.quota: int | None = None
        self.most = 0
        self.gates = False
        self.led: Routing | None = None
        self.endpoints: frozenset[str] = frozenset()
        self.reached_since: dict[str, float] = {}
        self.previewed_since: dict[str, float] = {}
        self.started: dict[str, int] = {}
        self.deaths: list[Death] = []
        self.min_ready: dict[str, int] = {}
        self.templates: dict[str, Any] = {}
        self._bodies: dict[str, Body] = {}
        self._announced: frozenset[str] = frozenset()
        self._proxied = 0.0
        self._serial = 0

    @property
    def sick(self) -> bool:
        """Whether things go wrong by themselves."""
        return self.calm_at is None or self.agenda.seconds < self.calm_at

    @property
    def out(self) -> bool:
        """Whether the API server answers nobody."""
        return self.agenda.seconds < self.out_until

    def go_out(self, seconds: float, deaf: float) -> None:
        """The API server is away for everybody; proxies hear of what changed so much later.

        Callers of pods that were on their way out when it went cannot be helped by anybody.
        """
        self.out_until = self.agenda.seconds + seconds
        self.deaf_until = self.out_until + deaf
        self.lost = frozenset(pod.name for pod in self.pods() if pod.terminating)

    def _put_off(self, happening: Callable[[], None]) -> bool:
        """Nobody gets on without the API server: they go on when it is back."""
        if self.out:
            self.agenda.at(self.out_until + self.rng.uniform(0.1, 1.0), happening)
        return self.out

    def pods(self) -> list[Pod]:
        """All but those that failed: nobody starts these again, and nobody clears them away."""
        return [pod for pod in self.objects.of("pods").values() if not pod.failed]

    def replica_set(self, revision: str) -> ChildReplicaSet | None:
        found: ChildReplicaSet | None = self.objects.truth.get(("replicasets", revision))
        return found

    def service(self) -> CallerService | None:
        found: CallerService | None = self.objects.truth.get(SERVICE)
        return found

    # What is written ------------------------------------------------------------------------

    def put_replica_set(
        self,
        revision: str,
        replicas: int,
        template: object,
        min_ready: int,
        surplus: int,
    ) -> None:
        """Create or change a ReplicaSet; pods of another template would be of another revision."""
        before = self.replica_set(revision)
        same = not before or self.templates[revision] == template
        keep("a ReplicaSet's template never changes", same)
        self.templates[revision], self.min_ready[revision] = template, min_ready
        fresh = before or ChildReplicaSet(
            name=child_name(KEY.name, revision),
            uid=self._uid("d"),
            revision=revision,
            replicas=replicas,
            created=self.agenda.now(),
        )
        changed = replace(fresh, replicas=replicas, surplus=surplus, drifted=False)
        self.objects.put(("replicasets", revision), changed)
        self._soon(revision)

    def remove_replica_set(self, revision: str) -> None:
        self.objects.drop(("replicasets", revision))
        self._soon(revision)

    def remove_slowly(self, revision: str) -> None:
        """Delete in the foreground: the ReplicaSet stays until its last pod is gone."""
        child = self.replica_set(revision)
        if child:
            self.meddle(replace(child, terminating=True))

    def meddle(self, child: ChildReplicaSet) -> None:
        """Somebody else writes a ReplicaSet."""
        self.objects.put(("replicasets", child.revision), child)
        self._soon(child.revision)

    def route(self, service: CallerService | None) -> None:
        if service is None:
            self.objects.drop(SERVICE)
        else:
            self.objects.put(SERVICE, service)
            if service.pending:
                self._after_the_plane(lambda: self._led(service))
        self._reroute()

    def _after_the_plane(self, happening: Callable[[], None]) -> None:
        self.agenda.after(self.rng.uniform(*self.weather.plane), happening)

    def _led(self, told: CallerService) -> None:
        """The data plane does what it was told, unless it was told something else meanwhile."""
        if self.service() == told and not self._put_off(lambda: self._led(told)):
            self.led = told.routing
            self._after_the_plane(lambda: self._confirmed(told))
            self._reroute()

    def _confirmed(self, told: CallerService) -> None:
        if self.service() == told and not self._put_off(lambda: self._confirmed(told)):
            self.objects.put(SERVICE, replace(told, pending=False))

    def routing(self) -> Routing | None:
        """Whom callers are led to: by a data plane that has taken in something, or a selector."""
        service = self.service()
        return self.led or (service.routing if service and not service.pending else None)

    def hears(self, revision: str, port: int | str) -> bool:
        """Whether a revision's pods listen there."""
        return self.listens.get(revision, USUAL_PORT) == port

    def misled(self) -> list[str]:
        """Who is asked, as the Service stands, at a port where nobody listens."""
        service = self.service()
        asked = {port.target_port for port in service.ports} if service else set()
        selected = {pod.revision for pod in self.selected()}
        return sorted(
            f"{revision} at {port}"
            for revision in selected
            for port in asked
            if not self.hears(revision, port)
        )

    def uid_of_service(self) -> str:
        service = self.service()
        return service.uid if service else self._uid("s")

    # The ReplicaSet controller ----------------------------------------------------------------

    def _soon(self, revision: str) -> None:
        delay = self.rng.uniform(*self.weather.controller)
        self.agenda.after(delay, lambda: self._sync(revision))

    def _sync(self, revision: str) -> None:
        if self._put_off(lambda: self._sync(revision)):
            return
        child = self.replica_set(revision)
        wanted = child.replicas + child.surplus if child and not child.terminating else 0
        standing = [it for it in self.pods() if it.revision == revision and not it.terminating]
        missing = max(0, wanted - len(standing))
        refused = self._refusal(revision, missing)
        for _ in range(min(missing, self._allowed(refused))):
            self._create(revision)
        if refused:
            self.agenda.after(TRIED_AGAIN, lambda: self._sync(revision))
        for pod in sorted(standing, key=self._dispensable)[: max(0, len(standing) - wanted)]:
            self.terminate(pod.name)
        if child:
            self._report(child, refused)
        else:
            self._collect(revision)

    def _collect(self, revision: str) -> None:
        """What is left of a ReplicaSet goes with it."""
        for name, pod in self.objects.of("pods").items():
            if pod.revision == revision and pod.failed:
                self.objects.drop(("pods", name))

    def _refusal(self, revision: str, missing: int) -> Trouble | None:
        """Why the API server would not have all the pods that are missing."""
        if not missing:
            return None
        if self.natures.get(revision) is Nature.NOT_CREATED:
            return NOT_CREATED
        if self.agenda.seconds < self.away_until:
            return AWAY
        full = self.quota is not None and len(self.pods()) + missing > self.quota
        return NO_QUOTA if full else None

    def _allowed(self, refused: Trouble | None) -> int:
        """How many of the pods that are missing can be made; all of them where nobody objects."""
        if refused is NO_QUOTA:
            return max(0, (self.quota or 0) - len(self.pods()))
        return 0 if refused else len(self.pods()) + 1000

    def _dispensable(self, pod: Pod) -> tuple[bool, bool, int]:
        """Pods without a node go first, then those that are not ready, then the youngest."""
        return self._bodies[pod.name].placed, pod.ready, -int(pod.uid[1:])

    def _report(self, child: ChildReplicaSet, refused: Trouble | None) -> None:
        left = [it for it in self.pods() if it.revision == child.revision]
        if child.terminating and not left:
            self.objects.drop(("replicasets", child.revision))
            return
        report = replace(
            child,
            available=sum(self._available(pod) for pod in left),
            create_failure=refused,
        )
        if report != child:
            self.objects.put(("replicasets", child.revision), report)

    def _available(self, pod: Pod) -> bool:
        since = self._bodies[pod.name].since
        if not pod.ready or pod.terminating or since is None:
            return False
        return self.agenda.seconds >= since + self.min_ready.get(pod.revision, 0)

    # Scheduler and kubelet ------------------------------------------------------------------------

    def _create(self, revision: str) -> None:
        uid = self._uid("p")
        name = f"{child_name(KEY.name, revision)}-{uid}"
        self._bodies[name] = Body()
        self.started[revision] = self.started.get(revision, 0) + 1
        self.most = max(self.most, len(self.pods()) + 1)
        created = self.agenda.now().replace(microsecond=0)
        child = self.replica_set(revision)
        owner = child.uid if child else ""
        fresh = Pod(name=name, uid=uid, revision=revision, created=created, owner_uid=owner)
        self.objects.put(("pods", name), fresh)
        self.agenda.after(self.rng.uniform(0.05, 0.5), lambda: self._place(name))

    def _place(self, name: str) -> None:
        if self._put_off(lambda: self._place(name)):
            return
        pod = self._standing(name)
        if pod is None or self._bodies[name].placed:
            return
        if not self._has_room(pod):
            if pod.unschedulable is None:
                homeless = replace(
                    pod, unschedulable=NO_NODE, unschedulable_since=self.agenda.now()
                )
                self.objects.put(("pods", name), homeless)
            self.agenda.after(5.0, lambda: self._place(name))
            return
        self._bodies[name].placed = True
        placed = replace(
            pod, ip=f"10.0.0.{int(pod.uid[1:])}", unschedulable=None, unschedulable_since=None
        )
        self.objects.put(("pods", name), placed)
        if self._nature(pod) is Nature.NOT_TAKEN:
            self.fail(name, NO_DEVICE)
            return
        self.agenda.after(self.rng.uniform(*self.weather.start), lambda: self._start(name))

    def _has_room(self, pod: Pod) -> bool:
        if self._nature(pod) is Nature.NO_ROOM:
            return False
        taken = sum(self._bodies[other.name].placed for other in self.pods())
        return self.weather.places is None or taken < self.weather.places

    def _start(self, name: str) -> None:
        if self._put_off(lambda: self._start(name)):
            return
        pod = self._standing(name)
        if pod is None or pod.ready:
            return
        if self._is_kept_from_starting(pod):
            return
        if self.gates and not pod.held:
            self._become(replace(pod, held=True))
            return
        self._bodies[name].since = self.agenda.seconds
        running = replace(pod.crash, down=False) if pod.crash else None
        self._become(replace(pod, ready=True, held=False, crash=running))
        self._meets_its_fate(name)
        self._is_available_later(pod)
        if self.sick and self.weather.sickness and self.rng.random() < self.weather.sickness:
            self.agenda.after(self.rng.expovariate(1 / 60), lambda: self._fall_ill(name))

    def _is_kept_from_starting(self, pod: Pod) -> bool:
        nature = self._nature(pod)
        if nature in TROUBLES:
            self.objects.put(("pods", pod.name), replace(pod, trouble=TROUBLES[nature]))
        elif nature is Nature.CRASHES:
            self.objects.put(("pods", pod.name), crashed(pod, LOOPING, down=True))
        elif nature is Nature.SLOW_START and pod.restarts < SLOW_TRIES:
            self.objects.put(("pods", pod.name), crashed(pod, 1, down=True))
            self.agenda.after(10.0, lambda: self._start(pod.name))
        else:
            return False
        return True

    def _meets_its_fate(self, name: str) -> None:
        """What becomes of a pod again and again, however calm it is."""
        pod = self._standing(name)
        nature = self._nature(pod) if pod else Nature.GOOD
        if nature is Nature.EVICTED:
            self.agenda.after(DIES_AFTER, lambda: self.fail(name, NO_DISK))
        elif nature in {Nature.DIES, Nature.OUT_OF_MEMORY}:
            why = OOM if nature is Nature.OUT_OF_MEMORY else "Error"
            self.agenda.after(DIES_AFTER, lambda: self.flicker(name, why))

    def _fall_ill(self, name: str) -> None:
        pod = self._standing(name)
        if pod is None or not pod.ready or not self.sick:
            return
        match self.rng.choice(("dies", "restarts", "loops", "flickers", "evicted", "stumbles")):
            case "dies":
                self.vanish(name)
            case "evicted":
                self.fail(name, NO_DISK)
            case "flickers":
                self.flicker(name)
            case "stumbles":
                self._lose_readiness(pod)
            case illness:
                self._died(pod)
                times = SLOW_TRIES if illness == "loops" else 1
                self._lose_readiness(crashed(pod, times, down=illness == "loops"))

    def _lose_readiness(self, pod: Pod) -> None:
        self._bodies[pod.name].since = None
        self._become(replace(pod, ready=False))
        self.agenda.after(self.rng.uniform(2, 30), lambda: self._start(pod.name))

    def _is_available_later(self, pod: Pod) -> None:
        proven = self.min_ready.get(pod.revision, 0) + 0.01
        self.agenda.after(proven, lambda: self._sync(pod.revision))

    def _nature(self, pod: Pod) -> Nature:
        return self.natures.get(pod.revision, Nature.GOOD)

    def _died(self, pod: Pod) -> None:
        since = self._bodies[pod.name].since
        if since is not None:
            self.deaths.append(Death(self.agenda.seconds, since, pod.revision, pod.name))

    def flicker(self, name: str, why: str = "Error") -> None:
        """A container dies and is back at once: only its restarts tell."""
        pod = self._standing(name)
        if pod is not None and pod.ready:
            self._died(pod)
            self._bodies[name].since = self.agenda.seconds
            self._become(crashed(pod, 1, why))
            self._is_available_later(pod)
            self._meets_its_fate(name)

    def fail(self, name: str, why: Ended) -> None:
        """The kubelet gives a pod up, or never takes it."""
        pod = self._standing(name)
        if pod is not None:
            self._died(pod)
            self._bodies[name] = Body()
            self._become(replace(pod, ready=False, failed=why))

    def drain(self, name: str) -> None:
        """Its node is drained: the eviction API takes it."""
        pod = self._standing(name)
        if pod is not None:
            self.objects.put(("pods", name), replace(pod, disrupted=True))
            self.terminate(name)

    def fail_all(self, revision: str, seconds: float) -> None:
        """Every pod of a revision stops answering for a while."""
        for pod in self.pods():
            if pod.revision == revision and pod.ready and not pod.terminating:
                self._bodies[pod.name].since = None
                self._become(replace(pod, ready=False))
                self.agenda.after(seconds, functools.partial(self._start, pod.name))

    def terminate(self, name: str) -> None:
        """Tell a pod to go; it answers until its drain is over."""
        pod = self._standing(name)
        if pod is not None:
            drain = self.rng.uniform(*self.weather.drain)
            self._become(replace(pod, terminating=True))
            held = self.weather.held and self.rng.random() < self.weather.held
            self.agenda.after(drain, lambda: self.stay(name) if held else self.vanish(name))

    def stay(self, name: str) -> None:
        """It has ended, and something keeps it from being removed."""
        pod: Pod | None = self.objects.truth.get(("pods", name))
        if pod is not None:
            self._become(replace(pod, ready=False))
            self.agenda.after(HELD_SECONDS, lambda: self.vanish(name))

    def vanish(self, name: str) -> None:
        pod: Pod | None = self.objects.truth.get(("pods", name))
        if pod is not None:
            self.objects.drop(("pods", name))
            self._soon(pod.revision)
            self._reroute()

    def _become(self, pod: Pod) -> None:
        self.objects.put(("pods", pod.name), pod)
        self._soon(pod.revision)
        self._reroute()

    def _standing(self, name: str) -> Pod | None:
        pod: Pod | None = self.objects.truth.get(("pods", name))
        return pod if pod and not pod.terminating and not pod.failed else None

    # The proxy ------------------------------------------------------------------------------------

    def selected(self) -> list[Pod]:
        """Pods that answer and that the Service selects as it stands."""
        routing = self.routing()
        return [it for it in self.pods() if it.ready and reaches(routing, it.revision)]

    def _open_gates(self) -> None:
        """A load balancer takes in what the Service selects, ready or not, and says so."""
        for pod in self.pods():
            if pod.held and self._registered(pod):
                self.agenda.after(2.0, functools.partial(self._open, pod.name))

    def _open(self, name: str) -> None:
        pod = self._standing(name)
        if pod and pod.held and self._registered(pod):
            self._start(name)

    def _registered(self, pod: Pod) -> bool:
        """Whether a Service selects it: callers', or its revision's own."""
        own = (ARM_SERVICES, pod.revision) in self.objects.truth
        return own or reaches(self.routing(), pod.revision)

    def _reroute(self) -> None:
        """Ready pods are called; those on their way out only while there is nobody else."""
        self._open_gates()
        selected = self.selected()
        names = frozenset(pod.name for pod in selected if not pod.terminating)
        names = names or frozenset(pod.name for pod in selected)
        if names != self._announced:
            self._announced = names
            arrives = self.agenda.seconds + self.rng.uniform(*self.weather.proxy)
            self._proxied = max(self._proxied, arrives)
            self.agenda.at(self._proxied, lambda: self._call(names))

    def _call(self, names: frozenset[str]) -> None:
        if self.agenda.seconds < self.deaf_until:
            self.agenda.at(self.deaf_until, lambda: self._call(names))
            return
        self.endpoints = names
        for pod in self.pods():
            if pod.name in names:
                self.reached_since.setdefault(pod.revision, self.agenda.seconds)

    def unanswered(self) -> bool:
        """Whether a caller of this moment may get no answer: nobody to call, or somebody gone."""
        answering = {pod.name for pod in self.pods() if pod.ready}
        return not self.endpoints or not self.endpoints <= answering | self.lost

    def _uid(self, prefix: str) -> str:
        self._serial += 1
        return f"{prefix}{self._serial}"


def crashed(pod: Pod, times: int, why: str = "Error", *, down: bool = False) -> Pod:
    """The same pod after its container was restarted so many times more."""
    restarts = pod.restarts + times
    message = f"container server was restarted {restarts} times, last exit code 1 ({why})"
    crash = Crash(restarts=restarts, reason=why, message=message, down=down)
    return replace(pod, restarts=restarts, crash=crash)
