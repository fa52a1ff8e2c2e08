"""A frozen model with other fields, as ``dataclasses.replace`` is for dataclasses.

``model_copy`` takes any name and any value; here mypy refuses a misspelt field or another type. The
fields are written once more for that, and a test compares them to the models.
"""

from datetime import datetime, timedelta
from typing import TypedDict, Unpack, overload

from pydantic import BaseModel

from lockstep.api.condition import Condition
from lockstep.api.exit_criteria import (
    Arg,
    Bounds,
    ExitCriteriaSpec,
    Metric,
    MinimumRequests,
    OnNoData,
    PrometheusQuery,
)
from lockstep.api.gate_status import GateStatus, Verdict
from lockstep.api.model_deployment import FailureAction
from lockstep.api.model_deployment_status import (
    Approved,
    Deaths,
    Hold,
    Kept,
    Leaving,
    ModelDeploymentStatus,
    Past,
    Phase,
    Rejection,
    RevisionStatus,
    SecretSeen,
    StageStatus,
    Taken,
    Weights,
)
from lockstep.api.service import ServedPort, Service, ServicePort, ServiceType


class StatusChanges(TypedDict, total=False):
    observed_generation: int
    phase: Phase | None
    message: str
    stage: StageStatus | None
    stable: RevisionStatus | None
    candidate: RevisionStatus | None
    weights: Weights | None
    replicas: int
    ready_replicas: int
    selector: str
    gates: tuple[GateStatus, ...]
    rejected: Rejection | None
    kept: Kept | None
    leaving: Leaving | None
    approvals: tuple[Approved, ...]
    decisions: tuple[Taken, ...]
    hold: Hold | None
    adopting: str
    paused_by_spec: bool
    secrets: tuple[SecretSeen, ...]
    candidate_secrets: tuple[SecretSeen, ...]
    history: tuple[Past, ...]
    conditions: tuple[Condition, ...]


class RevisionChanges(TypedDict, total=False):
    revision: str
    version: str
    image: str
    artifact: str
    smoke_tested: bool
    retry: str
    author: str
    ticket: str
    ungated: str
    begun_at: datetime | None
    took: str | None


class StageChanges(TypedDict, total=False):
    name: str
    index: int
    entered_at: datetime | None
    soak_until: datetime | None
    deadline: datetime | None
    progress_at: datetime | None
    progress_ready: int | None
    approval_asked_at: datetime | None
    standing_since: datetime | None
    unsteady_at: datetime | None
    deaths: Deaths | None
    pods: tuple[str, ...]
    failed_pods: int | None
    vouched_by: str


class DeathsChanges(TypedDict, total=False):
    count: int
    reason: str
    message: str


class GateChanges(TypedDict, total=False):
    name: str
    criteria: str
    verdict: Verdict
    value: str | None
    limit: str
    samples: int
    failures: int
    inconclusive: int
    no_data: int
    errors: int
    suspect: bool
    refused: bool | None
    measured_at: datetime | None
    generation: int
    dry_run: bool
    message: str


class RejectionChanges(TypedDict, total=False):
    revision: str
    version: str
    retry: str
    judged_by: str | None
    reason: str
    message: str
    at: datetime
    unreached_at: datetime | None
    keep_until: datetime | None


class KeptChanges(TypedDict, total=False):
    revision: str
    version: str
    since: datetime | None
    until: datetime


class LeavingChanges(TypedDict, total=False):
    revision: str
    version: str
    progress_at: datetime | None
    progress_ready: int | None


class ServedPortChanges(TypedDict, total=False):
    name: str
    port: int
    target_port: int | str
    protocol: str
    app_protocol: str
    node_port: int | None


class ServiceChanges(TypedDict, total=False):
    port: int
    target_port: int | str
    ports: tuple[ServicePort, ...]
    type: ServiceType | None
    headless: bool
    labels: dict[str, str]
    annotations: dict[str, str]


class MetricChanges(TypedDict, total=False):
    name: str
    prometheus: PrometheusQuery
    interval: timedelta
    initial_delay: timedelta
    count: int | None
    success_when: Bounds | None
    fail_when: Bounds | None
    failure_limit: int
    inconclusive_limit: int
    consecutive_error_limit: int
    min_samples: int
    on_no_data: OnNoData | None
    on_failure: FailureAction | None
    dry_run: bool


class ExitCriteriaChanges(TypedDict, total=False):
    minimum_soak: timedelta
    minimum_requests: MinimumRequests | None
    args: tuple[Arg, ...]
    metrics: tuple[Metric, ...]


@overload
def changed(
    it: ModelDeploymentStatus, /, **changes: Unpack[StatusChanges]
) -> ModelDeploymentStatus: ...
@overload
def changed(it: RevisionStatus, /, **changes: Unpack[RevisionChanges]) -> RevisionStatus: ...
@overload
def changed(it: StageStatus, /, **changes: Unpack[StageChanges]) -> StageStatus: ...
@overload
def changed(it: Deaths, /, **changes: Unpack[DeathsChanges]) -> Deaths: ...
@overload
def changed(it: GateStatus, /, **changes: Unpack[GateChanges]) -> GateStatus: ...
@overload
def changed(it: Rejection, /, **changes: Unpack[RejectionChanges]) -> Rejection: ...
@overload
def changed(it: Kept, /, **changes: Unpack[KeptChanges]) -> Kept: ...
@overload
def changed(it: Leaving, /, **changes: Unpack[LeavingChanges]) -> Leaving: ...
@overload
def changed(it: ServedPort, /, **changes: Unpack[ServedPortChanges]) -> ServedPort: ...
@overload
def changed(it: Service, /, **changes: Unpack[ServiceChanges]) -> Service: ...
@overload
def changed(it: Metric, /, **changes: Unpack[MetricChanges]) -> Metric: ...
@overload
def changed(
    it: ExitCriteriaSpec, /, **changes: Unpack[ExitCriteriaChanges]
) -> ExitCriteriaSpec: ...
def changed(it: BaseModel, /, **changes: object) -> BaseModel:
    """The same with these fields changed; they are not validated again."""
    return it.model_copy(update=changes)
