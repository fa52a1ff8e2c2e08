import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lockstep.api.base import GROUP
from lockstep.api.resources import RESOURCES, Resource
from lockstep.settings import Settings
from tests.e2e.deploy import IMAGE, NAMESPACE
from tests.e2e.rbac import Right, granted

ROOT = Path(__file__).parents[3]
BASE = ROOT / "manifests" / "base"

Manifest = dict[str, Any]


def read(file: Path) -> Manifest:
    found: Manifest = yaml.safe_load(file.read_text())
    return found


def read_all(folder: Path) -> list[Manifest]:
    files = (file for file in sorted(folder.glob("*.yaml")) if file.stem != "kustomization")
    return [found for file in files for found in yaml.safe_load_all(file.read_text())]


OBJECTS = read_all(BASE)
DEPLOYMENT = read(BASE / "deployment.yaml")["spec"]
POD = DEPLOYMENT["template"]["spec"]
[CONTAINER] = POD["containers"]
LIVENESS = CONTAINER["livenessProbe"]
POLICY = read(BASE / "network-policy.yaml")["spec"]
SETTINGS = Settings.model_construct()  # the defaults, whatever is in the environment
OPERATORS = [it for it in OBJECTS if it["metadata"]["name"] == "lockstep-operator"]
RIGHTS = granted(OPERATORS)


def test_the_folders_list_what_is_in_them() -> None:
    crds = read(ROOT / "crds" / "Kustomization")["resources"]
    base = read(BASE / "kustomization.yaml")["resources"]
    assert crds == sorted(file.name for file in (ROOT / "crds").glob("*.yaml"))
    assert sorted(base) == sorted(
        ["../../crds", *(it.name for it in BASE.glob("*.yaml") if it.stem != "kustomization")]
    )


PROMISES: dict[str, tuple[Any, Any]] = {
    "never two operators": (
        (DEPLOYMENT["replicas"], DEPLOYMENT["strategy"]),
        (1, {"type": "Recreate"}),
    ),
    "off a lost node after ten seconds": (
        {it["key"].rpartition("/")[2]: it["tolerationSeconds"] for it in POD["tolerations"]},
        {"not-ready": 10, "unreachable": 10},
    ),
    "evicted last": (POD["priorityClassName"], "system-cluster-critical"),
    "admitted where critical pods need a quota": (
        read(BASE / "resource-quota.yaml")["spec"]["scopeSelector"]["matchExpressions"][0],
        {
            "scopeName": "PriorityClass",
            "operator": "In",
            "values": [POD["priorityClassName"]],
        },
    ),
    "not root, no privilege to gain, nothing to write": (
        {**POD["securityContext"], **CONTAINER["securityContext"]},
        {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    ),
    "the namespace refuses anything less": (
        read(BASE / "namespace.yaml")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"],
        "restricted",
    ),
    "nobody but the operator's pod gets its token": (
        (read(BASE / "service-account.yaml")["automountServiceAccountToken"],),
        (False,),
    ),
    "probed where it answers": (
        {kind: CONTAINER[kind]["httpGet"]["path"] for kind in CONTAINER if "Probe" in kind},
        {"livenessProbe": "/healthz", "readinessProbe": "/readyz", "startupProbe": "/healthz"},
    ),
    "one port everywhere": (
        {
            CONTAINER["ports"][0]["containerPort"],
            read(BASE / "service.yaml")["spec"]["ports"][0]["port"],
            int(DEPLOYMENT["template"]["metadata"]["annotations"]["prometheus.io/port"]),
        },
        {SETTINGS.probe_port},
    ),
    "restarted only when it has not answered for a minute": (
        LIVENESS["periodSeconds"] * LIVENESS["failureThreshold"],
        60,
    ),
    "reached by who measures it and by nobody else": (
        (POLICY["podSelector"]["matchLabels"], POLICY["policyTypes"], POLICY["ingress"]),
        (
            DEPLOYMENT["selector"]["matchLabels"],
            ["Ingress"],
            [{
                "from": [{"namespaceSelector": {
                    "matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
                "ports": [{"protocol": "TCP", "port": CONTAINER["ports"][0]["name"]}],
            }],
        ),
    ),
    "memory is bounded, processor time is not": (
        list(CONTAINER["resources"]["limits"]),
        ["memory"],
    ),
    "an image that nobody can mistake for a real one": (
        CONTAINER["image"],
        f"{IMAGE}@sha256:{'0' * 64}",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("found", "wanted"), PROMISES.values(), ids=PROMISES)
def test_the_operator_runs(found: object, wanted: object) -> None:
    assert found == wanted


def test_a_stop_has_time_to_end_its_passes() -> None:
    assert POD["terminationGracePeriodSeconds"] >= SETTINGS.stop_seconds + 5


def settings_in(folder: Path) -> Iterator[tuple[str, str]]:
    for generator in read(folder / "kustomization.yaml").get("configMapGenerator", ()):
        for literal in generator["literals"]:
            name, _, value = literal.partition("=")
            yield name, value


@pytest.mark.parametrize("folder", ["base", "overlays/local", "overlays/namespaced"])
def test_settings_are_known_and_valid(folder: str) -> None:
    given = dict(settings_in(ROOT / "manifests" / folder))
    prefix = str(Settings.model_config["env_prefix"])
    fields = {name.removeprefix(prefix).lower(): value for name, value in given.items()}
    assert fields
    assert set(fields) <= set(Settings.model_fields)
    Settings.model_validate(fields)


def test_the_base_sets_what_is_the_default_anyway() -> None:
    assert dict(settings_in(BASE)) == {"LOCKSTEP_PROMETHEUS_URL": SETTINGS.prometheus_url}


def test_every_setting_is_explained() -> None:
    page = (ROOT / "docs" / "how-to" / "install.md").read_text()
    told = {name.lower() for name in re.findall(r"`LOCKSTEP_(\w+)`", page)}
    assert told == set(Settings.model_fields)


def test_the_environment_of_the_container_is_known() -> None:
    names = {it["name"].removeprefix("LOCKSTEP_").lower() for it in CONTAINER["env"]}
    assert names <= set(Settings.model_fields)


def wanted(resources: Iterable[Resource]) -> Iterator[Right]:
    """The rights that the operator's own table of resources asks for."""
    for it in resources:
        group = f".{it.group}" if it.group else ""
        for verb in it.verbs:
            one = it.named and verb != "create"  # creating cannot be limited to a name
            namespace = NAMESPACE if it.named else ""
            yield Right(f"{it.plural}{group}", verb, namespace, SETTINGS.lease_name if one else "")
        for verb in it.status_verbs:
            yield Right(f"{it.plural}/status{group}", verb)


def test_the_roles_grant_what_the_table_of_resources_asks_for_and_nothing_else() -> None:
    assert set(wanted(RESOURCES)) - RIGHTS == set(), "asked for and not granted"
    assert RIGHTS - set(wanted(RESOURCES)) == set(), "granted and not asked for"


def test_users_objects_and_the_content_of_secrets_are_out_of_reach() -> None:
    written = {it.resource for it in RIGHTS if it.verb not in {"get", "list", "watch"}}
    assert {it for it in written if it.endswith(GROUP)} == {
        f"modeldeployments/status.{GROUP}",
        f"decisions/status.{GROUP}",
        f"exitcriteria/status.{GROUP}",
        f"clusterexitcriteria/status.{GROUP}",
    }
    assert {it.verb for it in RIGHTS if it.resource == "secrets"} <= {"list", "watch"}
    assert not [it for it in RIGHTS if "*" in f"{it}"]


def test_the_lease_is_the_only_one_it_may_take() -> None:
    leases = {it for it in RIGHTS if it.resource.startswith("leases") and it.verb != "create"}
    assert {(it.namespace, it.name) for it in leases} == {(NAMESPACE, SETTINGS.lease_name)}
    assert SETTINGS.lease_namespace == NAMESPACE


NAMESPACED = ROOT / "manifests" / "overlays" / "namespaced"


def test_in_some_namespaces_it_is_bound_in_each_of_them_and_nowhere_else() -> None:
    bound = {
        it["metadata"]["namespace"]: (it["kind"], it["roleRef"]["name"], it["subjects"])
        for it in read_all(NAMESPACED)
        if "namespace" in it["metadata"]
    }
    subjects = read(BASE / "cluster-role-binding.yaml")["subjects"]
    given = Settings.model_validate(
        {"namespaces": dict(settings_in(NAMESPACED))["LOCKSTEP_NAMESPACES"]}
    )
    assert bound == dict.fromkeys(given.namespaces, ("RoleBinding", "lockstep-operator", subjects))
    [patch] = read(NAMESPACED / "kustomization.yaml")["patches"]
    gone = yaml.safe_load(patch["patch"])
    assert (gone["kind"], gone["metadata"]["name"]) == ("ClusterRoleBinding", "lockstep-operator")


def test_in_some_namespaces_it_reads_what_belongs_to_none() -> None:
    everywhere = {it for it in wanted(cluster_wide()) if "/" not in it.resource}
    assert granted(read_all(NAMESPACED)) == everywhere


def cluster_wide() -> list[Resource]:
    return [it for it in RESOURCES if it.selectors and not it.namespaced]
