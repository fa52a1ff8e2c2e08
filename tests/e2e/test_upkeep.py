"""Children that somebody changed, unlabelled or deleted: they are put back, and it is said."""

import json
from functools import partial

import pytest

from tests.e2e.lab import Lab, revision
from tests.e2e.manifests import QUICK, Manifest
from tests.e2e.states import healthy, phase

pytestmark = pytest.mark.e2e


def patch(lab: Lab, kind: str, name: str, **spec: object) -> None:
    lab.kubectl("patch", kind, name, "--type=merge", "--patch", json.dumps({"spec": spec}))


def test_children_edited_by_hand_are_put_back_and_it_is_said(lab: Lab) -> None:
    lab.apply(lab.fraud("1.0.0", strategy=QUICK))
    seen = lab.until(healthy("1.0.0"))
    child = f"fraud-{revision(seen)}"
    pods, service = lab.uids(revision(seen)), lab.find("Service", "fraud")["spec"]

    patch(lab, "service", "fraud", selector={"lockstep.dev/revision": "00000000"})
    lab.wait("selecting again", lambda: _spec(lab, "Service", "fraud") == service, 10)
    lab.wait("told", lambda: _told(lab) == {"Service fraud"}, 10)
    lab.kubectl("annotate", "deployment", child, "team=fraud")
    patch(lab, "deployment", child, minReadySeconds=7)
    lab.wait("0 s", lambda: _spec(lab, "Deployment", child).get("minReadySeconds", 0) == 0, 10)
    lab.wait("told", lambda: _told(lab) == {"Service fraud", f"Deployment {child}"}, 10)
    assert lab.find("Deployment", child)["metadata"]["annotations"]["team"] == "fraud"
    ours = (("Deployment", child), ("Service", "fraud"), ("ControllerRevision", child))
    for kind, name in ours:
        lab.kubectl("label", kind, name, "lockstep.dev/deployment-")
        lab.wait("labelled", partial(_labelled, lab, kind, name), 20)
    lab.until(healthy("1.0.0"))
    assert lab.uids(revision(seen)) == pods

    lab.kubectl("scale", f"deployment/{child}", "--replicas=1")
    lab.wait("four pods", lambda: _spec(lab, "Deployment", child)["replicas"] == 4, 10)
    lab.kubectl("delete", f"deployment/{child}", "service/fraud", "--wait=false")
    lab.wait("new pods", lambda: not lab.uids(revision(seen)) & pods, 20)
    lab.until(healthy("1.0.0"))
    assert _spec(lab, "Service", "fraud")["selector"] == service["selector"]


def test_what_the_owner_changed_is_nobodys_edit_by_hand(lab: Lab) -> None:
    lab.apply(lab.fraud("1.0.0", replicas=2, strategy=QUICK))
    seen = lab.until(healthy("1.0.0"))
    child, pods = f"fraud-{revision(seen)}", lab.uids(revision(seen))
    changes = {"minReadySeconds": 1, "service": {"port": 81}, "replicas": 3}
    lab.apply(lab.fraud("1.0.0", strategy=QUICK, **changes))
    lab.until(healthy("1.0.0"))
    lab.wait("port 81", lambda: _spec(lab, "Service", "fraud")["ports"][0]["port"] == 81, 10)
    lab.wait("1 s", lambda: _spec(lab, "Deployment", child).get("minReadySeconds") == 1, 10)
    assert pods < lab.uids(revision(seen)), "no pod was restarted"
    assert not _told(lab)


def test_children_go_with_their_owner_or_outlive_it_as_its_deletion_says(lab: Lab) -> None:
    wanted = lab.fraud("1.0.0", replicas=1, strategy=QUICK)
    lab.apply(wanted)
    child = f"fraud-{revision(lab.until(healthy('1.0.0')))}"
    children = (("Deployment", child), ("Service", "fraud"), ("ControllerRevision", child))
    lab.kubectl("delete", "mldep/fraud", "--cascade=orphan", "--timeout=20s")
    for kind, name in children:
        assert "ownerReferences" not in lab.find(kind, name)["metadata"]

    lab.apply(wanted)
    taken = lab.until(phase("Degraded", "Conflict"))
    assert "was not made by Lockstep" in taken["status"]["message"]
    lab.kubectl("delete", f"deployment/{child}", "service/fraud", f"controllerrevision/{child}")
    lab.until(healthy("1.0.0"))
    lab.kubectl("delete", "mldep/fraud", "--timeout=20s")
    lab.wait("gone", lambda: all(lab.gone(kind, name) for kind, name in children), 20)


def _spec(lab: Lab, kind: str, name: str) -> Manifest:
    return dict(lab.find(kind, name)["spec"])


def _labelled(lab: Lab, kind: str, name: str) -> bool:
    labels = lab.find(kind, name)["metadata"].get("labels") or {}
    return bool(labels.get("lockstep.dev/deployment") == "fraud")


def _told(lab: Lab) -> set[str]:
    """The children of which it was said that they were put back."""
    return {line.partition(" was edited by hand")[0] for line in lab.events("ChildRestored")}
