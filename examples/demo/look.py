"""One look at the rollout, as anybody with kubectl could take it. Nothing is judged here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Manifest = dict[str, Any]

REVISION_LABEL = "lockstep.dev/revision"
ROLES = ("stable", "candidate", "rejected", "kept")


@dataclass(frozen=True, slots=True)
class Arm:
    """The pods of one revision that are not on their way out, and their names."""

    role: str
    version: str
    revision: str
    ready: int
    pods: int
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Gate:
    name: str
    verdict: str
    value: str
    limit: str
    samples: int
    failures: int


@dataclass(frozen=True, slots=True)
class Look:
    """What status and pods said at ``at`` (Unix time).

    ``current`` tells that the operator has seen the present spec, ``replicas`` what that asks for.
    ``stage`` is empty outside of a trial; ``holding`` tells that the stage's weight is reached.
    ``rejected_at`` and ``rejected_for`` are when, by the operator's clock, and for what reason the
    last rollback was decided.
    """

    at: float
    current: bool
    replicas: int
    phase: str
    reason: str
    message: str
    stage: str
    holding: bool
    desired: int
    actual: int
    arms: tuple[Arm, ...]
    gates: tuple[Gate, ...]
    rejected_at: float | None
    rejected_for: str

    def arm(self, role: str) -> Arm | None:
        return next((arm for arm in self.arms if arm.role == role), None)

    def version(self, role: str) -> str:
        """The version in that role, one of ``ROLES``; empty if there is none."""
        arm = self.arm(role)
        return arm.version if arm else ""


def read(deployment: Manifest, pods: Sequence[Manifest], at: float) -> Look:
    """What a ModelDeployment and the pods of its namespace say."""
    status = deployment.get("status", {})
    stage, weights = status.get("stage") or {}, status.get("weights") or {}
    rejected = status.get("rejected") or {}
    return Look(
        at=at,
        current=status.get("observedGeneration") == deployment["metadata"]["generation"],
        replicas=deployment["spec"]["replicas"],
        phase=status.get("phase") or "",
        reason=_reason(status.get("conditions", ())),
        message=status.get("message", ""),
        stage=stage.get("name", ""),
        holding="enteredAt" in stage,
        desired=weights.get("desired", 0),
        actual=weights.get("actual", 0),
        arms=tuple(_arm(role, status[role], pods) for role in ROLES if status.get(role)),
        gates=tuple(map(_gate, status.get("gates", ()))),
        rejected_at=datetime.fromisoformat(rejected["at"]).timestamp() if rejected else None,
        rejected_for=rejected.get("reason", ""),
    )


def _reason(conditions: Sequence[Manifest]) -> str:
    return next((one["reason"] for one in conditions if one["type"] == "Ready"), "")


def _arm(role: str, told: Manifest, pods: Sequence[Manifest]) -> Arm:
    own = [
        pod
        for pod in pods
        if pod["metadata"].get("labels", {}).get(REVISION_LABEL) == told["revision"]
        and "deletionTimestamp" not in pod["metadata"]
    ]
    ready = sum(_is_ready(pod["status"]) for pod in own)
    names = frozenset(pod["metadata"]["name"] for pod in own)
    return Arm(role, told["version"], told["revision"], ready, len(own), names)


def _is_ready(status: Manifest) -> bool:
    return any(
        one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions", ())
    )


def _gate(told: Manifest) -> Gate:
    return Gate(
        name=told["name"],
        verdict=told.get("verdict", ""),
        value=told.get("value") or "",
        limit=told.get("limit", ""),
        samples=told.get("samples", 0),
        failures=told.get("failures", 0),
    )
