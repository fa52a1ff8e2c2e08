"""The custom resources on a real API server: what it refuses, in which sentence, and what it keeps."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from lockstep.api import crds
from tests.apiserver.conftest import Kubectl
from tests.apiserver.wire import Wire
from tests.unit.api.generated import fields, hostile_values
from tests.unit.api.later import LATER, NOT_IN_A_BLOCK, UNTIL_THEN
from tests.unit.api.manifests import GONE, WHOLE, change
from tests.unit.api.rule_cases import CASES, NAMES
from tests.unit.api.test_product import block

pytestmark = pytest.mark.apiserver

APPLY = {
    "kubectl apply": ("apply",),
    "kubectl apply --server-side": ("apply", "--server-side"),
}
KINDS = {kind.kind: kind for kind in crds.KINDS}
Manifest = dict[str, Any]


def _rules(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    yield from ((path, rule["message"]) for rule in schema.get("x-kubernetes-validations", ()))
    for name, inner in schema.get("properties", {}).items():
        yield from _rules(inner, f"{path}.{name}".lstrip("."))
    if "items" in schema:
        yield from _rules(schema["items"], f"{path}[]")


def _every_rule() -> Iterator[tuple[str, str, str]]:
    for file in Path("crds").iterdir():
        spec = yaml.safe_load(file.read_text())["spec"]
        schema = spec["versions"][0]["schema"]["openAPIV3Schema"]
        yield from ((spec["names"]["kind"], *rule) for rule in _rules(schema, ""))


def test_every_cel_rule_is_in_the_table() -> None:
    told = {(case.kind, re.sub(r"\d+", "", case.at), case.says) for case in CASES.values()}
    assert told == set(_every_rule())


def _named(number: int, changes: Mapping[str, Any], prefix: str) -> Mapping[str, Any]:
    """Every row has an object of its own but for those that are about the name."""
    return {"metadata.name": f"{prefix}-{number}", **changes}


def _objects(prefix: str, part: str) -> dict[str, Manifest]:
    return {
        row: change(WHOLE[case.kind], _named(number, getattr(case, part), prefix))
        for number, (row, case) in enumerate(CASES.items())
    }


def _apply(kubectl: Kubectl, how: tuple[str, ...], objects: Mapping[str, Manifest]) -> str:
    ended = kubectl.try_(*how, "-f", "-", stdin=yaml.safe_dump_all(objects.values()))
    return ended.stdout + ended.stderr


def _answers(said: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """What kubectl printed about each refused object, cause by cause."""
    invalid = re.compile(
        r'^The (\w+) "([^"]+)" is invalid: (.*?)(?=^The \w+ "|^Error|\Z)', re.MULTILINE | re.DOTALL
    )
    return {
        (kind, name): tuple(line.removeprefix("* ") for line in why.strip().splitlines())
        for kind, name, why in invalid.findall(said)
    }


@pytest.fixture(scope="module", params=APPLY.values(), ids=APPLY)
def refusals(
    kubectl: Kubectl, request: pytest.FixtureRequest
) -> dict[tuple[str, str], tuple[str, ...]]:
    return _answers(_apply(kubectl, request.param, _objects("refused", "refused")))


@pytest.fixture(scope="module", params=APPLY.values(), ids=APPLY)
def admissions(kubectl: Kubectl, request: pytest.FixtureRequest) -> str:
    prefix = "-".join(("allowed", *request.param)).replace("--", "")
    return _apply(kubectl, request.param, _objects(prefix, "allowed"))


@pytest.mark.parametrize("row", CASES)
def test_a_rule_refuses(refusals: dict[tuple[str, str], tuple[str, ...]], row: str) -> None:
    case, manifest = CASES[row], _objects("refused", "refused")[row]
    causes = refusals[case.kind, manifest["metadata"]["name"]]
    assert len(causes) == 1, causes
    assert causes[0].startswith(f"{case.at or '<nil>'}: Invalid value: "), causes
    assert causes[0].endswith(f": {case.says}"), causes


def test_what_differs_by_little_is_let_in(admissions: str) -> None:
    lines = admissions.splitlines()
    assert len(lines) == len(CASES), admissions
    assert all(re.search(r" (created|serverside-applied)$", line) for line in lines), admissions
