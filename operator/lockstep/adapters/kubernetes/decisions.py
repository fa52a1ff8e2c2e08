"""Decisions: from the API server's JSON to our words, and an answer back to the wire."""

from dataclasses import dataclass, replace

from lockstep.adapters.kubernetes.meta import (
    Meta,
    instant,
    meta,
)
from lockstep.adapters.kubernetes.specs import parse
from lockstep.api.base import API_VERSION, Manifest
from lockstep.api.decision import KIND, DecisionSpec, DecisionStatus
from lockstep.api.model_deployment_status import Outcome
from lockstep.core.rollout.actions import AnswerDecision
from lockstep.core.rollout.observed import Decided


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """``meta.deployment`` is the ModelDeployment that is decided about."""

    meta: Meta
    decided: Decided


def prune(raw: Manifest) -> DecisionRecord:
    """Read a Decision."""
    known, spec = meta(raw), raw.get("spec")
    return DecisionRecord(
        meta=replace(known, deployment=_target(spec)),
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


def _target(spec: object) -> str:
    match spec:
        case {"target": {"name": str(name)}}:
            return name
        case _:
            return ""


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
