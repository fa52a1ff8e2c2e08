"""Decisions: from the API server's JSON to our words, and an answer back to the wire."""

from dataclasses import dataclass, replace

from lockstep.adapters.kubernetes.meta import (
    Meta,
    instant,
    meta,
)
from lockstep.adapters.kubernetes.specs import parse
from lockstep.api.base import API_VERSION, Manifest
from lockstep.api.decision import KIND, DecisionSpec, DecisionStatus, TargetKind
from lockstep.api.model_deployment_status import Outcome
from lockstep.core.key import Key
from lockstep.core.rollout.actions import AnswerDecision
from lockstep.core.rollout.observed import Decided


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """``meta.parent`` is what is decided about."""

    meta: Meta
    decided: Decided


def prune(raw: Manifest) -> DecisionRecord:
    """Read a Decision."""
    known, spec = meta(raw), raw.get("spec")
    return DecisionRecord(
        meta=replace(known, parent=_target(known.namespace, spec)),
        decided=Decided(
            name=known.name,
            uid=known.uid,
            at=instant(raw["metadata"]["creationTimestamp"]),
            spec=parse(DecisionSpec, spec),
            outcome=_outcome(raw.get("status")),
        ),
    )


def answered(record: DecisionRecord) -> bool:
    """Whether it is settled for good."""
    return record.decided.outcome is not None


def _target(namespace: str, spec: object) -> Key | None:
    match spec:
        case {"target": {"name": str(name), **target}} if name:
            return Key(str(target.get("kind", TargetKind.MODEL_DEPLOYMENT)), namespace, name)
        case _:
            return None


def _outcome(status: object) -> Outcome | None:
    match status:
        case {"outcome": str(word)} if word in set(Outcome):
            return Outcome(word)
        case _:
            return None


def render(namespace: str, answer: AnswerDecision) -> Manifest:
    """A Decision's status; the uid keeps it from another Decision of that name."""
    status = DecisionStatus(outcome=answer.outcome, message=answer.message, at=answer.at)
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": answer.name, "namespace": namespace, "uid": answer.uid},
        "status": status.model_dump(mode="json", by_alias=True, exclude_none=True),
    }
