"""ExitCriteria and ClusterExitCriteria, from the API server's JSON to our words."""

from dataclasses import dataclass, field

from lockstep.adapters.kubernetes.meta import Meta, meta
from lockstep.adapters.kubernetes.specs import parse
from lockstep.api.base import Manifest
from lockstep.api.exit_criteria import ClusterExitCriteriaSpec, ExitCriteriaSpec
from lockstep.core.facts import Criteria, Unreadable


@dataclass(frozen=True, slots=True)
class CriteriaRecord:
    """``wire`` is the status as stored, which concerns none of those who use them."""

    meta: Meta
    criteria: Criteria | Unreadable
    wire: Manifest = field(default_factory=dict, compare=False)


def prune_exit_criteria(raw: Manifest) -> CriteriaRecord:
    return _criteria(ExitCriteriaSpec, raw)


def prune_cluster_exit_criteria(raw: Manifest) -> CriteriaRecord:
    return _criteria(ClusterExitCriteriaSpec, raw)


def _criteria(model: type[ExitCriteriaSpec], raw: Manifest) -> CriteriaRecord:
    known, spec = meta(raw), parse(model, raw.get("spec", {}))
    if isinstance(spec, Unreadable):
        return CriteriaRecord(known, spec, raw.get("status", {}))
    return CriteriaRecord(known, Criteria(spec, known.generation), raw.get("status", {}))
