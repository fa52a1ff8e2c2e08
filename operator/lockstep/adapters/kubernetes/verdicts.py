"""Verdicts as they are stored: in the status of criteria, and in that of those that use them."""

from pydantic import ValidationError

from lockstep.adapters.kubernetes.model_deployments import ModelDeploymentRecord, read_status
from lockstep.api.base import Manifest
from lockstep.api.exit_criteria_status import ExitCriteriaStatus, LastVerdict
from lockstep.api.gate_status import Verdict
from lockstep.core.gates.last import Concluded
from lockstep.errors import InvariantError


def last(wire: Manifest) -> tuple[LastVerdict, ...]:
    """The verdicts that criteria were told; what nobody of us wrote is none."""
    try:
        return ExitCriteriaStatus.model_validate(wire).verdicts or ()
    except ValidationError:
        return ()


def concluded(record: ModelDeploymentRecord) -> Concluded | None:
    """What the stage under way has come to so far; None where it has come to nothing."""
    if not record.wire.get("gates"):
        return None
    try:
        status = read_status(record.wire)
    except InvariantError:
        return None
    rows = tuple(it for it in status.gates if it.verdict is not Verdict.MEASURING)
    if not rows or status.stage is None or status.candidate is None:
        return None
    return Concluded(revision=status.candidate.revision, stage=status.stage.name, gates=rows)
