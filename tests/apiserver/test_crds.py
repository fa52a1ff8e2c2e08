"""The custom resources on a real API server: what it refuses, how it says so, what it keeps."""

import contextlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from lockstep.api import crds, decision
from lockstep.api.model_deployment_status import ModelDeploymentStatus
from tests.apiserver.conftest import Kubectl
from tests.apiserver.wire import Wire
from tests.unit.api.generated import HOSTILE, fields, largest, objects
from tests.unit.api.later import BESIDE_A_BLOCK, LATER
from tests.unit.api.manifests import BLUE_GREEN, GONE, WHOLE, change, get
from tests.unit.api.rule_cases import CASES
from tests.unit.api.test_product import valid

pytestmark = pytest.mark.apiserver

APPLY = {
    "kubectl apply": ("apply", "--dry-run=server"),
    "kubectl apply --server-side": ("apply", "--server-side", "--dry-run=server"),
}
KINDS = {kind.kind: kind for kind in crds.KINDS}
Manifest = dict[str, Any]


def _objects(part: str) -> dict[str, Manifest]:
    """By row; every row has an object of its own but for those that are about the name."""
    return {
        row: change(WHOLE[case.kind], {"metadata.name": f"row-{number}", **getattr(case, part)})
        for number, (row, case) in enumerate(CASES.items())
    }


def _apply(kubectl: Kubectl, how: tuple[str, ...], objects: Mapping[str, Manifest]) -> str:
    ended = kubectl.try_(*how, "-f", "-", stdin=yaml.safe_dump_all(objects.values()))
    return ended.stdout + ended.stderr


def _answers(said: str) -> dict[tuple[str, str], str]:
    """What kubectl printed about each refused object; several causes stand in brackets."""
    invalid = re.compile(r'(\w+)\.lockstep\.dev "([^"]+)" is invalid: (.*)$', re.MULTILINE)
    return {(kind, name): why for kind, name, why in invalid.findall(said)}


@pytest.fixture(scope="module", params=APPLY.values(), ids=list(APPLY))
def refusals(kubectl: Kubectl, request: pytest.FixtureRequest) -> dict[tuple[str, str], str]:
    return _answers(_apply(kubectl, request.param, _objects("refused")))


@pytest.fixture(scope="module", params=APPLY.values(), ids=list(APPLY))
def admissions(kubectl: Kubectl, request: pytest.FixtureRequest) -> str:
    return _apply(kubectl, request.param, _objects("allowed"))


@pytest.mark.parametrize("row", CASES)
def test_a_rule_refuses(refusals: dict[tuple[str, str], str], row: str) -> None:
    case, manifest = CASES[row], _objects("refused")[row]
    why = refusals[case.kind, manifest["metadata"]["name"]]
    assert why.startswith(f"{case.at or '<nil>'}: Invalid value: "), why
    assert why.endswith(f": {case.says}"), why


def test_what_differs_by_little_is_let_in(admissions: str) -> None:
    lines = admissions.splitlines()
    assert len(lines) == len(CASES), admissions
    assert all(
        re.search(r" (created|serverside-applied) \(server dry run\)$", line) for line in lines
    ), admissions


def _spec_schema(kind: str) -> dict[str, Any]:
    return crds.described(KINDS[kind].spec)


OBJECTS = [(kind, path) for kind in KINDS for path in objects(_spec_schema(kind), "spec")]


@pytest.mark.parametrize("how", APPLY.values(), ids=APPLY)
def test_an_unknown_field_is_refused_wherever_it_stands(
    kubectl: Kubectl, how: tuple[str, ...]
) -> None:
    manifests = {
        f"{kind} {path}": change(
            _with_strategy(kind, path), {"metadata.name": f"row-{number}", f"{path}.typo": "x"}
        )
        for number, (kind, path) in enumerate(OBJECTS)
    }
    said = _apply(kubectl, how, manifests)
    for kind, path in OBJECTS:
        unknown = rf'unknown field "{re.escape(path)}\.typo"'
        entry = r"\[[^]]+\]"  # server-side apply names an entry of a list by its keys
        undeclared = re.escape(f".{path}.typo: field not declared").replace(r"\[0\]", entry)
        assert re.search(rf"{unknown}|{undeclared}", said), (kind, path, said)
    assert "dry run" not in said, said


def _with_strategy(kind: str, path: str) -> Manifest:
    """A manifest in which something stands at ``path``."""
    if path.startswith("spec.strategy.rolling"):
        rolling = {"maxSurge": 1, "maxUnavailable": 1}
        return change(WHOLE[kind], {"spec.strategy": {"rolling": rolling}})
    if path.startswith("spec.strategy.blueGreen"):
        return change(WHOLE[kind], {"spec.strategy": {"blueGreen": BLUE_GREEN}})
    return WHOLE[kind]


def test_a_client_without_validation_is_warned(kubectl: Kubectl, namespace: str) -> None:
    manifest = change(WHOLE["ModelDeployment"], {"spec.replica": 3})
    ended = kubectl.try_(
        *("apply", "--validate=warn", "-n", namespace, "-f", "-"), stdin=json.dumps(manifest)
    )
    assert 'Warning: unknown field "spec.replica"' in ended.stderr


@pytest.fixture(scope="module")
def wire(api_server: Path) -> Iterator[Wire]:
    with contextlib.closing(Wire.open(api_server)) as opened:
        yield opened


def _collection(kind: str) -> str:
    scope = "namespaces/default/" if KINDS[kind].scope == "Namespaced" else ""
    return f"/apis/lockstep.dev/v1alpha1/{scope}{KINDS[kind].plural}"


FIELDS = [(kind, path) for kind in KINDS for path in fields(_spec_schema(kind), "spec")]


@pytest.mark.parametrize(("kind", "path"), FIELDS)
def test_what_the_server_lets_in_is_whole_and_the_model_can_read_it(
    wire: Wire, kind: str, path: str
) -> None:
    for value in HOSTILE:
        sent = change(_with_strategy(kind, path), {path: value})
        answer = wire.dry_run(_collection(kind), sent)
        if answer["kind"] == "Status":
            assert answer["code"] in {400, 422}, answer
            continue
        assert _within(sent["spec"], answer["spec"]), (value, answer["spec"])
        try:
            KINDS[kind].spec.model_validate(answer["spec"])
        except ValidationError as error:
            pytest.fail(f"let in with {path} = {value!r:.60}, but {error}")


def _within(sent: object, kept: object) -> bool:
    """Whether all of ``sent`` is in ``kept``; null says nothing and may be gone."""
    match sent, kept:
        case dict(), dict():
            return all(v is None or _within(v, kept.get(k, ...)) for k, v in sent.items())
        case list(), list():
            return len(sent) == len(kept) and all(map(_within, sent, kept))
        case float() | int(), float() | int():
            return math.isclose(sent, kept)
        case _:
            return sent == kept


def _valid(kind: str) -> Manifest:
    return change(valid(kind), {"metadata.namespace": "default", "metadata.name": "fraud"})


@pytest.mark.parametrize("how", APPLY.values(), ids=APPLY)
@pytest.mark.parametrize("kind", LATER)
def test_a_block_of_the_product_is_let_in(
    kubectl: Kubectl, kind: str, how: tuple[str, ...]
) -> None:
    assert "(server dry run)" in _apply(kubectl, how, {"": _valid(kind)})


@pytest.mark.parametrize("how", APPLY.values(), ids=APPLY)
@pytest.mark.parametrize(
    ("kind", "path"), [(kind, path) for kind, paths in LATER.items() for path in paths]
)
def test_what_comes_later_is_refused_by_name(
    kubectl: Kubectl, kind: str, path: str, how: tuple[str, ...]
) -> None:
    said = _apply(kubectl, how, {"": change(_valid(kind), {path: LATER[kind][path]})})
    unknown = f'unknown field "{path}"'
    undeclared = f".{path.rpartition('.')[2]}: field not declared in schema"
    assert unknown in said or undeclared in said, said


@pytest.mark.parametrize("how", APPLY.values(), ids=APPLY)
@pytest.mark.parametrize("strategy", BESIDE_A_BLOCK.values(), ids=BESIDE_A_BLOCK)
def test_a_strategy_beside_a_block_is_let_in(
    kubectl: Kubectl, strategy: str, how: tuple[str, ...]
) -> None:
    manifest = change(_valid("ModelDeployment"), {"spec.strategy": yaml.safe_load(strategy)})
    assert "(server dry run)" in _apply(kubectl, how, {"": manifest})


FOREIGN = {
    "kubectl apply": ("apply",),
    "kubectl apply --server-side": ("apply", "--server-side"),
}


@pytest.mark.parametrize("how", FOREIGN.values(), ids=FOREIGN)
def test_a_field_of_somebody_else_survives(
    kubectl: Kubectl, namespace: str, how: tuple[str, ...]
) -> None:
    def apply(manifest: Manifest, *as_: str) -> None:
        kubectl(*how, *as_, "-n", namespace, "-f", "-", stdin=json.dumps(manifest))

    mine = change(WHOLE["ModelDeployment"], {"spec.replicas": GONE})
    apply(mine)
    theirs = {"spec": {"replicas": 9}, "metadata": {"annotations": {"example.com/owner": "them"}}}
    kubectl(
        *("patch", "mldep", "fraud", "-n", namespace, "--type=merge", "-p", json.dumps(theirs)),
        *("--field-manager", "autoscaler"),
    )
    apply(change(mine, {"spec.minReadySeconds": 7}))
    live = json.loads(kubectl("get", "mldep", "fraud", "-n", namespace, "-o", "json"))
    assert live["spec"]["minReadySeconds"] == 7
    assert live["spec"]["replicas"] == 9
    assert live["metadata"]["annotations"]["example.com/owner"] == "them"


def test_two_appliers_share_a_pod_template_by_container(kubectl: Kubectl, namespace: str) -> None:
    """A pipeline may own nothing but the image of one container."""
    apply = ("apply", "--server-side", "-n", namespace, "-f", "-")
    mine = change(WHOLE["ModelDeployment"], {"spec.strategy": {"rolling": {}}})
    kubectl(*apply, stdin=json.dumps(mine))
    image = "registry.example.com/ml/fraud@sha256:" + "cd" * 32
    theirs = {key: mine[key] for key in ("apiVersion", "kind", "metadata")} | {
        "spec": {"template": {"spec": {"containers": [{"name": "server", "image": image}]}}}
    }
    kubectl(*apply, "--field-manager=pipeline", "--force-conflicts", stdin=json.dumps(theirs))
    live = json.loads(kubectl("get", "mldep", "fraud", "-n", namespace, "-o", "json"))
    container = live["spec"]["template"]["spec"]["containers"][0]
    assert container == {**mine["spec"]["template"]["spec"]["containers"][0], "image": image}


@pytest.mark.parametrize("how", FOREIGN.values(), ids=FOREIGN)
def test_stages_are_kept_in_the_order_that_was_applied_last(
    kubectl: Kubectl, namespace: str, how: tuple[str, ...]
) -> None:
    orders = ("a b c", "c a b", "c new b", "b", "a b c d")
    for order in orders:
        stages = [{"name": name, "weight": 10} for name in order.split()]
        manifest = change(WHOLE["ModelDeployment"], {"spec.strategy.canary.stages": stages})
        kubectl(*how, "-n", namespace, "-f", "-", stdin=json.dumps(manifest))
        path = "jsonpath={.spec.strategy.canary.stages[*].name}"
        assert kubectl("get", "mldep", "fraud", "-n", namespace, "-o", path) == order


@pytest.mark.parametrize("how", APPLY.values(), ids=APPLY)
@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("ModelDeployment", "spec.strategy.canary.stages"),
        ("ModelDeployment", "spec.template.spec.containers"),
        ("ModelDeployment", "spec.template.spec.initContainers"),
        ("ModelDeployment", "spec.template.spec.volumes"),
        ("ExitCriteria", "spec.args"),
        ("ExitCriteria", "spec.metrics"),
        ("ClusterExitCriteria", "spec.metrics"),
    ],
)
def test_a_name_may_be_given_once(
    kubectl: Kubectl, kind: str, path: str, how: tuple[str, ...]
) -> None:
    first = get(WHOLE[kind], f"{path}[0]")
    twice = change(WHOLE[kind], {path: [first, first]})
    said = _apply(kubectl, how, {"": twice})
    assert re.search(r"Duplicate value|duplicate entries for key", said), said


def _status(kubectl: Kubectl, namespace: str, status: Manifest) -> None:
    kubectl(
        *("patch", "mldep", "fraud", "-n", namespace, "--subresource=status", "--type=merge"),
        *("-p", json.dumps({"status": status})),
    )


@pytest.fixture
def fraud(kubectl: Kubectl, namespace: str) -> str:
    """The namespace of a ModelDeployment of that name."""
    kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(WHOLE["ModelDeployment"]))
    return namespace


def test_the_fullest_status_is_stored_whole(kubectl: Kubectl, fraud: str) -> None:
    fullest = largest(crds.described(ModelDeploymentStatus))
    read = ModelDeploymentStatus.model_validate(fullest)
    written = json.loads(read.model_dump_json(by_alias=True, exclude_none=True))
    _status(kubectl, fraud, written)
    live = json.loads(kubectl("get", "mldep", "fraud", "-n", fraud, "-o", "json"))
    assert live["status"] == written
    assert live["spec"] == WHOLE["ModelDeployment"]["spec"]


def test_people_see_what_is_going_on(kubectl: Kubectl, fraud: str) -> None:
    status = {
        "phase": "Progressing",
        "message": "holding 25% until 14:05:00Z",
        "stable": {"revision": "1a2b3c4d", "version": "2.3.1", "image": "fraud:2.3.1"},
        "candidate": {"revision": "5e6f7a8b", "version": "2.4.0"},
        "stage": {"name": "quarter", "index": 1},
        "weights": {"desired": 25, "actual": 33, "method": "ReplicaRatio"},
        "readyReplicas": 6,
    }
    _status(kubectl, fraud, status)
    header, row = kubectl("get", "lockstep", "-n", fraud, "-o", "wide").splitlines()
    columns = "NAME STABLE CANDIDATE STAGE WEIGHT PHASE MESSAGE AGE IMAGE READY"
    assert header.split() == columns.split()
    values = re.split(r"\s{2,}", row.strip())
    del values[7]  # the age
    assert values == [
        *("modeldeployment.lockstep.dev/fraud", "2.3.1", "2.4.0", "quarter", "33"),
        *("Progressing", "holding 25% until 14:05:00Z", "fraud:2.3.1", "6"),
    ]
    narrow = kubectl("get", "mldep", "-n", fraud).splitlines()[0]
    assert narrow.split() == columns.split()[:-2]


def test_an_autoscaler_finds_what_it_needs(kubectl: Kubectl, namespace: str) -> None:
    manifest = change(WHOLE["ModelDeployment"], {"spec.replicas": GONE})
    kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(manifest))
    _status(kubectl, namespace, {"replicas": 1, "selector": "lockstep.dev/deployment=fraud"})
    kubectl("scale", "mldep", "fraud", "-n", namespace, "--replicas=4")
    scale = json.loads(
        kubectl(
            "get",
            "--raw",
            f"/apis/lockstep.dev/v1alpha1/namespaces/{namespace}/modeldeployments/fraud/scale",
        )
    )
    assert scale["spec"] == {"replicas": 4}
    assert scale["status"] == {"replicas": 1, "selector": "lockstep.dev/deployment=fraud"}


@pytest.mark.parametrize(
    ("short", "kind"),
    [
        ("mldep", "ModelDeployment"),
        ("mlexit", "ExitCriteria"),
        ("mlcexit", "ClusterExitCriteria"),
        ("mldec", "Decision"),
    ],
)
def test_short_names_and_explanations(kubectl: Kubectl, short: str, kind: str) -> None:
    explained = kubectl("explain", f"{short}.spec")
    assert re.search(rf"^KIND: +{kind}$", explained, re.MULTILINE)
    assert "no description" not in kubectl("explain", f"{short}.spec", "--recursive=false")


def test_criteria_are_listed_with_what_they_are_worth(kubectl: Kubectl, namespace: str) -> None:
    manifest = json.dumps(WHOLE["ExitCriteria"])
    kubectl("apply", "-n", namespace, "-f", "-", stdin=manifest)
    header, row = kubectl("get", "lockstep", "-n", namespace).splitlines()
    assert re.split(r" {2,}", header.strip()) == [
        "NAME",
        "SOAK",
        "VALID",
        "USED BY",
        "LAST VERDICT",
        "MESSAGE",
        "AGE",
    ]
    assert row.split()[:2] == ["exitcriteria.lockstep.dev/serving", "10m"]
    said = {"observedGeneration": 1, "valid": "False", "message": "why", "usedBy": 1, "users": []}
    patch = ("patch", "mlexit", "serving", "-n", namespace, "--subresource=status", "--type=merge")
    kubectl(*patch, "-p", json.dumps({"status": said}))
    _, row = kubectl("get", "mlexit", "-n", namespace).splitlines()
    assert row.split()[:5] == ["serving", "10m", "False", "1", "why"]


def test_decisions_are_listed_with_what_became_of_them(kubectl: Kubectl, namespace: str) -> None:
    kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(WHOLE["Decision"]))
    status = {"outcome": "Refused", "message": "too late", "at": "2026-01-01T00:00:00.000Z"}
    kubectl(
        *("patch", "mldec", "fraud-approve", "-n", namespace, "--subresource=status"),
        *("--type=merge", "-p", json.dumps({"status": status})),
    )
    header, row = kubectl("get", "mldec", "-n", namespace, "-o", "wide").splitlines()
    columns = "NAME TARGET ACT REVISION STAGE BY OUTCOME MESSAGE AGE"
    assert header.split() == columns.split()
    assert re.split(r"\s{2,}", row.strip())[:-1] == [
        *("fraud-approve", "fraud", "Approve", "7f9c2b1e", "quarter", "alice@example.com"),
        *("Refused", "too late"),
    ]
    narrow = kubectl("get", "mldec", "-n", namespace).splitlines()[0]
    assert "MESSAGE" not in narrow


CHANGES: dict[str, Manifest] = {
    "another act": {"act": "Reject"},
    "another reason": {"reason": "on second thoughts"},
    "one group less": {"groups": []},
    "somebody else": {"by": "bob@example.com"},
}


@pytest.mark.parametrize("spec", CHANGES.values(), ids=CHANGES)
def test_a_decision_never_changes(kubectl: Kubectl, namespace: str, spec: Manifest) -> None:
    kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(WHOLE["Decision"]))
    patch = ("patch", "mldec", "fraud-approve", "-n", namespace, "--type=merge", "-p")
    ended = kubectl.try_(*patch, json.dumps({"spec": spec}))
    assert decision.NEVER_CHANGES.sentence in ended.stderr
    kubectl(*patch, json.dumps({"metadata": {"labels": {"incident": "7"}}}))
