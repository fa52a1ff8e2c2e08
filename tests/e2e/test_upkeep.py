"""Children that somebody changed, unlabelled or deleted: they are put back, and it is said."""

import json
from datetime import UTC, datetime
from functools import partial

import pytest

from tests.e2e.lab import Lab, revision
from tests.e2e.manifests import QUICK, Manifest
from tests.e2e.states import condition, healthy, phase, says

pytestmark = pytest.mark.e2e

BUDGET = "PodDisruptionBudget"
NOWHERE = "registry.invalid/by-hand:1"
SURPLUS = "lockstep.dev/surplus"


def patch(lab: Lab, kind: str, name: str, **spec: object) -> None:
    lab.kubectl("patch", kind, name, "--type=merge", "--patch", json.dumps({"spec": spec}))


def test_children_edited_by_hand_are_put_back_and_it_is_said(lab: Lab) -> None:
    lab.apply(lab.fraud("1.0.0", strategy=QUICK))
    seen = lab.until(healthy("1.0.0"))
    child = f"fraud-{revision(seen)}"
    pods, service = lab.uids(revision(seen)), lab.find("Service", "fraud")["spec"]
    selector = service["selector"]

    patch(lab, "service", "fraud", selector={"lockstep.dev/revision": "00000000"})
    lab.wait("selecting again", lambda: _spec(lab, "Service", "fraud") == service, 10)
    lab.wait("told", lambda: _told(lab) == {"Service fraud"}, 10)
    template = _spec(lab, "ReplicaSet", child)["template"]
    lab.kubectl("set", "image", f"replicaset/{child}", f"server={NOWHERE}")
    lab.wait("its image", lambda: _spec(lab, "ReplicaSet", child)["template"] == template, 10)
    lab.wait("told", lambda: _told(lab) == {"Service fraud", f"ReplicaSet {child}"}, 10)
    assert lab.uids(revision(seen)) == pods, "an edit of the template restarts no pod"
    lab.kubectl("annotate", "replicaset", child, "team=fraud")
    patch(lab, "replicaset", child, minReadySeconds=7)
    lab.wait("0 s", lambda: _spec(lab, "ReplicaSet", child).get("minReadySeconds", 0) == 0, 10)
    assert lab.find("ReplicaSet", child)["metadata"]["annotations"]["team"] == "fraud"
    ours = (("ReplicaSet", child), ("Service", "fraud"), ("ControllerRevision", child))
    for kind, name in ours:
        lab.kubectl("label", kind, name, "lockstep.dev/deployment-")
        lab.wait("labelled", partial(_labelled, lab, kind, name), 20)
    lab.until(healthy("1.0.0"))
    assert lab.uids(revision(seen)) == pods

    lab.kubectl("scale", f"replicaset/{child}", "--replicas=1")
    lab.wait("four pods", lambda: _spec(lab, "ReplicaSet", child)["replicas"] == 4, 10)
    lab.kubectl("delete", f"replicaset/{child}", "service/fraud", "--wait=false")
    lab.wait("new pods", lambda: not lab.uids(revision(seen)) & pods, 20)
    lab.wait("a Service again", lambda: not lab.gone("Service", "fraud"), 20)
    lab.wait("as it was", lambda: _spec(lab, "Service", "fraud")["selector"] == selector, 20)
    lab.until(healthy("1.0.0"))


def test_what_the_owner_changed_is_nobodys_edit_by_hand(lab: Lab) -> None:
    lab.apply(lab.fraud("1.0.0", replicas=2, strategy=QUICK))
    seen = lab.until(healthy("1.0.0"))
    child, pods = f"fraud-{revision(seen)}", lab.uids(revision(seen))
    changes = {"minReadySeconds": 1, "service": {"port": 81}, "replicas": 3}
    lab.apply(lab.fraud("1.0.0", strategy=QUICK, **changes))
    lab.until(healthy("1.0.0"))
    lab.wait("port 81", lambda: _spec(lab, "Service", "fraud")["ports"][0]["port"] == 81, 10)
    lab.wait("1 s", lambda: _spec(lab, "ReplicaSet", child).get("minReadySeconds") == 1, 10)
    assert pods < lab.uids(revision(seen)), "no pod was restarted"
    assert not _told(lab)


def test_children_go_with_their_owner_or_outlive_it_as_its_deletion_says(lab: Lab) -> None:
    wanted = lab.fraud("1.0.0", replicas=1, strategy=QUICK)
    lab.apply(wanted)
    child = f"fraud-{revision(lab.until(healthy('1.0.0')))}"
    children = (("ReplicaSet", child), ("Service", "fraud"), ("ControllerRevision", child))
    lab.kubectl("delete", "mldep/fraud", "--cascade=orphan", "--timeout=90s")
    for kind, name in children:
        assert "ownerReferences" not in lab.find(kind, name)["metadata"]

    lab.apply(wanted)
    left = lab.until(phase("Degraded", "Unowned"))
    assert "no owner, as after a backup was restored" in left["status"]["message"]
    lab.kubectl("delete", f"replicaset/{child}", "service/fraud", f"controllerrevision/{child}")
    lab.until(healthy("1.0.0"))
    lab.kubectl("delete", "mldep/fraud", "--timeout=90s")
    lab.wait("gone", lambda: all(lab.gone(kind, name) for kind, name in children), 20)


def test_a_budget_stands_while_there_are_two_pods_and_never_in_the_way_of_anybody(lab: Lab) -> None:
    theirs = {
        "apiVersion": "policy/v1",
        "kind": BUDGET,
        "metadata": {"name": "fraud"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "other"}}},
    }
    lab.apply(theirs, lab.fraud("1.0.0", replicas=2, strategy=QUICK))
    taken = lab.until(healthy("1.0.0"))
    lab.wait("told", lambda: condition(lab.look(), "Conflict").get("reason") == "NameTaken", 20)
    lab.kubectl("delete", "pdb/fraud")
    lab.wait("ours", lambda: _budget(lab).get("maxUnavailable") == "25%", 60)
    lab.wait("one may go", lambda: _allowed(lab) == 1, 20)

    patch(lab, "pdb", "fraud", maxUnavailable=None, minAvailable=2)
    lab.wait("put back", lambda: _budget(lab).get("maxUnavailable") == "25%", 10)
    lab.wait("told", lambda: f"{BUDGET} fraud" in _told(lab), 10)
    lab.kubectl("scale", "mldep/fraud", "--replicas=1")
    lab.wait("no budget", lambda: lab.gone(BUDGET, "fraud"), 10)
    assert revision(lab.until(healthy("1.0.0"))) == revision(taken)


def test_orphans_go_on_serving_until_one_decision_takes_them_back(lab: Lab) -> None:
    wanted = lab.fraud("1.0.0", replicas=2, strategy=QUICK)
    lab.apply(wanted)
    seen = lab.until(healthy("1.0.0"))
    pods, child = lab.uids(revision(seen)), f"fraud-{revision(seen)}"
    callers = lab.callers(new=20, kept=4)
    began = callers.now()

    wanted["spec"]["deletionPolicy"] = "Orphan"
    lab.apply(wanted)
    lab.kubectl("wait", "--for=condition=Orphaned", "mldep/fraud", "--timeout=90s")
    lab.kubectl("delete", "mldep/fraud", "--timeout=90s")
    deleted = callers.now()
    lab.apply(lab.fraud("2.0.0", replicas=2, strategy=QUICK))
    lab.until(phase("Degraded", "Unowned"))
    lab.until(says(f"ReplicaSet {child}, ControllerRevision {child}, Service fraud, "))
    lab.apply(wanted)
    lab.wait("calling on", lambda: callers.now() > deleted + 15, 30)
    assert lab.uids(revision(seen)) == pods
    for kind, name in (("ReplicaSet", child), ("ControllerRevision", child), ("Service", "fraud")):
        metadata = lab.find(kind, name)["metadata"]
        assert metadata["annotations"]["lockstep.dev/owner-uid"] == seen["metadata"]["uid"]

    pat = ("--as=pat@example.com", "--as-group=system:masters")
    lab.kubectl("create", *pat, "--filename", "-", stdin=json.dumps(adoption("pat@example.com")))
    lab.until(healthy("1.0.0"))
    assert lab.uids(revision(seen)) == pods
    lab.apply(lab.fraud("2.0.0", replicas=2, strategy=QUICK))
    lab.until(healthy("2.0.0"))
    calls = callers.calls().between(began)
    lab.measured("orphaned, taken back", f"{len(calls)} calls, {len(calls.unanswered)} errors")
    assert not calls.unanswered, calls


def adoption(by: str) -> Manifest:
    return {
        "apiVersion": "lockstep.dev/v1alpha1",
        "kind": "Decision",
        "metadata": {"name": "fraud-adopt"},
        "spec": {
            "target": {"name": "fraud"},
            "act": "Adopt",
            "by": by,
            "reason": "the orphans of yesterday",
        },
    }


def test_a_restart_replaces_all_pods_and_no_caller_notices(lab: Lab) -> None:
    wanted = lab.fraud("1.0.0", replicas=3, strategy=QUICK, minReadySeconds=2)
    lab.apply(wanted)
    seen = lab.until(healthy("1.0.0"))
    child, pods = f"fraud-{revision(seen)}", lab.uids(revision(seen))
    callers = lab.callers(new=40, kept=6)
    began = callers.now()

    lab.apply({**wanted, "spec": {**wanted["spec"], "restartAt": _now()}})
    lab.until(phase("Progressing", "Restarting"))
    ready, there = [], []

    def replaced() -> bool:
        found = lab.pods()
        ready.append(len([pod for pod in found if _ready(pod)]))
        there.append(len(found))
        return not lab.uids(revision(seen)) & pods

    lab.wait("replaced", replaced, 90)
    after = lab.until(healthy("1.0.0"))
    ended = callers.now()
    lab.wait("calling on", lambda: callers.now() > ended + 5, 20)
    calls = callers.calls().between(began)
    lab.measured("restarted", f"{len(calls)} calls, {len(calls.unanswered)} errors")
    lab.measured("fewest ready pods on the way, of 3", min(ready))
    lab.measured("most pods on the way, of 3", max(there))
    assert not calls.unanswered, calls
    assert min(ready) >= 3
    assert max(there) <= 4
    assert after["status"]["history"] == seen["status"]["history"]
    assert len(lab.pods()) == 3
    assert SURPLUS not in lab.find("ReplicaSet", child)["metadata"].get("annotations", {})
    [told] = lab.events("Restarting")
    assert told.startswith(f"replacing the pods of ReplicaSet {child} that are older than ")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ready(pod: Manifest) -> bool:
    conditions = pod["status"].get("conditions", ())
    return any(it["type"] == "Ready" and it["status"] == "True" for it in conditions)


def _budget(lab: Lab) -> Manifest:
    return {} if lab.gone(BUDGET, "fraud") else _spec(lab, BUDGET, "fraud")


def _allowed(lab: Lab) -> int:
    return int(lab.find(BUDGET, "fraud").get("status", {}).get("disruptionsAllowed", 0))


def _spec(lab: Lab, kind: str, name: str) -> Manifest:
    return dict(lab.find(kind, name)["spec"])


def _labelled(lab: Lab, kind: str, name: str) -> bool:
    labels = lab.find(kind, name)["metadata"].get("labels") or {}
    return bool(labels.get("lockstep.dev/deployment") == "fraud")


def _told(lab: Lab) -> set[str]:
    """The children of which it was said that they were put back."""
    return {line.partition(" was edited manually")[0] for line in lab.events("ChildRestored")}
