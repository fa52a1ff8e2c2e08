"""What product.md has and this version does not: refused by name until it does something."""

from collections.abc import Mapping
from typing import Final

from tests.unit.api.manifests import PINNED

LATER: Final[Mapping[str, Mapping[str, object]]] = {
    "ModelDeployment": {"spec.model.experimentRef": {"name": "fraud-2.4.0"}},
    "ClusterExitCriteria": {},
    "Decision": {},
}
"""Where each of them stands in the blocks of product.md, by kind, and a value it might have."""

UNTIL_THEN: Final[Mapping[str, Mapping[str, object]]] = {
    "ModelDeployment": {"spec.template.spec.containers[0].image": PINNED},
    "ClusterExitCriteria": {},
    "Decision": {},
}
"""What the blocks need instead: without an experiment nothing else names the image."""

BESIDE_A_BLOCK: Final[Mapping[str, str]] = {
    "blue-green": """
        blueGreen: {previewReplicas: 1, prePromotion: {soak: 5m, deadline: 1h, exitCriteria: [],
          approval: null}, autoPromote: true, postPromotion: {duration: 1h, exitCriteria: []},
          keepOld: 30m}""",
    "rolling": "rolling: {}",
}
"""The strategies that the text beside the block of ModelDeployment mentions, as it has them."""
