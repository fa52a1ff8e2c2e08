"""The ModelDeployment as the API server holds it: spec with a generation, status as on the wire."""

from dataclasses import dataclass, field
from typing import Any

from lockstep.api.base import Manifest
from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.model_deployment_status import ModelDeploymentStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    spec: ModelDeploymentSpec
    template: Manifest
    generation: int = 1
    status: dict[str, Any] = field(default_factory=dict)

    @property
    def said(self) -> ModelDeploymentStatus:
        return ModelDeploymentStatus.model_validate(self.status)


def wire(status: ModelDeploymentStatus) -> dict[str, Any]:
    """A status as it is stored: whatever does not survive this is forgotten."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)
