"""How an operator is set up, from the environment. Names carry their units; each has an effect."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Seconds = Annotated[float, Field(gt=0, le=3600)]


class Settings(BaseSettings):
    """Environment variables are these names in capitals after ``LOCKSTEP_``."""

    model_config = SettingsConfigDict(env_prefix="LOCKSTEP_", frozen=True, extra="forbid")

    namespaces: Annotated[tuple[str, ...], NoDecode] = ()
    """Comma-separated; empty: all namespaces."""

    prometheus_url: Annotated[str, Field(pattern=r"^https?://")] = (
        "http://prometheus.monitoring.svc:9090"
    )
    prometheus_timeout_seconds: Seconds = 10.0

    workers: Annotated[int, Field(ge=1, le=64)] = 16
    """Number of concurrent passes."""

    api_connections: Annotated[int, Field(ge=1, le=64)] = 16
    api_timeout_seconds: Seconds = 10.0
    """Timeout of one request; does not apply to watches."""

    object_metrics: Annotated[int, Field(ge=0, le=100_000)] = 1000
    """Most ModelDeployments that get metrics of their own; a rollout with three gates has about
    fifteen series."""

    lease_name: Annotated[str, Field(min_length=1)] = "lockstep-operator"
    lease_namespace: Annotated[str, Field(min_length=1)] = "lockstep-system"
    lease_seconds: Annotated[float, Field(ge=5, le=300)] = 15.0
    """Lifetime of the Lease: how long after a node is lost another operator takes over."""

    pod_uid: str = ""
    """UID of the operator's own pod: a restarted container takes over the Lease at once."""

    stop_seconds: Seconds = 20.0
    """How long running passes may take to finish after a SIGTERM."""

    probe_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Port of /healthz, /readyz and /metrics."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "text"] = "json"

    kubeconfig: Path | None = None
    """Absent: the pod's service account, or else KUBECONFIG."""

    @field_validator("namespaces", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value
