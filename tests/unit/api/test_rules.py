import pytest
from pydantic import BaseModel, ValidationError

from lockstep.api import crds
from tests.unit.api.manifests import WHOLE, change, steps
from tests.unit.api.rule_cases import AT_ADMISSION, IN_SPEC, NAMES, Case

MODELS: dict[str, type[BaseModel]] = {kind.kind: kind.spec for kind in crds.KINDS}


def _mistakes(refused: ValidationError) -> list[tuple[tuple[str | int, ...], str]]:
    """Without the echo: pydantic counts an entry it refused as one that is missing."""
    return [
        (error["loc"], error["msg"]) for error in refused.errors() if error["type"] != "too_short"
    ]


@pytest.mark.parametrize("case", IN_SPEC.values(), ids=IN_SPEC)
def test_the_model_refuses_it_there_and_says_why(case: Case) -> None:
    manifest = change(WHOLE[case.kind], case.refused)
    with pytest.raises(ValidationError) as refused:
        MODELS[case.kind].model_validate(manifest["spec"])
    assert _mistakes(refused.value) == [(tuple(steps(case.at)[1:]), f"Value error, {case.says}")]


@pytest.mark.parametrize("case", IN_SPEC.values(), ids=IN_SPEC)
def test_the_model_allows_what_differs_by_little(case: Case) -> None:
    manifest = change(WHOLE[case.kind], case.allowed)
    MODELS[case.kind].model_validate(manifest["spec"])


@pytest.mark.parametrize("case", AT_ADMISSION.values(), ids=AT_ADMISSION)
def test_what_got_in_before_there_was_a_bound_is_read(case: Case) -> None:
    for part in (case.refused, case.allowed):
        MODELS[case.kind].model_validate(change(WHOLE[case.kind], part)["spec"])


@pytest.mark.parametrize("kind", WHOLE)
def test_a_manifest_with_every_field_is_valid(kind: str) -> None:
    MODELS[kind].model_validate(WHOLE[kind]["spec"])


@pytest.mark.parametrize("case", NAMES.values(), ids=NAMES)
def test_the_name_rule_says_the_same_in_python(case: Case) -> None:
    rule = next(kind for kind in crds.KINDS if kind.kind == case.kind).rules[0]
    with pytest.raises(ValueError, match="must be a DNS label"):
        rule.check(case.refused["metadata.name"])
    assert rule.check(case.allowed["metadata.name"])
