"""The operator of the previous landing is replaced by this one, with 50 ModelDeployments in all
phases: no pod changes, nothing is started, nothing is forgotten, and what was on trial goes on.
Afterwards a rollout, a restart and an edit by hand are to what was there as they would have been.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests import cluster
from tests.cluster import Cluster
from tests.e2e import deploy, previous
from tests.e2e.lab import DEPLOYMENT_LABEL, Lab
from tests.e2e.manifests import Manifest, canary, criteria, fraud, stage

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

FAKE: Manifest = {
    "nodeSelector": {"lockstep.dev/fake-node": "true"},
    "tolerations": [{"key": "kwok.x-k8s.io/node", "operator": "Exists"}],
}
NOWHERE: Manifest = {"nodeSelector": {"lockstep.dev/no-such-node": "true"}}
QUICK = canary(stage("half", 50, "1s"), stage("full", 100))
HOLDING = canary(stage("half", 50, "1h"), stage("full", 100))
SECOND = canary(stage("half", 50, "1s"), stage("most", 75, "1h"), stage("full", 100))
MEASURING = canary(stage("half", 50, "1h", gated=True), stage("full", 100))
FAILING = canary({**stage("half", 50, "1h"), "exitCriteria": [{"name": "never"}]})
KEPT = {"strategy": FAILING, "rollback": {"keepFailed": "1h"}}
GONE = {"strategy": FAILING, "rollback": {"keepFailed": "0s"}}


@dataclass(frozen=True, slots=True)
class Case:
    """So many ModelDeployments that were given these specs one after another, and where they are.

    ``real`` of them have pods that really run; the others' are on nodes that KWOK plays.
    """

    count: int
    steps: tuple[Manifest, ...]
    phase: str
    reason: str
    at: str = ""
    real: int = 0


def spec(version: str, **fields: Any) -> Manifest:
    return {"version": version, "typo": False, **fields}


V1 = spec("1.0.0", strategy=QUICK)
CASES: dict[str, Case] = {
    "healthy": Case(9, (V1,), "Healthy", "Completed", real=2),
    "promoted": Case(5, (V1, spec("2.0.0", strategy=QUICK)), "Healthy", "Completed"),
    "first": Case(4, (spec("1.0.0", strategy=QUICK, in_pod=NOWHERE),), "Progressing", "*"),
    "soaking": Case(6, (V1, spec("2.0.0", strategy=HOLDING)), "Progressing", "*", "half", real=1),
    "second-stage": Case(4, (V1, spec("2.0.0", strategy=SECOND)), "Progressing", "*", "most"),
    "measuring": Case(
        5, (V1, spec("2.0.0", strategy=MEASURING)), "Progressing", "*", "half", real=1
    ),
    "paused": Case(
        4,
        (V1, spec("2.0.0", strategy=HOLDING), spec("2.0.0", strategy=QUICK, paused=True)),
        "Paused",
        "*",
        "half",
    ),
    "superseded": Case(
        4,
        (V1, spec("2.0.0", strategy=HOLDING), spec("3.0.0", strategy=HOLDING)),
        "Progressing",
        "*",
        "half",
    ),
    "kept": Case(4, (V1, spec("2.0.0", **KEPT)), "Degraded", "RolledBack", real=1),
    "rejected": Case(3, (V1, spec("2.0.0", **GONE)), "Degraded", "RolledBack"),
    "invalid": Case(2, (V1, spec("2.0.0", typo=True)), "Degraded", "SpecRefused"),
}


def never() -> Manifest:
    """Criteria that every revision fails at its first measurement."""
    made = criteria(failureLimit=0, minSamples=1)
    made["metadata"]["name"] = "never"
    metric = made["spec"]["metrics"][0]
    metric["prometheus"]["query"] = "vector(1)"
    made["spec"]["metrics"] = [metric]
    return made


def always() -> Manifest:
    made = criteria(minSamples=1)
    metric = made["spec"]["metrics"][0]
    metric["prometheus"]["query"] = "vector(0)"
    made["spec"]["metrics"] = [metric]
    return made


@dataclass(frozen=True, slots=True)
class Fleet:
    """All of them, and what can be seen of them."""

    lab: Lab

    def apply(self, turn: int) -> None:
        """The ``turn``-th spec of each that has one."""
        wanted = list(self._manifests(turn))
        if wanted:
            self.lab.apply(*wanted)

    def _manifests(self, turn: int) -> Iterator[Manifest]:
        for name, case in CASES.items():
            if turn >= len(case.steps):
                continue
            for number in range(case.count):
                yield self._manifest(f"{name}-{number}", case.steps[turn], number < case.real)

    def _manifest(self, name: str, step: Manifest, real: bool) -> Manifest:  # noqa: FBT001
        fields = {**step}
        version, typo = fields.pop("version"), fields.pop("typo")
        in_pod = fields.pop("in_pod", {} if real else FAKE)
        made = fraud(self.lab.image, version, in_pod=in_pod, replicas=2, **fields)
        made["metadata"]["name"] = name
        made["spec"] |= {"progressDeadline": "1h", "drain": "1s"}
        if typo:
            made["spec"]["template"]["spec"]["containers"][0]["imagePullPolcy"] = "Always"
        return made

    def change(self, name: str, step: Manifest) -> None:
        """Another spec for one whose pods really run."""
        self.lab.apply(self._manifest(name, step, real=True))

    def all(self) -> dict[str, Manifest]:
        found = self.lab.world.api.list("ModelDeployment", self.lab.namespace, {})
        return {it["metadata"]["name"]: it for it in found}

    def arrived(self, turn: int) -> bool:
        """Whether each is where its last spec of this turn leads."""
        seen = self.all()
        return all(
            _is_at(seen.get(f"{name}-{number}", {}), case, turn)
            for name, case in CASES.items()
            for number in range(case.count)
        )

    def pods(self, owner: str = "") -> dict[str, tuple[str, int]]:
        """Uid and restarts of each pod, of all or of one ModelDeployment."""
        labels = {DEPLOYMENT_LABEL: owner} if owner else {}
        found = self.lab.world.api.list("Pod", self.lab.namespace, labels)
        return {
            pod["metadata"]["name"]: (
                pod["metadata"]["uid"],
                sum(it["restartCount"] for it in pod["status"].get("containerStatuses", ())),
            )
            for pod in found
        }

    def sets(self, owner: str = "") -> dict[str, Manifest]:
        """Specs of what the operator has pods made by."""
        api, namespace = self.lab.world.api, self.lab.namespace
        labels = {DEPLOYMENT_LABEL: owner} if owner else {}
        return {
            f"ReplicaSet {_name(it)}": it["spec"]
            for it in api.list("ReplicaSet", namespace, labels)
            if it["metadata"]["ownerReferences"][0]["kind"] == "ModelDeployment"
        }

    def children(self) -> dict[str, Manifest]:
        """What a pod could be restarted by, or a caller be sent elsewhere."""
        namespace, api = self.lab.namespace, self.lab.world.api
        services = api.list("Service", namespace, {})
        revisions = api.list("ControllerRevision", namespace, {})
        ours = (it for it in revisions if DEPLOYMENT_LABEL in it["metadata"].get("labels", {}))
        return {
            **self.sets(),
            **{f"Service {_name(it)}": it["spec"]["selector"] for it in services},
            **{f"ControllerRevision {_name(it)}": it["data"] for it in ours},
        }

    def memory(self) -> dict[str, Manifest]:
        """Of each status what an operator must not forget or begin anew."""
        return {name: _memory(it["status"]) for name, it in self.all().items()}

    def told(self) -> set[str]:
        """Every Event about a rollout."""
        found = self.lab.world.api.list("Event", self.lab.namespace, {})
        return {
            f"{it['involvedObject']['name']}: {it['reason']} {it['message']}"
            for it in found
            if it["involvedObject"]["kind"] == "ModelDeployment"
        }

    def samples(self) -> dict[str, int]:
        """Of each that measures: how often it has."""
        return {
            name: sum(gate["samples"] for gate in it["status"]["gates"])
            for name, it in self.all().items()
            if name.startswith("measuring")
        }


def _name(raw: Manifest) -> str:
    return str(raw["metadata"]["name"])


def _is_at(seen: Manifest, case: Case, turn: int) -> bool:
    status = seen.get("status", {})
    if status.get("observedGeneration") != seen.get("metadata", {}).get("generation", -1):
        return False
    at = status.get("stage") or {}
    on_way = turn + 1 < len(case.steps)
    if on_way and turn == 0:
        return bool(status["phase"] == "Healthy")
    if on_way:
        return at.get("name") == "half" and "enteredAt" in at
    reason = next(it["reason"] for it in status["conditions"] if it["type"] == "Ready")
    entered = not case.at or (at.get("name") == case.at and "enteredAt" in at)
    return status["phase"] == case.phase and case.reason in {"*", reason} and entered


def _memory(status: Manifest) -> Manifest:
    stage_at = status.get("stage") or {}
    named = {key: (status.get(key) or {}).get("revision") for key in ("stable", "candidate")}
    rejected = status.get("rejected") or {}
    kept = {key: rejected.get(key) for key in ("revision", "reason", "message", "keepUntil")}
    where = {key: stage_at.get(key) for key in ("name", "index", "enteredAt", "soakUntil")}
    history = [(it["revision"], it["outcome"]) for it in status.get("history", ())]
    return {"phase": status["phase"], **named, **where, "rejected": kept, "history": history}


def _passes(lab: Lab) -> int:
    """How many passes this operator has ended well."""
    pod = deploy.operator_pod(lab.world.cluster)["metadata"]["name"]
    text = lab.world.api.through(deploy.NAMESPACE, pod, "metrics")
    done = [it for it in text.splitlines() if it.startswith('lockstep_passes_total{outcome="done"')]
    return int(float(done[0].split()[-1])) if done else 0


@pytest.fixture
def fake_nodes() -> Iterator[Cluster]:
    """The cluster with nodes that nothing else may find there."""
    found = cluster.up(extras=("kwok",))
    cluster.kwok_nodes(found, 4)
    yield found
    cluster.kwok_nodes(found, 0)


def test_an_upgrade_changes_no_pod_and_starts_nothing(
    lab: Lab, fake_nodes: Cluster, tmp_path: Path
) -> None:
    found, fleet = fake_nodes, Fleet(lab)
    try:
        deploy.deploy_operator(found, previous.checkout(tmp_path))
        lab.apply(never(), always())
        for turn in range(max(len(case.steps) for case in CASES.values())):
            fleet.apply(turn)
            lab.wait(f"all where turn {turn} leads", partial(fleet.arrived, turn), 90)
        lab.wait("nothing moving", partial(_at_rest, fleet), 60)
        pods, children, memory = fleet.pods(), fleet.children(), fleet.memory()
        samples = fleet.samples()
        lab.pass_time(5)  # what was decided is told after it is done
        told = fleet.told()
    finally:
        deploy.deploy_operator(found)
    fleet_size = sum(case.count for case in CASES.values())
    lab.wait("a pass for each", lambda: _passes(lab) >= 2 * fleet_size, 60)
    lab.wait("measuring on", lambda: _grew(samples, fleet.samples()), 30)
    lab.measured("ModelDeployments, pods", f"{fleet_size}, {len(pods)}")
    assert fleet_size == 50
    assert fleet.pods() == pods
    assert _changed(children, fleet.children()) == {}
    assert _changed(memory, fleet.memory()) == {}
    assert {it for it in fleet.told() - told if any(word in it for word in MOVED)} == set()
    assert fleet.sets().keys() <= children.keys(), "nothing came beside what was there"
    _rolls_out_what_is_new(fleet, "healthy-0")
    _restarts_pods_where_they_stand(fleet, "healthy-1")
    _puts_back_what_is_edited(fleet, "healthy-1")


MOVED = ("Rollout", "Stage", "Restart", "Restored")
"""In reasons of Events: something began, went on or was put back."""


def _rolls_out_what_is_new(fleet: Fleet, name: str) -> None:
    fleet.change(name, spec("2.0.0", strategy=QUICK))

    def replaced() -> bool:
        status = fleet.all()[name]["status"]
        child = f"{name}-{status['stable']['revision']}"
        there = status["phase"] == "Healthy" and status["stable"]["version"] == "2.0.0"
        pods = [pod.startswith(f"{child}-") for pod in fleet.pods(name)]
        return there and [*fleet.sets(name)] == [f"ReplicaSet {child}"] and pods == [True, True]

    fleet.lab.wait("rolled out", replaced, 60)


def _restarts_pods_where_they_stand(fleet: Fleet, name: str) -> None:
    """It ends with the spec that it had: no template was changed, no surplus was left."""
    pods, sets = fleet.pods(name).items(), fleet.sets(name)
    fleet.change(name, {**V1, "restartAt": datetime.now(UTC).isoformat(timespec="seconds")})

    def restarted() -> bool:
        left = fleet.pods(name).items()
        return len(left) == len(pods) and not left & pods and fleet.sets(name) == sets

    fleet.lab.wait("restarted", restarted, 60)


def _puts_back_what_is_edited(fleet: Fleet, name: str) -> None:
    sets = fleet.sets(name)
    [child] = sets
    by_hand = json.dumps({"spec": {"replicas": 3, "minReadySeconds": 7}})
    fleet.lab.kubectl("patch", *child.split(), "--type=merge", "--patch", by_hand)
    fleet.lab.wait("put back", lambda: fleet.sets(name) == sets, 20)
    edited = f"{name}: ChildRestored {child} was edited manually"
    fleet.lab.wait("told", lambda: any(it.startswith(edited) for it in fleet.told()), 10)


def _at_rest(fleet: Fleet) -> bool:
    """Whether every pod that is there is wanted, and every one that is wanted is there."""
    wanted = sum(it["replicas"] for it in fleet.sets().values())
    return len(fleet.pods()) == wanted and fleet.arrived(99)


def _grew(before: dict[str, int], after: dict[str, int]) -> bool:
    return all(after[name] > count for name, count in before.items())


def _changed(before: dict[str, Manifest], after: dict[str, Manifest]) -> dict[str, str]:
    """What of ``before`` is no longer so; what came on top may."""
    return {
        name: f"was {json.dumps(was)}, is {json.dumps(after.get(name))}"
        for name, was in before.items()
        if after.get(name) != was
    }
