"""A version is its bytes: trained twice it is the same file, and it is safe to load."""

from pathlib import Path

import pytest
import skops.io

from examples.model_server import server, train

LIGHT = ("1.0.0", "2.0.0", "4.0.0", "5.0.0")


@pytest.mark.parametrize("version", LIGHT)
def test_training_twice_gives_the_same_bytes(version: str, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        train.train(version, tmp_path / folder)
    one, two = ((tmp_path / folder / "model.skops").read_bytes() for folder in ("one", "two"))
    assert one == two


@pytest.mark.parametrize("version", LIGHT)
def test_a_model_needs_no_more_trust_than_the_server_gives(version: str, tmp_path: Path) -> None:
    train.train(version, tmp_path)
    asked = skops.io.get_untrusted_types(file=tmp_path / "model.skops")
    assert set(asked) <= set(server.TRUSTED)


def test_version_2_finds_clearly_more_fraud_and_each_light_one_more_than_the_last(
    tmp_path: Path,
) -> None:
    found = [train.train(version, tmp_path / version) for version in LIGHT]
    assert found[1] - found[0] > 0.05
    assert found == sorted(found)


def test_version_3_is_a_forest_of_thousands_of_trees() -> None:
    assert train.VERSIONS["3.0.0"]().n_estimators >= 1000
