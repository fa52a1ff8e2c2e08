"""The blocks of product.md: what concerns this version is valid, what comes later is refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from lockstep.api import crds
from tests.unit.api.later import BESIDE_A_BLOCK, LATER, UNTIL_THEN
from tests.unit.api.manifests import GONE, change, steps

BLOCKS = Path("tests/fixtures/product")
MODELS = {kind.kind: kind.spec for kind in crds.KINDS}


def block(kind: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((BLOCKS / f"{kind.lower()}.yaml").read_text())
    return loaded


def refused(kind: str, manifest: Mapping[str, Any]) -> dict[tuple[str | int, ...], str]:
    try:
        MODELS[kind].model_validate(manifest["spec"])
    except ValidationError as error:
        return {each["loc"]: each["type"] for each in error.errors()}
    return {}


def test_there_is_a_row_for_every_block() -> None:
    kinds = {yaml.safe_load(path.read_text())["kind"] for path in BLOCKS.iterdir()}
    assert kinds == set(LATER) == set(UNTIL_THEN)


@pytest.mark.parametrize("kind", LATER)
def test_a_block_is_refused_for_what_comes_later_and_nothing_else(kind: str) -> None:
    manifest = change(block(kind), UNTIL_THEN[kind])
    assert refused(kind, manifest) == {
        tuple(steps(path)[1:]): "extra_forbidden" for path in LATER[kind]
    }


def valid(kind: str) -> dict[str, Any]:
    """The block of product.md without what comes later."""
    return change(block(kind), {**dict.fromkeys(LATER[kind], GONE), **UNTIL_THEN[kind]})


@pytest.mark.parametrize("kind", LATER)
def test_a_block_without_what_comes_later_is_valid(kind: str) -> None:
    assert refused(kind, valid(kind)) == {}


@pytest.mark.parametrize("strategy", BESIDE_A_BLOCK.values(), ids=BESIDE_A_BLOCK)
def test_a_strategy_beside_a_block_is_valid(strategy: str) -> None:
    manifest = change(valid("ModelDeployment"), {"spec.strategy": yaml.safe_load(strategy)})
    assert refused("ModelDeployment", manifest) == {}
