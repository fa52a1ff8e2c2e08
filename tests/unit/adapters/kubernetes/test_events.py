"""Events: told twice, they are one object."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lockstep.adapters.kubernetes import model_deployments
from lockstep.adapters.kubernetes.events import render
from lockstep.api.events import EventReason
from lockstep.api.model_deployment_status import ModelDeploymentStatus
from lockstep.core.plan import Event
from lockstep.core.rollout.observed import Observed
from tests.unit.shell.written import FRAUD, TEMPLATE, UID, model_deployment

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SEEN = Observed(
    key=FRAUD,
    uid=UID,
    generation=3,
    spec=model_deployments.prune(model_deployment()).spec,
    template=TEMPLATE,
    status=ModelDeploymentStatus(),
)
EVENT = Event(EventReason.ROLLED_BACK, "gate p99 was 0.9")


def name(seen: Observed, event: Event, trial: str = "first try", later: int = 0) -> str:
    at = NOW + timedelta(seconds=later)
    return str(render(seen, event, trial, at)["metadata"]["name"])


def test_the_same_event_has_the_same_name_however_often_it_is_told() -> None:
    assert name(SEEN, EVENT) == name(SEEN, EVENT, later=5)


def test_another_event_has_another_name() -> None:
    names = {
        name(SEEN, EVENT),
        name(SEEN, replace(EVENT, message="gate p99 was 0.8")),
        name(SEEN, EVENT, trial="second try"),
        name(SEEN, EVENT, later=90),
        name(replace(SEEN, generation=4), EVENT),
        name(replace(SEEN, uid="another"), EVENT),
    }
    assert len(names) == 6


def test_an_event_is_about_the_model_deployment() -> None:
    got = render(SEEN, EVENT, "r1", NOW)
    assert got["involvedObject"]["uid"] == UID
    assert (got["type"], got["reason"], got["message"]) == (
        "Warning",
        "RolledBack",
        "gate p99 was 0.9",
    )
    assert got["lastTimestamp"] == "2026-01-01T00:00:00Z"
