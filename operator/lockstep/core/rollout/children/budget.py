"""The PodDisruptionBudget over the pods of all revisions: how many a drain of nodes may take.

One for both arms, since a pod under two budgets cannot be evicted at all. The disruption controller
adds up what the ReplicaSets of the selected pods ask for, each once, and rounds a quarter of the
sum up: beside 4 stable pods a canary with 1 gives 5, so that 2 may go, which leaves 3 of the 4 that
are wanted; 4 pods and 4 in preview give 8, so that 2 may go, and both may be those that callers
reach. Pods of a candidate that never became ready count in the sum and not as healthy: they make
the budget tighter, never wider, and go first themselves, as pods that are not ready always may.
"""

from typing import Final

from lockstep.api.base import Manifest
from lockstep.core.rollout.children.owner import (
    Owner,
    labels,
    metadata,
)

NEEDED_FROM: Final = 2
"""Replicas from which on a budget makes sense: with one, it would only stop every drain."""


def budget(owner: Owner) -> Manifest:
    """Render the budget, named like its ModelDeployment."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(owner, owner.key.name),
        "spec": {
            "maxUnavailable": "25%",
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": labels(owner)},
        },
    }
