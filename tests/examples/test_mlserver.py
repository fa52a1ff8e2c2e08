"""The versions of MLServer's model: good ones answer, the bad one fails where it is said to."""

import json
from pathlib import Path
from typing import Any

import joblib
import pytest

from examples.mlserver import train

SETOSA, VIRGINICA = [5.1, 3.5, 1.4, 0.2], [6.3, 3.3, 6.0, 2.5]
QUICK = ("1.0.0", "2.0.0", "3.0.0")


def trained(version: str, folder: Path) -> Any:
    train.write(version, folder)
    return joblib.load(folder / "model.joblib")


@pytest.mark.parametrize("version", QUICK)
def test_the_smoke_test_is_answered_by_every_version(version: str, tmp_path: Path) -> None:
    assert list(trained(version, tmp_path).predict([SETOSA])) == [0]


@pytest.mark.parametrize("version", ["1.0.0", "2.0.0"])
def test_a_good_version_knows_all_species(version: str, tmp_path: Path) -> None:
    assert list(trained(version, tmp_path).predict([VIRGINICA])) == [2]


def test_the_bad_version_raises_at_what_it_has_not_seen(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown categories"):
        trained("3.0.0", tmp_path).predict([VIRGINICA])


@pytest.mark.parametrize("version", QUICK)
def test_the_same_version_gives_the_same_bytes(version: str, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        train.write(version, tmp_path / folder)
    first, second = (tmp_path / it / "model.joblib" for it in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


def test_mlserver_is_told_where_the_artifact_is_mounted(tmp_path: Path) -> None:
    train.write("1.0.0", tmp_path)
    told = json.loads((tmp_path / "model-settings.json").read_text())
    assert told["parameters"]["uri"] == "/mnt/models/model.joblib"
    assert {it.name for it in tmp_path.iterdir()} == {"model.joblib", "model-settings.json"}
