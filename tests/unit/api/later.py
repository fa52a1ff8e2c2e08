"""What product.md has and this version does not: refused by name until it does something."""

from collections.abc import Mapping
from typing import Final

from tests.unit.api.manifests import PINNED

LATER: Final[Mapping[str, Mapping[str, object]]] = {
    "ModelDeployment": {
        "spec.model.experimentRef": {"name": "fraud-2.4.0"},
        "spec.changeRequest": {"system": "jira", "id": "CHG-10482"},
        "spec.strategy.canary.stages[1].approval": {"required": 1},
        "spec.strategy.canary.bake": {"duration": "24h"},
        "spec.rollbackWindow": {"revisions": 3},
        "spec.initialRollout": "Direct",
        "spec.rollbackTo": "7f9c2b1e",
        "spec.restartAt": "2026-01-01T00:00:00Z",
        "spec.deletionPolicy": "Orphan",
    },
    "ClusterExitCriteria": {},
}
"""Where each of them stands in the blocks of product.md, by kind, and a value it might have."""

UNTIL_THEN: Final[Mapping[str, Mapping[str, object]]] = {
    "ModelDeployment": {"spec.template.spec.containers[0].image": PINNED},
    "ClusterExitCriteria": {},
}
"""What the blocks need instead: without an experiment nothing else names the image."""

NOT_IN_A_BLOCK: Final[Mapping[str, object]] = {
    "spec.strategy.blueGreen": {"previewReplicas": 1},
}
"""Mentioned in the text beside the block."""
