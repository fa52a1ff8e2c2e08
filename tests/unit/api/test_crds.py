from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel, Field, create_model

from lockstep.api import crds, decision
from lockstep.api.base import Spec
from lockstep.api.changes import changed
from lockstep.api.model_deployment_status import ModelDeploymentStatus, SecretSeen
from tests.unit.api.generated import largest

FILES = crds.files()


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_what_the_models_say(name: str) -> None:
    assert Path("crds", name).read_text() == FILES[name], "run `make crds`"


def test_there_is_no_other_definition() -> None:
    assert {path.name for path in Path("crds").glob("*.yaml")} == set(FILES)


def test_writing_them_twice_changes_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        crds.main(str(tmp_path))
        assert {path.name: path.read_text() for path in tmp_path.iterdir()} == FILES


class _Inner(Spec):
    text: str


UNBOUNDED: dict[str, tuple[object, str]] = {
    "a string": (str, "field"),
    "a list": (tuple[bool, ...], "field"),
    "a map": (dict[str, bool], "field"),
    "a string in a list": (Annotated[tuple[str, ...], Field(max_length=1)], r"field\[\]"),
    "a string in a map": (Annotated[dict[str, str], Field(max_length=1)], r"field\{\}"),
    "a string in an object": (_Inner, r"field\.text"),
}


@pytest.mark.parametrize(("type_", "where"), UNBOUNDED.values(), ids=UNBOUNDED)
def test_a_model_without_a_maximum_is_refused(type_: type, where: str) -> None:
    model: type[BaseModel] = create_model("Loose", field=(type_, ...))
    with pytest.raises(crds.UnboundedError, match=f"Loose.{where}$"):
        crds.described(model)


def test_a_full_status_is_below_100_kib() -> None:
    status = largest(crds.described(ModelDeploymentStatus))
    full = ModelDeploymentStatus.model_validate(status).model_dump_json(by_alias=True)
    assert len(full) < 100 * 1024


@pytest.mark.parametrize("kind", [it for it in crds.KINDS if it.status], ids=lambda it: it.kind)
def test_a_status_is_of_one_writer(kind: crds.Kind) -> None:
    version = crds.definition(kind)["spec"]["versions"][0]
    status = version["schema"]["openAPIV3Schema"]["properties"]["status"]
    assert status["x-kubernetes-map-type"] == "atomic"


def test_a_decision_never_changes() -> None:
    fraud, card = {"act": "Pause"}, {"act": "Resume"}
    assert decision.NEVER_CHANGES.check((fraud, dict(fraud)))
    with pytest.raises(ValueError, match="create another one"):
        decision.NEVER_CHANGES.check((fraud, card))


def test_a_sentence_that_is_too_long_is_cut_however_it_got_there() -> None:
    long, cut = "x" * 1025, "x" * 1023 + "…"
    assert ModelDeploymentStatus(message=long).message == cut
    copied = changed(ModelDeploymentStatus(), message=long)
    assert copied.model_dump(mode="json")["message"] == cut


def test_of_a_list_that_is_too_long_the_newest_are_kept_however_it_got_there() -> None:
    secrets = tuple(SecretSeen(name=f"{n}", uid="u", version="1") for n in range(30))
    newest = [f"{n}" for n in range(14, 30)]
    read = ModelDeploymentStatus(secrets=secrets)
    assert [it.name for it in read.secrets] == newest
    copied = changed(ModelDeploymentStatus(), secrets=secrets)
    assert [it["name"] for it in copied.model_dump(mode="json")["secrets"]] == newest


def test_defaults_are_set_outside_lists_and_said_inside() -> None:
    criteria = next(kind for kind in crds.KINDS if kind.kind == "ExitCriteria")
    spec = crds.structural(crds.described(criteria.spec))["properties"]
    interval = spec["metrics"]["items"]["properties"]["interval"]
    assert spec["minimumSoak"]["default"] == "0s"
    assert "default" not in interval
    assert interval["description"].endswith("Default: 30s.")


def test_nothing_is_set_in_a_template() -> None:
    """A revision is a digest over what the user wrote; the API server may add nothing to it."""
    kind = next(kind for kind in crds.KINDS if kind.kind == "ModelDeployment")
    template = crds.structural(crds.described(kind.spec))["properties"]["template"]
    assert '"default"' not in str(template).replace("'", '"')
