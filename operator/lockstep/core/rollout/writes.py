"""What an action writes, and what must not be done while another action is not. Pure."""

from collections.abc import Sequence
from typing import assert_never

from lockstep.core import names
from lockstep.core.facts import Verb, Write
from lockstep.core.key import Key
from lockstep.core.rollout.actions import (
    Action,
    AnswerDecision,
    NotePorts,
    PruneConfig,
    PruneRevision,
    PutArmService,
    PutBudget,
    PutReplicaSet,
    RemoveArmService,
    RemoveBudget,
    RemovePod,
    RemovePreview,
    RemoveReplicaSet,
    SetOwnership,
    SetPreview,
    SetTraffic,
    StoreConfig,
    StoreRevision,
)
from lockstep.core.rollout.observed import Observed
from lockstep.core.rollout.routing import share_of


def write(of: Key, action: Action) -> Write:
    """The object that an action of ``of`` is about."""
    match action:
        case StoreRevision() | NotePorts() | PruneRevision() | StoreConfig() | PruneConfig():
            return _remembered(of, action)
        case PutReplicaSet() | RemoveReplicaSet() | RemovePod():
            return _sized(of, action)
        case SetTraffic(exists=exists):
            return Write(_put(exists=exists), "Service", of.name)
        case PutArmService(revision=revision, exists=exists):
            return Write(_put(exists=exists), "Service", names.child_name(of.name, revision))
        case RemoveArmService(revision):
            return Write(Verb.DELETED, "Service", names.child_name(of.name, revision))
        case SetPreview(exists=exists):
            return Write(_put(exists=exists), "Service", names.preview_name(of.name))
        case RemovePreview():
            return Write(Verb.DELETED, "Service", names.preview_name(of.name))
        case PutBudget() | RemoveBudget() | SetOwnership():
            return _kept_up(of, action)
        case AnswerDecision(name=name):
            return Write(Verb.ANSWERED, "Decision", name)
        case other:
            assert_never(other)


_Memory = StoreRevision | NotePorts | PruneRevision | StoreConfig | PruneConfig


def _remembered(of: Key, action: _Memory) -> Write:
    match action:
        case StoreRevision(revision=revision):
            return Write(Verb.CREATED, "ControllerRevision", names.child_name(of.name, revision))
        case NotePorts(name):
            return Write(Verb.NOTED, "ControllerRevision", name)
        case PruneRevision(name):
            return Write(Verb.DELETED, "ControllerRevision", name)
        case StoreConfig(name=name):
            return Write(Verb.CREATED, "ConfigMap", name)
        case PruneConfig(name):
            return Write(Verb.DELETED, "ConfigMap", name)


def _sized(of: Key, action: PutReplicaSet | RemoveReplicaSet | RemovePod) -> Write:
    match action:
        case PutReplicaSet(revision=revision, exists=exists):
            return Write(_put(exists=exists), "ReplicaSet", names.child_name(of.name, revision))
        case RemoveReplicaSet(revision):
            return Write(Verb.DELETED, "ReplicaSet", names.child_name(of.name, revision))
        case RemovePod(name):
            return Write(Verb.DELETED, "Pod", name)


def _kept_up(of: Key, action: PutBudget | RemoveBudget | SetOwnership) -> Write:
    match action:
        case PutBudget(exists):
            return Write(_put(exists=exists), "PodDisruptionBudget", of.name)
        case RemoveBudget():
            return Write(Verb.DELETED, "PodDisruptionBudget", of.name)
        case SetOwnership(child):
            return Write(Verb.OWNED, child.kind, child.name)


def _put(*, exists: bool) -> Verb:
    return Verb.CHANGED if exists else Verb.CREATED


def rests_on(seen: Observed, action: Action, missing: Sequence[Action]) -> bool:
    """Whether an action has to wait because one of those before it was not carried out.

    No pod is made of a revision that could not be stored, no request is sent where no Service is,
    and neither pod nor Service goes that callers may still be sent to. Everything else is worth
    doing by itself.
    """
    return any(_rests_on(seen, action, it) for it in missing)


def _rests_on(seen: Observed, action: Action, missing: Action) -> bool:
    match missing:
        case StoreRevision(revision=revision) | StoreConfig(revision=revision):
            return isinstance(action, StoreConfig | PutReplicaSet) and action.revision == revision
        case PutArmService(revision=revision):
            return isinstance(action, SetTraffic) and share_of(action.routing, revision) > 0
        case SetTraffic(exists=True):  # without a Service nobody is sent anywhere
            return isinstance(action, RemoveArmService) or _takes_pods(seen, action)
        case _:
            return False


def _takes_pods(seen: Observed, action: Action) -> bool:
    match action:
        case RemoveReplicaSet() | RemovePod():
            return True
        case PutReplicaSet(revision=revision, replicas=replicas):
            return replicas < seen.arm(revision).wanted
        case _:
            return False
