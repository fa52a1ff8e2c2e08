"""What product.md has and this version does not: refused by name until it does something."""

from collections.abc import Mapping
from typing import Final

from tests.unit.api.manifests import PINNED

LATER: Final[Mapping[str, tuple[str, ...]]] = {
    "ModelDeployment": (
        "spec.model.experimentRef",
        "spec.changeRequest",
        "spec.strategy.canary.stages[1].approval",
        "spec.strategy.canary.bake",
        "spec.rollbackWindow",
        "spec.initialRollout",
        "spec.rollbackTo",
        "spec.restartAt",
        "spec.deletionPolicy",
    ),
    "ClusterExitCriteria": (),
}
"""Where each of them stands in the blocks of product.md, by kind."""

UNTIL_THEN: Final[Mapping[str, Mapping[str, object]]] = {
    "ModelDeployment": {"spec.template.spec.containers[0].image": PINNED},
    "ClusterExitCriteria": {},
}
"""What the blocks need instead: without an experiment nothing else names the image."""

NOT_IN_A_BLOCK: Final[Mapping[str, object]] = {
    "spec.strategy.blueGreen": {"previewReplicas": 1},
}
"""Mentioned in the text beside the block."""
