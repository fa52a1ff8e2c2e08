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


def test_children_edited_by_hand_are_put_back(lab: Lab) -> None:
    lab.apply(lab.fraud("1.0.0", strategy=QUICK))
    seen = lab.until(healthy("1.0.0"))
    child = f"fraud-{revision(seen)}"
    pods, service = lab.uids(revision(seen)), lab.find("Service", "fraud")

    patch(lab, "service", "fraud", selector={"lockstep.dev/revision": "00000000"})
    lab.wait("selecting again", lambda: _spec(lab, "Service", "fraud") == service["spec"], 10)
    lab.kubectl("label", "service", "fraud", "lockstep.dev/deployment=other", "--overwrite")
    lab.kubectl("annotate", "deployment", child, "team=fraud")
    patch(lab, "deployment", child, minReadySeconds=7)
    lab.wait("0 s", lambda: _spec(lab, "Deployment", child).get("minReadySeconds", 0) == 0, 10)
    told = lab.wait("told", lambda: _both(lab.events("ChildRestored")), 10)
    assert any(line.startswith("Service fraud was edited by hand") for line in told)
    assert any(line.startswith(f"Deployment {child} was edited by hand") for line in told)
    assert lab.find("Deployment", child)["metadata"]["annotations"]["team"] == "fraud"
    assert lab.uids(revision(seen)) == pods

    for kind, name in (("Deployment", child), ("Service", "fraud")):
        lab.kubectl("label", kind, name, "lockstep.dev/deployment-")
        lab.wait("labelled", partial(_labelled, lab, kind, name), 20)
    lab.until(healthy("1.0.0"))
    assert lab.uids(revision(seen)) == pods

    lab.kubectl("scale", f"deployment/{child}", "--replicas=1")
    lab.wait("four pods", lambda: _spec(lab, "Deployment", child)["replicas"] == 4, 10)
    lab.until(healthy("1.0.0"))
    lab.kubectl("delete", f"deployment/{child}", "service/fraud", "--wait=false")
    lab.wait(
        "new", lambda: not lab.gone("Service", "fraud") and not lab.uids(revision(seen)) & pods, 20
    )
    lab.until(healthy("1.0.0"))
    assert _spec(lab, "Service", "fraud")["selector"] == service["spec"]["selector"]


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


def _both(told: list[str]) -> list[str] | None:
    return told if len(told) >= 2 else None
