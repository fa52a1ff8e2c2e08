"""Trains one version of the iris model and writes it as MLServer wants it: the model, its settings.

Two of the four versions are bad, each in a way that one smoke test does not see.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

VERSIONS: dict[str, Callable[[Any, Any], Any]] = {
    "1.0.0": lambda rows, species: LogisticRegression(max_iter=500).fit(rows, species),
    "2.0.0": lambda rows, species: GradientBoostingClassifier(random_state=0).fit(rows, species),
    # Fitted on the first hundred flowers, which are two of the three species: it raises at a
    # measurement that none of them had.
    "3.0.0": lambda rows, species: make_pipeline(OneHotEncoder(), LogisticRegression()).fit(
        rows[:100], species[:100]
    ),
    # Right, and a third of a second of a whole core for every answer.
    "4.0.0": lambda rows, species: RandomForestClassifier(4000, random_state=0).fit(rows, species),
}
SETTINGS = {
    "name": "iris",
    "implementation": "mlserver_sklearn.SKLearnModel",
    "parameters": {"uri": "/mnt/models/model.joblib"},
}


def write(version: str, folder: Path) -> None:
    """Train ``version`` and write it into ``folder``; the same version gives the same bytes."""
    rows, species = load_iris(return_X_y=True)
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(VERSIONS[version](rows, species), folder / "model.joblib")
    (folder / "model-settings.json").write_text(json.dumps(SETTINGS))


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]))
