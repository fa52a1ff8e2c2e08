"""A plan carried out in an Observed, with the rest of the world standing still. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.core.names import child_name
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
from lockstep.core.rollout.observed import (
    Arm,
    ArmService,
    Budget,
    CallerService,
    ChildReplicaSet,
    ConfigCopy,
    Observed,
    StoredRevision,
)
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.routing import Only


def obey(observed: Observed, plan: Plan) -> Observed:
    """What the next pass sees if nothing but the plan happens."""
    after = replace(observed, status=plan.status)
    for action in plan.actions:
        after = carried_out(after, action)
    return after


def carried_out(observed: Observed, action: Action) -> Observed:
    """The world right after one action: pods have not noticed yet."""
    match action:
        case StoreRevision():
            return replace(observed, stored=(*observed.stored, _stored(observed, action)))
        case NotePorts():
            return replace(observed, stored=tuple(_noted(observed, action)))
        case PutReplicaSet() | RemoveReplicaSet() | RemovePod():
            return _with(observed, _sized(observed, action))
        case SetTraffic(routing=routing, ports=ports):
            uid = observed.service.uid if observed.service else "s"
            waits = is_weighted(observed)
            service = CallerService(uid=uid, routing=routing, ports=ports, pending=waits)
            return replace(observed, service=service)
        case SetPreview() | RemovePreview() | PutArmService() | RemoveArmService():
            return _of_one_revision(observed, action)
        case PutBudget() | RemoveBudget() | SetOwnership():
            return _kept_up(observed, action)
        case StoreConfig() | PruneConfig():
            return replace(observed, copies=tuple(_copies(observed, action)))
        case AnswerDecision() | PruneRevision():
            return _over(observed, action)


def is_weighted(observed: Observed) -> bool:
    """Whether a data plane splits requests; it confirms later what it is told."""
    spec = observed.spec
    return isinstance(spec, ModelDeploymentSpec) and spec.traffic_method.weighted


def _of_one_revision(
    observed: Observed, action: SetPreview | RemovePreview | PutArmService | RemoveArmService
) -> Observed:
    match action:
        case SetPreview(revision=revision, ports=ports):
            uid = observed.preview.uid if observed.preview else "v"
            preview = CallerService(uid=uid, routing=Only(revision), ports=ports)
            return replace(observed, preview=preview)
        case RemovePreview():
            return replace(observed, preview=None)
        case PutArmService() | RemoveArmService():
            return replace(observed, arm_services=_arm_services(observed, action))


def _arm_services(
    observed: Observed, action: PutArmService | RemoveArmService
) -> tuple[ArmService, ...]:
    others = tuple(it for it in observed.arm_services if it.revision != action.revision)
    if isinstance(action, RemoveArmService):
        return others
    return (*others, ArmService(revision=action.revision, ports=action.ports))


def _over(observed: Observed, action: AnswerDecision | PruneRevision) -> Observed:
    if isinstance(action, AnswerDecision):
        waiting = tuple(it for it in observed.decisions if it.uid != action.uid)
        return replace(observed, decisions=waiting)
    return replace(observed, stored=tuple(it for it in observed.stored if it.name != action.name))


def _kept_up(observed: Observed, action: PutBudget | RemoveBudget | SetOwnership) -> Observed:
    match action:
        case PutBudget():
            return replace(observed, budget=Budget(uid="b"))
        case RemoveBudget():
            return replace(observed, budget=None)
        case SetOwnership(child):
            left = tuple(it for it in observed.misowned if it != child)
            return replace(observed, misowned=left)


def _stored(observed: Observed, action: StoreRevision) -> StoredRevision:
    return StoredRevision(
        name=child_name(observed.key.name, action.revision),
        revision=action.revision,
        scheme=action.scheme,
        number=action.number,
        inputs=action.inputs,
        template=action.template,
        authors=action.authors,
        ports=action.ports,
    )


def _noted(observed: Observed, action: NotePorts) -> Iterator[StoredRevision]:
    for it in observed.stored:
        yield replace(it, ports=action.ports) if it.name == action.name else it


def _copies(observed: Observed, action: StoreConfig | PruneConfig) -> Iterator[ConfigCopy]:
    yield from (it for it in observed.copies if it.name != action.name)
    if isinstance(action, StoreConfig):
        yield ConfigCopy(
            name=action.name, revision=action.revision, source=action.source, digest=action.digest
        )


def _sized(observed: Observed, action: PutReplicaSet | RemoveReplicaSet | RemovePod) -> Arm:
    arm = observed.arm(action.revision)
    match action:
        case PutReplicaSet():
            return replace(arm, replica_set=_put(observed, action))
        case RemoveReplicaSet():
            return replace(arm, replica_set=None)
        case RemovePod():
            return _without(arm, action)


def _without(arm: Arm, action: RemovePod) -> Arm:
    """The pod answers for a while, but is asked for no more."""
    pods = (replace(it, terminating=it.terminating or it.uid == action.uid) for it in arm.pods)
    return replace(arm, pods=tuple(pods))


def _put(observed: Observed, action: PutReplicaSet) -> ChildReplicaSet:
    before = observed.arm(action.revision).replica_set
    fresh = before or ChildReplicaSet(
        name=child_name(observed.key.name, action.revision),
        uid=f"d-{action.revision}",
        revision=action.revision,
        replicas=0,
    )
    return replace(fresh, replicas=action.replicas, surplus=action.surplus, drifted=False)


def _with(observed: Observed, arm: Arm) -> Observed:
    return replace(observed, arms={**observed.arms, arm.revision: arm})
