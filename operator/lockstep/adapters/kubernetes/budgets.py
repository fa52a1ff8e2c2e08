"""The PodDisruptionBudget as it stands in the cluster."""

from dataclasses import dataclass

from lockstep.adapters.kubernetes.meta import (
    Meta,
    last_client,
    meta,
)
from lockstep.api.base import Manifest


@dataclass(frozen=True, slots=True)
class BudgetRecord:
    """``spec`` is kept whole: all of it is ours, since a field that is added narrows the rest.

    ``client``: through what anybody else wrote it last.
    """

    meta: Meta
    spec: Manifest
    client: str = ""


def prune(raw: Manifest) -> BudgetRecord:
    """Read a PodDisruptionBudget."""
    return BudgetRecord(meta(raw), raw["spec"], last_client(raw))
