"""Every manifest in examples/ is one that the API takes once its tags are pinned."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from examples.demo import manifests
from lockstep.api.base import PINNED_PATTERN
from lockstep.api.decision import Act, DecisionSpec
from lockstep.api.exit_criteria import ExitCriteriaSpec
from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.strategy import CriteriaRef
from lockstep.core.facts import Criteria
from lockstep.core.gates.stage import problems
from lockstep.core.names import preview_name
from lockstep.core.rollout.stages import Step, steps

Manifest = dict[str, Any]

DIGEST = f"@sha256:{'5e' * 32}"
TAGGED = re.compile(r"(?m)(registry\.example\.com/\S+:[\w.-]+)(?=\s|$)")
FOLDERS = (
    "01-first-deployment",
    "02-canary",
    "03-rollback",
    "04-blue-green",
    "05-approval",
    "mlserver",
)
FILES = {
    str(file.relative_to(manifests.EXAMPLES)): file
    for folder in FOLDERS
    for file in sorted((manifests.EXAMPLES / folder).rglob("*.yaml"))
}


def pinned(file: Path) -> Manifest:
    """What `lockstep pin` would make of the file: each tag with a digest behind it."""
    document: Manifest = yaml.safe_load(TAGGED.sub(rf"\1{DIGEST}", file.read_text()))
    return document


def of_kind(kind: str) -> dict[str, Manifest]:
    found = {name: pinned(file) for name, file in FILES.items()}
    return {name: one for name, one in found.items() if one["kind"] == kind}


DEPLOYMENTS = of_kind("ModelDeployment")
CRITERIA = of_kind("ExitCriteria")
DECISIONS = of_kind("Decision")
BINDINGS = of_kind("RoleBinding")
TEMPLATES = {
    name: one["spec"]["template"]["spec"]
    for kind in ("ModelDeployment", "Deployment")
    for name, one in of_kind(kind).items()
}


def criteria_of(deployment: Manifest, ref: CriteriaRef) -> ExitCriteriaSpec:
    named = (ref.name, deployment["metadata"]["namespace"])
    (found,) = [
        one["spec"]
        for one in CRITERIA.values()
        if (one["metadata"]["name"], one["metadata"]["namespace"]) == named
    ]
    return ExitCriteriaSpec.model_validate(found)


def stages(deployment: Manifest) -> tuple[Step, ...]:
    return steps(ModelDeploymentSpec.model_validate(deployment["spec"]), None)


@pytest.mark.parametrize("deployment", DEPLOYMENTS.values(), ids=DEPLOYMENTS)
def test_a_deployment_is_accepted_once_its_tags_are_pinned(deployment: Manifest) -> None:
    spec = ModelDeploymentSpec.model_validate(deployment["spec"])
    assert spec.model.artifact
    assert re.fullmatch(PINNED_PATTERN, spec.model.artifact)
    assert spec.smoke_test is not None


@pytest.mark.parametrize("criteria", CRITERIA.values(), ids=CRITERIA)
def test_criteria_are_accepted_as_they_are(criteria: Manifest) -> None:
    metrics = ExitCriteriaSpec.model_validate(criteria["spec"]).metrics
    assert [metric.name for metric in metrics] == ["error-ratio", "p99-seconds"]


@pytest.mark.parametrize("deployment", DEPLOYMENTS.values(), ids=DEPLOYMENTS)
def test_every_stage_refers_to_criteria_that_exist_and_can_be_measured(
    deployment: Manifest,
) -> None:
    for stage in stages(deployment):
        found = tuple(
            (ref, Criteria(criteria_of(deployment, ref), generation=1))
            for ref in stage.exit_criteria
        )
        assert problems(stage, found) is None


@pytest.mark.parametrize("spec", TEMPLATES.values(), ids=TEMPLATES)
def test_pods_meet_the_restricted_standard(spec: Manifest) -> None:
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"]:
        context = container["securityContext"]
        assert not context["allowPrivilegeEscalation"]
        assert context["capabilities"] == {"drop": ["ALL"]}


def test_the_examples_differ_in_what_they_are_about_and_nothing_else() -> None:
    specs = [DEPLOYMENTS[f"{folder}/model-deployment.yaml"]["spec"] for folder in FOLDERS[:5]]
    told = {"model", "strategy", "rollback", "changeRequest"}
    first, *others = [{key: one[key] for key in one if key not in told} for one in specs]
    assert all(one == first for one in others)
    second, third = specs[1:3]
    assert (second["strategy"], second["rollback"]) == (third["strategy"], third["rollback"])


def test_the_preview_is_asked_what_the_smoke_test_asks_and_where_it_is() -> None:
    deployment = DEPLOYMENTS["04-blue-green/model-deployment.yaml"]
    caller = pinned(manifests.PREVIEW_CALLER_FILE)
    (program,) = caller["spec"]["template"]["spec"]["containers"][0]["args"]
    smoke = deployment["spec"]["smokeTest"]
    assert f"'{smoke['body']}'" in program
    assert f'"http://{preview_name("fraud")}{smoke["path"]}"' in program
    assert caller["metadata"]["namespace"] == deployment["metadata"]["namespace"]


def test_there_is_a_decision_for_every_act() -> None:
    specs = [DecisionSpec.model_validate(one["spec"]) for one in DECISIONS.values()]
    assert {spec.act for spec in specs} == set(Act)
    assert len(specs) == len(Act)


@pytest.mark.parametrize("decision", DECISIONS.values(), ids=DECISIONS)
def test_a_decision_is_about_the_example_beside_it(decision: Manifest) -> None:
    spec = DecisionSpec.model_validate(decision["spec"])
    deployment = DEPLOYMENTS["05-approval/model-deployment.yaml"]
    assert decision["metadata"]["namespace"] == deployment["metadata"]["namespace"]
    assert spec.target.name == deployment["metadata"]["name"]
    assert spec.stage in {None, *(stage.name for stage in stages(deployment) if stage.approval)}


def test_the_roles_that_people_are_given_are_shipped() -> None:
    base = Path(__file__).parents[2] / "manifests" / "base"
    shipped = {
        one["metadata"]["name"] for one in yaml.safe_load_all((base / "roles.yaml").read_text())
    }
    given = {one["roleRef"]["name"] for one in BINDINGS.values()}
    assert given == {"lockstep-approver", "lockstep-developer"}
    assert given <= shipped


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_example_says_how_to_pin_and_where_it_ends(folder: str) -> None:
    told = (manifests.EXAMPLES / folder / "README.md").read_text()
    assert "lockstep pin" in told
    assert "## How it ends" in told


ENDS = {
    "01-first-deployment": ("1.0.0", "Healthy"),
    "02-canary": ("2.0.0", "Healthy"),
    "03-rollback": ("2.0.0", "Degraded"),
    "04-blue-green": ("4.0.0", "Healthy"),
    "05-approval": ("5.0.0", "Healthy"),
}


@pytest.mark.parametrize("folder", ENDS)
def test_a_readme_ends_as_the_demo_does(folder: str) -> None:
    _, end = (manifests.EXAMPLES / folder / "README.md").read_text().split("## How it ends")
    found = re.search(r"(?m)^fraud +(\S+) +(\S+) ", end)
    assert found
    assert found.groups() == ENDS[folder]


def test_the_demo_puts_digests_where_the_tags_were() -> None:
    references = {tag: f"{tag}{DIGEST}" for tag in (manifests.SERVER_TAG, *TAGS)}
    for version, file in manifests.DEPLOYMENT_FILES.items():
        spec = ModelDeploymentSpec.model_validate(manifests.rendered(file, references)["spec"])
        assert spec.model.version == version
        assert spec.model.artifact == references[manifests.MODEL_TAGS[version]]


TAGS = tuple(manifests.MODEL_TAGS.values())
