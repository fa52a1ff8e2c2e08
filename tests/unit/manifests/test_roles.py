"""The roles of people, and the admission policies that ask for their verbs."""

import re
from typing import Any

import pytest
import yaml

from lockstep.api.base import GROUP
from lockstep.api.decision import AUTHOR_ANNOTATION, AUTHORS_ANNOTATION, Act
from tests.e2e.rbac import Right, granted
from tests.unit.manifests.test_base import OBJECTS, ROOT, read, read_all

Manifest = dict[str, Any]

ROLES = {
    it["metadata"]["name"].removeprefix("lockstep-"): it
    for it in read_all(ROOT / "manifests" / "base")
    if it["kind"] == "ClusterRole" and it["metadata"]["name"] != "lockstep-operator"
}
RIGHTS = {name: granted([role]) for name, role in ROLES.items()}
LOOK = {"get", "list", "watch"}
WRITE = {"create", "update", "patch", "delete"}
ACTS = {act.value.lower() for act in Act}


def verbs(role: str, resource: str) -> set[str]:
    return {it.verb for it in RIGHTS[role] if it.resource == f"{resource}.{GROUP}"}


WANTED: dict[str, dict[str, set[str]]] = {
    "viewer": {
        "modeldeployments": LOOK,
        "exitcriteria": LOOK,
        "clusterexitcriteria": LOOK,
        "decisions": LOOK,
    },
    "developer": {
        "modeldeployments": LOOK | WRITE | {"promote", "abort", "retry", "pause", "resume"},
        "modeldeployments/scale": {"get", "update", "patch"},
        "exitcriteria": LOOK | WRITE,
        "clusterexitcriteria": LOOK,
        "decisions": LOOK | {"create"},
    },
    "approver": {
        "modeldeployments": LOOK | {"approve", "reject"},
        "exitcriteria": LOOK,
        "clusterexitcriteria": LOOK,
        "decisions": LOOK | {"create"},
    },
    "platform": {
        "modeldeployments": LOOK | WRITE | ACTS,
        "modeldeployments/scale": {"get", "update", "patch"},
        "exitcriteria": LOOK | WRITE,
        "clusterexitcriteria": LOOK | WRITE,
        "decisions": LOOK | WRITE,
    },
}


def test_these_are_all_roles() -> None:
    assert set(ROLES) == set(WANTED)


@pytest.mark.parametrize("role", WANTED)
def test_a_role_grants_this_and_nothing_else(role: str) -> None:
    wanted = {
        Right(f"{resource}.{GROUP}", verb)
        for resource, granted in WANTED[role].items()
        for verb in granted
    }
    assert RIGHTS[role] == wanted


def test_nobody_says_what_the_operator_says() -> None:
    assert not [it for rights in RIGHTS.values() for it in rights if "/status" in it.resource]


def test_only_the_platform_goes_round_gates_and_takes_over_what_nobody_owns() -> None:
    others = verbs("developer", "modeldeployments") | verbs("approver", "modeldeployments")
    assert others.isdisjoint({"skipstage", "promotefull", "adopt"})
    assert others | {"skipstage", "promotefull", "adopt"} >= ACTS


def test_only_who_edits_a_namespace_is_a_developer_by_that() -> None:
    labels = {name: role["metadata"].get("labels", {}) for name, role in ROLES.items()}
    prefix = "rbac.authorization.k8s.io/aggregate-to"
    assert labels == {
        "viewer": {f"{prefix}-view": "true"},
        "developer": {f"{prefix}-edit": "true"},
        "approver": {},
        "platform": {},
    }


POLICIES = [it for it in OBJECTS if it["kind"].endswith("AdmissionPolicy")]
BINDINGS = [it for it in OBJECTS if it["kind"].endswith("AdmissionPolicyBinding")]


def test_every_policy_is_bound_and_denies() -> None:
    policies = {(it["kind"], it["metadata"]["name"]) for it in POLICIES}
    bound = {(it["kind"].removesuffix("Binding"), it["spec"]["policyName"]) for it in BINDINGS}
    assert policies == bound
    assert all(it["spec"]["failurePolicy"] == "Fail" for it in POLICIES)
    actions = [it["spec"].get("validationActions", ["Deny"]) for it in BINDINGS]
    assert actions == [["Deny"]] * len(BINDINGS)


def test_policies_look_at_our_kinds_only_and_never_at_what_the_operator_writes() -> None:
    rules = [rule for it in POLICIES for rule in it["spec"]["matchConstraints"]["resourceRules"]]
    assert {group for rule in rules for group in rule["apiGroups"]} == {GROUP}
    matched = {resource for rule in rules for resource in rule["resources"]}
    assert matched == {"decisions", "modeldeployments"}


def test_every_refusal_has_a_sentence_of_its_own() -> None:
    validations = [it for each in POLICIES for it in each["spec"].get("validations", ())]
    said = [it.get("messageExpression") or it["message"] for it in validations]
    assert len(set(said)) == len(validations) > 0


def test_an_annotation_has_one_name_everywhere() -> None:
    text = (ROOT / "manifests" / "base" / "admission-authors.yaml").read_text()
    text += (ROOT / "manifests" / "base" / "admission-decisions.yaml").read_text()
    assert set(re.findall(r"lockstep\.dev/a\w+", text)) == {
        AUTHOR_ANNOTATION,
        AUTHORS_ANNOTATION,
    }


def test_both_policies_mean_the_same_by_who_had_a_hand_in_it() -> None:
    both = [
        {it["name"]: it["expression"] for it in policy["spec"]["variables"]}
        for policy in POLICIES
        if policy["metadata"]["name"] == "lockstep-authors"
    ]
    shared = {"listed", "revising", "settled", "kept", "before", "authors"}
    assert len(both) == len({tuple(it[name] for name in sorted(shared)) for it in both}) + 1


def test_clusters_before_1_36_do_without_what_they_do_not_serve() -> None:
    overlay = read(ROOT / "manifests" / "overlays" / "before-1.36" / "kustomization.yaml")
    patches = [yaml.safe_load(it["patch"]) for it in overlay["patches"]]
    assert all(it["$patch"] == "delete" for it in patches)
    mutating = [it for it in (*POLICIES, *BINDINGS) if it["kind"].startswith("Mutating")]
    left_out = [(it["kind"], it["metadata"]["name"]) for it in patches]
    assert left_out == [(it["kind"], it["metadata"]["name"]) for it in mutating]
