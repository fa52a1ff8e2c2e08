import json
from typing import Any

import pytest

from tests.e2e.rbac import Difference, Right, compare, granted, used

OPERATOR = "system:serviceaccount:lockstep-system:lockstep-operator"
OURS = 'RBAC: allowed by ClusterRoleBinding "x" of ClusterRole "lockstep-operator" to Group "y"'
EVERYBODYS = (
    'RBAC: allowed by ClusterRoleBinding "x" of ClusterRole "system:discovery" to Group "y"'
)

PATCH = Right("deployments.apps", "patch")
LEASE = Right("leases.coordination.k8s.io", "update", "lockstep-system", "lockstep-operator")


def in_use(right: Right, namespace: str = "payments", name: str = "fraud") -> Right:
    return Right(right.resource, right.verb, right.namespace or namespace, right.name or name)


CASES: dict[str, tuple[set[Right], set[Right], Difference]] = {
    "nothing granted, nothing used": (set(), set(), Difference((), ())),
    "granted everywhere covers every namespace and name": (
        {PATCH},
        {in_use(PATCH), in_use(PATCH, "shop")},
        Difference((), ()),
    ),
    "granted and never used": ({PATCH}, set(), Difference((), (PATCH,))),
    "to get what is listed anyway need not be seen": (
        {Right("deployments.apps", "get"), Right("deployments.apps", "list")},
        {Right("deployments.apps", "list", "", "")},
        Difference((), ()),
    ),
    "used and not granted, told with one example": (
        set(),
        {in_use(PATCH), in_use(PATCH, "shop")},
        Difference((in_use(PATCH),), ()),
    ),
    "another verb is another right": (
        {PATCH},
        {Right("deployments.apps", "get", "payments", "fraud")},
        Difference((Right("deployments.apps", "get", "payments", "fraud"),), (PATCH,)),
    ),
    "a subresource is another resource": (
        {Right("pods", "create")},
        {Right("pods/eviction", "create", "payments", "a")},
        Difference(
            (Right("pods/eviction", "create", "payments", "a"),), (Right("pods", "create"),)
        ),
    ),
    "a right in one namespace does not reach into another": (
        {Right("pods", "list", "lockstep-system")},
        {Right("pods", "list", "payments")},
        Difference(
            (Right("pods", "list", "payments"),), (Right("pods", "list", "lockstep-system"),)
        ),
    ),
    "a right to one name covers that name": ({LEASE}, {LEASE}, Difference((), ())),
    "a right to one name covers no other": (
        {LEASE},
        {Right(LEASE.resource, LEASE.verb, LEASE.namespace, "other")},
        Difference((Right(LEASE.resource, LEASE.verb, LEASE.namespace, "other"),), (LEASE,)),
    ),
}


@pytest.mark.parametrize(("given", "taken", "difference"), CASES.values(), ids=CASES)
def test_compare(given: set[Right], taken: set[Right], difference: Difference) -> None:
    assert compare(given, taken) == difference


def line(*, by: str = OPERATOR, why: str = OURS, decision: str = "allow", **asked: Any) -> str:
    notes = {"authorization.k8s.io/decision": decision, "authorization.k8s.io/reason": why}
    return json.dumps({"user": {"username": by}, "annotations": notes, "verb": "get", **asked})


PATCHED: dict[str, Any] = {
    "verb": "patch",
    "objectRef": {"apiGroup": "apps", "resource": "deployments", "namespace": "a", "name": "b"},
}
LINES: dict[str, tuple[str, set[Right]]] = {
    "a request of the operator": (line(**PATCHED), {Right("deployments.apps", "patch", "a", "b")}),
    "a request of somebody else": (line(by="admin", **PATCHED), set()),
    "a refused request counts as used": (
        line(decision="forbid", why="", **PATCHED),
        {Right("deployments.apps", "patch", "a", "b")},
    ),
    "a subresource": (
        line(verb="patch", objectRef={"apiGroup": "x", "resource": "a", "subresource": "status"}),
        {Right("a/status.x", "patch")},
    ),
    "discovery is everybody's": (line(why=EVERYBODYS, requestURI="/apis?timeout=32s"), set()),
    "a path that is not everybody's": (
        line(decision="forbid", why="", requestURI="/debug/pprof?a=b"),
        {Right("/debug/pprof", "get")},
    ),
    "an empty line": ("\n", set()),
}


@pytest.mark.parametrize(("said", "rights"), LINES.values(), ids=LINES)
def test_used(said: str, rights: set[Right]) -> None:
    assert used([said], OPERATOR) == rights


def test_granted_multiplies_a_rule_out() -> None:
    role = {
        "kind": "Role",
        "metadata": {"name": "x", "namespace": "n"},
        "rules": [
            {
                "apiGroups": ["coordination.k8s.io"],
                "resources": ["leases"],
                "resourceNames": ["lockstep-operator"],
                "verbs": ["get", "update"],
            },
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        ],
    }
    lease = "leases.coordination.k8s.io"
    assert granted([role, {"kind": "Service"}]) == {
        Right(lease, "get", "n", "lockstep-operator"),
        Right(lease, "update", "n", "lockstep-operator"),
        Right("pods", "list", "n"),
    }


def test_a_difference_is_told_in_a_sentence() -> None:
    told = str(Difference((in_use(PATCH),), (LEASE,)))
    assert told == (
        "used but not granted: patch deployments.apps fraud in payments; granted but not used: "
        "update leases.coordination.k8s.io lockstep-operator in lockstep-system"
    )
    assert str(Difference((), ())) == "granted is what was used"
