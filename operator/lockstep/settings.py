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
    """Passes at a time."""

    api_connections: Annotated[int, Field(ge=1, le=64)] = 16
    api_timeout_seconds: Seconds = 10.0
    """For one request; watches are not meant."""

    object_metrics: Annotated[int, Field(ge=0, le=100_000)] = 1000
    """ModelDeployments that have metrics of their own at most; a trial with three gates has some
    fifteen series."""

    lease_name: Annotated[str, Field(min_length=1)] = "lockstep-operator"
    lease_namespace: Annotated[str, Field(min_length=1)] = "lockstep-system"
    lease_seconds: Annotated[float, Field(ge=5, le=300)] = 15.0
    """How long after its node was lost another operator takes over."""

    pod_uid: str = ""
    """The operator's own pod: a restarted container takes over from its predecessor at once."""

    stop_seconds: Seconds = 20.0
    """What passes under way get to end after a SIGTERM."""

    probe_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Of /healthz, /readyz and /metrics."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "text"] = "json"

    kubeconfig: Path | None = None
    """Absent: the pod's service account, or KUBECONFIG where there is none."""

    @field_validator("namespaces", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value
