"""What a pass of a ModelDeployment decides."""

from lockstep.api.model_deployment_status import ModelDeploymentStatus
from lockstep.core import plan
from lockstep.core.rollout.actions import Action

Plan = plan.Plan[ModelDeploymentStatus, Action]
