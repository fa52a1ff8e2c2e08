"""What is told, as a Kubernetes Event about a ModelDeployment."""

import hashlib
from datetime import datetime
from typing import Final, Protocol

from lockstep.api.base import API_VERSION, Manifest
from lockstep.api.model_deployment import KIND
from lockstep.core.key import Key
from lockstep.core.plan import Event

_COMPONENT: Final = "lockstep"
_MESSAGE: Final = 1024


class Subject(Protocol):
    """The ModelDeployment that an Event is about."""

    @property
    def key(self) -> Key: ...
    @property
    def uid(self) -> str: ...
    @property
    def generation(self) -> int: ...


def render(seen: Subject, event: Event, trial: str, now: datetime) -> Manifest:
    """The Event's name follows from what it says, so that telling it twice makes one object.

    What is said of another ``trial``, or in another minute, is another Event: a second try and a
    second edit by hand are told as the first was.
    """
    minute = f"{now:%Y-%m-%dT%H:%M}"
    told = "\n".join((seen.uid, str(seen.generation), trial, minute, event.reason, event.message))
    digest = hashlib.sha256(told.encode()).hexdigest()[:16]
    at = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{seen.key.name}.{digest}", "namespace": seen.key.namespace},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "namespace": seen.key.namespace,
            "name": seen.key.name,
            "uid": seen.uid,
        },
        "type": event.type.value,
        "reason": str(event.reason),
        "message": event.message[:_MESSAGE],
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
        "source": {"component": _COMPONENT},
        "reportingComponent": _COMPONENT,
    }
