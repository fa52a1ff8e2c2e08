"""A HorizontalPodAutoscaler, cut down to what it scales."""

from dataclasses import dataclass, replace
from typing import Final

from lockstep.adapters.kubernetes.meta import Meta, meta
from lockstep.api import model_deployment
from lockstep.api.base import Manifest
from lockstep.core import names
from lockstep.core.facts import ChildRef
from lockstep.core.key import Key
from lockstep.core.rollout.observed import REPLICA_SET

_GROUP: Final = "apps/"


@dataclass(frozen=True, slots=True)
class AutoscalerRecord:
    """``meta.parent`` is the ModelDeployment whose child may be meant by ``target``."""

    meta: Meta
    target: ChildRef | None = None


def prune(raw: Manifest) -> AutoscalerRecord:
    """Read a HorizontalPodAutoscaler; one of no ReplicaSet concerns nobody here."""
    known, ref = meta(raw), raw["spec"]["scaleTargetRef"]
    if ref["kind"] != REPLICA_SET or not ref.get("apiVersion", "").startswith(_GROUP):
        return AutoscalerRecord(replace(known, parent=None))
    target = ChildRef(ref["kind"], ref["name"])
    owner = names.owner_of(target.name)
    parent = Key(model_deployment.KIND, known.namespace, owner) if owner else None
    return AutoscalerRecord(replace(known, parent=parent), target)
