"""Every manifest in examples/ is one that the API takes once its tags are pinned."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from examples.demo import manifests
from lockstep.api.base import PINNED_PATTERN
from lockstep.api.exit_criteria import ExitCriteriaSpec
from lockstep.api.model_deployment import CriteriaRef, ModelDeploymentSpec, Stage
from lockstep.core.gates.stage import problems
from lockstep.core.observed import Criteria

Manifest = dict[str, Any]

DIGEST = f"@sha256:{'5e' * 32}"
TAGGED = re.compile(r"(?m)(registry\.example\.com/\S+:[\w.-]+)(?=\s|$)")
FOLDERS = ("01-first-deployment", "02-canary", "03-rollback", "mlserver")
FILES = {
    f"{folder}/{file.name}": file
    for folder in FOLDERS
    for file in sorted((manifests.EXAMPLES / folder).glob("*.yaml"))
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


def criteria_of(deployment: Manifest, ref: CriteriaRef) -> ExitCriteriaSpec:
    named = (ref.name, deployment["metadata"]["namespace"])
    (found,) = [
        one["spec"]
        for one in CRITERIA.values()
        if (one["metadata"]["name"], one["metadata"]["namespace"]) == named
    ]
    return ExitCriteriaSpec.model_validate(found)


def stages(deployment: Manifest) -> tuple[Stage, ...]:
    canary = ModelDeploymentSpec.model_validate(deployment["spec"]).strategy.canary
    return canary.stages if canary else ()


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


@pytest.mark.parametrize("deployment", DEPLOYMENTS.values(), ids=DEPLOYMENTS)
def test_pods_meet_the_restricted_standard(deployment: Manifest) -> None:
    spec = deployment["spec"]["template"]["spec"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"]:
        context = container["securityContext"]
        assert not context["allowPrivilegeEscalation"]
        assert context["capabilities"] == {"drop": ["ALL"]}


def test_the_three_examples_differ_in_what_they_are_about_and_nothing_else() -> None:
    first, second, third = (
        DEPLOYMENTS[f"{folder}/model-deployment.yaml"]["spec"] for folder in FOLDERS[:3]
    )
    told = {"model", "strategy", "rollback"}
    alike = [{key: one[key] for key in one if key not in told} for one in (first, second, third)]
    assert alike[0] == alike[1] == alike[2]
    assert (second["strategy"], second["rollback"]) == (third["strategy"], third["rollback"])


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_example_says_how_to_pin_and_where_it_ends(folder: str) -> None:
    told = (manifests.EXAMPLES / folder / "README.md").read_text()
    assert "lockstep pin" in told
    assert "## How it ends" in told


def test_the_demo_puts_digests_where_the_tags_were() -> None:
    references = {tag: f"{tag}{DIGEST}" for tag in (manifests.SERVER_TAG, *TAGS)}
    for version, file in manifests.DEPLOYMENT_FILES.items():
        spec = ModelDeploymentSpec.model_validate(manifests.rendered(file, references)["spec"])
        assert spec.model.version == version
        assert spec.model.artifact == references[manifests.MODEL_TAGS[version]]


TAGS = tuple(manifests.MODEL_TAGS.values())
