"""The manifests of `examples/` with this cluster's digests in place of their tags."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

EXAMPLES = Path(__file__).resolve().parents[1]
PINNED = EXAMPLES.parent / "build" / "demo"
"""Where the demo leaves its manifests, with the digests of this cluster's registry."""
NAMESPACE_FILE = EXAMPLES / "01-first-deployment" / "namespace.yaml"
CRITERIA_FILE = EXAMPLES / "02-canary" / "exit-criteria.yaml"
PREVIEW_CALLER_FILE = EXAMPLES / "04-blue-green" / "preview-caller.yaml"
PEOPLE_FILES = tuple(
    EXAMPLES / "05-approval" / name for name in ("approvers.yaml", "developers.yaml")
)
APPROVAL_FILE = EXAMPLES / "05-approval" / "decisions" / "approve.yaml"
DEPLOYMENT_FILES = {
    "1.0.0": EXAMPLES / "01-first-deployment" / "model-deployment.yaml",
    "2.0.0": EXAMPLES / "02-canary" / "model-deployment.yaml",
    "3.0.0": EXAMPLES / "03-rollback" / "model-deployment.yaml",
    "4.0.0": EXAMPLES / "04-blue-green" / "model-deployment.yaml",
    "5.0.0": EXAMPLES / "05-approval" / "model-deployment.yaml",
}
SERVER_TAG = "registry.example.com/ml/model-server:1.0.0"
MODEL_TAGS = {version: f"registry.example.com/ml/fraud:{version}" for version in DEPLOYMENT_FILES}

Manifest = dict[str, Any]


def rendered(file: Path, pinned: Mapping[str, str]) -> Manifest:
    """The one object in ``file``, every tag in ``pinned`` replaced by its digest."""
    document: Manifest = yaml.safe_load(_pinned(file, pinned))
    return document


def _pinned(file: Path, pinned: Mapping[str, str]) -> str:
    text = file.read_text()
    for tag, reference in pinned.items():
        text = text.replace(tag, reference)
    return text


def write(folder: Path, pinned: Mapping[str, str], callers: Iterable[Manifest]) -> None:
    """Every example below ``folder``, pinned, and the callers: to go on where the demo ended."""
    for file in EXAMPLES.glob("0*/**/*.yaml"):
        target = folder / file.relative_to(EXAMPLES)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_pinned(file, pinned))
    (folder / "callers.yaml").write_text(yaml.safe_dump_all(callers, sort_keys=False))


def body_of(file: Path) -> str:
    """The request that the smoke test makes: callers ask the same."""
    body: str = yaml.safe_load(file.read_text())["spec"]["smokeTest"]["body"]
    return body


def stages(deployment: Manifest) -> tuple[tuple[str, int], ...]:
    """Name and weight of each stage that people will see, in their order."""
    spec = deployment["spec"]
    if spec.get("rollbackTo"):
        return (("direct", 100),)
    if "blueGreen" in spec["strategy"]:
        return (("pre-promotion", 0), ("promotion", 100), ("post-promotion", 100))
    canary = spec["strategy"].get("canary") or {"stages": []}
    return tuple((stage["name"], stage["weight"]) for stage in canary["stages"])
