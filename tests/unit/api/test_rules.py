import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from lockstep.api import crds, decision
from lockstep.api.service import HEADLESS_STAYS
from tests.unit.api.manifests import WHOLE, change, steps
from tests.unit.api.rule_cases import AT_ADMISSION, CASES, IN_SPEC, NAMES, Case

MODELS: dict[str, type[BaseModel]] = {kind.kind: kind.spec for kind in crds.KINDS}


def _mistakes(refused: ValidationError) -> list[tuple[tuple[str | int, ...], str]]:
    """Without the echo: pydantic counts an entry it refused as one that is missing."""
    return [
        (error["loc"], error["msg"]) for error in refused.errors() if error["type"] != "too_short"
    ]


def _rules(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    yield from ((path, rule["message"]) for rule in schema.get("x-kubernetes-validations", ()))
    for name, inner in schema.get("properties", {}).items():
        yield from _rules(inner, f"{path}.{name}".lstrip("."))
    if "items" in schema:
        yield from _rules(schema["items"], f"{path}[]")


def _every_rule() -> Iterator[tuple[str, str, str]]:
    for kind in crds.KINDS:
        spec = crds.definition(kind)["spec"]
        schema = spec["versions"][0]["schema"]["openAPIV3Schema"]
        yield from ((spec["names"]["kind"], *rule) for rule in _rules(schema, ""))


def test_every_cel_rule_is_in_the_table() -> None:
    told = {(case.kind, re.sub(r"\d+", "", case.at), case.says) for case in CASES.values()}
    changes = {  # about two versions of one
        ("Decision", "", decision.NEVER_CHANGES.sentence),
        ("ModelDeployment", "spec.service", HEADLESS_STAYS.sentence),
    }
    assert told | changes == set(_every_rule())


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
