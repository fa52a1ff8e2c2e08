"""The policy about the operator's own account: whom it holds, and to what."""

from lockstep.api.base import DEPLOYMENT_LABEL, GROUP, OWNER_ANNOTATION
from tests.e2e.deploy import NAMESPACE
from tests.unit.manifests.test_base import RIGHTS, ROOT, read, read_all

FOLDER = ROOT / "manifests" / "hardening"
POLICY, BINDING = read_all(FOLDER)
RULES = POLICY["spec"]["matchConstraints"]["resourceRules"]
FREE = {"events", "leases.coordination.k8s.io"}
"""What RBAC bounds well enough: told and never changed, and one by name."""


def test_the_folder_lists_what_is_in_it() -> None:
    assert read(FOLDER / "kustomization.yaml")["resources"] == ["admission-operator.yaml"]


def test_it_holds_the_operator_and_nobody_else() -> None:
    (condition,) = POLICY["spec"]["matchConditions"]
    account = f"system:serviceaccount:{NAMESPACE}:lockstep-operator"
    assert condition["expression"] == f"request.userInfo.username == '{account}'"


def test_it_bounds_all_that_the_operator_writes_of_the_cluster() -> None:
    bounded = {
        f"{plural}.{rule['apiGroups'][0]}".rstrip(".")
        for rule in RULES
        for plural in rule["resources"]
    }
    written = {it.resource for it in RIGHTS if it.verb not in {"get", "list", "watch"}}
    assert {it for it in written if not it.endswith(GROUP)} - FREE == bounded
    assert all(rule["operations"] == ["CREATE", "UPDATE", "DELETE"] for rule in RULES)


def test_it_is_bound_and_denies() -> None:
    assert BINDING["spec"]["policyName"] == POLICY["metadata"]["name"]
    assert BINDING["spec"]["validationActions"] == ["Deny"]
    assert POLICY["spec"]["failurePolicy"] == "Fail"


def test_it_knows_children_by_what_they_carry() -> None:
    text = (FOLDER / "admission-operator.yaml").read_text()
    assert f"'{DEPLOYMENT_LABEL}' in" in text
    assert f"'{OWNER_ANNOTATION}' in" in text
