"""One scenario's namespace: apply, wait and look as its users would.

Waiting is for a named state with a deadline; when it passes, everything worth seeing is told.
"""

import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

import pytest
import yaml

from tests.cluster import Cluster
from tests.e2e import manifests
from tests.e2e.callers import Callers
from tests.e2e.kube import Api, Kubectl
from tests.e2e.manifests import NAME, Manifest
from tests.e2e.states import State

POLL_SECONDS: Final = 0.5
PATIENCE: Final = 3.0
"""A busy machine takes longer: what has to be quick is asserted, not waited for."""
CALLING_SECONDS: Final = 600
OPERATOR: Final = "lockstep-system"
DEPLOYMENT_LABEL: Final = "lockstep.dev/deployment"
REVISION_LABEL: Final = "lockstep.dev/revision"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Images:
    """Built and pushed once for a session, named by digest."""

    app: str
    artifacts: Mapping[str, str]
    """Model artifacts by the number that they make the server answer."""


@dataclass(frozen=True, slots=True)
class World:
    """What all scenarios of a session share."""

    cluster: Cluster
    kubectl: Kubectl
    api: Api
    images: Images
    began: str
    """When the session began, as the API server writes times."""


@dataclass(frozen=True, slots=True)
class Lab:
    """``measured`` takes numbers that the session's report shows."""

    world: World
    namespace: str
    measured: Callable[[str, object], None]

    @property
    def image(self) -> str:
        return self.world.images.app

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """kubectl in this scenario's namespace."""
        return self.world.kubectl("--namespace", self.namespace, *arguments, stdin=stdin)

    def apply(self, *wanted: Manifest) -> None:
        """kubectl apply, as users do."""
        self.kubectl("apply", "--filename", "-", stdin=yaml.safe_dump_all(wanted))

    def fraud(self, version: str, **changes: Any) -> Manifest:
        """The ModelDeployment of this scenario, see ``manifests.fraud``."""
        return manifests.fraud(self.image, version, **changes)

    def look(self) -> Manifest:
        """The ModelDeployment as it is now."""
        return self.find("ModelDeployment", NAME)

    def find(self, kind: str, name: str) -> Manifest:
        found = self.world.api.find(kind, self.namespace, name)
        assert found, f"{kind} {name} does not exist"
        return found

    def gone(self, kind: str, name: str) -> bool:
        return self.world.api.find(kind, self.namespace, name) is None

    def until(self, state: State, within_seconds: float = 60) -> Manifest:
        """The ModelDeployment, once the operator says this of its present generation."""

        def reached() -> Manifest | None:
            seen = self.look()
            told = seen.get("status", {})
            current = told.get("observedGeneration") == seen["metadata"]["generation"]
            return seen if current and state.holds(seen) else None

        return self.wait(state.sentence, reached, within_seconds)

    def wait(self, sentence: str, reached: Callable[[], T | None], within_seconds: float) -> T:
        """What ``reached`` gives once it is not None (or False)."""
        end = time.monotonic() + PATIENCE * within_seconds
        while True:
            found = reached()
            if found:
                return found
            if time.monotonic() > end:
                pytest.fail(
                    f"not {sentence} within {PATIENCE * within_seconds:g} s\n{self.report()}"
                )
            time.sleep(POLL_SECONDS)

    def pass_time(self, seconds: float) -> None:
        """Let an outage last: the one thing that is no state to be waited for."""
        time.sleep(seconds)

    def pods(self, revision: str = "") -> list[Manifest]:
        """Pods that are not on their way out."""
        labels = {DEPLOYMENT_LABEL: NAME, **({REVISION_LABEL: revision} if revision else {})}
        found = self.world.api.list("Pod", self.namespace, labels)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def vanished(self, revision: str) -> bool:
        """Nothing of a revision is left, not even a pod on its way out."""
        labels = {DEPLOYMENT_LABEL: NAME, REVISION_LABEL: revision}
        kinds = ("ReplicaSet", "Pod")
        return not any(self.world.api.list(kind, self.namespace, labels) for kind in kinds)

    def uids(self, revision: str) -> set[str]:
        return {pod["metadata"]["uid"] for pod in self.pods(revision)}

    def replica_sets(self) -> list[Manifest]:
        return self.world.api.list("ReplicaSet", self.namespace, {DEPLOYMENT_LABEL: NAME})

    def events(self, reason: str) -> list[str]:
        """What was told about the ModelDeployment for this reason."""
        found = self.world.api.list("Event", self.namespace, {})
        return [
            str(event["message"])
            for event in found
            if event["reason"] == reason and event["involvedObject"]["kind"] == "ModelDeployment"
        ]

    def callers(self, *, new: float = 20, kept: int = 0) -> Callers:
        """Callers of the ModelDeployment's Service, until the scenario is over.

        ``new`` connections are opened each second, ``kept`` are kept alive.
        """
        host = f"{NAME}.{self.namespace}.svc.cluster.local."
        env = {"NEW_PER_SECOND": str(new), "KEPT": str(kept)}
        self.apply(manifests.caller("callers", self.image, host, CALLING_SECONDS, env))
        callers = Callers(partial(self.world.api.through, self.namespace, "callers"))
        self.wait("calling", partial(self._calls, callers), 30)
        return callers

    def _calls(self, callers: Callers) -> bool:
        pod = self.find("Pod", "callers")
        ready = [it for it in pod["status"].get("conditions", ()) if it["type"] == "Ready"]
        return bool(ready and ready[0]["status"] == "True" and len(callers.calls()))

    def turn_unready(self, pods: Iterable[Manifest]) -> None:
        """Tell servers to fail their readiness probes from now on."""
        for pod in pods:
            name = pod["metadata"]["name"]
            self.world.api.through(self.namespace, name, "turn-unready", "POST")

    def report(self) -> str:
        """Everything that helps to see why a state was not reached."""
        seen = self.world.api.find("ModelDeployment", self.namespace, NAME) or {}
        kubectl = partial(self.world.kubectl.try_, "--namespace", self.namespace)
        events = "LAST:.lastTimestamp,REASON:.reason,ABOUT:.involvedObject.name,MESSAGE:.message"
        parts = {
            f"ModelDeployment in {self.namespace}": _told(seen),
            "events": _tail(
                kubectl(
                    "get", "events", "--sort-by=.lastTimestamp", "-o", f"custom-columns={events}"
                )
            ),
            "objects": kubectl("get", "replicasets,services,controllerrevisions,pods").stdout,
            "operator": self._log(),
        }
        return "\n".join(f"--- {title}\n{text}" for title, text in parts.items())

    def _log(self) -> str:
        """What the operator said of this scenario; the end of its log if nothing."""
        deployment = ("logs", "--tail=2000", "deployment/lockstep-operator")
        lines = self.world.kubectl.try_("--namespace", OPERATOR, *deployment).stdout.splitlines()
        ours = [line for line in lines if self.namespace in line]
        return "\n".join((ours or lines)[-_LINES:])


_LINES: Final = 30


def _tail(ended: subprocess.CompletedProcess[str]) -> str:
    return "\n".join(ended.stdout.splitlines()[-_LINES:])


def _told(seen: Manifest) -> str:
    """The status, with a line for each condition."""
    status = dict(seen.get("status", {}))
    conditions = [
        f"{it['type']}={it['status']} {it['reason']} since {it['lastTransitionTime']}"
        for it in status.pop("conditions", ())
    ]
    generation = seen.get("metadata", {}).get("generation")
    told = {"generation": generation, **status, "conditions": conditions}
    return yaml.safe_dump(told, sort_keys=False, width=150)


def revision(seen: Manifest, arm: str = "stable") -> str:
    """The revision that status names as stable or candidate."""
    return str(seen["status"][arm]["revision"])
