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
from tests.unit.api.generated import HOSTILE, fields, objects
from tests.unit.api.later import LATER, NOT_IN_A_BLOCK, UNTIL_THEN
from tests.unit.api.manifests import GONE, WHOLE, change
from tests.unit.api.rule_cases import CASES, NAMES
from tests.unit.api.test_product import block

pytestmark = pytest.mark.apiserver

APPLY = {
    "kubectl apply": ("apply", "--dry-run=server"),
    "kubectl apply --server-side": ("apply", "--server-side", "--dry-run=server"),
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
    for file in Path("crds").glob("*.yaml"):
        spec = yaml.safe_load(file.read_text())["spec"]
        schema = spec["versions"][0]["schema"]["openAPIV3Schema"]
        yield from ((spec["names"]["kind"], *rule) for rule in _rules(schema, ""))


def test_every_cel_rule_is_in_the_table() -> None:
    told = {(case.kind, re.sub(r"\d+", "", case.at), case.says) for case in CASES.values()}
    assert told == set(_every_rule())


def _objects(part: str) -> dict[str, Manifest]:
    """By row; every row has an object of its own but for those that are about the name."""
    return {
        row: change(
            WHOLE[case.kind], {"metadata.name": f"row-{number}", **getattr(case, part)}
        )
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
    return _answers(_apply(kubectl, request.param, _objects("refused")))


@pytest.fixture(scope="module", params=APPLY.values(), ids=APPLY)
def admissions(kubectl: Kubectl, request: pytest.FixtureRequest) -> str:
    return _apply(kubectl, request.param, _objects("allowed"))


@pytest.mark.parametrize("row", CASES)
def test_a_rule_refuses(refusals: dict[tuple[str, str], tuple[str, ...]], row: str) -> None:
    case, manifest = CASES[row], _objects("refused")[row]
    causes = refusals[case.kind, manifest["metadata"]["name"]]
    assert len(causes) == 1, causes
    assert causes[0].startswith(f"{case.at or '<nil>'}: Invalid value: "), causes
    assert causes[0].endswith(f": {case.says}"), causes


def test_what_differs_by_little_is_let_in(admissions: str) -> None:
    lines = admissions.splitlines()
    assert len(lines) == len(CASES), admissions
    assert all(re.search(r" (created|serverside-applied) \(server dry run\)$", line) for line in lines), admissions


def _spec_schema(kind: str) -> dict[str, Any]:
    return crds.described(KINDS[kind].spec)


OBJECTS = [(kind, path) for kind in KINDS for path in objects(_spec_schema(kind), "spec")]


@pytest.mark.parametrize("how", APPLY.values(), ids=APPLY)
def test_an_unknown_field_is_refused_wherever_it_stands(
    kubectl: Kubectl, how: tuple[str, ...]
) -> None:
    manifests = {
        f"{kind} {path}": change(
            _with_rolling(kind, path), {"metadata.name": f"row-{number}", f"{path}.typo": "x"}
        )
        for number, (kind, path) in enumerate(OBJECTS)
    }
    said = _apply(kubectl, how, manifests)
    for kind, path in OBJECTS:
        unknown = f'unknown field "{path}.typo"'
        undeclared = re.sub(r"\[0\]", "[...]", f".{path}.typo: field not declared in schema")
        assert unknown in said or undeclared in said, (kind, path, said)
    assert "dry run" not in said, said


def _with_rolling(kind: str, path: str) -> Manifest:
    rolling = path == "spec.strategy.rolling"
    return change(WHOLE[kind], {"spec.strategy": {"rolling": {}}} if rolling else {})


def test_a_client_without_validation_is_warned(kubectl: Kubectl, namespace: str) -> None:
    manifest = change(WHOLE["ModelDeployment"], {"spec.replica": 3})
    ended = kubectl.try_(
        *("apply", "--validate=warn", "-n", namespace, "-f", "-"), stdin=json.dumps(manifest)
    )
    assert 'Warning: unknown field "spec.replica"' in ended.stderr


@pytest.fixture(scope="module")
def wire(api_server: Path) -> Wire:
    return Wire.open(api_server)


def _collection(kind: str) -> str:
    scope = "namespaces/default/" if KINDS[kind].scope == "Namespaced" else ""
    return f"/apis/lockstep.dev/v1alpha1/{scope}{KINDS[kind].plural}"


FIELDS = [(kind, path) for kind in KINDS for path in fields(_spec_schema(kind), "spec")]


@pytest.mark.parametrize(("kind", "path"), FIELDS)
def test_what_the_server_lets_in_is_whole_and_the_model_can_read_it(
    wire: Wire, kind: str, path: str
) -> None:
    for value in HOSTILE:
        sent = change(_with_rolling(kind, path), {path: value})
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
        case _:
            return sent == kept


@pytest.mark.parametrize("how", APPLY.values(), ids=APPLY)
@pytest.mark.parametrize("kind", LATER)
def test_a_block_of_the_product_is_refused_for_what_comes_later(
    kubectl: Kubectl, kind: str, how: tuple[str, ...]
) -> None:
    whole = change(block(kind), UNTIL_THEN[kind] | {"metadata.namespace": "default"})
    for path in LATER[kind]:
        others = dict.fromkeys(set(LATER[kind]) - {path}, GONE)
        said = _apply(kubectl, how, {"": change(whole, others)})
        assert path.rpartition(".")[2] in said, (path, said)
        assert "unknown field" in said or "field not declared in schema" in said, (path, said)
    without = change(whole, dict.fromkeys(LATER[kind], GONE))
    assert "(server dry run)" in _apply(kubectl, how, {"": without})


@pytest.mark.parametrize("path", NOT_IN_A_BLOCK)
def test_what_is_mentioned_beside_a_block_is_refused_too(wire: Wire, path: str) -> None:
    manifest = change(WHOLE["ModelDeployment"], {path: NOT_IN_A_BLOCK[path]})
    answer = wire.dry_run(_collection("ModelDeployment"), manifest)
    assert answer["message"].endswith(f'unknown field "{path}"')
