"""Trains the versions of the fraud model on data it makes itself; same version, same bytes.

Version 1 is a logistic regression, version 2 a gradient boosting that finds clearly more fraud, and
version 3 a forest of thousands of trees: a little better again on paper, and far too slow to serve.
Versions 4 and 5 are boostings of more and smaller steps, better than the forest and cheap to ask.
"""

import argparse
import json
import re
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

FEATURES = ("amount", "account_age_days", "hour", "distance_km")
ROWS = 20_000
NEW_DAYS, FAR_KM, LARGE = 120, 150, 150
NIGHT_FROM, NIGHT_UNTIL = 23, 5
Floats = NDArray[np.float64]

VERSIONS: dict[str, Callable[[], Any]] = {
    "1.0.0": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "2.0.0": lambda: HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=6, random_state=11),
    "3.0.0": lambda: RandomForestClassifier(
        4000, max_samples=1500, max_features=3, min_samples_leaf=3, random_state=11
    ),
    "4.0.0": lambda: HistGradientBoostingClassifier(
        max_iter=50, max_leaf_nodes=8, learning_rate=0.06, random_state=11
    ),
    "5.0.0": lambda: HistGradientBoostingClassifier(
        max_iter=100,
        max_leaf_nodes=6,
        learning_rate=0.05,
        l2_regularization=1.0,
        random_state=11,
    ),
}


def payments(seed: int, rows: int = ROWS) -> tuple[Floats, NDArray[np.bool_]]:
    """Payments and whether each was fraud: large ones from new accounts, far away, at night."""
    draw = np.random.default_rng(seed)
    amount, age = draw.lognormal(3.5, 1.2, rows), draw.uniform(0, 3000, rows)
    hour, distance = draw.uniform(0, 24, rows), draw.exponential(80, rows)
    new, far, large = age < NEW_DAYS, distance > FAR_KM, amount > LARGE
    night = (hour < NIGHT_UNTIL) | (hour > NIGHT_FROM)
    odds = -5 + 1.2 * np.log1p(amount) * new + 4 * (night & far) + 3 * (far & large)
    return (
        np.column_stack([amount, age, hour, distance]),
        draw.random(rows) < 1 / (1 + np.exp(-odds)),
    )


def canonical(saved: bytes) -> bytes:
    """The same skops file without what differs between runs: memory addresses and clock times."""
    source, target, numbers = zipfile.ZipFile(BytesIO(saved)), BytesIO(), dict[str, str]()

    def number(found: re.Match[str]) -> str:
        return numbers.setdefault(found[0], str(len(numbers)))

    schema = re.sub(
        r'(?<="__id__": )\d+|(?<="file": ")\d+', number, source.read("schema.json").decode()
    )
    files = {f"{new}.npy": f"{old}.npy" for old, new in numbers.items()}
    with zipfile.ZipFile(target, "w") as archive:
        for name, old in files.items():
            if old in source.NameToInfo:
                archive.writestr(zipfile.ZipInfo(name), source.read(old))
        archive.writestr(zipfile.ZipInfo("schema.json"), schema)
    return target.getvalue()


def train(version: str, folder: Path) -> float:
    """Write ``model.skops`` and ``model.json``; answers the AUC on payments it never saw."""
    unseen, fraud = payments(seed=8, rows=4000)
    with threadpool_limits(1):  # the same sums in the same order, however many cores there are
        model = VERSIONS[version]().fit(*payments(seed=7))
        auc = round(float(roc_auc_score(fraud, model.predict_proba(unseen)[:, 1])), 4)
    card = {"name": "fraud", "version": version, "features": FEATURES, "auc": auc}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.skops").write_bytes(canonical(skops.io.dumps(model)))
    (folder / "model.json").write_text(json.dumps(card) + "\n")
    return auc


def main() -> None:
    options = argparse.ArgumentParser(description="Train one version of the fraud model.")
    options.add_argument("version", choices=VERSIONS)
    options.add_argument("folder", type=Path)
    told = options.parse_args()
    auc = train(told.version, told.folder)
    options.exit(message=f"fraud {told.version}: AUC {auc} on unseen payments\n")


if __name__ == "__main__":
    main()
