"""A child Deployment as it stands in the cluster."""

from dataclasses import dataclass
from datetime import datetime

from lockstep.adapters import kube_drift
from lockstep.adapters.kube import Meta, condition, instant, meta, taken
from lockstep.api.base import RESTARTED_ANNOTATION, Manifest
from lockstep.core.observed import ChildDeployment, Trouble


@dataclass(frozen=True, slots=True)
class DeploymentRecord:
    """``body`` keeps the fields that are ours as they stand, to be compared with what we render."""

    meta: Meta
    child: ChildDeployment
    body: Manifest


def prune(raw: Manifest) -> DeploymentRecord:
    """Read a Deployment.

    ``drifted`` tells only whether somebody else scaled it; what we would render is not known here.
    ``available`` is taken even from a status that lags behind the last change: the pods it counts
    are still there, and a restart takes none before another has come; a 0 in between would look
    like an outage.
    """
    known, spec, status = meta(raw), raw["spec"], raw.get("status", {})
    return DeploymentRecord(
        meta=known,
        child=ChildDeployment(
            name=known.name,
            uid=known.uid,
            revision=known.revision,
            replicas=spec.get("replicas", 1),
            available=status.get("availableReplicas", 0),
            terminating=known.terminating,
            drifted=taken(raw, "replicas"),
            create_failure=_create_failure(raw),
            created=_created(raw),
            restarted_at=_restarted_at(spec),
            outdated=_outdated(raw),
        ),
        body=kube_drift.part(raw, kube_drift.DEPLOYMENT),
    )


def _created(raw: Manifest) -> datetime | None:
    text = raw["metadata"].get("creationTimestamp")
    return instant(text) if text else None


def _restarted_at(spec: Manifest) -> datetime | None:
    """None where it was never restarted, or where somebody wrote what is no time."""
    notes = (spec["template"].get("metadata") or {}).get("annotations") or {}
    try:
        at = instant(notes.get(RESTARTED_ANNOTATION, ""))
    except ValueError:
        return None
    return at if at.tzinfo else None


def _outdated(raw: Manifest) -> int:
    """Pods that a restart has not replaced yet; all of them until its controller has noticed it."""
    status, restarted = raw.get("status", {}), _restarted_at(raw["spec"])
    seen = status.get("observedGeneration") == raw["metadata"].get("generation")
    updated = status.get("updatedReplicas", 0) if seen else 0
    return max(0, status.get("replicas", 0) - updated) if restarted else 0


def _create_failure(raw: Manifest) -> Trouble | None:
    failure = condition(raw, "ReplicaFailure")
    current = raw.get("status", {}).get("observedGeneration") == raw["metadata"].get("generation")
    if not current or failure.get("status") != "True" or failure.get("reason") != "FailedCreate":
        return None
    message = failure.get("message", "")
    return Trouble(create_failure_reason(message), message)


def create_failure_reason(message: str) -> str:
    """Sort the API server's refusal to create a pod by what a person has to do about it."""
    if "exceeded quota" in message:
        return "QuotaExceeded"
    if "violates PodSecurity" in message:
        return "PodSecurity"
    if "serviceaccount" in message and "not found" in message:
        return "ServiceAccountMissing"
    return "FailedCreate"
