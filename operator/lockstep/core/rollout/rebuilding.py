"""A ControllerRevision of stable that somebody deleted is read back from the ReplicaSet it has."""

from collections.abc import Iterator, Sequence

from lockstep.api.base import Manifest
from lockstep.api.events import EventReason
from lockstep.api.model_deployment_status import RevisionStatus
from lockstep.core.plan import Event
from lockstep.core.rollout import messages
from lockstep.core.rollout.actions import Action, StoreRevision
from lockstep.core.rollout.revision import REBUILT
from lockstep.core.rollout.view import View


def lost(view: View, stable: RevisionStatus, number: int) -> Iterator[StoreRevision]:
    """Store again what can be known of stable; what the user wrote for it cannot.

    With the number of what is wanted instead, all that was older than stable still is.
    """
    child = view.observed.arm(stable.revision).replica_set
    if child is None or child.template is None or child.terminating:
        return
    younger = view.wanted.stored
    yield StoreRevision(
        revision=stable.revision,
        scheme=REBUILT,
        number=younger.number if younger else number,
        inputs=_inputs(stable, child.template),
        template=child.template,
    )


def _inputs(stable: RevisionStatus, template: Manifest) -> Manifest:
    artifact = {"artifact": stable.artifact} if stable.artifact else {}
    return {"template": template, "version": stable.version, **artifact}


def events(stable: RevisionStatus | None, actions: Sequence[Action]) -> Iterator[Event]:
    if stable and any(isinstance(it, StoreRevision) and it.scheme == REBUILT for it in actions):
        message = (
            f"restoring the deleted ControllerRevision of stable {messages.named(stable)} from its "
            "ReplicaSet; the rollout continues"
        )
        yield Event(EventReason.REVISION_REBUILT, message)
