"""A spec with other fields, as people edit it; typed like ``lockstep.api.changes``."""

from datetime import datetime, timedelta
from typing import TypedDict, Unpack

from lockstep.api.model_deployment import (
    ChangeRequest,
    DeletionPolicy,
    InitialRollout,
    Model,
    ModelDeploymentSpec,
    RestartLimit,
    Rollback,
    RollbackWindow,
    SmokeTest,
)
from lockstep.api.service import Service
from lockstep.api.strategy import Strategy
from lockstep.api.template import Template


class SpecChanges(TypedDict, total=False):
    model: Model
    change_request: ChangeRequest | None
    replicas: int
    min_ready_seconds: int
    paused: bool
    template: Template
    service: Service
    smoke_test: SmokeTest | None
    strategy: Strategy
    rollback: Rollback
    progress_deadline: timedelta
    restart_limit: RestartLimit
    unschedulable_grace: timedelta | None
    rollback_window: RollbackWindow | None
    initial_rollout: InitialRollout
    retry: str
    rollback_to: str
    restart_at: datetime | None
    deletion_policy: DeletionPolicy
    drain: timedelta
    revision_history_limit: int


def changed_spec(
    spec: ModelDeploymentSpec, /, **changes: Unpack[SpecChanges]
) -> ModelDeploymentSpec:
    return spec.model_copy(update=changes)
